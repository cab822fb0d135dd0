"""The sparse autoencoder: planted factors come back, and every degenerate input has its outcome."""

from __future__ import annotations

import numpy as np
import pytest

import baselines
from baselines import base
from baselines.dictionary_learning import slices
from baselines.sae import SAE, standardize
from baselines.topk_sae import TopKSAE
from rdx.errors import InputError

QUICK = {"batch_size": 100, "epochs": 80, "learning_rate": 5e-3}


def explained(X, **settings):
    """One side's explanation, which a fit makes for each."""
    return baselines.create("sae", **settings).explain(X, np.random.RandomState(0), "a_not_b")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(0)
    factors = unit(rng.normal(size=(5, 20)))
    strengths = (rng.random((1000, 5)) < 0.2) * rng.uniform(1, 3, (1000, 5))
    return strengths, factors, strengths @ factors


def test_planted_factors_come_back_and_only_with_the_penalty(planted):
    strengths, factors, X = planted
    found = explained(X, **QUICK, penalty=0.02)
    cosines = unit(factors / X.std(axis=0)) @ found.dictionary.T  # the dictionary is that of z-scored features
    assert cosines.max(axis=1).mean() >= 0.9
    for latent, factor in enumerate(cosines.argmax(axis=0)):
        assert (strengths[found.grids[latent], factor] > 0).all()
    dense = explained(X, **QUICK, penalty=0.0)
    assert (unit(factors / X.std(axis=0)) @ dense.dictionary.T).max(axis=1).mean() < 0.9
    assert dense.reconstruction_error < found.reconstruction_error


def test_what_is_returned_fits_together(planted):
    X = planted[2][:300].astype(np.float32)
    before = X.tobytes()
    found = baselines.create("sae", **QUICK, images_per_concept=4).fit(X, X[:, :7]).a_not_b_
    assert X.tobytes() == before
    np.testing.assert_allclose(np.linalg.norm(found.dictionary, axis=1), 1, atol=1e-6)
    assert (found.coefficients >= 0).all() and found.coefficients.shape == (300, 5)
    for column, concept in enumerate(found.concepts):
        assert concept.indices.tolist() == sorted(range(300), key=lambda i: -found.coefficients[i, column])[:4]
    columns = found.loss
    assert all(len(values) == 80 for values in columns.values())
    loss, squared, sums = (np.array(columns[key]) for key in ("loss", "squared_error", "mean_code_sum"))
    np.testing.assert_allclose(loss, squared + 4e-4 * sums, rtol=1e-5)
    assert loss[-1] < loss[0] / 2
    # The last epoch's mean loss is close to the loss of what is returned.
    assert found.reconstruction_error**2 / X.size == pytest.approx(squared[-1], rel=0.1)


def test_the_first_step_is_a_tenth_of_the_rate():
    """Full batch, one epoch: Adam's first step moves every weight by the warm-up rate, whatever its gradient."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(40, 6)) @ rng.normal(size=(6, 6))
    start, after = (
        baselines.create("sae", n_clusters=3, epochs=1, learning_rate=rate).fit(X, X).a_not_b_ for rate in (1e-12, 1e-2)
    )
    moved = np.abs(after.dictionary - start.dictionary)
    assert 0 < moved.max() <= 1.5e-3  # a tenth of the rate, slightly turned by the rescaling
    np.testing.assert_allclose(start.loss["loss"], after.loss["loss"])


def test_same_seed_same_bytes_whatever_the_threads(planted):
    import torch

    X = planted[2][:250]
    settings = {"batch_size": 100, "epochs": 5, "random_state": 3}
    first = baselines.create("sae", **settings).fit(X, X[:, ::-1])
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        torch.manual_seed(99)
        second = baselines.create("sae", **settings).fit(X[:, ::-1], X)
    finally:
        torch.set_num_threads(threads)
    assert first.a_not_b_.coefficients.tobytes() == second.b_not_a_.coefficients.tobytes()
    assert first.b_not_a_.dictionary.tobytes() == second.a_not_b_.dictionary.tobytes()
    other = baselines.create("sae", **{**settings, "random_state": 4}).fit(X, X)
    assert other.a_not_b_.coefficients.tobytes() != first.a_not_b_.coefficients.tobytes()


def test_standardized_features():
    rng = np.random.default_rng(0)
    X = rng.normal(3, 5, (50, 4)).astype(np.float32)
    X[:, 2] = 0.1
    values, constant = standardize(X)
    assert constant == 1 and not values[:, 2].any()
    kept = [0, 1, 3]
    expected = (X[:, kept].astype(float) - X[:, kept].astype(float).mean(0)) / X[:, kept].astype(float).std(0)
    np.testing.assert_allclose(values[:, kept], expected, atol=1e-12)


def test_degenerate_inputs_have_an_outcome():
    rng = np.random.default_rng(0)
    line = np.repeat(rng.normal(size=(30, 1)), 2, axis=1)  # rank 1, fewer dimensions than latents
    constant = np.column_stack([rng.normal(size=30), np.full(30, 7.0), np.zeros(30)])
    method = baselines.create("sae", n_clusters=20, epochs=60).fit(line, constant)  # n is below a batch
    assert method.b_not_a_.notes[0] == "2 constant features were set to 0"
    for found in (method.a_not_b_, method.b_not_a_):
        assert np.isfinite(found.coefficients).all() and found.coefficients.shape == (30, 20)
        assert [c.number for c in found.concepts] == list(range(1, len(found.concepts) + 1))
    dead = explained(line, n_clusters=4, epochs=600, batch_size=10, penalty=50.0)
    alive = int((dead.coefficients > 0).any(axis=0).sum())
    assert alive < 4 and len(dead.concepts) == alive
    assert any("latents are dead" in note and f"{alive} concepts instead of 4" in note for note in dead.notes)


def test_a_concept_on_few_items_is_noted(planted):
    X = planted[2][:60]
    found = baselines.create("sae", images_per_concept=30, batch_size=20, epochs=50).fit(X, X).a_not_b_
    noted = 0
    for concept in found.concepts:
        count = int((found.coefficients[:, concept.number - 1] > 0).sum())
        note = f"concept {concept.number} is active on {count} items only: the rest of its grid are items without it"
        assert (note in found.notes) == (count < 30)
        noted += count < 30
    assert 0 < noted == len(found.notes)


def test_batches_cover_all_items_and_leave_none_alone():
    for n in (1, 2, 9, 10, 11, 20, 21, 25):
        for size in (1, 2, 10, 30):
            parts = slices(n, size)
            assert [i for part in parts for i in range(n)[part]] == list(range(n))
            assert size == 1 or n == 1 or all(part.stop - part.start > 1 for part in parts)
    assert [part.stop for part in slices(25, 10)] == [10, 20, 25]


def test_wrong_settings_are_named(planted):
    X = planted[2]
    wrong = [("epochs", 0), ("batch_size", 1.5), ("learning_rate", 0), ("learning_rate", float("nan")), ("penalty", -1)]
    for key, value in wrong:
        with pytest.raises(InputError, match=key):
            baselines.create("sae", **{key: value}).fit(X, X)
    with pytest.raises(InputError, match="no usable GPU|diverged"):
        baselines.create("sae", epochs=5, learning_rate=1e30, device="cpu").fit(X, X)


@pytest.mark.parametrize("method", [SAE, TopKSAE])
def test_both_sides_at_once_are_what_each_is_alone(method, monkeypatch):
    rng = np.random.default_rng(0)
    A, B = rng.random((60, 12), dtype=np.float32), rng.random((60, 9), dtype=np.float32)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    together = method(n_clusters=3, epochs=20).fit(A, B)
    monkeypatch.setattr(base, "SIDE_BY_SIDE", 0)
    alone = method(n_clusters=3, epochs=20).fit(A, B)
    for one, other in ((together.a_not_b_, alone.a_not_b_), (together.b_not_a_, alone.b_not_a_)):
        assert one.coefficients.tobytes() == other.coefficients.tobytes()
        assert one.dictionary.tobytes() == other.dictionary.tobytes() and one.loss == other.loss
