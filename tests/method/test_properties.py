"""What must hold for every input: invariances, bounds, symmetry of the two directions."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from computed import neighborhood_distances
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import adjusted_rand_score

from rdx import RDX
from rdx.method.neighborhoods import as_points, rank_rows

QUICK = settings(
    max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.filter_too_much]
)
SOME = settings(QUICK, max_examples=15)
FEW = settings(QUICK, max_examples=8)
SEEDS = st.integers(0, 2**32 - 1)
VERSIONS = st.sampled_from(["v1", "v2"])


@st.composite
def tied_points(draw):
    """Small integers: ties and duplicates everywhere."""
    shape = draw(st.tuples(st.integers(4, 25), st.integers(1, 4)))
    X = draw(hnp.arrays(np.int64, shape, elements=st.integers(-2, 2)))
    assume((X[0] != X).any())
    return X.astype(float)


def random_rotation(rng, d):
    return np.linalg.qr(rng.normal(size=(d, d)))[0]


def same_concepts(a, b):
    """Equal in every number."""
    np.testing.assert_array_equal(a.labels, b.labels)
    for x, y in zip(a.concepts, b.concepts, strict=True):
        np.testing.assert_array_equal(x.indices, y.indices)
        np.testing.assert_array_equal(x.members, y.members)
        assert x.mean_affinity == pytest.approx(y.mean_affinity, rel=1e-6)


@QUICK
@given(seed=SEEDS, n=st.integers(5, 30), d=st.integers(2, 12), log_scale=st.floats(-6, 6))
def test_rotating_shifting_and_scaling_leave_every_rank(seed, n, d, log_scale):
    rng = np.random.default_rng(seed)
    X = oracle.without_near_ties(rng, n, d, gap=2e-5)
    expected = neighborhood_distances(X)
    np.testing.assert_array_equal(expected, oracle.ranks(X))
    moved = 10.0**log_scale * (X @ random_rotation(rng, d) + rng.normal(scale=10, size=d))
    np.testing.assert_array_equal(neighborhood_distances(moved), expected)


@QUICK
@given(X=tied_points())
def test_ranks_equal_the_oracle_with_ties(X):
    np.testing.assert_array_equal(neighborhood_distances(X), oracle.ranks(X))


@QUICK
@given(X=tied_points(), scale=st.floats(0.01, 100), tile_rows=st.integers(1, 30), threads=st.integers(1, 4))
def test_ranks_are_the_same_for_any_tile_and_thread_count(X, scale, tile_rows, threads):
    X = X * scale
    expected = neighborhood_distances(X)
    got = neighborhood_distances(X, tile_rows=tile_rows, threads=threads)
    np.testing.assert_array_equal(got, expected)


@QUICK
@given(X=tied_points(), seed=SEEDS, scale=st.floats(0.01, 100))
def test_ranks_of_any_rows_are_rows_of_the_ranks(X, seed, scale):
    X = X * scale
    rows = np.random.default_rng(seed).integers(0, len(X), size=5)
    np.testing.assert_array_equal(rank_rows(as_points(X), rows), neighborhood_distances(X)[rows])


@QUICK
@given(X=tied_points())
def test_every_row_of_ranks_is_a_permutation_that_starts_at_the_item(X):
    r = neighborhood_distances(X)
    np.testing.assert_array_equal(np.sort(r, axis=1), np.tile(np.arange(len(X)), (len(X), 1)))
    np.testing.assert_array_equal(np.diag(r), 0)


@SOME
@given(A=tied_points(), seed=SEEDS, gamma=st.floats(0.01, 2), beta=st.floats(0.1, 10), version=VERSIONS)
def test_affinities_lie_between_the_bounds(A, seed, gamma, beta, version):
    assume(len(A) >= 6)
    B = np.random.default_rng(seed).normal(size=(len(A), 3)).round(1)
    rdx = RDX(n_clusters=2, gamma=gamma, beta=beta, version=version, keep_matrices=True).fit(A, B)
    for explanations in (rdx.a_not_b_, rdx.b_not_a_):
        assert explanations.affinity.min() >= np.exp(-beta) * (1 - 1e-5)
        assert explanations.affinity.max() <= np.exp(beta) * (1 + 1e-5)
        for concept in explanations.concepts:
            assert np.exp(-beta) * (1 - 1e-5) <= concept.mean_affinity <= np.exp(beta) * (1 + 1e-5)


@SOME
@given(seed=SEEDS, n=st.integers(8, 60), version=VERSIONS, k=st.integers(1, 4))
def test_swapping_the_representations_swaps_the_directions(seed, n, version, k):
    rng = np.random.default_rng(seed)
    A, B = rng.normal(size=(n, 4)), rng.normal(size=(n, 3))
    forth = RDX(n_clusters=k, version=version).fit(A, B)
    back = RDX(n_clusters=k, version=version).fit(B, A)
    same_concepts(forth.a_not_b_, back.b_not_a_)
    same_concepts(forth.b_not_a_, back.a_not_b_)


@FEW
@given(
    seed=SEEDS,
    version=VERSIONS,
    distance=st.sampled_from(["neighborhood", "max_normalized", "local_scaling"]),
    clustering=st.sampled_from(["spectral", "pagerank", "eigenvector_centrality", "affinity_propagation"]),
    selection=st.sampled_from(["max_total_affinity", "random", "spectral_centrality", "centroid"]),
)
def test_swapping_swaps_under_every_setting(seed, version, distance, clustering, selection):
    rng = np.random.default_rng(seed)
    A, B = rng.normal(size=(60, 4)), rng.normal(size=(60, 3))
    chosen = {"distance": distance, "clustering": clustering, "selection": selection}
    forth = RDX(n_clusters=3, version=version, **chosen).fit(A, B)
    back = RDX(n_clusters=3, version=version, **chosen).fit(B, A)
    same_concepts(forth.a_not_b_, back.b_not_a_)
    same_concepts(forth.b_not_a_, back.a_not_b_)


@FEW
@given(seed=SEEDS, version=VERSIONS)
def test_permuting_items_permutes_labels(seed, version):
    A, B, _, _ = oracle.planted_pair(n=200, size=20, groups=2, seed=seed % 1000)
    order = np.random.default_rng(seed).permutation(200)
    straight = RDX(n_clusters=2, version=version).fit(A, B)
    mixed = RDX(n_clusters=2, version=version).fit(A[order], B[order])
    for a, b in ((straight.a_not_b_, mixed.a_not_b_), (straight.b_not_a_, mixed.b_not_a_)):
        assert adjusted_rand_score(a.labels[order], b.labels) >= 0.99


@SOME
@given(seed=SEEDS, n=st.integers(6, 50), k=st.integers(1, 4), gamma=st.sampled_from([0.05, 0.1, "auto"]))
def test_a_representation_against_itself_has_no_difference(seed, n, k, gamma):
    rng = np.random.default_rng(seed)
    A = oracle.without_near_ties(rng, n, 6, gap=1e-5)
    moved = 3 * A @ random_rotation(rng, 6) + 1
    for B in (A, moved):
        none = RDX(n_clusters=k, gamma=gamma).fit(A, B)
        paper = RDX(n_clusters=k, gamma=gamma, version="v1").fit(A, B)
        for explanations in (none.a_not_b_, none.b_not_a_):
            assert not explanations.concepts and not explanations.labels.any()
        for explanations in (paper.a_not_b_, paper.b_not_a_):
            assert len(explanations.concepts) == k
            assert all(c.mean_affinity == pytest.approx(1, abs=1e-6) for c in explanations.concepts)


@FEW
@given(A=tied_points(), k=st.integers(1, 3))
def test_duplicates_against_themselves_have_no_difference_either(A, k):
    assume(len(A) > k + 1)
    assert not RDX(n_clusters=k).fit(A, A.copy()).a_not_b_.concepts
    assert len(RDX(n_clusters=k, version="v1").fit(A, A.copy()).b_not_a_.concepts) == k
