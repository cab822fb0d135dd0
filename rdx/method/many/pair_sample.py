"""The pairs that a sparse difference graph is made of, with their exact ranks in both representations.

Row tiles of distances are made, used and overwritten: memory grows with the pairs that are kept, not
with n². Where distances are symmetrised, a first pass chooses the pairs and a second one finds their ranks as
seen from either end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rdx.compute.threads import map_ordered
from rdx.method.many import pair_choice
from rdx.method.many.pair_choice import NEAR, PairChoice
from rdx.method.many.pair_tiles import PairTiles, row_blocks, tile_rows
from rdx.method.neighborhoods import Points, squared_distance_rows

PILOT_PAIRS = 1 << 26  # at most so many pairs of items are looked at to fit the chances


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


@dataclass(frozen=True)
class Drawn:
    """All pairs of the first pass, from either end."""

    starts: np.ndarray  # (n + 1,) int64: row i's are items[starts[i] : starts[i + 1]]
    items: np.ndarray  # (p,) int32
    near: np.ndarray  # (2, n, NEAR) int32
    back_starts: np.ndarray  # the same pairs, `transposed`
    back_items: np.ndarray

    def of(self, rows: range) -> tuple:
        """What `PairTiles.rank` takes of some rows."""
        pairs = []
        for starts, items in ((self.starts, self.items), (self.back_starts, self.back_items)):
            first, last = starts[rows.start], starts[rows.stop]
            pairs += [starts[rows.start : rows.stop + 1] - first, items[first:last]]
        return rows, *pairs, [side[rows.start : rows.stop] for side in self.near]


def sample_pairs(
    a: Points, b: Points, choice: PairChoice, *, both_ways: bool, spread: Callable = map_ordered
) -> PairSample:
    """All chosen pairs of n items with their ranks; ``both_ways`` also as seen from the second of each pair.

    ``spread``: how tiles of rows are worked on, see `rdx.compute.engine.Engine.map`.
    """
    n, blocks = len(a), row_blocks(len(a))
    kinds = {"items": np.int32, "chances": np.float32}
    if not both_ways:
        kinds |= {"a": np.uint32, "b": np.uint32}
    gathered = Gathered(kinds, n * (choice.expected + 2 * NEAR))
    near = np.empty((2, n, NEAR), np.int32)
    counts = np.empty(n, np.int64)
    tiles = PairTiles(a, b, choice)
    for rows, (starts, found, nearest) in zip(blocks, spread(_choose, blocks, (tiles, not both_ways)), strict=True):
        near[:, rows.start : rows.stop] = nearest
        counts[rows.start : rows.stop] = np.diff(starts)
        gathered.append(found)
    found = gathered.arrays()
    starts = np.concatenate([[0], np.cumsum(counts)])
    if not both_ways:
        return PairSample(starts, found["items"], Ranks(found["a"], found["b"], found["chances"]), None, near)
    return rank_both_ways(tiles, starts, found["items"], found["chances"], near, spread)


def _choose(rows: range, tiles: PairTiles, ranked: bool) -> tuple:
    return tiles.choose(rows, ranked=ranked)


def _rank(task: tuple, tiles: PairTiles) -> tuple:
    return tiles.rank(*task)


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


def rank_both_ways(
    tiles: PairTiles, starts: np.ndarray, items: np.ndarray, chances: np.ndarray, near: np.ndarray,
    spread: Callable = map_ordered,
) -> PairSample:  # fmt: skip
    """The sample of chosen pairs (i, j): j's ranks as seen from i, and i's as seen from j."""
    total, blocks = len(items), row_blocks(len(near[0]))
    back_starts, back_items, place = transposed(starts, items)
    drawn = Drawn(starts, items, near, back_starts, back_items)
    seen = Ranks(np.empty(total, np.uint32), np.empty(total, np.uint32), chances)
    back = Ranks(np.empty(total, np.uint32), np.empty(total, np.uint32), np.empty(total, np.float32))
    tasks = (drawn.of(rows) for rows in blocks)
    for rows, (forth, other, chance) in zip(blocks, spread(_rank, tasks, (tiles,)), strict=True):
        which = slice(starts[rows.start], starts[rows.stop])
        where = place[back_starts[rows.start] : back_starts[rows.stop]]
        seen.a[which], seen.b[which] = forth
        back.a[where], back.b[where], back.chances[where] = *other, chance
    return PairSample(starts, items, seen, back, near)


def transposed(starts: np.ndarray, items: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pairs by their second item: where each item's begin (n + 1,), the first items, and the pairs' places (p,)."""
    from scipy.sparse import csr_array

    n = len(starts) - 1
    kind = np.int32 if len(items) < 2**31 else np.int64
    matrix = csr_array((np.arange(len(items), dtype=kind), items, starts), shape=(n, n)).tocsc()
    return matrix.indptr.astype(np.int64), matrix.indices, matrix.data
