"""Neighbourhood distances against the oracle, and their independence of tiles, threads and types."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from computed import neighborhood_distances
from scipy.spatial.distance import cdist

from rdx.errors import InputError
from rdx.method.neighborhoods import as_points, neighborhood_ranks, rank_rows, squared_distance_rows

DISTANCES = ("neighborhood", "max_normalized", "local_scaling")


def integer_points(n=150, d=4, high=5, seed=0):
    """Few values on few axes: equal distances everywhere, and many exact duplicates."""
    return np.random.default_rng(seed).integers(0, high, size=(n, d))


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("high", [3, 5, 200])
def test_ranks_of_integers_equal_the_oracle_with_ties_and_duplicates(dtype, high):
    X = integer_points(high=high)
    assert high == 200 or len(np.unique(X, axis=0)) < len(X)
    np.testing.assert_array_equal(neighborhood_distances(X.astype(dtype)), oracle.ranks(X))


def test_ranks_of_pixels_equal_the_oracle():
    X = np.random.default_rng(1).integers(0, 256, size=(120, 784), dtype=np.uint8)
    np.testing.assert_array_equal(neighborhood_distances(X), oracle.ranks(X.astype(float)))


def test_ties_survive_an_exact_shift_and_scale():
    X = integer_points()
    expected = oracle.ranks(X)
    np.testing.assert_array_equal(neighborhood_distances(X * 0.25 - 1000), expected)
    np.testing.assert_array_equal(neighborhood_distances(X * 4096.0 + 3), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n, d", [(5, 2), (40, 3), (50, 64)])
def test_ranks_of_real_numbers_equal_the_oracle(dtype, n, d):
    X = oracle.without_near_ties(np.random.default_rng(n + d), n, d, gap=1e-5).astype(dtype)
    np.testing.assert_array_equal(neighborhood_distances(X), oracle.ranks(X.astype(float)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_only_distances_closer_than_the_grid_may_change_places(dtype):
    X = np.random.default_rng(2).normal(size=(500, 32)).astype(dtype)
    r = neighborhood_distances(X).astype(int)
    D = cdist(X.astype(float), X.astype(float))
    np.testing.assert_array_equal(np.sort(r, axis=1), np.tile(np.arange(500), (500, 1)))
    in_rank_order = np.take_along_axis(D, np.argsort(r, axis=1), axis=1)
    # b = floor((52 - ceil(log2(4 * 32))) / 2) = 22 bits for the largest value, half a step a coordinate
    step = 2 * np.abs(X).max() / 2**22
    assert np.diff(in_rank_order, axis=1).min() > -2 * step * np.sqrt(32)
    assert np.mean(r != oracle.ranks(X.astype(float))) < 1e-3


def test_an_item_is_its_own_nearest_also_among_duplicates():
    X = integer_points()
    X[[3, 70, 149]] = X[0]
    r = neighborhood_distances(X)
    np.testing.assert_array_equal(np.diag(r), 0)
    twins = np.flatnonzero((X[0] == X).all(axis=1))
    for i in twins:
        others = twins[twins != i]
        np.testing.assert_array_equal(r[i, others], np.arange(1, len(others) + 1))


def test_a_far_away_cloud_keeps_its_ranks():
    X = oracle.without_near_ties(np.random.default_rng(3), 40, 5, gap=1e-4)
    np.testing.assert_array_equal(neighborhood_distances(X + 1e5), oracle.ranks(X))


@pytest.mark.parametrize("distance", ["max_normalized", "local_scaling"])
@pytest.mark.parametrize("n", [5, 8, 60])
def test_other_distances_equal_the_oracle(distance, n):
    X = np.random.default_rng(4).normal(size=(n, 6))
    expected = oracle.neighborhood_distances(X, distance)
    np.testing.assert_allclose(neighborhood_distances(X, distance), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("sigma", [1, 3, 100])
def test_local_scaling_takes_the_sigma_th_neighbour_or_the_last(sigma):
    X = np.random.default_rng(5).normal(size=(20, 3))
    expected = oracle.local_scaling(X, sigma)
    got = neighborhood_distances(X, "local_scaling", sigma=sigma)
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)


def test_local_scaling_of_nothing_by_nothing_is_zero():
    X = np.vstack([np.zeros((10, 2)), np.random.default_rng(6).normal(size=(10, 2)) + 5])
    got = neighborhood_distances(X, "local_scaling")
    assert not np.isnan(got).any()
    np.testing.assert_array_equal(got[:10, :10], 0)
    np.testing.assert_allclose(got[10:, 10:], oracle.local_scaling(X)[10:, 10:], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("kind", ["integers", "near ties", "duplicates"])
def test_the_same_for_any_tile_and_thread_count(distance, kind):
    rng = np.random.default_rng(7)
    X = integer_points(n=97) if kind == "integers" else rng.normal(size=(97, 12))
    if kind == "near ties":
        X = np.round(X) + 1e-13 * rng.normal(size=X.shape)
    if kind == "duplicates":
        X[rng.integers(0, 97, 40)] = X[rng.integers(0, 97, 40)]
    reference = neighborhood_distances(X, distance)
    for tile_rows in (1, 2, 7, 64, 96, 97, 1000):
        for threads in (1, 2, 3):
            got = neighborhood_distances(X, distance, tile_rows=tile_rows, threads=threads)
            np.testing.assert_array_equal(got, reference, err_msg=f"{tile_rows} rows, {threads} threads")


@pytest.mark.parametrize("side", [1, 7, 64, 100])
@pytest.mark.parametrize("tile_rows", [None, 3, 1000])
def test_ranks_put_together_from_blocks_of_distances_equal_the_oracle(side, tile_rows, monkeypatch):
    monkeypatch.setattr("rdx.method.neighborhoods._SIDE", side)
    monkeypatch.setattr("rdx.method.neighborhoods._NARROW", 0)
    X = integer_points(high=4)
    np.testing.assert_array_equal(neighborhood_ranks(as_points(X), tile_rows), oracle.ranks(X))


def test_rows_on_their_own_equal_the_rows_of_the_whole():
    X = np.random.default_rng(8).normal(size=(80, 10)).round(1)
    points = as_points(X)
    assert len(points) == 80
    every = np.arange(80)
    r, D = rank_rows(points, every), squared_distance_rows(points, every)
    assert np.issubdtype(r.dtype, np.unsignedinteger) and D.dtype == np.float64
    np.testing.assert_array_equal(r, neighborhood_distances(X))
    np.testing.assert_allclose(np.sqrt(D) * points.unit, cdist(X, X), rtol=1e-5, atol=1e-5)
    for rows in ([0], [79, 3, 3], list(range(5, 60))):
        np.testing.assert_array_equal(rank_rows(points, np.array(rows)), r[rows])
        np.testing.assert_array_equal(squared_distance_rows(points, np.array(rows)), D[rows])


def test_distances_are_symmetric_and_zero_on_the_diagonal():
    points = as_points(np.random.default_rng(9).normal(size=(50, 7)))
    D = squared_distance_rows(points, np.arange(50))
    np.testing.assert_array_equal(D, D.T)
    np.testing.assert_array_equal(np.diag(D), 0)


def test_ranks_reach_n_minus_1_beyond_16_bits():
    points = as_points(np.arange(70_000.0)[:, None])
    row = rank_rows(points, np.array([0, 69_999]))
    np.testing.assert_array_equal(row[0], np.arange(70_000))
    np.testing.assert_array_equal(row[1], np.arange(70_000)[::-1])


def test_distances_that_differ_in_the_last_bit_keep_their_order_among_many_items():
    """Far apart and almost equally so, with exact ties between: 64 bits do not hold distance and index."""
    rng = np.random.default_rng(12)
    X = np.column_stack([rng.choice([-1, 1], 20_000) * 4_000_000, rng.integers(0, 4, 20_000)])
    rows = np.array([0, 1, 2, 19_999])
    got = rank_rows(as_points(X), rows)
    for i, row in zip(rows, got, strict=True):
        squared = ((X - X[i]) ** 2).sum(axis=1)
        squared[i] = -1
        expected = np.empty(len(X), dtype=int)
        expected[np.argsort(squared, kind="stable")] = np.arange(len(X))
        np.testing.assert_array_equal(row, expected)


def test_items_that_come_closer_and_closer_keep_their_order():
    """Buckets of one width, and of one width within each, do not tell them apart."""
    X = 2.0 ** -np.random.default_rng(13).integers(0, 20, size=(300, 1))
    np.testing.assert_array_equal(neighborhood_ranks(as_points(X)), oracle.ranks(X))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_with_its_row(bad):
    X = np.random.default_rng(10).normal(size=(30, 4))
    X[17, 2] = bad
    with pytest.raises(InputError, match=r"\b17\b"):
        as_points(X)


def test_a_constant_representation_is_refused():
    with pytest.raises(InputError, match="constant|same|identical|equal"):
        as_points(np.full((10, 3), 0.1))
