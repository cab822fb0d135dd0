"""What is known of an item's distances without looking at all of them, and the ranks that are read off it.

A profile holds an item's nearest items and the distances at which the rank classes of a sample of columns end. The
rank of any distance is read off it, straight between its points on logarithmic scales: an estimate, good where a
class holds many sampled columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from rdx.compute.threads import for_each_tile
from rdx.method.many.near_items import nearest_in_cells
from rdx.method.many.pair_choice import CLASSES, NEAR, rank_classes
from rdx.method.many.pair_tiles import tile
from rdx.method.neighborhoods import Points, squared_distances

COLUMNS = 8192  # that a row is compared with
TILE_ROWS = 64  # rows that share their columns
KNOTS = 96  # of a profile: a tenth of a rank apart, so that gaps between groups of items stay sharp


@dataclass(frozen=True)
class Profile:
    """What is known of every item's distances in one representation, squared, in grid steps."""

    near: np.ndarray  # (n, k) int32: the nearest items found, nearest first
    near_squared: np.ndarray  # (n, k) float32
    bounds: np.ndarray  # (n, CLASSES − 1) float32: where the rank classes end, infinite where there is none
    knots: np.ndarray  # (n, q) float32: where the rank is known from the sample, ascending
    log_ranks: np.ndarray  # (q,) float32: log2 of the ranks there

    def ranks(self, rows: np.ndarray, squared: np.ndarray) -> np.ndarray:
        """The estimated rank of a squared distance (p,) as seen from its row (p,), float32."""
        found = np.empty(len(rows), np.float32)
        _read_ranks(self.near_squared, self.knots, self.log_ranks, rows, squared, found)
        return found


def tiles(n: int) -> list[np.ndarray]:
    """The items of each tile of rows."""
    return [np.arange(start, min(start + TILE_ROWS, n)) for start in range(0, n, TILE_ROWS)]


def columns_of(tile_rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The columns (c,) that a tile is compared with, ascending, drawn for it alone.

    Rows that share their columns share the error of that draw, and so do columns that are drawn together.
    Seen as a matrix, what the draw leaves out has a norm of (√rows + 1) / √columns relative to all: a tenth
    here, no more than the chance of the pairs themselves; a few large blocks would make clusters of their own.
    """
    rng = np.random.default_rng([seed, int(tile_rows[0])])
    return np.sort(rng.choice(n, min(n, COLUMNS), replace=False, shuffle=False)).astype(np.int32)


def squared_to_columns(points: Points, rows: np.ndarray, columns: np.ndarray, side: int) -> np.ndarray:
    """Squared distances (t, c) of some items to the columns, in this thread's tile."""
    return squared_distances(points, rows, columns, out=tile(side, len(rows), len(columns)))


def make_profile(points: Points, seed: int, threads: int | None = None) -> Profile:
    """One representation's profile of every item."""
    n = len(points)
    columns = min(n, COLUMNS)
    positions, _ = rank_classes(n, columns)
    known = np.unique(np.geomspace(1, columns - 1, KNOTS).astype(np.int64))
    log_ranks = np.log2((known + 1.0) * (n / (columns + 1.0))).astype(np.float32)
    knots = np.empty((n, len(known)), np.float32)
    bounds = np.full((n, CLASSES - 1), np.inf, np.float32)
    near, near_squared = nearest_in_cells(points, NEAR, seed, threads)

    def work(rows: np.ndarray) -> None:
        squared = squared_to_columns(points, rows, columns_of(rows, n, seed), 0)
        squared.sort(axis=1)
        bounds[rows, : len(positions)] = squared[:, positions]
        knots[rows] = squared[:, known]

    for_each_tile(tiles(n), work, threads)
    return Profile(near, near_squared, bounds, knots, log_ranks)


@numba.njit(nogil=True, cache=True)
def _read_ranks(near_squared, knots, log_ranks, rows, squared, found):
    """Ranks of squared distances (p,) as seen from ``rows`` (p,): among the near ones, else between two knots."""
    k, last = near_squared.shape[1], len(log_ranks) - 1
    for p in range(len(rows)):
        i, v = rows[p], np.float32(squared[p])
        if k and v <= near_squared[i, k - 1]:
            rank = 0
            while near_squared[i, rank] < v:
                rank += 1
            found[p] = rank + 1
            continue
        low, low_rank = np.float32(0), np.float32(0)
        if k and np.isfinite(near_squared[i, k - 1]):
            low, low_rank = near_squared[i, k - 1], np.float32(np.log2(np.float32(k)))
        at, end = 0, last + 1
        while at < end:  # the first knot that is not before v
            middle = (at + end) >> 1
            if knots[i, middle] < v:
                at = middle + 1
            else:
                end = middle
        if at and log_ranks[at - 1] > low_rank and knots[i, at - 1] >= low:
            low, low_rank = knots[i, at - 1], log_ranks[at - 1]
        while at <= last and log_ranks[at] <= low_rank:
            at += 1
        if at > last:
            at = last
        high, high_rank = knots[i, at], log_ranks[at]
        if high <= low or high_rank <= low_rank or low <= 0:
            found[p] = np.float32(2.0) ** max(low_rank, high_rank if high <= v else low_rank)
            continue
        share = np.log(v / low) / np.log(high / low)
        found[p] = np.float32(2.0) ** (low_rank + share * (high_rank - low_rank))
