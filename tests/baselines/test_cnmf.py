"""Convex NMF: a plain reference, tiled products against dense ones, planted parts, and its invariants."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

import baselines
from baselines import cnmf
from baselines.cnmf import AbsoluteGram
from rdx.errors import InputError


def mixture(n=150, d=10, seed=0, spread=0.3):
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.arange(n) % 3)
    return rng.normal(size=(3, d))[groups] * 2 + spread * rng.normal(size=(n, d)), groups


def reference(X, k, seed, iterations):
    """The paper's updates with ZᵀZ in full, in float64: G (n, k), H (k, n) and the losses."""
    Z = X.T
    labels = KMeans(k, n_init=10, random_state=np.random.RandomState(seed)).fit_predict(X)
    one_hot = (labels[:, None] == np.arange(k)).astype(float)
    H, G = one_hot.T + 0.2, (one_hot + 0.01) / one_hot.sum(axis=0)[labels, None]
    plus, minus = np.maximum(Z.T @ Z, 0), np.maximum(-Z.T @ Z, 0)
    losses = []
    for _ in range(iterations):
        up = plus @ G + H.T @ G.T @ minus @ G
        H = H * np.sqrt(up / (minus @ G + H.T @ G.T @ plus @ G)).T
        up = plus @ H.T + minus @ G @ H @ H.T
        G = G * np.sqrt(up / (minus @ H.T + plus @ G @ H @ H.T))
        losses.append(((Z - Z @ G @ H) ** 2).sum())
    return G, H, losses


@pytest.mark.parametrize("n", [150, 700])  # one tile, and several
def test_equals_the_updates_of_the_paper_written_plainly(n, monkeypatch):
    X, _ = mixture(n)
    G, H, losses = reference(X, 3, seed=2, iterations=5)
    method = baselines.create("cnmf", n_clusters=3, random_state=2, max_iter=5)
    found = method.fit(X, X).a_not_b_
    np.testing.assert_allclose(found.coefficients, H.T, rtol=1e-7)
    np.testing.assert_allclose(found.dictionary, (X.T @ G).T, rtol=1e-7)
    np.testing.assert_allclose(found.loss["objective"], losses, rtol=1e-9)
    assert found.reconstruction_error == pytest.approx(np.sqrt(losses[-1]))
    monkeypatch.setattr(cnmf, "HELD_ITEMS", 0)  # as for many items: float32 tiles that are made again
    tiled = method.fit(X, X).a_not_b_
    np.testing.assert_allclose(tiled.coefficients, H.T, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(tiled.loss["objective"], losses, rtol=1e-6)


@pytest.mark.parametrize("n", [5, 256, 257, 1100])
def test_tiled_products_equal_dense_ones(n):
    rng = np.random.default_rng(n)
    X, M = rng.normal(size=(n, 6)), rng.uniform(size=(n, 3)) * [1e-20, 1.0, 1e9]
    M[n // 2] = 0
    Y = X @ X.T
    for hold, tolerance in ((True, 1e-13), (False, 1e-6)):
        gram = AbsoluteGram(X, hold)
        assert bool(gram.held) == hold
        scale = np.abs(Y) @ M + 1e-300
        for product, part in zip((gram.times(M), *gram.parts(M)), (np.abs(Y), Y, -Y), strict=True):
            assert np.abs((product - np.maximum(part, 0) @ M) / scale).max() < tolerance


def test_beyond_the_limit_no_tile_is_kept_and_threads_change_no_byte(monkeypatch):
    X, _ = mixture(900)
    monkeypatch.setattr(cnmf, "HELD_ITEMS", 899)
    assert not AbsoluteGram(X).held and AbsoluteGram(X[1:]).held
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        results.append(AbsoluteGram(X).times(np.abs(X[:, :2])).tobytes())
    assert results[0] == results[1]


@pytest.mark.parametrize("limit", [5000, 0])
@pytest.mark.parametrize("shift", [0.0, 4.0])  # mixed signs, and none below zero
def test_objective_never_rises_and_factors_stay_non_negative(limit, shift, monkeypatch):
    monkeypatch.setattr(cnmf, "HELD_ITEMS", limit)
    X = np.maximum(np.random.default_rng(1).normal(size=(300, 8)) + shift, 0 if shift else -np.inf)
    factors = []
    original = cnmf.AbsoluteGram.parts

    def watched(self, M):
        plus, minus = original(self, M)
        factors.extend(x.min() for x in (M, plus, minus))
        return plus, minus

    monkeypatch.setattr(cnmf.AbsoluteGram, "parts", watched)
    found = baselines.create("cnmf", n_clusters=4).fit(X, X).a_not_b_
    loss = np.array(found.loss["objective"])
    assert len(loss) == 100 and loss[-1] < loss[0]
    assert (np.diff(loss) <= 1e-9 * loss[:-1]).all()
    assert found.coefficients.min() >= 0 and min(factors) >= 0 and len(factors) > 1000


def test_planted_groups_come_back():
    X, groups = mixture()
    found = baselines.create("cnmf", n_clusters=3).fit(X, X).a_not_b_
    means = np.array([X[groups == group].mean(axis=0) for group in range(3)])
    unit = [V / np.linalg.norm(V, axis=1)[:, None] for V in (found.dictionary, means)]
    alike = unit[0] @ unit[1].T
    assert sorted(alike.argmax(axis=1)) == [0, 1, 2] and alike.max(axis=1).min() > 0.97
    np.testing.assert_array_equal(alike.argmax(axis=1)[found.labels - 1], groups)


def test_dictionary_lies_in_the_cone_of_the_data():
    from scipy.optimize import nnls

    X = np.random.default_rng(3).normal(size=(12, 40))  # its span is a small part of the space
    found = baselines.create("cnmf", n_clusters=3, max_iter=30).fit(X, X).a_not_b_
    for row in found.dictionary:
        assert nnls(X.T, row)[1] < 1e-10 * np.linalg.norm(row)


def test_fewer_distinct_items_than_parts_and_more_parts_than_the_rank():
    rng = np.random.default_rng(0)
    twice = np.repeat(rng.normal(size=(2, 4)), 6, axis=0)
    line = rng.normal(size=(12, 1)) @ rng.normal(size=(1, 4))
    method = baselines.create("cnmf", n_clusters=4).fit(twice, line)
    assert len(method.a_not_b_.concepts) == 2
    assert method.a_not_b_.notes == ["2 concepts instead of 4: there are no more distinct items"]
    assert np.isfinite(method.b_not_a_.coefficients).all() and method.b_not_a_.concepts
    zeros = np.vstack([np.zeros((9, 4)), rng.normal(size=(3, 4))])
    found = baselines.create("cnmf", n_clusters=3).fit(zeros, zeros).a_not_b_
    assert np.isfinite(found.coefficients).all() and np.isfinite(found.dictionary).all()


def test_same_seed_same_bytes_and_settings_are_checked():
    X, _ = mixture(400)
    runs = [baselines.create("cnmf", n_clusters=3, max_iter=5).fit(X, -X) for _ in range(2)]
    mirrored = baselines.create("cnmf", n_clusters=3, max_iter=5).fit(-X, X)
    for what in ("coefficients", "dictionary", "labels"):
        first = getattr(runs[0].a_not_b_, what).tobytes()
        assert first == getattr(runs[1].a_not_b_, what).tobytes()
        assert first == getattr(mirrored.b_not_a_, what).tobytes()
    with pytest.raises(InputError, match="max_iter"):
        baselines.create("cnmf", max_iter=1.5).fit(X, X)
