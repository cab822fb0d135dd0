"""Which pairs of items a sparse difference graph keeps, and how likely each of them was to be kept.

An affinity graph of a million items has 10¹² entries, most of them near 1: what moves its eigenvectors
is T = W − 1·1ᵀ, and there the entries that are far from 0. So pair (i, j) is kept with a chance that
grows with |T|, and counts 1 / chance:

    chance = min(1, s · strength),    strength = max over directions of |exp(∓β d) − 1| / (exp(β) − 1)

with d the difference at the two ranks. Of all ways to keep m pairs of a row, chances in proportion to
|T| make the variance of its sums the least (importance sampling), and the error of the eigenvectors,
about 1 / √m, does not depend on n. s is fitted on a few rows so that ``pairs_per_item`` are kept on average.

To choose, ranks need not be exact, only known beforehand: they are read off the distances to a fixed
sample of columns, to a quarter of an octave, and the chance is that of these. The unbiasedness of the
sums rests on the chance used, not on the rank behind it. The ``NEAR`` nearest items in either
representation are always kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from rdx.method.difference import locally_biased
from rdx.method.many.nearest import find_nearest
from rdx.method.many.rank_counting import STRIP

NEAR = 16
SAMPLE = 512  # columns from which ranks are estimated
CLASSES = 32  # of ranks, about three to an octave; a power of two
PILOT_ROWS = 256
_WHOLE = np.float64(1 << 32)


@dataclass(frozen=True)
class PairChoice:
    """How the pairs of a comparison of n items are chosen; made once, the same for every tile."""

    n: int
    columns: np.ndarray  # (s,) the sampled columns, ascending
    positions: np.ndarray  # (k,) places in a row's sorted sample where one rank class ends and the next begins
    chances: np.ndarray  # (k + 1, k + 1) float32: by the pair's rank class in A and in B
    seed: int
    expected: float = 0.0  # pairs that a row keeps on average

    @property
    def thresholds(self) -> np.ndarray:
        """The chances on the scale of 32-bit random numbers."""
        return np.minimum(self.chances.astype(np.float64) * _WHOLE, _WHOLE - 1).astype(np.uint32)

    def classes(self, squared: np.ndarray) -> np.ndarray:
        """The distances (t, CLASSES − 1) that divide the rank classes of rows of squared distances (t, n)."""
        bounds = np.full((len(squared), CLASSES - 1), np.inf)
        bounds[:, : len(self.positions)] = np.sort(squared[:, self.columns], axis=1)[:, self.positions]
        return bounds


def rank_classes(n: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Places in ``size`` sorted of n distances that divide the rank classes (k,), and each class's rank (k + 1,)."""
    positions = np.unique(np.geomspace(1, size - 1, CLASSES - 1).astype(np.int64))
    edges = np.concatenate([[0.5], positions * (n / size), [float(n)]])
    return positions, np.sqrt(edges[:-1] * edges[1:])


def strengths(ranks: np.ndarray, gamma: float, beta: float, both_directions: bool) -> np.ndarray:
    """|T| of pairs of rank classes, as a share of the largest possible, (k, k) for ranks (k,).

    A pair may lie one class beside its own, as ranks are estimated, so each entry is the largest of its
    neighbourhood; that also leaves a small chance to pairs without a difference.
    """
    from scipy.ndimage import maximum_filter

    difference = locally_biased(ranks[:, None], ranks[None, :], gamma).astype(np.float64)
    strength = np.abs(np.expm1(-beta * difference))
    if both_directions:
        strength = np.maximum(strength, np.abs(np.expm1(beta * difference)))
    return maximum_filter(strength / np.expm1(beta), size=3, mode="nearest")


def fitted_chances(counts: np.ndarray, strength: np.ndarray, pairs_per_item: float) -> np.ndarray:
    """min(1, s · strength) with s such that a row keeps ``pairs_per_item`` on average.

    counts (k, k): pairs of each class in an average row. Where that many are not there, all chances are 1.
    """
    if counts.sum() <= pairs_per_item + 1e-6:  # a mean of counts, hence rounded
        return np.ones(strength.shape, np.float32)
    low, high = 0.0, 1.0 / strength[strength > 0].min()
    for _ in range(100):
        s = (low + high) / 2
        if (counts * np.minimum(1.0, s * strength)).sum() < pairs_per_item:
            low = s
        else:
            high = s
    return np.minimum(1.0, high * strength).astype(np.float32)


@numba.njit(nogil=True, cache=True)
def count_classes(squared_a, squared_b, own, classes_a, classes_b, counts):
    """Adds the pairs of t rows to ``counts`` (k, k), by their rank classes in A and in B; ``own`` (t,) is no pair."""
    for r in range(len(squared_a)):
        for j in range(squared_a.shape[1]):
            if j == own[r]:
                continue
            counts[_class_of(squared_a[r, j], classes_a[r]), _class_of(squared_b[r, j], classes_b[r])] += 1


@numba.njit(nogil=True, cache=True)
def choose_pairs(
    squared_a, squared_b, rows, own, classes_a, classes_b, thresholds, seed, near, items, chances, starts
):
    """Chooses the pairs of t rows; returns whether ``items`` and ``chances`` (capacity,) were large enough.

    squared_a, squared_b (t, n): squared distances of the items ``rows`` (t,), with the rank classes'
    bounds (t, CLASSES − 1); ``own`` (t,) is each one's own column, −1 where it is not among them. Row r
    gets items[starts[r] : starts[r + 1]], which are columns, and near[:, r], its nearest columns in A
    and in B, nearest first (2, t, k), −1 where there are fewer; they are chosen for certain.
    """
    n = squared_a.shape[1]
    taken, values = np.zeros(n, np.uint8), np.empty(near.shape[2])
    drawn = np.empty(STRIP, np.uint32)
    passed = np.empty(STRIP + 1, np.int32)
    limit = np.uint32(0)
    for threshold in thresholds.flat:
        limit = max(limit, threshold)
    scale = np.float32(1.0 / 4294967296.0)
    filled = 0
    starts[0] = 0
    for r in range(len(own)):
        me = own[r]
        if near.shape[2]:
            find_nearest(squared_a[r], me, near[0, r], values)
            find_nearest(squared_b[r], me, near[1, r], values)
        if filled + 2 * near.shape[2] > len(items):
            return False
        for side in range(2):
            for j in near[side, r]:
                if j >= 0 and not taken[j]:
                    taken[j] = 1
                    items[filled], chances[filled] = j, 1.0
                    filled += 1
        if me >= 0:
            taken[me] = 1
        first, second = _keys(seed, rows[r])
        for begin in range(0, n, STRIP):
            end = min(n, begin + STRIP)
            if filled + STRIP > len(items):
                return False
            for j in range(begin, end):
                drawn[j - begin] = _random(np.uint32(j), first, second)
            count = 0
            for j in range(begin, end):
                passed[count] = j
                count += drawn[j - begin] <= limit
            for at in range(count):
                j = passed[at]
                a = _class_of(squared_a[r, j], classes_a[r])
                b = _class_of(squared_b[r, j], classes_b[r])
                threshold = thresholds[a, b]
                if drawn[j - begin] <= threshold and not taken[j]:
                    items[filled] = j
                    chances[filled] = min((np.float32(threshold) + np.float32(1.0)) * scale, np.float32(1.0))
                    filled += 1
        if me >= 0:
            taken[me] = 0
        for side in range(2):
            for j in near[side, r]:
                if j >= 0:
                    taken[j] = 0
        starts[r + 1] = filled
    return True


@numba.njit(nogil=True, cache=True)
def chances_of(squared_a, squared_b, classes_a, classes_b, thresholds, near_a, near_b, starts, items, chances):
    """Fills ``chances`` (q,) with those with which `choose_pairs` would have kept the given items of each row.

    Row r's are items[starts[r] : starts[r + 1]]; near_a, near_b (t, k) are those it found.
    """
    scale = np.float32(1.0 / 4294967296.0)
    for r in range(len(squared_a)):
        for at in range(starts[r], starts[r + 1]):
            j = items[at]
            threshold = thresholds[_class_of(squared_a[r, j], classes_a[r]), _class_of(squared_b[r, j], classes_b[r])]
            chance = min((np.float32(threshold) + np.float32(1.0)) * scale, np.float32(1.0))
            for side in range(near_a.shape[1]):
                if near_a[r, side] == j or near_b[r, side] == j:
                    chance = np.float32(1.0)
            chances[at] = chance


@numba.njit(nogil=True, cache=True)
def _class_of(value, bounds):
    """How many of the ascending ``bounds`` (CLASSES − 1,) are not above ``value``: bisection without a branch."""
    at = 0
    half = CLASSES >> 1
    while half:
        at += half * (bounds[at + half - 1] <= value)
        half >>= 1
    return at


@numba.njit(nogil=True, cache=True)
def _times(x, factor):
    """A product of 32-bit numbers that stays one; Numba alone would widen it, at twice the cost."""
    return np.uint32(np.uint32(x) * np.uint32(factor))


@numba.njit(nogil=True, cache=True)
def _folded(x, shift):
    return np.uint32(np.uint32(x) ^ np.uint32(np.uint32(x) >> np.uint32(shift)))


@numba.njit(nogil=True, cache=True)
def mixed(x):
    """A 32-bit mixing function (an xor-shift-multiply finaliser): every bit of x reaches every bit of the result."""
    return _folded(_times(_folded(_times(_folded(x, 16), 0x7FEB352D), 15), 0x846CA68B), 16)


@numba.njit(nogil=True, cache=True)
def _keys(seed, row):
    """Two numbers that make a row's random numbers its own."""
    first = mixed(np.uint32(seed) ^ mixed(np.uint32(row + 0x9E3779B9)))
    return first, mixed(np.uint32(first + np.uint32(0x85EBCA6B)))


@numba.njit(nogil=True, cache=True)
def _random(column, first, second):
    """Uniform 32 bits for a pair; rows share no sequence, since their keys enter twice."""
    x = np.uint32(_times(column, 0x9E3779B1) + first)
    x = np.uint32(_times(_folded(x, 16), 0x7FEB352D) ^ second)
    return _folded(_times(_folded(x, 15), 0x846CA68B), 16)
