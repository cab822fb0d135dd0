"""Ranks by counting, held against sorting: in whole numbers, and as the dense path sorts."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdx.method.many.rank_counting import STRIP, count_ranks
from rdx.method.neighborhoods import as_points, rank_rows, squared_distance_rows

KINDS = ("normal", "one column", "integers", "duplicates", "all but one equal", "all equally far", "near ties",
         "outlier", "two far clouds")  # fmt: skip


def features(kind, n, dtype, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 1 if kind == "one column" else 5))
    if kind == "integers":
        X = rng.integers(0, 3, (n, 4)).astype(float)
    elif kind == "duplicates":
        X[rng.integers(0, n, n // 2)] = X[rng.integers(0, n, n // 2)]
    elif kind == "all but one equal":
        X[:-1] = X[0]
    elif kind == "all equally far":
        X = np.eye(n)
    elif kind == "near ties":
        X = rng.integers(0, 3, (n, 4)) + 1e-6 * rng.normal(size=(n, 4))
    elif kind == "outlier":
        X[n // 3] = 1e6
    elif kind == "two far clouds":
        X[::2] += 1e4
    return X.astype(dtype)


def counted(squared, own, queries):
    """Ranks, row by row, of each row's queried items."""
    starts = np.concatenate([[0], np.cumsum([len(items) for items in queries])]).astype(np.int64)
    items = np.concatenate([np.zeros(0), *queries]).astype(np.int32)
    ranks = np.full(len(items), 2**32 - 1, np.uint32)
    count_ranks(squared, np.asarray(own), starts, items, ranks)
    return np.split(ranks, starts[1:-1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_every_rank_equals_the_sorted_one_for_any_tile(kind, dtype):
    n = 90
    points = as_points(features(kind, n, dtype))
    expected = oracle.whole_ranks(points)
    np.testing.assert_array_equal(rank_rows(points, np.arange(n)), expected)
    rng = np.random.default_rng(1)
    for tile_rows in (1, 7, 64, n):
        for first in range(0, n, tile_rows):
            own = np.arange(first, min(first + tile_rows, n))
            queries = [rng.permutation(n)[: rng.integers(0, n + 1)] for _ in own]
            found = counted(squared_distance_rows(points, own), own, queries)
            for i, items, ranks in zip(own, queries, found, strict=True):
                np.testing.assert_array_equal(ranks, expected[i, items])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [STRIP - 1, STRIP, STRIP + 1, 3 * STRIP + 5])
def test_many_columns_in_strips_and_more_buckets(kind, n):
    if kind == "all equally far":
        squared = np.full((3, n), 2.0)
        own = np.array([0, n // 2, n - 1])
        squared[np.arange(3), own] = 0.0
        expected = np.array([np.arange(n) + (np.arange(n) < i) for i in own])
        expected[np.arange(3), own] = 0
    else:
        points = as_points(features(kind, n, np.float64, seed=n))
        own = np.array([n // 3, 0, n - 1])  # the first of them is the outlier itself
        squared, expected = squared_distance_rows(points, own), rank_rows(points, own)
    rng = np.random.default_rng(2)
    for count in (1, 2, 40, n):
        queries = [rng.permutation(n)[:count] for _ in own]
        for items, ranks, row in zip(queries, counted(squared, own, queries), expected, strict=True):
            np.testing.assert_array_equal(ranks, row[items])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from([1.0, 2.0, 50.0, 2.0**51]))
def test_any_distances_with_ties(seed, n, largest):
    """Also where an item's own distance is not the smallest of its row: it still comes first."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(1, 6))
    squared = np.floor(rng.random((rows, n)) ** rng.integers(1, 8) * largest)
    own = rng.integers(0, n, rows)
    queries = [rng.permutation(n)[: rng.integers(0, n + 1)] for _ in own]
    for row, me, items, ranks in zip(squared, own, queries, counted(squared, own, queries), strict=True):
        order = sorted(range(n), key=lambda j: (j != me, row[j], j))  # noqa: B023
        assert ranks.tolist() == [order.index(j) for j in items]


def test_an_item_is_first_also_among_its_copies_before_it():
    squared = np.zeros((1, 6))
    assert counted(squared, [4], [np.arange(6)])[0].tolist() == [1, 2, 3, 4, 0, 5]


def test_rows_without_queries_leave_the_others_alone():
    points = as_points(features("normal", 40, np.float64))
    expected, none = oracle.whole_ranks(points), np.zeros(0, int)
    own = np.array([3, 9, 5, 0])
    found = counted(squared_distance_rows(points, own), own, [none, np.array([7, 9, 1]), none, none])
    assert [len(ranks) for ranks in found] == [0, 3, 0, 0]
    np.testing.assert_array_equal(found[1], expected[9, [7, 9, 1]])
    assert not sum(map(len, counted(squared_distance_rows(points, own), own, [none] * 4)))
