"""Which items that were not looked at join a group of those that were."""

from __future__ import annotations

import numpy as np

from rdx.compute.threads import row_tiles
from rdx.method.difference import locally_biased
from rdx.method.neighborhoods import Points, squared_distances
from rdx.method.scales.reach import lie_among


def joining(
    own: Points, other: Points, items: np.ndarray, among: np.ndarray, members: np.ndarray, gamma: float, guide=None
) -> np.ndarray:
    """Whether each of ``items`` (m,) joins a group, (m,) bool: it is asked as if it had been among those looked at.

    own, other: all items in the model that has the group and in the other. among (s,): the items looked at; members
    (s,) bool: those of the group. Ranks are symmetrised, each among the items looked at and the one itself. guide: of
    all items, see `rdx.method.guidance`.
    """
    sides = [(points, _own_order(points, among)) for points in (own, other)]
    found = np.empty(len(items), dtype=bool)
    for tile in row_tiles(len(items)):
        ranks = [_ranks(points, distances, items[tile], among) for points, distances in sides]
        pair = items[tile][:, None], among[None, :]
        guided = ranks if guide is None else guide.distances(*ranks, *pair)
        difference = locally_biased(*guided, gamma, 2.0)
        if guide is not None:
            guide.weaken(difference, *pair)
        found[tile] = lie_among(ranks[0], -difference[:, members].mean(axis=1, dtype=np.float64), members)
    return found


def _own_order(points: Points, among: np.ndarray) -> np.ndarray:
    """The distances of those looked at to each other, each row ascending, (s, s)."""
    return np.sort(squared_distances(points, among, among), axis=1)


def _ranks(points: Points, distances: np.ndarray, items: np.ndarray, among: np.ndarray) -> np.ndarray:
    """r + rᵀ of items (t,) and those looked at (s,), (t, s)."""
    squared = squared_distances(points, items, among)
    seen_from_item = np.empty(squared.shape)
    np.put_along_axis(
        seen_from_item, np.argsort(squared, axis=1, kind="stable"), np.arange(1.0, len(among) + 1), axis=1
    )
    seen_by = [np.searchsorted(row, column) for row, column in zip(distances, squared.T, strict=True)]
    return seen_from_item + np.array(seen_by).T
