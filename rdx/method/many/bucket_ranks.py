"""Ranks from rows of distances, by dividing each row's range into buckets, several to an item.

Items are counted into buckets, which says where each bucket begins, and put there in the order of their columns. Where
no bucket has many, an item's place is its rank but for the items beside it that belong on its other side; comparing all
with those one, two, three … places on takes no branch. Elsewhere an insertion sort puts the items right. Where it has
much to do, because items lie far beyond all others or close together, each crowded bucket is divided in the same way
first; rows that are not in order even then are left to whoever asked.
"""

from __future__ import annotations

import numba
import numpy as np

_BUCKETS = 2  # for an item: fewer are more crowded, more take longer to be counted
_CROWDED = 16  # items of a bucket from which on it takes longer to compare all of them than to divide it
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
    places = np.empty(n, np.int32)
    values, some = np.empty(n), np.empty(n)
    ends, inner_ends = np.empty(_BUCKETS * n, np.uint32), np.empty(_BUCKETS * n, np.uint32)
    for j in range(n):
        columns[j] = j
    for r in range(len(distances)):
        row, rank, own = distances[r], ranks[r], first + r
        row[own] = row[own - 1 if own else n - 1]
        low, high = _range(row)
        row[own] = low  # 0 would stretch the range
        largest = _spread(row, columns, low, high, buckets, ends, values, order)
        for p in range(n):
            places[p] = p
        done[r] = largest < _CROWDED
        if done[r]:
            for k in range(1, largest):
                _compare(values[: n - k], values[k:], places[: n - k], places[k:])
        else:
            done[r] = _insert(values, order)
        if not done[r]:
            _divide(values, order, ends, buckets, inner_ends, some, some_columns)
            done[r] = _insert(values, order)
        if done[r]:  # the item itself before those at no distance from it
            at = 0
            while order[at] != own:
                at += 1
            before = places[at]
            for p in range(n):
                places[p] += places[p] < before
            places[at] = 0
            for p in range(n):
                rank[order[p]] = places[p]


@_compiled
def _range(values):
    low, high = np.inf, -np.inf
    for j in range(len(values)):
        low, high = min(low, values[j]), max(high, values[j])
    return low, high


@_compiled
def _spread(values, columns, low, high, buckets, ends, spread, order):
    """Puts values (m,) and their columns into buckets that divide low … high, into ``spread`` and ``order`` (m,).

    Returns how many the fullest has. ends: where each bucket ends. buckets (≥ m,) is scratch.
    """
    scale = (len(ends) - 1) / max(high - low, 1e-300)
    for j in range(len(values)):
        buckets[j] = np.int32((values[j] - low) * scale)
    for b in range(len(ends)):
        ends[b] = 0
    for j in range(len(values)):
        ends[buckets[j]] += np.uint32(1)
    largest = np.uint32(0)
    for b in range(len(ends)):
        largest = max(largest, ends[b])
    total = np.uint32(0)
    for b in range(len(ends)):  # for now, where each bucket begins
        total, ends[b] = np.uint32(total + ends[b]), total
    for j in range(len(values)):
        p = ends[buckets[j]]
        spread[p], order[p] = values[j], columns[j]
        ends[buckets[j]] = np.uint32(p + np.uint32(1))
    return np.int64(largest)


@_compiled
def _divide(values, order, ends, buckets, inner_ends, some, some_columns):
    """Puts the items of each crowded bucket into buckets of its own; all that follows ``ends`` is scratch."""
    begin = 0
    for b in range(len(ends)):
        end = np.int64(ends[b])
        size = end - begin
        if size >= _CROWDED:
            for p in range(size):
                some[p], some_columns[p] = values[begin + p], order[begin + p]
            low, high = _range(some[:size])
            inside = values[begin:end], order[begin:end]
            _spread(some[:size], some_columns, low, high, buckets, inner_ends[: _BUCKETS * size], *inside)
        begin = end


@_compiled
def _compare(front, back, front_places, back_places):
    """Moves the places of values (m,) on and back by one where those that stand behind are smaller."""
    for p in range(len(front)):
        front_places[p] += np.int32(front[p] > back[p])
    for p in range(len(front)):
        back_places[p] -= np.int32(front[p] > back[p])


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
