"""How far each item's neighbourhood moved from one representation to the other, and in which of them it is more alone.

With N_A(i) the k nearest items of i in A and r_A(i, j) the rank of j as A sees it from i, 1 for the nearest:

    change(i)          = 1 − |N_A(i) ∩ N_B(i)| / k
    more_alone_in_a(i) = mean over j in N_B(i) of log2 r_A(i, j) − mean of log2 1 … log2 k

So ``change`` is the share of neighbours that are not common: 0 where both models see the same ones, 1 where no one is
the same. ``more_alone_in_a`` tells in doublings how much farther the neighbours that B sees are in A: 0 where they are
the nearest there too, 1 where they are twice as far down the list (geometric mean, so that one far neighbour does not
make it); ``more_alone_in_b`` is the same with A and B exchanged. An item that A holds together with a group that B
scatters is more alone in B. All of it is made of the ranks that RDX itself compares.

Where there are more than `MOST` items, they are divided into equal random parts of at most so many, and neighbours are
sought inside an item's part: the time grows with n, not with its square, and no n × n array is ever there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdx.compute.threads import for_each_tile, row_tiles
from rdx.method.neighborhoods import as_points, rank_rows

NEIGHBORS = 10  # k; fewer where there are hardly more items
MOST = 5_000  # items among which neighbours are sought


@dataclass(frozen=True)
class Moves:
    """Of n items in two representations."""

    near_a: np.ndarray  # (n, k) the nearest items in A, nearest first
    near_b: np.ndarray  # (n, k)
    change: np.ndarray  # (n,) 0 … 1
    more_alone_in_a: np.ndarray  # (n,) doublings, 0 or more
    more_alone_in_b: np.ndarray  # (n,)


def neighbors_moved(A, B, seed: int = 0) -> Moves:
    """The moves from A (n, d_a) to B (n, d_b); ``seed`` draws the parts where there are many items."""
    a, b = as_points(A, "representation A"), as_points(B, "representation B")
    n = len(a)
    parts = _parts(n, seed)
    k = max(1, min(NEIGHBORS, (min(map(len, parts)) - 1) // 3))
    near = {side: np.empty((n, k), dtype=np.int64) for side in "ab"}
    change, alone = np.empty(n), {side: np.empty(n) for side in "ab"}
    for part in parts:
        points = {"a": a.subset(part), "b": b.subset(part)} if len(parts) > 1 else {"a": a, "b": b}

        def work(rows: slice, part=part, points=points) -> None:
            items = part[rows]
            ranks = {side: rank_rows(points[side], rows) for side in "ab"}
            found = {side: _nearest(ranks[side], k) for side in "ab"}
            for side, other in ("ab", "ba"):
                near[side][items] = part[found[side]]
                there = np.take_along_axis(ranks[side], found[other], axis=1)  # as this one has them
                farther = np.log2(np.sort(there, axis=1), dtype=np.float64) - np.log2(np.arange(1, k + 1))
                alone[side][items] = farther.mean(axis=1)  # none is below 0
            change[items] = (there > k).sum(axis=1) / k

        for_each_tile(row_tiles(len(part)), work)
    return Moves(near["a"], near["b"], change, alone["a"], alone["b"])


def _parts(n: int, seed: int) -> list[np.ndarray]:
    """The items, all of them or in random parts of one size, each ascending."""
    if n <= MOST:
        return [np.arange(n)]
    order = np.random.default_rng(seed).permutation(n)
    return [np.sort(part) for part in np.array_split(order, -(-n // MOST))]


def _nearest(ranks: np.ndarray, k: int) -> np.ndarray:
    """The columns that have the ranks 1 … k in every row (t, n): (t, k)."""
    rows, columns = np.nonzero((ranks >= 1) & (ranks <= k))
    found = np.empty((len(ranks), k), dtype=np.int64)
    found[rows, ranks[rows, columns].astype(np.int64) - 1] = columns
    return found
