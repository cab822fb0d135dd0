"""Spectral comparison: against the full eigendecomposition, planted groups, random features, symmetry."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist

import baselines
from baselines import spec
from rdx.errors import InputError
from rdx.method.neighborhoods import as_points

SHARED, ONLY_A, ONLY_B = (1, 2), (3, 4), (5, 6)  # groups by who sees them, of these sizes
SIZES = (40, 30, 70, 35, 60, 30)


def two_mixtures(times=1, d=10, seed=0):
    """Two Gaussian mixtures of the same items: A, B (n, d) and each item's group.

    A group is tight where it is seen, and spread over the whole space where it is not."""
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(1, 7), np.array(SIZES) * times))

    def side(seen):
        X = 4.0 * rng.normal(size=(len(groups), d))
        for group in seen:
            members = groups == group
            X[members] = 4.0 * rng.normal(size=d) + 0.2 * rng.normal(size=(int(members.sum()), d))
        return X

    return side(SHARED + ONLY_A), side(SHARED + ONLY_B), groups


@pytest.fixture(scope="module")
def pair():
    return two_mixtures()


def plain(A, B, eta=1.0):
    """Eigenvalues, ascending, and eigenvectors of the kernel difference, the plain way."""
    kernels = [np.exp(-(cdist(X, X) ** 2) / (2 * np.median(pdist(X)) ** 2)) for X in (A, B)]
    return np.linalg.eigh(kernels[0] - eta * kernels[1])


@pytest.mark.parametrize("eta", [1.0, 0.4])
def test_equals_both_ends_of_the_full_decomposition(pair, eta):
    A, B, _ = pair
    method = baselines.create("spec", n_clusters=3, eta=eta).fit(A, B)
    values, vectors = plain(A, B, eta)
    for found, top, sign in (
        (method.a_not_b_, [-1, -2, -3], 1),
        (method.b_not_a_, [0, 1, 2], -1),
    ):
        expected = sign * values[top]
        keep = expected > 0
        np.testing.assert_allclose(method.eigenvalues_[found.direction], expected[keep], rtol=1e-5)
        cosine = np.abs((found.coefficients * vectors[:, top][:, keep]).sum(axis=0))
        np.testing.assert_allclose(cosine, 1.0, atol=1e-5)
        assert found.dictionary is None and found.reconstruction_error is None
    assert method.bandwidths_["a_not_b"] == pytest.approx(np.median(pdist(A)), rel=1e-5)


@pytest.mark.parametrize("dense_up_to", [4000, 0])
def test_leading_eigenvectors_mark_the_groups_that_only_one_side_has(pair, dense_up_to):
    A, B, groups = pair
    method = baselines.create("spec", n_clusters=2, dense_up_to=dense_up_to, n_features=3000).fit(A, B)
    for found, own in ((method.a_not_b_, ONLY_A), (method.b_not_a_, ONLY_B)):
        for grid, group in zip(found.grids, own, strict=True):  # the larger group has the larger eigenvalue
            assert (groups[grid] == group).all()
        for column, group in zip(found.coefficients.T, own, strict=True):
            strongest = np.argsort(-column)[: (groups == group).sum()]
            assert (groups[strongest] == group).mean() >= 0.9


@pytest.mark.parametrize("eta", [1.0, 0.4])
def test_random_features_agree_with_the_dense_kernels(pair, eta):
    A, B, _ = pair
    dense = baselines.create("spec", n_clusters=2, eta=eta).fit(A, B)
    features = baselines.create("spec", n_clusters=2, eta=eta, dense_up_to=0, n_features=8000).fit(A, B)
    for side in ("a_not_b_", "b_not_a_"):
        cosine = (getattr(dense, side).coefficients * getattr(features, side).coefficients).sum(axis=0)
        assert cosine.min() > 0.97
    for direction, values in dense.eigenvalues_.items():
        np.testing.assert_allclose(features.eigenvalues_[direction], values, rtol=0.05)


def test_products_with_random_features_approach_the_kernel():
    X = np.random.default_rng(5).normal(size=(70, 4))
    points = as_points(X)
    kernel = np.exp(-(cdist(X, X) ** 2) / (2 * 1.7**2))
    errors = []
    for count in (100, 10000):
        features = spec.fourier_features(points, 1.7 / points.unit, count, np.random.RandomState(0))
        assert features.shape == (70, 2 * count)
        np.testing.assert_allclose((features**2).sum(axis=1), 1.0, rtol=1e-5)
        product = spec.through(features, np.eye(70))
        np.testing.assert_allclose(product, features.astype(np.float64) @ features.T, atol=1e-5)
        errors.append(np.abs(product - kernel).max())
    assert errors[1] < 0.05 and errors[1] < errors[0] / 3


@pytest.mark.parametrize("dense_up_to", [4000, 0])
def test_swapping_the_sides_swaps_the_directions_and_the_seed_settles_all(pair, dense_up_to):
    A, B, _ = pair
    first, again, swapped = (
        baselines.create("spec", n_clusters=4, dense_up_to=dense_up_to, n_features=200).fit(*sides)
        for sides in ((A, B), (A, B), (B, A))
    )
    for mine, other in (("a_not_b_", "b_not_a_"), ("b_not_a_", "a_not_b_")):
        expected = getattr(first, mine).coefficients.tobytes()
        assert getattr(again, mine).coefficients.tobytes() == expected
        assert getattr(swapped, other).coefficients.tobytes() == expected
        assert getattr(first, mine).labels.tobytes() == getattr(swapped, other).labels.tobytes()
    other_seed = baselines.create("spec", n_clusters=4, dense_up_to=0, n_features=200, random_state=1).fit(A, B)
    assert not np.allclose(other_seed.a_not_b_.coefficients, first.a_not_b_.coefficients)


def test_threads_change_no_byte(monkeypatch):
    A, B, _ = two_mixtures(times=4)
    for dense_up_to in (4000, 0):
        results = []
        for threads in ("1", "3"):
            monkeypatch.setenv("OMP_NUM_THREADS", threads)
            method = baselines.create("spec", n_clusters=2, dense_up_to=dense_up_to, n_features=50).fit(A, B)
            results.append(method.a_not_b_.coefficients.tobytes())
        assert results[0] == results[1]


def test_signs_grids_and_labels(pair):
    A, B, _ = pair
    found = baselines.create("spec", n_clusters=4, images_per_concept=7).fit(A, B).a_not_b_
    U = found.coefficients
    np.testing.assert_allclose(np.linalg.norm(U, axis=0), 1.0)
    assert (U[np.abs(U).argmax(axis=0), range(4)] > 0).all()
    for column, concept in enumerate(found.concepts):
        assert concept.indices.tolist() == sorted(range(len(U)), key=lambda item: -U[item, column])[:7]
    for item, row in enumerate(U):
        assert found.labels[item] == (1 + int(np.argmax(row)) if row.max() > 0 else 0)


def test_bandwidth_is_the_median_distance_of_a_seeded_subset():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 3))
    points = as_points(X)
    widths = [spec.bandwidth(points, np.random.RandomState(seed)) * points.unit for seed in (0, 0, 1)]
    assert widths[0] == widths[1] != widths[2]
    chosen = X[np.random.RandomState(0).choice(1500, 1000, replace=False)]
    assert widths[0] == pytest.approx(np.median(pdist(chosen)), rel=1e-5)
    small = as_points(X[:50])
    assert spec.bandwidth(small, rng) * small.unit == pytest.approx(np.median(pdist(X[:50])), rel=1e-5)
    mostly_equal = np.zeros((40, 2))
    mostly_equal[:3] = [[3, 4], [6, 8], [0, 5]]  # the median of all distances is 0
    points = as_points(mostly_equal)
    assert spec.bandwidth(points, rng) * points.unit == pytest.approx(5.0, rel=1e-5)
    lonely = np.zeros((100_000, 1))
    lonely[7] = 1.0
    assert np.isfinite(spec.bandwidth(as_points(lonely), np.random.RandomState(0)))
    assert spec.bandwidth(as_points(lonely), np.random.RandomState(0)) > 0


@pytest.mark.parametrize("dense_up_to", [4000, 0])
def test_no_difference_gives_no_concepts_and_says_so(pair, dense_up_to):
    A = pair[0]
    method = baselines.create("spec", n_clusters=3, dense_up_to=dense_up_to, n_features=50).fit(A, A * 3.0)
    for found in (method.a_not_b_, method.b_not_a_):
        assert found.concepts == [] and not found.labels.any()
        assert found.notes == ["0 concepts instead of 3: the kernels differ in no more eigenvectors this way"]


def test_as_many_concepts_as_items_and_wrong_settings(pair):
    A, B, _ = pair
    few = baselines.create("spec", n_clusters=4).fit(A[:4], B[:4])
    assert 0 < len(few.a_not_b_.concepts) < 4 and few.a_not_b_.notes
    assert len(few.a_not_b_.concepts) + len(few.b_not_a_.concepts) <= 4
    wrong = [("eta", 0.0), ("eta", "1"), ("eta", float("nan")), ("n_features", 0), ("dense_up_to", -1)]
    for key, value in wrong:
        with pytest.raises(InputError, match=key):
            baselines.create("spec", **{key: value}).fit(A, B)
