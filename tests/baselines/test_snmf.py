"""Semi-NMF: a plain reference, planted parts, and what must hold after every iteration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

import baselines
from rdx.errors import InputError


def planted(sizes=(40, 30, 30), d=12, noise=0.02, seed=0):
    """Items that each carry one part, in different strength: X (n, d), the parts (k, d), who carries which."""
    rng = np.random.default_rng(seed)
    parts = rng.normal(size=(len(sizes), d))
    carrier = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    strength = rng.uniform(0.5, 2.0, size=(len(carrier), 1))
    return strength * parts[carrier] + noise * rng.normal(size=(len(carrier), d)), parts, carrier


def cosines(V, W):
    return (V / np.linalg.norm(V, axis=1)[:, None]) @ (W / np.linalg.norm(W, axis=1)[:, None]).T


def test_equals_the_updates_of_the_paper_written_plainly():
    X, _, _ = planted()
    found = baselines.create("snmf", n_clusters=3, random_state=4, max_iter=6).fit(X, X).a_not_b_
    Z, H = X.T, (np.random.RandomState(4).uniform(size=(100, 3)) + 1e-4).T
    losses = []
    for _ in range(6):
        W = Z @ H.T @ np.linalg.inv(H @ H.T)
        P, Q = W.T @ Z, W.T @ W
        (P_plus, P_minus), (Q_plus, Q_minus) = (((np.abs(M) + M) / 2, (np.abs(M) - M) / 2) for M in (P, Q))
        H = H * np.sqrt((P_plus + Q_minus @ H) / (P_minus + Q_plus @ H))
        losses.append(((Z - W @ H) ** 2).sum())
    np.testing.assert_allclose(found.coefficients, H.T, rtol=1e-7)
    np.testing.assert_allclose(found.dictionary, W.T, rtol=1e-7)
    np.testing.assert_allclose(found.loss["objective"], losses, rtol=1e-9)
    assert found.reconstruction_error == pytest.approx(np.sqrt(losses[-1]), rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_objective_never_rises_and_coefficients_stay_non_negative(k):
    X = np.random.default_rng(k).normal(size=(120, 9)) - 0.3
    found = baselines.create("snmf", n_clusters=k).fit(X, X).a_not_b_
    loss = np.array(found.loss["objective"])
    assert len(loss) == 100 and loss[-1] < loss[0]
    assert (np.diff(loss) <= 1e-12 * loss[:-1]).all()
    assert found.coefficients.min() >= 0 and found.dictionary.min() < 0
    rest = X - found.coefficients @ found.dictionary
    assert found.reconstruction_error == pytest.approx(np.linalg.norm(rest))


@pytest.mark.parametrize("seed", range(4))
def test_the_found_parts_make_the_planted_ones(seed):
    """Parts that enclose the planted ones fit as well: what is sure is that they make them, from the same span."""
    X, parts, _ = planted(seed=seed)
    found = baselines.create("snmf", n_clusters=3).fit(X, X).a_not_b_
    assert found.reconstruction_error < 1.1 * 0.02 * np.sqrt(X.size)
    for part in parts:
        assert nnls(found.dictionary.T, part)[1] < 0.05 * np.linalg.norm(part)
    outside = found.dictionary - found.dictionary @ np.linalg.pinv(parts) @ parts
    assert (np.linalg.norm(outside, axis=1) < 0.05 * np.linalg.norm(found.dictionary, axis=1)).all()


def test_planted_parts_come_back():
    X, parts, carrier = planted(d=40, seed=2)
    found = baselines.create("snmf", n_clusters=3).fit(X, X).a_not_b_
    alike = cosines(found.dictionary, parts)
    part_of = alike.argmax(axis=1)
    assert sorted(part_of) == [0, 1, 2] and alike.max(axis=1).min() > 0.9
    np.testing.assert_array_equal(part_of[found.labels - 1], carrier)
    for concept, part in zip(found.concepts, part_of, strict=True):
        assert (carrier[concept.indices] == part).all()


def test_scale_of_the_features_changes_nothing_but_the_dictionary():
    X, _, _ = planted()
    found = baselines.create("snmf", n_clusters=3, max_iter=20).fit(X, X * 2.0**40)
    small, large = found.a_not_b_, found.b_not_a_
    assert small.coefficients.tobytes() == large.coefficients.tobytes()
    np.testing.assert_array_equal(small.dictionary * 2.0**40, large.dictionary)


def test_more_parts_than_the_rank_and_duplicates_have_an_outcome():
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 6))  # rank 2
    twice = np.repeat(rng.normal(size=(2, 6)), 15, axis=0)
    method = baselines.create("snmf", n_clusters=5).fit(flat, twice)
    for found in (method.a_not_b_, method.b_not_a_):
        assert np.isfinite(found.coefficients).all() and np.isfinite(found.dictionary).all()
        loss = np.array(found.loss["objective"])
        assert (np.diff(loss) <= 1e-9 * loss[0]).all()
        assert len(found.concepts) == 5 or found.notes
    zero = np.vstack([np.zeros((20, 6)), rng.normal(size=(4, 6))])
    assert np.isfinite(baselines.create("snmf", n_clusters=3).fit(zero, zero).a_not_b_.coefficients).all()


def test_parts_nobody_carries_are_left_out_and_noted(monkeypatch):
    X, _, _ = planted()
    method = baselines.create("snmf", n_clusters=3)

    def with_a_dead_part(self, X, rng):
        while True:
            yield np.array([[1.0, 0.0, 2.0]] * len(X)), np.ones((3, X.shape[1]))

    monkeypatch.setattr(baselines.get("snmf"), "iterations", with_a_dead_part)
    found = method.fit(X, X).a_not_b_
    assert [c.number for c in found.concepts] == [1, 2]
    assert found.coefficients[0].tolist() == [1.0, 2.0, 0.0]
    assert found.notes == ["2 concepts instead of 3: no item carries the others"]


def test_progress_shows_the_loss_and_settings_are_checked(capfd):
    X, _, _ = planted()
    baselines.create("snmf", n_clusters=2, max_iter=3, progress=True).fit(X, X)
    assert "loss=" in capfd.readouterr().err
    baselines.create("snmf", n_clusters=2, max_iter=3).fit(X, X)
    assert capfd.readouterr().err == ""
    with pytest.raises(InputError, match="max_iter"):
        baselines.create("snmf", max_iter=0).fit(X, X)
