"""The universal autoencoder: a factor that B lacks is A's; firing entropy and losses against plain versions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import baselines
from baselines import usae
from rdx.errors import InputError

QUICK = {"batch_size": 100, "epochs": 600, "learning_rate": 1e-2, "active": 4}


@pytest.fixture(scope="module")
def views():
    """Two views of five latent factors; B lacks the first."""
    rng = np.random.default_rng(1)
    factors = (rng.random((400, 5)) < 0.3) * rng.uniform(1, 3, (400, 5))
    to_a = np.linalg.qr(rng.normal(size=(6, 6)))[0][:5]
    to_b = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    to_b[0] = 0
    return factors, factors @ to_a, factors @ to_b


@pytest.fixture(scope="module")
def fitted(views):
    return baselines.create("usae", n_clusters=10, **QUICK).fit(*views[1:])


@pytest.fixture(scope="module")
def short(views):
    """Trained long enough to be one, too short to find the factors."""
    return baselines.create("usae", n_clusters=10, **{**QUICK, "epochs": 120}).fit(*views[1:])


def codes_by_latent(method, direction):
    """Codes (n, latents) in the latents' own order: the shown ones were stored first."""
    found, shown = getattr(method, f"{direction}_"), method.shown_latents_[direction]
    codes = np.empty_like(found.coefficients)
    rest = [latent for latent in range(codes.shape[1]) if latent not in shown]
    codes[:, [*shown, *rest]] = found.coefficients
    return codes


@pytest.mark.slow
def test_a_factor_that_b_lacks_is_a_concept_of_a_only(views, fitted):
    factors = views[0]
    others = [baselines.create("usae", n_clusters=10, random_state=seed, **QUICK).fit(*views[1:]) for seed in (1,)]
    spread = []
    for method in (fitted, *others):
        codes = codes_by_latent(method, "a_not_b")
        alive = np.flatnonzero((codes.std(axis=0) > 0) & (method.firing_counts_.sum(axis=0) > 0))
        marks = np.corrcoef(factors.T, codes[:, alive].T)[:5, 5:]  # (factors, latents)
        entropy = method.firing_entropy_[alive]
        own = np.isin(alive, usae.specific_latents(method.firing_entropy_, method.firing_counts_, 0))
        assert (own & (entropy < 0.3) & (marks[0] > 0.4)).any()
        assert max((factors[grid, 0] > 0).mean() for grid in method.a_not_b_.grids) == 1
        assert max((factors[grid, 0] > 0).mean() for grid in method.b_not_a_.grids) < 0.8
        weights = np.maximum(marks, 0) ** 2
        spread.append(weights @ entropy / weights.sum(axis=1))  # (factors,) mean entropy of a factor's latents
    spread = np.mean(spread, axis=0)
    assert spread[0] < 0.7 * spread[1:].mean()  # for what both have, both fire


def test_what_is_returned_fits_together(views, short):
    assert short.a_not_b_.loss == short.b_not_a_.loss
    for side, (direction, X) in enumerate(zip(("a_not_b", "b_not_a"), views[1:], strict=True)):
        found, codes = getattr(short, f"{direction}_"), codes_by_latent(short, direction)
        assert codes.shape == (400, 8 * 6) and found.dictionary.shape == (48, X.shape[1])
        assert (codes >= 0).all() and (codes > 0).sum(axis=1).max() == 4
        np.testing.assert_array_equal((codes > 0.1).sum(axis=0), short.firing_counts_[side])
        rebuilt = found.coefficients.astype(float) @ found.dictionary
        assert found.reconstruction_error == pytest.approx(np.linalg.norm(X - rebuilt), rel=1e-5)
        assert found.reconstruction_error < 0.5 * np.linalg.norm(X)
        shown = short.shown_latents_[direction]
        assert len(shown) == len(found.concepts) > 0
        own, other = short.firing_counts_[[side, 1 - side]][:, shown]
        assert (own > other).all()
        assert (np.diff(short.firing_entropy_[shown]) >= 0).all()
        for column, concept in enumerate(found.concepts):
            assert concept.indices.tolist() == sorted(range(400), key=lambda i: -found.coefficients[i, column])[:9]
        assert "trained in 480 steps with 48 latents" in found.notes


def test_firing_entropy_equals_a_plain_version():
    rng = np.random.default_rng(0)
    codes = [rng.uniform(0, 0.4, (30, 12)) * (rng.random(12) < 0.7) * rng.uniform(0.2, 1, 12) for _ in range(3)]
    entropy, counts = usae.firing_entropy(codes)
    for latent in range(12):
        fires = [sum(1 for value in c[:, latent] if value > 0.1) for c in codes]
        assert counts[:, latent].tolist() == fires
        if not sum(fires):
            assert np.isnan(entropy[latent])
            continue
        p = [count / sum(fires) for count in fires]
        expected = -sum(q * math.log2(q) for q in p if q) / math.log2(3)
        assert entropy[latent] == pytest.approx(expected, abs=1e-12)
    assert np.isnan(entropy).any() and np.isfinite(entropy).any()


def test_the_most_specific_latents_come_first_and_the_dead_never():
    counts = np.array([[0, 9, 3, 7, 3, 0, 5, 8], [0, 0, 0, 7, 0, 6, 4, 2]])
    codes = [np.array([[1.0 if i < c else 0.0 for c in row] for i in range(9)]) for row in counts]
    entropy, found = usae.firing_entropy(codes)
    np.testing.assert_array_equal(found, counts)
    assert usae.specific_latents(entropy, counts, 0).tolist() == [1, 2, 4, 7, 6]
    assert usae.specific_latents(entropy, counts, 1).tolist() == [5]


def test_losses_equal_a_plain_version():
    rng = np.random.default_rng(0)
    sizes, latents, active = (5, 3), 12, 3
    generator = torch.Generator().manual_seed(0)
    coders = [usae.Coder.start(d, latents, generator, torch.device("cpu")) for d in sizes]
    batches = [rng.normal(size=(20, d)) for d in sizes]
    tensors = [torch.tensor(x, dtype=torch.float32) for x in batches]
    rebuilt, auxiliary = usae.losses(tensors, coders, 1, active)

    pre = batches[1] @ coders[1].weight.detach().double().numpy()
    pre = np.maximum((pre - pre.mean(axis=0)) / np.sqrt(pre.var(axis=0) + 1e-5), 0)
    codes, spare = np.zeros_like(pre), np.zeros_like(pre)
    for row, values in enumerate(pre):
        order = sorted(range(latents), key=lambda latent: -values[latent])
        codes[row, order[:active]] = values[order[:active]]
        spare[row, order[active : active + latents // 2]] = values[order[active : active + latents // 2]]
    expected = [0.0, 0.0]
    for x, coder in zip(batches, coders, strict=True):
        dictionary = coder.dictionary.detach().double().numpy()
        residual = x - codes @ dictionary
        expected[0] += np.abs(residual).mean()
        expected[1] += np.abs(residual - spare @ dictionary).mean()
    assert [float(rebuilt.detach()), float(auxiliary.detach())] == pytest.approx(expected, rel=1e-5)
    (rebuilt + auxiliary).backward()
    assert all(w.grad is None for w in coders[0].weights)
    assert all(w.grad is not None for w in coders[1].weights)


def test_the_learning_rate_rises_for_an_epoch_and_falls_along_a_cosine():
    rates = [usae.rate(number, 10, 110, 5e-4) for number in range(111)]
    assert rates[0] == pytest.approx(1e-6) and rates[10] == pytest.approx(5e-4) == max(rates)
    assert rates[5] == pytest.approx((1e-6 + 5e-4) / 2) and rates[60] == pytest.approx((1e-6 + 5e-4) / 2)
    assert rates[110] == pytest.approx(1e-6)
    assert sorted(rates[:11]) == rates[:11] and sorted(rates[10:], reverse=True) == rates[10:]


def test_same_seed_same_bytes(views):
    settings = {"epochs": 4, "batch_size": 133}  # the last batch of one item joins the one before
    first, second = (baselines.create("usae", **settings).fit(*views[1:]) for _ in range(2))
    for direction in ("a_not_b_", "b_not_a_"):
        one, two = getattr(first, direction), getattr(second, direction)
        assert one.coefficients.tobytes() == two.coefficients.tobytes()
        assert one.dictionary.tobytes() == two.dictionary.tobytes()
        assert (one.loss, one.notes) == (two.loss, two.notes)


def test_progress_goes_to_stderr(views, capsys):
    baselines.create("usae", epochs=2, batch_size=100, progress=True).fit(*views[1:])
    out, err = capsys.readouterr()
    assert out == "" and "usae: " in err and "epoch" in err
    baselines.create("usae", epochs=1, batch_size=100).fit(*views[1:])
    assert capsys.readouterr() == ("", "")


def test_fewer_specific_latents_than_asked_for_are_noted(views):
    A, B = views[1:]
    method = baselines.create("usae", n_clusters=60, epochs=10).fit(A, B)
    for found, own, other in ((method.a_not_b_, "A", "B"), (method.b_not_a_, "B", "A")):
        count = len(found.concepts)
        note = f"{count} concepts instead of 60: no other latent fires on more items of {own} than of {other}"
        assert count < 60 and note in found.notes


def test_degenerate_inputs_have_an_outcome():
    rng = np.random.default_rng(0)
    narrow = np.column_stack([rng.normal(size=5), np.full(5, 3.0)])  # n below a batch, a constant feature
    method = baselines.create("usae", n_clusters=2, epochs=30).fit(narrow, narrow[:, :1])
    assert "there are only 16 latents, so all may be active at once instead of 32" in method.a_not_b_.notes
    for found in (method.a_not_b_, method.b_not_a_):
        assert np.isfinite(found.coefficients).all() and found.coefficients.shape == (5, 16)
        assert len(found.concepts) == 2 or any("instead of 2" in note for note in found.notes)


@pytest.mark.parametrize(
    ("n", "d", "grew"), [(2000, 768, 568e6), (1500, 256, 179e6), (5000, 64, 96e6)]
)  # what processes with one thread were seen to grow by
def test_the_memory_of_its_plan_is_above_what_was_measured(n, d, grew):
    assert grew <= usae.USAE.memory(n, (d, d), usae.USAE().get_params()) <= 1.6 * grew


def test_wrong_settings_are_named(views):
    for key, value in (("active", 0), ("batch_size", 1), ("clip", -1.0), ("learning_rate", 1e-9)):
        with pytest.raises(InputError, match=key):
            baselines.create("usae", **{key: value}).fit(*views[1:])
