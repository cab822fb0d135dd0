"""The pairs of some rows of items: which are chosen, their ranks, and the chances of having chosen them."""

from __future__ import annotations

import threading

import numpy as np

from rdx.method.many import pair_choice
from rdx.method.many.pair_choice import NEAR, PairChoice, chances_of, choose_pairs
from rdx.method.many.rank_counting import count_ranks
from rdx.method.neighborhoods import Points, squared_distance_rows

TILE_ROWS = 128  # a product of fewer rows pays more for reading the other operand
TILE_BYTES = 48 << 20  # of one representation's tile

_buffers = threading.local()


def tile_rows(n: int) -> int:
    return max(8, min(TILE_ROWS, TILE_BYTES // (8 * n)))


def row_blocks(n: int) -> list[range]:
    """The rows of each tile; they depend on n alone."""
    step = tile_rows(n)
    return [range(start, min(start + step, n)) for start in range(0, n, step)]


def tile(side: int, rows: int, n: int) -> np.ndarray:
    """A thread's own tile (rows, n), used again and again: fresh memory costs as much as filling it."""
    held = getattr(_buffers, "tiles", None)
    if held is None or held.shape[1] < rows * n:
        held = _buffers.tiles = np.empty((2, rows * n))
    return held[side, : rows * n].reshape(rows, n)


def release_tiles() -> None:
    """Let go of this thread's tiles; those of a finished pool's threads go with them."""
    _buffers.tiles = None


class PairTiles:
    """Two representations of n items and how pairs of them are chosen, worked on in row tiles; threads may share it."""

    def __init__(self, a: Points, b: Points, choice: PairChoice) -> None:
        self.points, self.choice = (a, b), choice

    def choose(self, rows: range, *, ranked: bool) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        """Where each row's pairs begin (t + 1,); their items, chances and perhaps ranks (p,); near (2, t, NEAR)."""
        own, squared = np.arange(rows.start, rows.stop), self._squared(rows)
        near = np.empty((2, len(own), NEAR), np.int32)
        starts, items, chances = self._chosen(own, squared, near)
        found = {"items": items, "chances": chances}
        if ranked:
            found["a"], found["b"] = _counted(own, squared, starts, items)
        return starts, found, near

    def rank(
        self, rows: range, starts: np.ndarray, items: np.ndarray, back_starts: np.ndarray, back_items: np.ndarray,
        near: list[np.ndarray],
    ) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:  # fmt: skip
        """Ranks in A and in B of the items that rows have chosen and of those that have chosen them, counted at once.

        Row r's are items[starts[r] : starts[r + 1]] and back_items[back_starts[r] : back_starts[r + 1]]. Also the
        chances with which the rows would have chosen the latter.
        """
        own, squared = np.arange(rows.start, rows.stop), self._squared(rows)
        # Of each row first what it has chosen, then what has chosen it.
        at = np.arange(len(items)) + np.repeat(back_starts[:-1], np.diff(starts))
        back_at = np.arange(len(back_items)) + np.repeat(starts[1:], np.diff(back_starts))
        both = np.empty(len(items) + len(back_items), np.int32)
        both[at], both[back_at] = items, back_items
        ranks = _counted(own, squared, starts + back_starts, both)
        bounds = [self.choice.classes(each) for each in squared]
        chances = np.empty(len(back_items), np.float32)
        chances_of(*squared, *bounds, self.choice.thresholds, *near, back_starts, back_items, chances)
        return [each[at] for each in ranks], [each[back_at] for each in ranks], chances

    def _squared(self, rows: range) -> list[np.ndarray]:
        where, n = slice(rows.start, rows.stop), len(self.points[0])
        return [
            squared_distance_rows(points, where, out=tile(side, len(rows), n))
            for side, points in enumerate(self.points)
        ]

    def _chosen(self, own: np.ndarray, squared: list[np.ndarray], near: np.ndarray) -> tuple[np.ndarray, ...]:
        """Where each row's pairs begin (t + 1,), their items and chances (p,); fills ``near``."""
        bounds = [self.choice.classes(each) for each in squared]
        starts = np.empty(len(own) + 1, np.int64)
        capacity = int(len(own) * 2 * (self.choice.expected + NEAR)) + 4 * pair_choice.STRIP
        while True:
            items, chances = np.empty(capacity, np.int32), np.empty(capacity, np.float32)
            if choose_pairs(
                *squared, own, own, *bounds, self.choice.thresholds, self.choice.seed, near, items, chances, starts
            ):
                return starts, items[: starts[-1]].copy(), chances[: starts[-1]].copy()
            capacity *= 2


def _counted(own: np.ndarray, squared: list[np.ndarray], starts: np.ndarray, items: np.ndarray) -> list[np.ndarray]:
    """The ranks of rows' items in either representation, (p,) each."""
    ranks = [np.empty(len(items), np.uint32) for _ in range(2)]
    for each, found in zip(squared, ranks, strict=True):
        count_ranks(each, own, starts, items, found)
    return ranks
