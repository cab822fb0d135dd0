"""A difference graph of many items: a background of equal affinities, and the sampled pairs that stand out.

W ≈ 1·1ᵀ + T, where T has (w − 1) / chance at the sampled pairs and nothing elsewhere: every sum over W
is that over the background plus one over T, and right on average. Products with vectors are all that
spectral clustering asks for: a sum over all entries, and one over the pairs that are kept. Small blocks of
W itself, for grids and pictures, are exact: the ranks in them are counted when they are asked for.
"""

from __future__ import annotations

import numba
import numpy as np

from rdx.compute.threads import for_each_tile
from rdx.method.difference import to_affinity
from rdx.method.many.pair_sample import PairSample, Ranks
from rdx.method.many.pair_tiles import tile_rows
from rdx.method.many.rank_counting import count_ranks
from rdx.method.many.thinning import cut_evenly, least_kept, thinned
from rdx.method.neighborhoods import Points, nearest_rows, squared_distance_rows
from rdx.method.numerics.lanczos import TOLERANCE
from rdx.method.numerics.rank_affinity import rank_affinity

SHORTLIST = 64  # members of a cluster that are tried as a grid's centre
WIDTH = 8  # columns of one sparse product
PARTS = 4  # of the rows, each with a sum of its own; fixed, so that sums do not depend on the threads
SAMPLED_TOLERANCE = 1e-3  # of the eigenvectors of a sampled graph: labels differ in a few of a thousand from 1e-5
LEAST_DEGREE = 1e-3  # of n; sampling noise must not make a degree negative
_STEP = 1 << 22  # pairs converted at a time


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

    def nearest(self, points: Points, rows, m: int, members: np.ndarray) -> np.ndarray:
        """The m of `placed` points nearest to some, themselves first, ties by index: (len(rows), m)."""
        return nearest_rows(points, rows, m)

    def affinity(self, rows, columns, guided: bool = True) -> np.ndarray:
        """The exact affinity at rows × columns (index arrays that broadcast), float32."""
        rows, columns = np.broadcast_arrays(rows, columns)
        first, second = rows.ravel(), columns.ravel()
        if self.symmetric:  # from both ends at once: in a block of pairs these are the same rows
            ends = np.concatenate([first, second]), np.concatenate([second, first])
            ranks = [self._ranks(points, *ends).reshape(2, -1).sum(axis=0) for points in self.points]
        else:
            ranks = [self._ranks(points, first, second) for points in self.points]
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


class SparseAdjacency:
    """The symmetric graph without self-loops, as an operator on vectors."""

    def __init__(self, graph: SparseGraph) -> None:
        self.starts, self.items, self.values = graph.starts, graph.items, graph.values
        self.groups, self.weakest, self.threads = graph.groups, float(np.exp(-graph.beta)), graph.threads
        if self.groups is not None:  # between groups all pairs are as weak as can be: nothing stands out there
            _, self.groups = np.unique(self.groups, return_inverse=True)
            self.values = np.where(_inside(self.starts, self.items, self.groups), self.values, np.float32(0))
        self.tolerance = TOLERANCE
        if len(self.items) < len(self) * (len(self) - 1):
            # With the error of a sample in it, the operator is not worth more digits, nor its least entries their time.
            self.tolerance = SAMPLED_TOLERANCE
            pairs = self.starts, self.items, self.values
            self.starts, self.items, self.values = thinned(*pairs, least_kept(self.values), graph.seed, self.threads)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def degrees(self) -> np.ndarray:
        """Row sums (n,), kept positive."""
        return np.maximum(self.multiply(np.ones((len(self), 1)))[:, 0], LEAST_DEGREE * len(self))

    def multiply(self, vectors: np.ndarray) -> np.ndarray:
        """The graph times vectors (n, p), float64."""
        product = self._background(vectors) - vectors
        for start in range(0, vectors.shape[1], WIDTH):
            some = vectors[:, start : start + WIDTH]
            product[:, start : start + WIDTH] += self._sampled(some)[:, : some.shape[1]]
        return product

    def _background(self, vectors: np.ndarray) -> np.ndarray:
        total = vectors.sum(axis=0)
        if self.groups is None:
            return np.broadcast_to(total, vectors.shape).copy()
        sums = np.zeros((self.groups.max() + 1, vectors.shape[1]))
        np.add.at(sums, self.groups, vectors)
        return self.weakest * total + (1.0 - self.weakest) * sums[self.groups]

    def _sampled(self, vectors: np.ndarray) -> np.ndarray:
        """(T + Tᵀ) / 2 times vectors (n, ≤ WIDTH), in float32 products."""
        n = len(self)
        block = np.zeros((n, WIDTH), np.float32)
        block[:, : vectors.shape[1]] = vectors
        flat = block.ravel()
        cuts = cut_evenly(self.starts, PARTS)
        sums = [np.zeros((n, WIDTH), np.float32) for _ in range(PARTS)]

        def work(part: int) -> None:
            _multiply(self.starts, self.items, self.values, flat, sums[part].ravel(), cuts[part], cuts[part + 1])

        for_each_tile(list(range(PARTS)), work, self.threads)
        total = sums[0].astype(np.float64)
        for each in sums[1:]:
            total += each
        total *= 0.5
        return total


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


@numba.njit(nogil=True, cache=True)
def _multiply(starts, items, values, block, sums, first, last):
    """sums += (T + Tᵀ) · block over the rows first … last − 1; both (n · WIDTH,) float32.

    Written out, with unsigned indices, because only then are the eight columns one vector to the compiler.
    """
    c1, c2, c3, c4, c5, c6, c7 = (np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4), np.uintp(5), np.uintp(6),
                                  np.uintp(7))  # fmt: skip
    for i in range(first, last):
        p = np.uintp(i) * np.uintp(WIDTH)
        x0, x1, x2, x3 = block[p], block[p + c1], block[p + c2], block[p + c3]
        x4, x5, x6, x7 = block[p + c4], block[p + c5], block[p + c6], block[p + c7]
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = np.float32(0)
        for at in range(starts[i], starts[i + 1]):
            v, q = values[at], np.uintp(items[at]) * np.uintp(WIDTH)
            s0 += v * block[q]
            s1 += v * block[q + c1]
            s2 += v * block[q + c2]
            s3 += v * block[q + c3]
            s4 += v * block[q + c4]
            s5 += v * block[q + c5]
            s6 += v * block[q + c6]
            s7 += v * block[q + c7]
            sums[q] += v * x0
            sums[q + c1] += v * x1
            sums[q + c2] += v * x2
            sums[q + c3] += v * x3
            sums[q + c4] += v * x4
            sums[q + c5] += v * x5
            sums[q + c6] += v * x6
            sums[q + c7] += v * x7
        for k, s in enumerate((s0, s1, s2, s3, s4, s5, s6, s7)):
            sums[p + np.uintp(k)] += s


@numba.njit(nogil=True, cache=True)
def _inside(starts, items, groups):
    """Which pairs (p,) lie inside one group."""
    same = np.empty(len(items), np.bool_)
    for i in range(len(starts) - 1):
        for at in range(starts[i], starts[i + 1]):
            same[at] = groups[i] == groups[items[at]]
    return same
