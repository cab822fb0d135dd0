"""The pairs that a sparse difference graph is made of, with their exact ranks in both representations.

Row tiles of distances are made, used and overwritten: memory grows with the pairs that are kept, not
with n². A second pass, where distances are symmetrised, finds the ranks of the same pairs seen from
their other end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdx.method import pair_choice
from rdx.method.neighborhoods import Points, squared_distance_rows
from rdx.method.pair_choice import NEAR, PairChoice, choose_pairs, find_chances
from rdx.method.rank_counting import count_ranks
from rdx.method.tiles import for_each_tile

TILE_ROWS = 64  # a product of fewer rows pays more for arranging the other operand
_AHEAD = 64  # tiles whose pairs wait for their turn
PILOT_PAIRS = 1 << 26  # at most so many pairs of items are looked at to fit the chances
TILE_BYTES = 96 << 20  # of one representation's tile


@dataclass
class Ranks:
    """What rows say of their pairs (p,): ranks in both representations and the chance of having chosen them."""

    a: np.ndarray  # uint32
    b: np.ndarray
    chances: np.ndarray  # float32


@dataclass
class PairSample:
    """Chosen pairs (i, j) of n items: row i's are ``items[starts[i] : starts[i + 1]]``."""

    starts: np.ndarray  # (n + 1,) int64
    items: np.ndarray  # (p,) int32
    seen: Ranks  # j from i
    back: Ranks | None  # i from j, where distances are symmetrised
    near: np.ndarray  # (2, n, NEAR) int32: the nearest items in A and in B, nearest first; −1 where there are fewer

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def n_pairs(self) -> int:
        return len(self.items)


def make_choice(
    a: Points, b: Points, *, pairs_per_item: float, gamma: float, beta: float, both_directions: bool, seed: int,
    sample: int = pair_choice.SAMPLE,
) -> PairChoice:  # fmt: skip
    """How pairs of a comparison are chosen, with chances fitted on a few rows.

    ``sample``: the number of columns from which ranks are estimated.
    """
    n = len(a)
    rng = np.random.default_rng([seed, n])
    columns = np.sort(rng.permutation(n)[:sample])
    positions, ranks = pair_choice.rank_classes(n, len(columns))
    strength = pair_choice.strengths(ranks, gamma, beta, both_directions)
    counts = np.zeros(strength.shape)
    unfitted = PairChoice(n, columns, positions, np.ones(strength.shape, np.float32), seed)
    pilot = np.sort(rng.permutation(n)[: min(pair_choice.PILOT_ROWS, max(32, PILOT_PAIRS // n))])
    step = tile_rows(n)
    for start in range(0, len(pilot), step):
        rows = pilot[start : start + step]
        squared = [squared_distance_rows(points, rows) for points in (a, b)]
        pair_choice.count_classes(*squared, rows, *(unfitted.classes(each) for each in squared), counts)
    chances = pair_choice.fitted_chances(counts / len(pilot), strength, pairs_per_item)
    expected = float((counts * chances).sum()) / len(pilot)
    return PairChoice(n, columns, positions, chances, seed, expected)


def sample_pairs(
    a: Points, b: Points, choice: PairChoice, *, both_ways: bool, threads: int | None = None
) -> PairSample:
    """All chosen pairs of n items with their ranks; ``both_ways`` also as seen from the second of each pair."""
    n, blocks = len(a), row_blocks(len(a))
    kinds = {"items": np.int32, "a": np.uint32, "b": np.uint32, "chances": np.float32}
    gathered = Gathered(kinds, n * (choice.expected + 2 * NEAR))
    near = np.empty((2, n, NEAR), np.int32)
    counts = np.empty(n, np.int64)

    def work(rows: range) -> dict[str, np.ndarray]:
        starts, found, near[:, rows.start : rows.stop] = sample_rows(a, b, choice, rows)
        counts[rows.start : rows.stop] = np.diff(starts)
        return found

    gather_in_order(blocks, work, gathered, threads)
    found = gathered.arrays()
    starts = np.concatenate([[0], np.cumsum(counts)])
    sample = PairSample(starts, found["items"], Ranks(found["a"], found["b"], found["chances"]), None, near)
    if both_ways:
        sample.back = ranks_from_the_other_end(a, b, choice, sample, threads)
    return sample


def tile_rows(n: int) -> int:
    return max(8, min(TILE_ROWS, TILE_BYTES // (8 * n)))


def row_blocks(n: int) -> list[range]:
    """The rows of each tile; they depend on n alone."""
    step = tile_rows(n)
    return [range(start, min(start + step, n)) for start in range(0, n, step)]


_buffers = threading.local()


def tile(side: int, rows: int, n: int) -> np.ndarray:
    """A thread's own tile (rows, n), used again and again: fresh memory costs as much as filling it."""
    held = getattr(_buffers, "tiles", None)
    if held is None or held.shape[1] < rows * n:
        held = _buffers.tiles = np.empty((2, rows * n))
    return held[side, : rows * n].reshape(rows, n)


def release_tiles() -> None:
    """Let go of this thread's tiles; those of a finished pool's threads go with them."""
    _buffers.tiles = None


def _squared(a: Points, b: Points, rows: range) -> tuple[np.ndarray, np.ndarray]:
    where = slice(rows.start, rows.stop)
    return tuple(
        squared_distance_rows(points, where, out=tile(side, len(rows), len(points)))
        for side, points in enumerate((a, b))
    )


def sample_rows(
    a: Points, b: Points, choice: PairChoice, rows: range
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Some rows: where each one's pairs begin (t + 1,); their items, ranks and chances (p,); near (2, t, NEAR)."""
    own = np.arange(rows.start, rows.stop)
    squared = _squared(a, b, rows)
    classes = [choice.classes(each) for each in squared]
    near = np.empty((2, len(own), NEAR), np.int32)
    starts = np.empty(len(own) + 1, np.int64)
    capacity = int(len(own) * 2 * (choice.expected + NEAR)) + 4 * pair_choice.STRIP
    while True:
        items, chances = np.empty(capacity, np.int32), np.empty(capacity, np.float32)
        if choose_pairs(*squared, own, own, *classes, choice.thresholds, choice.seed, near, items, chances, starts):
            break
        capacity *= 2
    count = starts[-1]
    items, chances = items[:count].copy(), chances[:count].copy()
    ranks = [np.empty(count, np.uint32) for _ in range(2)]
    for each, found in zip(squared, ranks, strict=True):
        count_ranks(each, own, starts, items, found)
    return starts, {"items": items, "a": ranks[0], "b": ranks[1], "chances": chances}, near


class Gathered:
    """Arrays of one length that grow at their end, without ever being there twice."""

    def __init__(self, kinds: Mapping[str, type], expected: float) -> None:
        """``expected``: entries; what is reserved beyond those that come is never touched, so costs no memory."""
        self._held = {name: np.empty(int(1.2 * expected) + 1024, kind) for name, kind in kinds.items()}
        self._size = 0

    def append(self, parts: Mapping[str, np.ndarray]) -> None:
        stop = self._size + len(next(iter(parts.values())))
        for name, part in parts.items():
            if stop > len(self._held[name]):
                held, self._held[name] = self._held[name], np.empty(stop + stop // 4, part.dtype)
                self._held[name][: self._size] = held[: self._size]
            self._held[name][self._size : stop] = part
        self._size = stop

    def arrays(self) -> dict[str, np.ndarray]:
        return {name: held[: self._size] for name, held in self._held.items()}


def gather_in_order(tasks: Sequence, work: Callable, gathered: Gathered, threads: int | None = None) -> None:
    """Appends what ``work(task)`` returns, in the order of the tasks; a few tasks' results are held at a time."""
    for start in range(0, len(tasks), _AHEAD):
        some = tasks[start : start + _AHEAD]
        found: list = [None] * len(some)

        def each(number: int, some=some, found=found) -> None:
            found[number] = work(some[number])

        for_each_tile(list(range(len(some))), each, threads)
        for part in found:
            gathered.append(part)


def ranks_from_the_other_end(
    a: Points, b: Points, choice: PairChoice, sample: PairSample, threads: int | None = None
) -> Ranks:
    """For each pair (i, j) of a sample: i as seen from j, in the sample's order."""
    total = sample.n_pairs
    starts, rows, place = transposed(sample.starts, sample.items)
    back = Ranks(np.empty(total, np.uint32), np.empty(total, np.uint32), np.empty(total, np.float32))
    thresholds = choice.thresholds

    def work(block: range) -> None:
        first, last = starts[block.start], starts[block.stop]
        if first == last:
            return
        own = np.arange(block.start, block.stop)
        squared = _squared(a, b, block)
        local, wanted, where = starts[block.start : block.stop + 1] - first, rows[first:last], place[first:last]
        found = np.empty(last - first, np.uint32)
        for each, into in zip(squared, (back.a, back.b), strict=True):
            count_ranks(each, own, local, wanted, found)
            into[where] = found
        chances = np.empty(last - first, np.float32)
        near = [side[block.start : block.stop] for side in sample.near]
        classes = [choice.classes(each) for each in squared]
        find_chances(*squared, own, *classes, thresholds, *near, wanted, local, chances)
        back.chances[where] = chances

    for_each_tile(row_blocks(len(a)), work, threads)
    return back


def transposed(starts: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs by their second item: where each item's begin (n + 1,), the first items, and the pairs' places (p,)."""
    from scipy.sparse import csr_array

    n = len(starts) - 1
    kind = np.int32 if len(items) < 2**31 else np.int64
    matrix = csr_array((np.arange(len(items), dtype=kind), items, starts), shape=(n, n)).tocsc()
    return matrix.indptr.astype(np.int64), matrix.indices, matrix.data
