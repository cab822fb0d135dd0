"""The pairs of some rows of items: which are chosen, their ranks, and the chances of having chosen them.

Distances are rounded to single precision and decide wherever that leaves no doubt (single_kernels); rows in
which there is too much of it, as among many duplicates, come from exact distances (pair_choice, rank_counting).
Both give the same.
"""

from __future__ import annotations

import threading

import numpy as np

from rdx.method.many import pair_choice
from rdx.method.many.pair_choice import NEAR, PairChoice, choose_pairs
from rdx.method.many.rank_counting import count_ranks
from rdx.method.many.single_distances import fill_rows, slack
from rdx.method.many.single_kernels import chances_of, choose_single, classes_single, count_single
from rdx.method.neighborhoods import Points, squared_distance_rows

TILE_ROWS = 128  # a product of fewer rows pays more for reading the other operand
TILE_BYTES = 48 << 20  # of one representation's tile, in single precision

_buffers = threading.local()


def tile_rows(n: int) -> int:
    return max(8, min(TILE_ROWS, TILE_BYTES // (4 * n)))


def row_blocks(n: int) -> list[range]:
    """The rows of each tile; they depend on n alone."""
    step = tile_rows(n)
    return [range(start, min(start + step, n)) for start in range(0, n, step)]


def tile(side: int, rows: int, n: int, kind: type = np.float64) -> np.ndarray:
    """A thread's own tile (rows, n), used again and again: fresh memory costs as much as filling it."""
    held = getattr(_buffers, "tiles", None)
    if held is None or held.shape[1] < rows * n * np.dtype(kind).itemsize:
        held = _buffers.tiles = np.empty((2, rows * n * np.dtype(kind).itemsize), np.uint8)
    return held[side].view(kind)[: rows * n].reshape(rows, n)


def release_tiles() -> None:
    """Let go of this thread's tiles; those of a finished pool's threads go with them."""
    _buffers.tiles = None


class PairTiles:
    """Two representations of n items and how pairs of them are chosen, worked on in row tiles; threads may share it."""

    def __init__(self, a: Points, b: Points, choice: PairChoice) -> None:
        self.points, self.choice = (a, b), choice

    def choose(self, rows: range, *, ranked: bool) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        """Where each row's pairs begin (t + 1,); their items, chances and perhaps ranks (p,); near (2, t, NEAR)."""
        own, values = np.arange(rows.start, rows.stop), self._values(rows)
        near = np.empty((2, len(own), NEAR), np.int32)
        starts, items, chances = self._chosen(own, values, near)
        found = {"items": items, "chances": chances}
        if ranked:
            found["a"], found["b"] = self._counted(own, values, starts, items)
        return starts, found, near

    def rank(
        self, rows: range, starts: np.ndarray, items: np.ndarray, back_starts: np.ndarray, back_items: np.ndarray,
        near: list[np.ndarray],
    ) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:  # fmt: skip
        """Ranks in A and in B of the items that rows have chosen and of those that have chosen them, counted at once.

        Row r's are items[starts[r] : starts[r + 1]] and back_items[back_starts[r] : back_starts[r + 1]]. Also the
        chances with which the rows would have chosen the latter.
        """
        own, values = np.arange(rows.start, rows.stop), self._values(rows)
        # Of each row first what it has chosen, then what has chosen it.
        at = np.arange(len(items)) + np.repeat(back_starts[:-1], np.diff(starts))
        back_at = np.arange(len(back_items)) + np.repeat(starts[1:], np.diff(back_starts))
        both = np.empty(len(items) + len(back_items), np.int32)
        both[at], both[back_at] = items, back_items
        ranks = self._counted(own, values, starts + back_starts, both)
        classes = [np.empty(len(back_items), np.int8) for _ in range(2)]
        for points, each, found in zip(self.points, values, classes, strict=True):
            bounds = self.choice.classes_of(points, own)
            classes_single(each, slack(points, own), points.extended, own, bounds, back_starts, back_items, found)
        chances = np.empty(len(back_items), np.float32)
        chances_of(self.choice.thresholds, *classes, *near, back_starts, back_items, chances)
        return [each[at] for each in ranks], [each[back_at] for each in ranks], chances

    def _values(self, rows: range) -> list[np.ndarray]:
        where, n = slice(rows.start, rows.stop), len(self.points[0])
        return [
            fill_rows(points, where, tile(side, len(rows), n, np.float32)) for side, points in enumerate(self.points)
        ]

    def _chosen(self, own: np.ndarray, values: list[np.ndarray], near: np.ndarray) -> tuple:
        choice, (a, b) = self.choice, self.points
        bounds = [choice.classes_of(points, own) for points in self.points]
        left, starts = np.zeros(len(own), np.uint8), np.empty(len(own) + 1, np.int64)
        items, chances = _filled(
            choice, len(own),
            lambda items, chances: choose_single(
                *values, slack(a, own), slack(b, own), a.extended, b.extended, own, *bounds, choice.thresholds,
                choice.wide_thresholds, choice.far, choice.seed, near, items, chances, starts, left,
            ),
            starts,
        )  # fmt: skip
        if not left.any():
            return starts, items, chances
        which = np.flatnonzero(left)
        some = np.empty((2, len(which), NEAR), np.int32)
        starts_left, items_left, chances_left = self._chosen_exactly(own[which], some)
        near[:, which] = some
        # The rows' pairs one after the other again.
        rows = [np.repeat(np.arange(len(own)), np.diff(starts)), np.repeat(which, np.diff(starts_left))]
        row_of = np.concatenate(rows)
        order = np.argsort(row_of, kind="stable")
        starts = np.searchsorted(row_of[order], np.arange(len(own) + 1)).astype(np.int64)
        return starts, np.concatenate([items, items_left])[order], np.concatenate([chances, chances_left])[order]

    def _counted(self, own: np.ndarray, values: list[np.ndarray], starts: np.ndarray, items: np.ndarray) -> list:
        ranks = [np.empty(len(items), np.uint32) for _ in range(2)]
        for points, each, found in zip(self.points, values, ranks, strict=True):
            left = np.zeros(len(own), np.uint8)
            count_single(each, slack(points, own), points.extended, own, starts, items, found, left)
            for row in np.flatnonzero(left):
                where, one = slice(starts[row], starts[row + 1]), own[[row]]
                squared, some = squared_distance_rows(points, one), np.array([0, starts[row + 1] - starts[row]])
                count_ranks(squared, one, some, items[where], found[where])
        return ranks

    def _chosen_exactly(self, own: np.ndarray, near: np.ndarray) -> tuple:
        squared = [squared_distance_rows(points, own) for points in self.points]
        bounds, starts = [self.choice.classes(each) for each in squared], np.empty(len(own) + 1, np.int64)
        items, chances = _filled(
            self.choice, len(own),
            lambda items, chances: choose_pairs(
                *squared, own, own, *bounds, self.choice.thresholds, self.choice.seed, near, items, chances, starts
            ),
            starts,
        )  # fmt: skip
        return starts, items, chances


def _filled(choice: PairChoice, rows: int, fill, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Items and chances as ``fill`` leaves them, given room enough."""
    capacity = int(rows * 2 * (choice.expected + NEAR)) + 4 * pair_choice.STRIP
    while True:
        items, chances = np.empty(capacity, np.int32), np.empty(capacity, np.float32)
        if fill(items, chances):
            return items[: starts[-1]].copy(), chances[: starts[-1]].copy()
        capacity *= 2
