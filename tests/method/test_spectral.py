"""Spectral clustering against scikit-learn's."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from sklearn.metrics import adjusted_rand_score

from rdx.method import spectral
from rdx.method.spectral import spectral_clusters


def blocks(sizes, seed=0, inside=20.0):
    """A symmetric affinity with one strong block per cluster, in random order, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    W = np.exp(rng.normal(scale=0.5, size=(len(truth), len(truth))))
    W[np.equal.outer(truth, truth)] *= inside
    return oracle.symmetric(W), truth


@pytest.mark.parametrize("sizes", [(30, 30), (10, 50, 90), (40, 20, 25, 30, 35, 50)])
@pytest.mark.parametrize("seed", [0, 1])
def test_blocks_are_found_like_scikit_learn_finds_them(sizes, seed):
    W, truth = blocks(sizes, seed)
    got = spectral_clusters(W, len(sizes), random_state=seed)
    assert got.shape == (len(W),)
    assert adjusted_rand_score(got, oracle.spectral_labels(W, len(sizes), seed)) >= 0.95
    assert adjusted_rand_score(got, truth) >= 0.95


def test_self_loops_do_not_count():
    W, _ = blocks((20, 30, 40))
    heavy = W + np.diag(np.random.default_rng(1).uniform(0, 1e4, len(W)))
    np.testing.assert_array_equal(spectral_clusters(W, 3), spectral_clusters(heavy, 3))


def test_weights_matter_relative_to_the_degrees_of_both_ends():
    """An item whose links are all ten times as strong belongs where it belonged before."""
    W, truth = blocks((30, 40, 50))
    scale = np.ones(len(W))
    scale[::3] = 10.0
    W = W * np.outer(scale, scale)
    got = spectral_clusters(W, 3)
    assert adjusted_rand_score(got, oracle.spectral_labels(W, 3)) >= 0.95
    assert adjusted_rand_score(got, truth) >= 0.95


def test_the_input_is_not_changed_and_the_result_repeats():
    W, _ = blocks((20, 30, 40))
    before = W.copy()
    first = spectral_clusters(W, 3, random_state=5)
    np.testing.assert_array_equal(W, before)
    np.testing.assert_array_equal(first, spectral_clusters(W, 3, random_state=5))


def test_the_global_random_state_is_neither_read_nor_moved():
    W, _ = blocks((20, 30, 40), inside=1.5)
    np.random.seed(1)  # noqa: NPY002
    first, after = spectral_clusters(W, 4), np.random.random()  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(first, spectral_clusters(W, 4))
    np.random.seed(1)  # noqa: NPY002
    assert after == np.random.random()  # noqa: NPY002


@pytest.mark.parametrize("n, n_clusters", [(4, 2), (6, 5), (7, 7), (60, 4)])
def test_a_graph_without_structure_still_gives_every_cluster(n, n_clusters):
    got = spectral_clusters(np.ones((n, n)), n_clusters)
    assert len(np.unique(got)) == n_clusters


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("gamma", [0.05, 0.1])
def test_an_affinity_of_two_representations(version, gamma):
    A, B, truth, _ = oracle.planted_pair(n=300, size=30, groups=2)
    W = oracle.symmetric(oracle.pair_matrices(A, B, version=version, gamma=gamma)[3])
    got = spectral_clusters(W, 3)
    assert adjusted_rand_score(got, oracle.spectral_labels(W, 3)) >= 0.95
    assert all(len(np.unique(got[members])) == 1 for members in truth)


def test_eigenvectors_converge_over_restarts(monkeypatch):
    """A space too small to converge in one go, on a spectrum without gaps."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 300))
    matrix += matrix.T
    monkeypatch.setattr(spectral, "MAX_DIMENSION", 48)
    monkeypatch.setattr(spectral, "MAX_RESTARTS", 60)
    values, vectors = spectral.leading_eigenvectors(lambda v: matrix @ v, 300, 5)
    expected = np.linalg.eigvalsh(matrix)[::-1][:5]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-4 * values[0])


def test_eigenvectors_that_do_not_converge_are_said(monkeypatch, caplog):
    matrix = np.random.default_rng(0).random((60, 60))
    matrix += matrix.T
    monkeypatch.setattr("rdx.method.spectral.MAX_RESTARTS", 2)
    spectral.leading_eigenvectors(lambda vectors: matrix @ vectors, 60, 3)
    assert not caplog.text
    spectral.leading_eigenvectors(lambda vectors: matrix @ vectors, 60, 3, tolerance=0.0)
    assert "the eigenvectors of 60 items have not converged after 2 restarts" in caplog.text
