"""k-means as scikit-learn's ``KMeans(k, n_init=10)`` does it: the same random numbers, the same clusters.

Greedy k-means++ starts (Arthur and Vassilvitskii, 2007), Lloyd's iteration from each, of which the tightest is kept.
An embedding has few columns and is clustered several times a fit, where scikit-learn takes a few milliseconds for
tens of microseconds of arithmetic. Points are stored by column here, so that loops over them fill the vector registers.
"""

from __future__ import annotations

import math

import numba
import numpy as np

STARTS = 10
_ITERATIONS = 300
_TOLERANCE = 1e-4  # of the columns' mean variance: centres that move less, squared and summed, have converged
_STRIP = 1024  # points at a time: what is known of them stays in the nearest cache
_SAME = 1e-12  # relative difference of two sums of squares that rounding can make
_compiled = numba.njit(nogil=True, cache=True, error_model="numpy")


def kmeans(points: np.ndarray, n_clusters: int, random_state: int = 0) -> np.ndarray:
    """Labels (n,) from 0 of points (n, e); with fewer distinct points than clusters, some clusters stay empty."""
    n = len(points)
    columns = np.ascontiguousarray(points.T, dtype=np.float64)
    columns = columns - columns.mean(axis=1, keepdims=True)
    tolerance = _TOLERANCE * columns.var(axis=1).mean()
    trials = 2 + int(math.log(n_clusters))
    draws = np.random.RandomState(random_state).random_sample((STARTS, 1 + (n_clusters - 1) * trials))  # noqa: NPY002
    nearest, squares = np.empty(n), np.empty((3, n))
    centres, sums = np.empty((2, n_clusters, len(columns)))
    label, before, best = np.empty((3, n), np.int64)
    least = np.inf
    for numbers in draws:
        _start(columns, numbers, trials, centres, nearest, *squares)
        _lloyd(columns, centres, tolerance, label, before, nearest, squares[0], sums, np.empty(n_clusters))
        inertia = float(nearest.sum())
        if inertia < least * (1 - _SAME):
            least, label, best = inertia, best, label
    return best


@_compiled
def _start(columns, numbers, trials, centres, nearest, square, best, passed):
    """Centres (k, e) at points drawn by squared distance from those before, each the best of some trials.

    numbers: uniform, one for the first centre, then ``trials`` for each. The last four (n,) are scratch.
    """
    dimensions, n = columns.shape
    point = min(int(numbers[0] * n), n - 1)
    for j in range(n):
        nearest[j] = np.inf
    for c in range(len(centres)):
        if c:
            passed[0] = nearest[0]
            for j in range(1, n):
                passed[j] = passed[j - 1] + nearest[j]
        least = np.inf
        for trial in range(trials if c else 1):
            candidate = point
            if c:
                drawn = numbers[1 + (c - 1) * trials + trial] * passed[-1]
                candidate = min(np.searchsorted(passed, drawn), n - 1)
            for d in range(dimensions):
                centres[c, d] = columns[d, candidate]
            _squares(columns, 0, centres[c], square)
            left = 0.0
            for j in range(n):
                square[j] = min(nearest[j], square[j])
                left += square[j]
            if left < least:
                least, point = left, candidate
                for j in range(n):
                    best[j] = square[j]
        for j in range(n):
            nearest[j] = best[j]
        for d in range(dimensions):
            centres[c, d] = columns[d, point]


@_compiled
def _lloyd(columns, centres, tolerance, label, before, nearest, square, sums, sizes):
    """Moves centres (k, e) until labels stay: label (n,), nearest (n,) the squares of the distances to its centres.

    before, square (n,), sums (k, e) and sizes (k,) are scratch.
    """
    dimensions, n = columns.shape
    clusters = len(centres)
    for j in range(n):
        before[j] = -1
    anew = True  # whether the sums have to be added up from nothing, or only what has moved counts
    for _ in range(_ITERATIONS):
        _assign(columns, centres, label, nearest, square)
        changed = 0
        for j in range(n):
            changed += label[j] != before[j]
        if not changed:
            return
        if anew:
            for c in range(clusters):
                sizes[c] = 0.0
                for d in range(dimensions):
                    sums[c, d] = 0.0
        for j in range(n):
            own, was = label[j], before[j]
            if not anew and own != was:
                sizes[was] -= 1.0
                for d in range(dimensions):
                    sums[was, d] -= columns[d, j]
            if anew or own != was:
                sizes[own] += 1.0
                for d in range(dimensions):
                    sums[own, d] += columns[d, j]
                before[j] = own
        anew = False
        for c in range(clusters):
            if sizes[c] == 0.0:  # it takes the point that is farthest from its centre
                anew, far = True, 0
                for j in range(n):
                    far = j if nearest[j] > nearest[far] else far
                nearest[far] = 0.0
                sizes[label[far]] -= 1.0
                sizes[c] = 1.0
                for d in range(dimensions):
                    sums[label[far], d] -= columns[d, far]
                    sums[c, d] = columns[d, far]
        moved = 0.0
        for c in range(clusters):
            for d in range(dimensions):
                new = sums[c, d] / sizes[c] if sizes[c] > 0.0 else centres[c, d]
                moved += (new - centres[c, d]) ** 2
                centres[c, d] = new
        if moved <= tolerance:
            break
    _assign(columns, centres, label, nearest, square)


@_compiled
def _assign(columns, centres, label, nearest, square):
    """label (n,): the nearest centre, the first of equals; nearest (n,): the square of its distance."""
    n = len(label)
    for begin in range(0, n, _STRIP):
        count = min(_STRIP, n - begin)
        least, own, far = nearest[begin : begin + count], label[begin : begin + count], square[:count]
        for j in range(count):
            least[j] = np.inf
        for c in range(len(centres)):
            _squares(columns, begin, centres[c], far)
            for j in range(count):
                own[j] = c if far[j] < least[j] else own[j]
            for j in range(count):  # a loop of its own: both in one fill no vector registers
                least[j] = min(least[j], far[j])


@_compiled
def _squares(columns, begin, centre, out):
    """out (m,): squared distances of the points from ``begin`` on to a centre (e,)."""
    for d in range(len(columns)):
        row, here = columns[d, begin : begin + len(out)], centre[d]
        for j in range(len(out)):
            out[j] = (out[j] if d else 0.0) + (row[j] - here) ** 2
