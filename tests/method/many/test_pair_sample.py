"""Samples of pairs: exact ranks from both ends, whatever the tiles and threads."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import numpy as np
import oracle
import pytest

from rdx.compute.threads import map_ordered
from rdx.method.many import pair_tiles
from rdx.method.many.pair_sample import make_choice, sample_pairs, transposed
from rdx.method.many.pair_tiles import release_tiles, row_blocks, tile
from rdx.method.neighborhoods import as_points

N = 230


@cache
def representations(kind="normal"):
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(N, 6)), rng.normal(size=(N, 4))
    if kind == "duplicates":
        A, B = A[rng.integers(0, 60, N)], B.round(0)
    if kind == "outlier":
        A[50], B[7] = 1e6, -1e6
    return as_points(A), as_points(B.astype(np.float32))


def sampled(kind="normal", pairs=30, both_ways=True, threads=None, **changes):
    a, b = representations(kind)
    choice = make_choice(a, b, pairs_per_item=pairs, gamma=0.1, beta=5.0, both_directions=True, seed=1)
    spread = partial(map_ordered, threads=threads)
    return sample_pairs(a, b, replace(choice, **changes), both_ways=both_ways, spread=spread)


def arrays(sample):
    ranks = [each for side in (sample.seen, sample.back) for each in (side.a, side.b, side.chances)]
    return [sample.starts, sample.items, sample.near, *ranks]


@pytest.mark.parametrize("kind", ["normal", "duplicates", "outlier"])
@pytest.mark.parametrize("pairs", [10, 60, N])
def test_ranks_are_the_dense_ones_from_both_ends(kind, pairs):
    sample = sampled(kind, pairs)
    rows = np.repeat(np.arange(N), np.diff(sample.starts))
    assert len(sample) == N and sample.n_pairs == len(rows) == sample.starts[-1]
    for points, seen, back in zip(
        representations(kind), (sample.seen.a, sample.seen.b), (sample.back.a, sample.back.b), strict=True
    ):
        expected = oracle.whole_ranks(points)
        np.testing.assert_array_equal(seen, expected[rows, sample.items])
        np.testing.assert_array_equal(back, expected[sample.items, rows])


def test_one_way_is_the_same_without_the_other_end():
    one, both = sampled(both_ways=False), sampled()
    assert one.back is None
    for field in ("starts", "items", "near"):
        np.testing.assert_array_equal(getattr(one, field), getattr(both, field))
    for field in ("a", "b", "chances"):
        np.testing.assert_array_equal(getattr(one.seen, field), getattr(both.seen, field))


@pytest.mark.parametrize("kind", ["normal", "duplicates"])
def test_the_same_for_any_tile_and_thread_count(kind, monkeypatch):
    expected = arrays(sampled(kind, threads=1))
    for tile_rows, tile_bytes in ((8, 1 << 30), (13, 1 << 30), (1000, 1 << 30), (1000, 8 * N * 10)):
        monkeypatch.setattr(pair_tiles, "TILE_ROWS", tile_rows)
        monkeypatch.setattr(pair_tiles, "TILE_BYTES", tile_bytes)
        for threads in (1, 2, 5):
            for one, other in zip(arrays(sampled(kind, threads=threads)), expected, strict=True):
                np.testing.assert_array_equal(one, other)


def test_room_is_made_for_more_pairs_than_were_expected(monkeypatch):
    monkeypatch.setattr(pair_tiles, "TILE_ROWS", 200)
    for one, other in zip(arrays(sampled(pairs=N, expected=0.0)), arrays(sampled(pairs=N)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_blocks_of_rows_cover_all_and_do_not_depend_on_threads():
    for n in (4, 63, 64, 65, 1000, 10**6):
        blocks = row_blocks(n)
        assert blocks[0].start == 0 and blocks[-1].stop == n
        assert all(one.stop == other.start for one, other in zip(blocks, blocks[1:], strict=False))
        assert max(map(len, blocks)) * n * 8 <= max(pair_tiles.TILE_BYTES, 8 * n * 8)


def test_tiles_of_two_sides_share_nothing_and_grow():
    for rows, n in ((2, 5), (3, 40), (1, 7)):
        first, second = tile(0, rows, n), tile(1, rows, n)
        assert first.shape == second.shape == (rows, n) and not np.shares_memory(first, second)
        assert np.shares_memory(first, tile(0, rows, n))
    release_tiles()
    assert not np.shares_memory(first, tile(0, 1, 7))


@pytest.mark.parametrize("empty", [False, True])
def test_transposed_has_each_pair_once_by_its_second_item(empty):
    rng = np.random.default_rng(4)
    n = 50
    matrix = np.zeros((n, n), bool) if empty else rng.random((n, n)) < 0.1
    matrix[:, 7] = matrix[11] = False
    rows, items = np.nonzero(matrix)
    order = np.lexsort((rng.random(len(rows)), rows))  # a row's items in any order, as samples have them
    items = items[order].astype(np.int32)
    starts = np.concatenate([[0], np.cumsum(matrix.sum(axis=1))])
    begins, firsts, places = transposed(starts, items)
    np.testing.assert_array_equal(begins, np.concatenate([[0], np.cumsum(matrix.sum(axis=0))]))
    seconds = np.repeat(np.arange(n), np.diff(begins))
    np.testing.assert_array_equal(np.sort(places), np.arange(len(items)))
    np.testing.assert_array_equal(items[places], seconds)
    np.testing.assert_array_equal(rows[places], firsts)
