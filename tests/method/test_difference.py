"""Difference and affinity: formulas, bounds, and the matrices that the estimator keeps."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from rdx import RDX
from rdx.figures import pair_blocks as blocks_of_pairs
from rdx.figures.pair_blocks import pair_blocks
from rdx.method import difference
from rdx.method.difference import DifferenceGraph, compute_distances, locally_biased, plain, to_affinity
from rdx.method.neighborhoods import as_points

RNG = np.random.default_rng(0)
REAL = (oracle.without_near_ties(RNG, 40, 6, 1e-5), oracle.without_near_ties(RNG, 40, 3, 1e-5))
TIED = (RNG.integers(0, 3, size=(60, 5)), RNG.integers(0, 4, size=(60, 4)))  # no item has 3 twins: no σ is 0
PAIRS = {"real": REAL, "tied": TIED, "float32": tuple(X.astype(np.float32) for X in REAL)}
CLOSE = {"rtol": 1e-5, "atol": 1e-6}

SETTINGS = [
    {},
    {"gamma": 0.05, "beta": 2.0},
    {"gamma": "auto"},
    {"normalize_difference": True},
    {"difference": "plain", "normalize_difference": True},
    {"distance": "max_normalized"},
    {"distance": "max_normalized", "difference": "plain"},
    {"distance": "max_normalized", "difference": "plain", "normalize_difference": True},
    {"distance": "local_scaling"},
    {"distance": "local_scaling", "sigma": 3, "gamma": 0.5},
    {"distance": "local_scaling", "difference": "plain", "normalize_difference": True},
]


def oracle_pair(kind):
    """The same values as float64, for the oracle."""
    return tuple(np.asarray(X, dtype=float) for X in PAIRS[kind])


def name(settings):
    return "-".join(f"{value}" for value in settings.values()) or "default"


def test_the_formulas_by_hand():
    r_a, r_b = np.array([[0.0, 1], [4, 0]]), np.array([[0.0, 9], [2, 0]])
    expected = np.tanh(0.1 * np.array([[0, -8 / 2], [2 / 3, 0]]))
    np.testing.assert_allclose(locally_biased(r_a, r_b, 0.1), expected, **CLOSE)
    np.testing.assert_allclose(plain(r_a, r_b), [[0, -8], [2, 0]])
    expected = [[np.e**5, 1, np.e**-5]]
    np.testing.assert_allclose(to_affinity(np.array([[-1.0, 0, 1]]), 5.0), expected, **CLOSE)


def test_unsigned_ranks_do_not_wrap_around():
    r_a, r_b = np.array([[0, 3]], dtype=np.uint16), np.array([[0, 65_000]], dtype=np.uint16)
    np.testing.assert_allclose(plain(r_a, r_b), [[0, -64_997]])
    np.testing.assert_allclose(locally_biased(r_a, r_b, 1e-4), np.tanh([[0, -6.4997 / 4]]), rtol=1e-5)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("settings", SETTINGS, ids=name)
@pytest.mark.parametrize("kind", PAIRS)
def test_the_matrices_of_both_directions_equal_the_oracle(kind, settings, version):
    A, B = PAIRS[kind]
    rdx = RDX(n_clusters=2, version=version, keep_matrices=True, **settings).fit(A, B)
    A, B = oracle_pair(kind)
    r_a, r_b, difference, affinity = oracle.pair_matrices(A, B, version=version, **settings)
    np.testing.assert_allclose(rdx.a_not_b_.difference, difference, **CLOSE)
    np.testing.assert_allclose(rdx.a_not_b_.affinity, affinity, **CLOSE)
    np.testing.assert_allclose(rdx.distances_a_, r_a, **CLOSE)
    np.testing.assert_allclose(rdx.distances_b_, r_b, **CLOSE)
    _, _, difference, affinity = oracle.pair_matrices(B, A, version=version, **settings)
    np.testing.assert_allclose(rdx.b_not_a_.difference, difference, **CLOSE)
    np.testing.assert_allclose(rdx.b_not_a_.affinity, affinity, **CLOSE)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("settings", SETTINGS, ids=name)
def test_blocks_of_some_items_are_cut_from_the_whole(settings, version):
    A, B = REAL
    items = np.array([30, 2, 7, 39, 0])
    blocks = pair_blocks(A, B, items, version=version, **settings)
    whole = oracle.pair_matrices(A, B, version=version, **settings)
    got = (blocks.distances_a, blocks.distances_b, blocks.difference, blocks.affinity)
    for mine, theirs in zip(got, whole, strict=True):
        assert np.issubdtype(np.asarray(mine).dtype, np.floating)
        np.testing.assert_allclose(mine, theirs[np.ix_(items, items)], **CLOSE)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_aligned_directions_have_matrices_of_their_own(version):
    A, B = REAL
    rng = np.random.default_rng(1)
    A_mapped, B_mapped = (oracle.without_near_ties(rng, 40, d, 1e-5) for d in (3, 6))
    rdx = RDX(n_clusters=2, version=version, keep_matrices=True)
    rdx.fit(A, B, a_to_b=A_mapped, b_to_a=B_mapped)
    expected = oracle.pair_matrices(A, B_mapped, version=version)
    np.testing.assert_allclose(rdx.a_not_b_.difference, expected[2], **CLOSE)
    np.testing.assert_allclose(rdx.a_not_b_.affinity, expected[3], **CLOSE)
    expected = oracle.pair_matrices(B, A_mapped, version=version)
    np.testing.assert_allclose(rdx.b_not_a_.difference, expected[2], **CLOSE)
    np.testing.assert_allclose(rdx.b_not_a_.affinity, expected[3], **CLOSE)


def test_matrices_are_kept_only_when_asked_for():
    rdx = RDX(n_clusters=2).fit(*REAL)
    assert rdx.a_not_b_.affinity is None and rdx.b_not_a_.difference is None


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_local_scaling_with_many_duplicates_stays_finite(version):
    A, B = (X.copy() for X in REAL)
    A[:10], B[5:15] = A[0], B[5]
    rdx = RDX(n_clusters=2, version=version, distance="local_scaling", keep_matrices=True).fit(A, B)
    for explanations in (rdx.a_not_b_, rdx.b_not_a_):
        assert np.isfinite(explanations.affinity).all()


@pytest.mark.parametrize("distance", ["neighborhood", "max_normalized"])
def test_equal_representations_normalize_to_no_difference(distance):
    A = REAL[0]
    settings = {"distance": distance, "difference": "plain", "normalize_difference": True}
    rdx = RDX(n_clusters=2, version="v1", keep_matrices=True, **settings).fit(A, A)
    np.testing.assert_array_equal(rdx.a_not_b_.difference, 0)
    np.testing.assert_array_equal(rdx.a_not_b_.affinity, 1)


@pytest.mark.parametrize("distance", ["neighborhood", "max_normalized", "local_scaling"])
def test_blocks_for_pictures_do_not_depend_on_the_rows_computed_at_a_time(distance, monkeypatch):
    rng = np.random.default_rng(4)
    A, B, items = rng.normal(size=(90, 6)), rng.normal(size=(90, 3)), rng.permutation(90)[:40]
    settings = {"distance": distance, "version": "v1"}
    whole = pair_blocks(A, B, items, **settings)
    most = []
    distance_source, row_tiles = blocks_of_pairs.distance_source, blocks_of_pairs.row_tiles

    def rows_of_few(*arguments):
        rows = distance_source(*arguments)
        return lambda some: most.append(len(some)) or rows(some)

    monkeypatch.setattr(blocks_of_pairs, "distance_source", rows_of_few)
    monkeypatch.setattr(blocks_of_pairs, "row_tiles", lambda n, rows=None: row_tiles(n, 16))
    tiled = pair_blocks(A, B, items, **settings)
    assert max(most) == 16
    for name in ("distances_a", "distances_b", "difference", "affinity"):
        np.testing.assert_array_equal(getattr(tiled, name), getattr(whole, name))


@pytest.mark.parametrize("symmetric", [False, True])
def test_what_is_clustered_is_the_mean_from_both_ends_without_self_loops(symmetric, monkeypatch):
    monkeypatch.setattr(difference, "BLOCK", 16)
    own, other = (compute_distances(as_points(X), "neighborhood", symmetric=symmetric) for X in REAL)
    graph = DifferenceGraph(own, other, difference="locally_biased", gamma=0.1, beta=5.0)
    W = graph.affinity(slice(None), slice(None)).astype(float)
    assert np.allclose(W, W.T) == symmetric
    expected = (W + W.T) / 2
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(graph.adjacency(), expected, rtol=1e-6)
    labels = np.arange(len(W)) % 3
    for _ in range(2):  # from what was clustered, and without it
        sums = graph.affinity_to_clusters(labels, 3)
        np.testing.assert_allclose(sums, W @ np.eye(3)[labels], rtol=1e-5)


@pytest.mark.parametrize("settings", SETTINGS[:2] + SETTINGS[3:6], ids=name)
@pytest.mark.parametrize("symmetric", [False, True])
def test_sums_over_some_items_are_those_of_the_difference(settings, symmetric):
    settings = {"difference": "locally_biased", "gamma": 0.1, "beta": 5.0, "distance": "neighborhood"} | settings
    distance, normalize = settings.pop("distance"), settings.pop("normalize_difference", False)
    own, other = (compute_distances(as_points(X), distance, symmetric=symmetric) for X in REAL)
    graph = DifferenceGraph(own, other, **settings, normalize=normalize)
    some = np.random.default_rng(1).permutation(len(graph))[:17]
    expected = graph.matrix("difference").astype(float)[np.ix_(some, some)].sum()
    assert graph.summed_difference(some) == pytest.approx(expected, rel=1e-5)
    assert graph.summed_difference(some[:0]) == 0
