"""Distances in single precision: whatever they leave open is settled exactly."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

from rdx.method.many import pair_tiles, single_distances
from rdx.method.many.pair_choice import NEAR, choose_pairs
from rdx.method.many.pair_sample import make_choice
from rdx.method.many.pair_tiles import PairTiles
from rdx.method.many.single_kernels import choose_single, classes_single, count_single
from rdx.method.neighborhoods import as_points, squared_distance_rows

N = 700


def representations(kind="normal"):
    rng = np.random.default_rng(5)
    A, B = rng.normal(size=(N, 9)), rng.normal(size=(N, 5))
    if kind == "duplicates":
        A, B = A[rng.integers(0, 90, N)], B.round(0)
    if kind == "near ties":
        A = A[rng.integers(0, 200, N)] + 1e-6 * rng.normal(size=A.shape)
    if kind == "outlier":
        A[50], B[7] = 1e5, -1e5
    return as_points(A), as_points(B.astype(np.float32))


def choice_of(a, b, pairs=60):
    return make_choice(a, b, pairs_per_item=pairs, gamma=0.1, beta=5.0, both_directions=True, seed=1)


def disturbed(points, own, share):
    """Distances in float32 and by how much they may be off (t,): what rounding does, or a share of the typical one."""
    exact, slack = squared_distance_rows(points, own), single_distances.slack(points, own)
    if share * points.squares.mean() <= 3 * slack.max():
        return exact.astype(np.float32), slack
    slack = np.full(len(own), share * points.squares.mean())
    noise = np.random.default_rng(0).uniform(-0.6, 0.6, exact.shape) * slack[:, None]
    return (exact + noise).astype(np.float32), slack


@pytest.mark.parametrize("kind", ["normal", "duplicates", "outlier"])
@pytest.mark.parametrize("columns", [3, 256])
def test_rows_are_the_exact_distances_rounded_once(kind, columns, monkeypatch):
    monkeypatch.setattr(single_distances, "COLUMNS", columns)
    for points in representations(kind):
        rows = slice(10, 31)
        found = single_distances.fill_rows(points, rows, np.empty((21, N), np.float32))
        exact = oracle.whole_squared(points)[rows].astype(float)
        np.testing.assert_array_equal(found, exact.astype(np.float32))
        assert (np.abs(found - exact) <= single_distances.slack(points, rows)[:, None]).all()


def test_a_pairs_distance_is_exact():
    for points in representations("outlier"):
        exact = oracle.whole_squared(points)
        for i, j in ((0, 1), (50, 7), (7, 50), (3, 3), (699, 0)):
            assert single_distances.exact_distance(points.extended, i, j) == exact[i, j]


@pytest.mark.parametrize("kind", ["normal", "near ties", "duplicates", "outlier"])
@pytest.mark.parametrize("share", [0.0, 1e-6, 1e-4, 1e-2])
def test_ranks_are_exact_whatever_the_error(kind, share):
    points, _ = representations(kind)
    own = np.arange(40, 90)
    values, slack = disturbed(points, own, share)
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 120, len(own))
    starts = np.concatenate([[0], np.cumsum(counts)])
    items = np.concatenate([rng.permutation(N)[:count] for count in counts]).astype(np.int32)
    ranks, left = np.zeros(len(items), np.uint32), np.zeros(len(own), np.uint8)
    count_single(values, slack, points.extended, own, starts, items, ranks, left)
    done = np.repeat(left == 0, counts)
    expected = oracle.whole_ranks(points)[np.repeat(own, counts), items]
    np.testing.assert_array_equal(ranks[done], expected[done])
    assert done.any()


def test_rows_with_too_many_ties_are_left_to_the_exact_loop():
    n = 6000
    points = as_points(np.random.default_rng(2).integers(0, 2, (n, 3)).astype(float))
    own, items = np.arange(4), np.arange(0, n, 30, dtype=np.int32)
    starts = np.arange(5) * len(items)
    ranks, left = np.zeros(4 * len(items), np.uint32), np.zeros(4, np.uint8)
    values = squared_distance_rows(points, own).astype(np.float32)
    count_single(values, np.ones(4), points.extended, own, starts, np.tile(items, 4), ranks, left)
    assert left.all()


@pytest.mark.parametrize("kind", ["normal", "near ties", "outlier"])
@pytest.mark.parametrize("share", [0.0, 1e-6, 1e-4])
@pytest.mark.parametrize("pairs", [8, 60, 400])
def test_the_same_pairs_are_chosen_whatever_the_error(kind, share, pairs):
    sides = representations(kind)
    choice = choice_of(*sides, pairs)
    own = np.arange(100, 180)
    bounds = [choice.classes_of(points, own) for points in sides]
    exact = [squared_distance_rows(points, own) for points in sides]
    capacity = len(own) * N + 4096
    items, chances = np.empty((2, capacity), np.int32), np.empty((2, capacity), np.float32)
    near, starts = np.empty((2, 2, len(own), NEAR), np.int32), np.empty((2, len(own) + 1), np.int64)
    limits = choice.thresholds
    assert choose_pairs(*exact, own, own, *bounds, limits, choice.seed, near[0], items[0], chances[0], starts[0])
    values, slacks = zip(*(disturbed(points, own, share) for points in sides), strict=True)
    left = np.zeros(len(own), np.uint8)
    assert choose_single(
        *values, *slacks, sides[0].extended, sides[1].extended, own, *bounds, limits, choice.wide_thresholds,
        choice.far, choice.seed, near[1], items[1], chances[1], starts[1], left,
    )  # fmt: skip
    compared = 0
    for row in np.flatnonzero(left == 0):
        one, other = (slice(each[row], each[row + 1]) for each in starts)
        np.testing.assert_array_equal(items[1][other], items[0][one])
        np.testing.assert_array_equal(chances[1][other], chances[0][one])
        np.testing.assert_array_equal(near[1][:, row], near[0][:, row])
        compared += 1
    assert compared > 0.5 * len(own) or share == 1e-4 or kind != "normal"
    assert (np.diff(starts[1])[left == 1] == 0).all()
    classes = np.empty(len(items[0]), np.int8)
    classes_single(values[0], slacks[0], sides[0].extended, own, bounds[0], starts[0], items[0], classes)
    for row in range(len(own)):
        which = items[0][starts[0][row] : starts[0][row + 1]]
        expected = np.searchsorted(bounds[0][row], exact[0][row, which], side="right")
        np.testing.assert_array_equal(classes[starts[0][row] : starts[0][row + 1]], expected)


@pytest.mark.parametrize("factor", [1.0, 1e3, 1e6, 1e9])
def test_rows_that_are_left_join_the_others_in_their_order(factor, monkeypatch):
    a, b = representations()
    tiles = PairTiles(a, b, choice_of(a, b))
    expected = tiles.choose(range(64, 164), ranked=True)
    monkeypatch.setattr(pair_tiles, "slack", lambda points, rows: factor * single_distances.slack(points, rows))
    starts, found, near = tiles.choose(range(64, 164), ranked=True)
    np.testing.assert_array_equal(starts, expected[0])
    np.testing.assert_array_equal(near, expected[2])
    for name in ("items", "a", "b", "chances"):
        np.testing.assert_array_equal(found[name], expected[1][name])
