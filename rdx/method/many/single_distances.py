"""Squared distances rounded to single precision: half the memory traffic, and next to never a doubt.

Distances are computed exactly, block by block, and rounded once. Whatever is decided by them (an order, a class) is
decided where they are farther apart than their roundings; the rest, one pair in thousands, is settled by the exact
distance of that pair. So results are those of exact distances.

A product in single precision would take half the time, but its error bound, d u |x| |y|, is so much wider that
settling what it leaves open costs more than it saves (measured at 64 dimensions and 70,000 items).
"""

from __future__ import annotations

import numba
import numpy as np

from rdx.method.neighborhoods import Points

UNIT = 2.0**-24  # the unit roundoff of float32
COLUMNS = 256  # of a product: what it writes is still in the cache when it is rounded


def fill_rows(points: Points, rows: slice, values: np.ndarray) -> np.ndarray:
    """Squared distances of some items to all, rounded, into ``values`` (t, n) float32."""
    factor = points.extended[rows]  # [x, |x|², 1] becomes [−2x, 1, |x|²], as in neighborhoods
    squares = factor[:, -2].copy()
    factor = factor * -2.0
    factor[:, -2], factor[:, -1] = 1.0, squares
    block = np.empty((len(factor), COLUMNS))
    for start in range(0, len(points), COLUMNS):
        columns = points.extended[start : start + COLUMNS]
        exact = block if len(columns) == COLUMNS else np.empty((len(factor), len(columns)))
        np.matmul(factor, columns.T, out=exact)
        _round(exact, values[:, start : start + COLUMNS])
    return values


def slack(points: Points, rows) -> np.ndarray:
    """By how much ``fill_rows`` may be off in some rows, (t,) float64; no distance is above the sum of two norms."""
    norms = np.sqrt(points.squares)
    return UNIT * (1 + 1e-9) * (norms[rows] + norms.max()) ** 2


@numba.njit(nogil=True, cache=True)
def _round(exact, rounded):
    for r in range(exact.shape[0]):
        for j in range(exact.shape[1]):
            rounded[r, j] = exact[r, j]


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "nsz"}, inline="never")
def exact_distance(extended, i, j):
    """The squared distance of two items of ``Points.extended``: whole numbers below 2**53, exact in any order."""
    total = 0.0
    for k in range(extended.shape[1] - 2):
        difference = extended[i, k] - extended[j, k]
        total += difference * difference
    return total
