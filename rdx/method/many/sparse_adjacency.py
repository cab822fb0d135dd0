"""The adjacency of a sparse difference graph as an operator on vectors: what spectral clustering asks for.

A product with 1·1ᵀ + T is a sum over all entries and a sum over the pairs that are kept. Small entries of T are
thinned out first: they cost as much time as large ones and tell less.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from rdx.compute.threads import for_each_tile
from rdx.method.many.pair_choice import mixed
from rdx.method.spectral import TOLERANCE

if TYPE_CHECKING:
    from rdx.method.many.sparse_graph import SparseGraph  # which builds on this module

WIDTH = 8  # columns of one sparse product
PARTS = 4  # of the rows, each with a sum of its own; fixed, so that sums do not depend on the threads
SAMPLED_TOLERANCE = 1e-3  # of the eigenvectors of a sampled graph: labels differ in a few of a thousand from 1e-5
THINNED = 0.05  # how much variance may be added by thinning out small entries, as a share of what is there
LEAST_DEGREE = 1e-3  # of n; sampling noise must not make a degree negative


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


def cut_evenly(starts: np.ndarray, parts: int) -> np.ndarray:
    """Rows that divide the pairs into parts of about the same size, from 0 to n: (parts + 1,)."""
    cuts = np.searchsorted(starts, np.linspace(0, starts[-1], parts + 1).astype(np.int64))
    cuts[0], cuts[-1] = 0, len(starts) - 1
    return cuts


def least_kept(values: np.ndarray) -> float:
    """The size v₀ up to which entries can be thinned: kept with chance |v| / v₀, and then counted as ±v₀.

    Pairs were chosen for both directions, so in each there are many that matter to the other one. v₀ is
    the largest for which the added variance, Σ |v| (v₀ − |v|) over the smaller ones, is THINNED · Σ v².
    """
    sizes = np.sort(np.abs(values[:: max(1, len(values) // 200_000)].astype(np.float64)))
    if not len(sizes):
        return 0.0
    first, second = np.cumsum(sizes), np.cumsum(sizes**2)
    added = sizes * first - second  # with v₀ at each of the sizes
    return float(sizes[np.searchsorted(added, THINNED * second[-1], side="right") - 1])


def thinned(
    starts: np.ndarray, items: np.ndarray, values: np.ndarray, least: float, seed: int, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs with entries below ``least`` thinned out; the draw of each depends on the seed and its place alone."""
    n, least = len(starts) - 1, np.float32(least)
    counts = np.zeros(n + 1, np.int64)
    cuts = cut_evenly(starts, 64).tolist()
    tiles = list(zip(cuts[:-1], cuts[1:], strict=True))
    for_each_tile(tiles, lambda rows: _count_kept(starts, values, least, seed, *rows, counts), threads)
    fewer = np.cumsum(counts)
    kept, heavier = np.empty(fewer[-1], np.int32), np.empty(fewer[-1], np.float32)
    for_each_tile(tiles, lambda rows: _keep(starts, items, values, least, seed, *rows, fewer, kept, heavier), threads)
    return fewer, kept, heavier


@numba.njit(nogil=True, cache=True)
def _count_kept(starts, values, least, seed, first, last, counts):
    """counts[i + 1]: the pairs of row i that are kept."""
    key = mixed(np.uint32(seed) + np.uint32(0x9E3779B9))
    for i in range(first, last):
        for at in range(starts[i], starts[i + 1]):
            counts[i + 1] += _is_kept(at, key, values[at], least)


@numba.njit(nogil=True, cache=True)
def _keep(starts, items, values, least, seed, first, last, fewer, kept, heavier):
    key = mixed(np.uint32(seed) + np.uint32(0x9E3779B9))
    for i in range(first, last):
        to = fewer[i]
        for at in range(starts[i], starts[i + 1]):
            if _is_kept(at, key, values[at], least):
                kept[to] = items[at]
                heavier[to] = max(values[at], least) if values[at] > 0 else min(values[at], -least)
                to += 1


@numba.njit(nogil=True, cache=True, inline="always")
def _is_kept(at, key, value, least):
    draw = np.float32(mixed(np.uint32(at) + key)) * np.float32(1.0 / 4294967296.0)
    return value != 0 and draw * least < abs(value)


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
