"""Ranks from rows of distances, by dividing each row's range into buckets, several to an item.

Items are counted into buckets, which says where each bucket begins, and put there in the order of their columns. What
is left, next to nothing where distances are spread, an insertion sort puts right. Where it has much to do, because
items lie far beyond all others or close together, each crowded bucket is divided in the same way; rows that are not in
order even then are left to whoever asked.
"""

from __future__ import annotations

import numba
import numpy as np

_BUCKETS = 4  # for an item: fewer leave more to the insertion sort, more take longer to be counted
_CROWDED = 16  # items of a bucket that is divided again
_MOVES = 1  # of an item, on average, before an insertion sort is given up
_compiled = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "reassoc", "nsz"})


def rank_by_buckets(distances: np.ndarray, first: int, ranks: np.ndarray) -> np.ndarray:
    """Fills ranks (t, n) of the items ``first`` … from their distances (t, n) > 0 to all: the rows (u,) left undone.

    The item itself comes first, ties by index; its own distance is overwritten.
    """
    done = np.empty(len(distances), np.bool_)
    _rank(distances, first, ranks, done)
    return np.flatnonzero(~done)


@_compiled
def _rank(distances, first, ranks, done):
    n = distances.shape[1]
    indices = np.empty((4, n), np.uint32)
    columns, order, buckets, some_columns = indices[0], indices[1], indices[2], indices[3]
    values, some = np.empty(n), np.empty(n)
    ends, inner_ends = np.empty(_BUCKETS * n, np.uint32), np.empty(_BUCKETS * n, np.uint32)
    for j in range(n):
        columns[j] = j
    for r in range(len(distances)):
        row, rank, own = distances[r], ranks[r], first + r
        row[own] = row[own - 1 if own else n - 1]
        low, high = _range(row)
        row[own] = low  # among the first, and put before them in the end: 0 would stretch the range
        _spread(row, columns, low, high, buckets, ends, values, order)
        done[r] = _insert(values, order)
        if not done[r]:
            begin = 0
            for b in range(len(ends)):
                end = np.int64(ends[b])
                size = end - begin
                if size > _CROWDED:
                    for p in range(size):
                        some[p], some_columns[p] = values[begin + p], order[begin + p]
                    low, high = _range(some[:size])
                    _spread(
                        some[:size], some_columns, low, high, buckets, inner_ends[: _BUCKETS * size],
                        values[begin:end], order[begin:end],
                    )  # fmt: skip
                begin = end
            done[r] = _insert(values, order)
        if done[r]:
            p = 0
            while order[p] != own:
                p += 1
            for q in range(p, 0, -1):
                order[q] = order[q - 1]
            order[0] = own
            for p in range(n):
                rank[order[p]] = p


@_compiled
def _range(values):
    low, high = np.inf, -np.inf
    for j in range(len(values)):
        low, high = min(low, values[j]), max(high, values[j])
    return low, high


@_compiled
def _spread(values, columns, low, high, buckets, ends, spread, order):
    """Puts values (m,) and their columns into buckets that divide low … high: ``spread`` and ``order`` (m,).

    ends: where each bucket ends. buckets (≥ m,) is scratch.
    """
    scale = (len(ends) - 1) / max(high - low, 1e-300)
    for j in range(len(values)):
        buckets[j] = np.int32((values[j] - low) * scale)
    for b in range(len(ends)):
        ends[b] = 0
    for j in range(len(values)):
        ends[buckets[j]] += np.uint32(1)
    total = np.uint32(0)
    for b in range(len(ends)):  # for now, where each bucket begins
        total, ends[b] = np.uint32(total + ends[b]), total
    for j in range(len(values)):
        p = ends[buckets[j]]
        spread[p], order[p] = values[j], columns[j]
        ends[buckets[j]] = np.uint32(p + np.uint32(1))


@_compiled
def _insert(values, order):
    """Sorts values (n,) and what goes with them, equal ones as they come; gives up where that takes many moves."""
    left = _MOVES * len(values)
    for p in range(1, len(values)):
        value = values[p]
        if values[p - 1] > value:
            column, q = order[p], p
            while q > 0 and values[q - 1] > value:
                values[q], order[q] = values[q - 1], order[q - 1]
                q -= 1
            values[q], order[q] = value, column
            left -= p - q
            if left < 0:
                return False
    return True
