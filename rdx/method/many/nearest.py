"""The few nearest items of a row of distances, without putting the row in order."""

from __future__ import annotations

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def find_nearest(row, me, found, values):
    """Fills found (k,) with the items nearest to ``me`` in a row (n,), nearest first, ties by index: −1 where none is.

    values (k,): their distances, infinite where there are none.
    """
    last = len(found) - 1
    for k in range(len(found)):
        found[k], values[k] = -1, np.inf
    worst = np.inf if len(found) else -np.inf
    for j in range(len(row)):
        v = row[j]
        if v < worst and j != me:
            at = last
            while at > 0 and values[at - 1] > v:
                values[at], found[at] = values[at - 1], found[at - 1]
                at -= 1
            values[at], found[at] = v, j
            worst = values[last]


def first_of_rows(distances: np.ndarray, rows: np.ndarray, m: int) -> np.ndarray:
    """The m nearest columns (t, m) of rows of distances (t, n), each row's own, ``rows`` (t,), first, ties by index.

    All columns where there are fewer.
    """
    found = np.empty((len(rows), min(m, distances.shape[1])), np.int64)
    _fill(distances, rows, found)
    return found


@numba.njit(nogil=True, cache=True)
def _fill(distances, rows, found):
    values = np.empty(found.shape[1] - 1)
    for r in range(len(rows)):
        found[r, 0] = rows[r]
        find_nearest(distances[r], rows[r], found[r, 1:], values)
