"""A difference graph of many items: a background of equal affinities, and the sampled pairs that stand out.

W ≈ 1·1ᵀ + T, where T has (w − 1) / chance at the sampled pairs and nothing elsewhere: every sum over W
is that over the background plus one over T, and right on average. Products with vectors are all that
spectral clustering asks for. Small blocks of W itself, for grids and pictures, are exact: the ranks in
them are counted when they are asked for.
"""

from __future__ import annotations

import numba
import numpy as np

from rdx.compute.threads import for_each_tile
from rdx.method.difference import to_affinity
from rdx.method.many.pair_sample import PairSample, Ranks
from rdx.method.many.pair_tiles import tile_rows
from rdx.method.many.rank_counting import count_ranks
from rdx.method.many.sparse_adjacency import PARTS, SparseAdjacency, cut_evenly
from rdx.method.neighborhoods import Points, order_rows, squared_distance_rows
from rdx.method.rank_affinity import rank_affinity

_STEP = 1 << 22  # pairs converted at a time
SHORTLIST = 64  # members of a cluster that are tried as a grid's centre


class SparseGraph:
    """One direction of a comparison of n items: the background, and T = ``values`` at the kept pairs.

    starts (n + 1,), items (p,), values (p,) float32: row i's pairs. (T + Tᵀ) / 2 is what is multiplied with;
    ``symmetric`` says whether the affinity itself is so. near (n, NEAR): the nearest items in the concepts'
    own representation. own_groups (n,): guidance by our own rule.
    """

    def __init__(
        self, starts: np.ndarray, items: np.ndarray, values: np.ndarray, near: np.ndarray, own: Points, other: Points,
        *, gamma: float, beta: float, symmetric: bool, own_groups: np.ndarray | None = None, seed: int = 0,
        threads: int | None = None,
    ) -> None:  # fmt: skip
        self.starts, self.items, self.values, self.near = starts, items, values, near
        self.points = own, other
        self.gamma, self.beta, self.symmetric = gamma, beta, symmetric
        self.groups, self.seed, self.threads = own_groups, seed, threads

    @classmethod
    def of_sample(cls, sample: PairSample, own: Points, other: Points, *, swapped: bool = False, **settings):
        """The graph of a sample made of (own, other), or ``swapped``, of (other, own)."""
        values = excess(sample, settings["gamma"], settings["beta"], swapped, settings.get("threads"))
        near = sample.near[1 if swapped else 0]
        return cls(
            sample.starts, sample.items, values, near, own, other, symmetric=sample.back is not None, **settings
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    def adjacency(self) -> SparseAdjacency:
        """What is clustered: (W + Wᵀ) / 2 without its diagonal, guided where there are groups."""
        return SparseAdjacency(self)

    def placed(self, points: Points) -> Points:
        """Points where `nearest` works on them."""
        return points

    def nearest(self, points: Points, rows, m: int) -> np.ndarray:
        """The m of `placed` points nearest to some, themselves first, ties by index: (len(rows), m)."""
        return order_rows(points, rows)[:, :m]

    def affinity(self, rows, columns, guided: bool = True) -> np.ndarray:
        """The exact affinity at rows × columns (index arrays that broadcast), float32."""
        rows, columns = np.broadcast_arrays(rows, columns)
        first, second = rows.ravel(), columns.ravel()
        ranks = [self._ranks(points, first, second) for points in self.points]
        if self.symmetric:
            ranks = [r + self._ranks(p, second, first) for r, p in zip(ranks, self.points, strict=True)]
        block = rank_affinity(*ranks, self.gamma, self.beta, 2.0 if self.symmetric else 1.0)
        if guided and self.groups is not None:
            block[self.groups[first] != self.groups[second]] = to_affinity(np.float32([1.0]), self.beta)[0]
        return block.reshape(rows.shape)

    def _ranks(self, points: Points, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """The rank of each of ``second`` (p,) as seen from ``first`` (p,), uint32."""
        pairs, where = np.unique(first.astype(np.int64) * len(self) + second, return_inverse=True)
        rows, items = np.divmod(pairs, len(self))
        own, begins = np.unique(rows, return_index=True)
        starts = np.append(begins, len(rows))
        items = items.astype(np.int32)
        ranks = np.empty(len(rows), np.uint32)
        step = tile_rows(len(self))

        def work(start: int) -> None:
            stop = min(start + step, len(own))
            here = slice(starts[start], starts[stop])
            squared = squared_distance_rows(points, own[start:stop])
            count_ranks(squared, own[start:stop], starts[start : stop + 1] - starts[start], items[here], ranks[here])

        for_each_tile(list(range(0, len(own), step)), work, self.threads)
        return ranks[where]

    def affinity_to_clusters(self, labels: np.ndarray, n_clusters: int) -> np.ndarray:
        """Summed affinity of every item to each cluster, itself included, without guidance: (n, c) float64."""
        labels, cuts = labels.astype(np.int64), cut_evenly(self.starts, PARTS)
        sums = [np.zeros((len(self), n_clusters)) for _ in range(PARTS)]

        def work(part: int) -> None:
            rows = cuts[part], cuts[part + 1]
            _sums_by_label(self.starts, self.items, self.values, labels, self.symmetric, *rows, sums[part])

        for_each_tile(list(range(PARTS)), work, self.threads)
        total = sums[0]
        for each in sums[1:]:
            total += each
        total += np.bincount(labels, minlength=n_clusters)
        return total

    def mean_affinity(self, members: np.ndarray) -> np.ndarray:
        """Each member's mean affinity to the members (c,), itself included, without guidance: (c,) float64."""
        labels = np.zeros(len(self), np.int64)
        labels[members] = 1
        return self.affinity_to_clusters(labels, 2)[members, 1] / len(members)

    def likely_centres(self, members: np.ndarray, m: int) -> np.ndarray:
        """Positions of the members (s,) whose nearest fellow members have the strongest affinities to them, ascending.

        All that are near are in the sample, so this costs no distance; the blocks of those found are then
        compared exactly.
        """
        if len(members) <= SHORTLIST:
            return np.arange(len(members))
        inside = np.zeros(len(self), np.bool_)
        inside[members] = True
        score = _near_excess(self.starts, self.items, self.values, self.near, members, inside, min(m, len(members)))
        return np.sort(np.argsort(-score, kind="stable")[:SHORTLIST])


def excess(sample: PairSample, gamma: float, beta: float, swapped: bool, threads: int | None = None) -> np.ndarray:
    """T at the sampled pairs (p,), float32.

    Where distances are symmetrised, a pair can come from either of its ends; it counts 2 / (sum of both
    chances) each time it does, and half of T + Tᵀ is what is multiplied with.
    """
    values = np.empty(sample.n_pairs, np.float32)

    def work(start: int) -> None:
        here = slice(start, start + _STEP)
        seen, back = _part(sample.seen, here, swapped), sample.back and _part(sample.back, here, swapped)
        if back is None:
            ranks, unit, counts = (seen.a, seen.b), 1.0, 1.0 / seen.chances
        else:
            ranks, unit, counts = (seen.a + back.a, seen.b + back.b), 2.0, 2.0 / (seen.chances + back.chances)
        values[here] = (rank_affinity(*ranks, gamma, beta, unit) - 1) * counts

    for_each_tile(list(range(0, sample.n_pairs, _STEP)), work, threads)
    return values


def _part(ranks: Ranks, here: slice, swapped: bool) -> Ranks:
    first, second = (ranks.b, ranks.a) if swapped else (ranks.a, ranks.b)
    return Ranks(first[here], second[here], ranks.chances[here])


@numba.njit(nogil=True, cache=True)
def _sums_by_label(starts, items, values, labels, both, first, last, total):
    """Adds sums of some rows of T by the label of the column to ``total`` (n, c); ``both``: of (T + Tᵀ) / 2."""
    share = 0.5 if both else 1.0
    for i in range(first, last):
        for at in range(starts[i], starts[i + 1]):
            j = items[at]
            total[i, labels[j]] += share * values[at]
            if both:
                total[j, labels[i]] += share * values[at]


@numba.njit(nogil=True, cache=True)
def _near_excess(starts, items, values, near, members, inside, m):
    """Summed T of each member (c,) and its m − 1 nearest members, as far as they are among its near items."""
    score = np.zeros(len(members))
    for r in range(len(members)):
        i = members[r]
        counted = 0
        for j in near[i]:
            if j < 0 or not inside[j] or counted == m - 1:
                continue
            counted += 1
            for at in range(starts[i], min(starts[i + 1], starts[i] + 2 * near.shape[1])):  # where the near ones stand
                if items[at] == j:
                    score[r] += values[at]
    return score
