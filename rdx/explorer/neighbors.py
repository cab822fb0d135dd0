"""The nearest items of every item, and their exact ranks as every representation has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdx.compute.threads import for_each_tile, row_tiles
from rdx.method.many.key_ranks import rank_type
from rdx.method.neighborhoods import Points, nearest_rows, rank_rows


@dataclass(frozen=True)
class NeighborLists:
    """The k nearest of m items, nearest first; a list that is shorter ends with the item itself."""

    neighbors: np.ndarray  # (m, k) items
    ranks: Mapping[str, np.ndarray]  # representation → (2, m, k): rank of the neighbour, and of the item to it


def nearest(points: Points, rows: np.ndarray, k: int) -> np.ndarray:
    """The k items nearest to each of some: (m, k) for ``rows`` (m,)."""
    found = np.empty((len(rows), min(k, len(points) - 1)), dtype=np.int64)

    def work(tile: slice) -> None:
        found[tile] = nearest_rows(points, rows[tile], k + 1)[:, 1:]

    for_each_tile(_tiles(len(rows), len(points)), work)
    return _filled(found, rows, k)


def nearest_members(points: Points, labels: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """The k items nearest to each of ``rows`` (m,) that have its label, (m, k); none for label 0."""
    found = np.repeat(rows[:, None], k, axis=1)
    for label in np.unique(labels[labels > 0]):
        members = np.flatnonzero(labels == label)
        asked = np.flatnonzero(labels[rows] == label)
        if len(members) > 1 and len(asked):
            within = nearest(points.subset(members), np.searchsorted(members, rows[asked]), k)
            found[asked] = members[within]
    return found


def with_ranks(lists: Sequence[np.ndarray], rows: np.ndarray, views: Mapping[str, Points]) -> list[NeighborLists]:
    """Adds the ranks of every pair, both ways round, in every representation.

    lists: (m, k) neighbours of ``rows`` (m,). Only the rows of ranks that occur are computed.
    """
    first = np.concatenate([np.repeat(rows, found.shape[1]) for found in lists])
    second = np.concatenate([found.ravel() for found in lists])
    n = len(next(iter(views.values())))
    pairs, where = np.unique(np.concatenate([first * n + second, second * n + first]), return_inverse=True)
    ranks = {name: pair_ranks(points, pairs // n, pairs % n)[where] for name, points in views.items()}
    ends = np.cumsum([found.size for found in lists])
    result = []
    for found, end in zip(lists, ends, strict=True):
        here = slice(end - found.size, end)
        there = slice(len(first) + here.start, len(first) + here.stop)
        both = {name: np.stack([r[here], r[there]]).reshape(2, *found.shape) for name, r in ranks.items()}
        result.append(NeighborLists(found, both))
    return result


def pair_ranks(points: Points, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The rank of each of ``second`` (p,) as seen from ``first`` (p,), which is sorted: (p,)."""
    ranks = np.empty(len(first), dtype=rank_type(len(points)))
    items, starts = np.unique(first, return_index=True)
    starts = np.append(starts, len(first))

    def work(tile: slice) -> None:
        rows = rank_rows(points, items[tile])
        begin, end = starts[tile.start], starts[tile.stop]
        position = np.repeat(np.arange(tile.stop - tile.start), np.diff(starts[tile.start : tile.stop + 1]))
        ranks[begin:end] = rows[position, second[begin:end]]

    for_each_tile(_tiles(len(items), len(points)), work)
    return ranks


def typical_rank(points: Points, grid: np.ndarray) -> float | None:
    """The median rank over all ordered pairs of a grid (m,); None where there is no pair."""
    m = len(grid)
    if m < 2:
        return None
    return float(np.median(rank_rows(points, grid)[:, grid][~np.eye(m, dtype=bool)]))


def _tiles(rows: int, n: int) -> list[slice]:
    """Row tiles of an (rows, n) computation."""
    step = row_tiles(n)[0].stop
    return [slice(start, min(start + step, rows)) for start in range(0, rows, step)]


def _filled(found: np.ndarray, rows: np.ndarray, k: int) -> np.ndarray:
    """Lists (m, j ≤ k) as (m, k): the item itself marks the end."""
    missing = np.repeat(rows[:, None], k - found.shape[1], axis=1)
    return np.concatenate([found, missing], axis=1)
