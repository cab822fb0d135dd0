"""Spectral clustering against scikit-learn's."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from sklearn.metrics import adjusted_rand_score

from rdx.method import spectral
from rdx.method.numerics import krylov
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [90, 400])
def test_the_embedding_is_made_of_the_leading_eigenvectors(n, dtype):
    """Of few items and of many, in either precision, with a node without edges and a diagonal that does not count."""
    W, _ = blocks((n // 2, n // 3, n - n // 2 - n // 3))
    W[7], W[:, 7] = 0.0, 0.0
    degree = (W - np.diag(np.diagonal(W))).sum(axis=1)
    root = np.sqrt(np.where(degree > 0, degree, 1.0))
    values, vectors = np.linalg.eigh((W - np.diag(np.diagonal(W))) / np.outer(root, root))
    got = spectral.spectral_embedding(W.astype(dtype), 3) * root[:, None]
    assert values[-3] - values[-4] > 0.1
    overlap = np.abs(np.sum(got * vectors[:, ::-1][:, :3], axis=0))
    np.testing.assert_allclose(overlap, 1.0, atol=1e-5)
    assert (got.max(axis=0) == np.abs(got).max(axis=0)).all()


@pytest.mark.parametrize("between", [0.0, 0.1])
def test_eigenvalues_that_coincide_are_all_found(between):
    """Five equal blocks: four or five vectors of one eigenvalue."""
    W = np.kron(np.where(np.eye(5), 1.0, between), np.ones((60, 60))).astype(np.float32)
    assert adjusted_rand_score(spectral_clusters(W, 5), np.repeat(np.arange(5), 60)) == 1.0


def test_a_memory_layout_and_other_threads_change_nothing():
    from concurrent.futures import ThreadPoolExecutor

    W, _ = blocks((100, 120, 80), inside=1.5)
    W = W.astype(np.float32)
    expected = spectral.spectral_embedding(W, 4)
    np.testing.assert_array_equal(spectral.spectral_embedding(np.asfortranarray(W), 4), expected)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(lambda _: spectral.spectral_embedding(W, 4), range(12)):
            np.testing.assert_array_equal(got, expected)


def test_where_the_space_becomes_too_large_block_lanczos_takes_over(monkeypatch):
    W, truth = blocks((100, 120, 80))
    monkeypatch.setattr(krylov, "_MOST", 3)
    assert adjusted_rand_score(spectral_clusters(W, 3), truth) >= 0.95
