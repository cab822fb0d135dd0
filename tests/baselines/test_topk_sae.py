"""The TopK sparse autoencoder: planted dictionary, exactly k active codes, choice of concepts."""

from __future__ import annotations

import numpy as np
import pytest

import baselines
from rdx.errors import InputError

QUICK = {"n_clusters": 3, "batch_size": 100, "epochs": 80, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(10, 16))
    factors /= np.linalg.norm(factors, axis=1, keepdims=True)
    active = np.argsort(rng.random((1000, 10)), axis=1) < 3
    return factors, (active * rng.uniform(1, 3, active.shape)) @ factors


@pytest.fixture(scope="module")
def fitted(planted):
    return baselines.create("topk_sae", **QUICK).fit(planted[1], planted[1][:, :9])


def test_planted_dictionary_comes_back(planted, fitted):
    factors, X = planted
    found = fitted.a_not_b_
    alive = found.dictionary[found.coefficients.any(axis=0)]
    assert (factors @ alive.T).max(axis=1).mean() >= 0.9
    assert found.reconstruction_error < 0.25 * np.linalg.norm(X)


def test_exactly_k_codes_are_active_and_rows_have_unit_norm(planted, fitted):
    found = fitted.a_not_b_
    assert found.coefficients.shape == (1000, 50) and found.dictionary.shape == (50, 16)
    assert ((found.coefficients > 0).sum(axis=1) == 3).all() and (found.coefficients >= 0).all()
    np.testing.assert_allclose(np.linalg.norm(found.dictionary, axis=1), 1, atol=1e-6)
    rebuilt = found.coefficients.astype(float) @ found.dictionary
    assert found.reconstruction_error == pytest.approx(np.linalg.norm(planted[1] - rebuilt), rel=1e-5)
    assert len(found.loss["loss"]) == 80
    assert found.loss["loss"][-1] == pytest.approx(found.reconstruction_error**2 / planted[1].size, rel=0.2)


def test_concepts_are_the_latents_with_the_largest_mean_activation(fitted):
    for found in (fitted.a_not_b_, fitted.b_not_a_):
        U = found.coefficients
        means = U.mean(axis=0)
        assert means[0] >= means[1] >= means[2] >= means[3:].max()
        for column, concept in enumerate(found.concepts):
            assert concept.indices.tolist() == sorted(range(1000), key=lambda i: -U[i, column])[:9]
        dead = int((means == 0).sum())
        assert dead == 0 or f"{dead} of 50 latents are dead (no item activates them)" in found.notes


def test_same_seed_same_bytes(planted):
    X = planted[1][:300]
    first, second = (baselines.create("topk_sae", epochs=3, batch_size=128).fit(X, X * 2) for _ in range(2))
    swapped = baselines.create("topk_sae", epochs=3, batch_size=128).fit(X * 2, X)
    assert first.a_not_b_.coefficients.tobytes() == second.a_not_b_.coefficients.tobytes()
    assert first.a_not_b_.dictionary.tobytes() == swapped.b_not_a_.dictionary.tobytes()
    assert first.a_not_b_.loss == second.a_not_b_.loss


def test_degenerate_inputs_have_an_outcome():
    rng = np.random.default_rng(0)
    line = np.outer(rng.uniform(1, 2, 20), [1.0, 0.0, 2.0])  # rank 1, a constant feature, n below a batch
    found = baselines.create("topk_sae", n_clusters=15, n_latents=20, epochs=5).fit(line, -line).a_not_b_
    carried = int((found.coefficients.mean(axis=0) > 0).sum())
    assert 0 < carried < 15 and len(found.concepts) == carried
    assert f"{20 - carried} of 20 latents are dead (no item activates them)" in found.notes
    note = f"{carried} concepts instead of 15: the other latents are dead (no item activates them)"
    assert note in found.notes
    with pytest.raises(InputError, match="training diverged .*scale the features"):
        baselines.create("topk_sae", epochs=5, learning_rate=1e38).fit(rng.normal(size=(20, 3)), line)


def test_wrong_settings_are_named(planted):
    X = planted[1]
    for key, value in (("n_latents", 4), ("clip", 0.0), ("batch_size", 0), ("epochs", True)):
        with pytest.raises(InputError, match=key):
            baselines.create("topk_sae", **{key: value}).fit(X, X)
