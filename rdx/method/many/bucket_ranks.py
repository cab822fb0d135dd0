"""Ranks from rows of distances, by dividing each row's range into buckets, several to an item.

Items are counted into buckets, which says where each bucket begins, and put there in the order of their columns. Where
no bucket has many, an item's place is its rank but for the items beside it that belong on its other side; comparing all
with those up to as many places away as a bucket holds takes no branch. Elsewhere an insertion sort puts the items
right. Where it has much to do, because items lie far beyond all others or close together, each crowded bucket is
divided in the same way first; rows that are not in order even then are left to whoever asked.
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
    n = distances.shape[1]
    done = np.empty(len(distances), np.bool_)
    kind = np.uint16 if n < 1 << 16 else np.uint32  # the narrower, the more of it stays in the nearest cache
    _rank(distances, first, ranks, done, np.empty(_BUCKETS * n, kind), np.empty((4, n), kind))
    return np.flatnonzero(~done)


@_compiled
def _rank(distances, first, ranks, done, ends, scratch):
    n = distances.shape[1]
    position, places, order, some_columns = scratch[0], scratch[1], scratch[2], scratch[3]
    buckets, some, inner_ends = np.empty(n, np.int32), np.empty(n), np.empty_like(ends)
    padded = np.full(n + 2 * _CROWDED, np.inf)
    for p in range(_CROWDED):
        padded[p] = 0.0
    values = padded[_CROWDED : _CROWDED + n]
    for r in range(len(distances)):
        row, rank, own = distances[r], ranks[r], first + r
        row[own] = row[own - 1 if own else n - 1]
        _number(row, len(ends), buckets)
        row[own], buckets[own] = 0.0, 0  # alone in the first
        largest = _spread(row, buckets, ends, values, position)
        if largest < _CROWDED:
            for p in range(n):
                places[p] = p
            for k in range(0, largest - 1, 4):
                _compare(padded, _CROWDED, k, places)
            for j in range(n):
                rank[j] = places[position[j]]
            done[r] = True
            continue
        for j in range(n):
            order[position[j]] = j
        done[r] = _insert(values, order)
        if not done[r]:
            _divide(values, order, ends, buckets, inner_ends, some, some_columns, position)
            done[r] = _insert(values, order)
        if done[r]:
            for p in range(n):
                rank[order[p]] = p


@_compiled
def _number(values, count, buckets):
    """buckets (m,): in which of 1 … count − 1, which divide the range of values (m,) > 0, each of them falls."""
    bits = values.view(np.int64)  # of positive numbers these have the same order, and fill vector registers
    least, most = bits[0], bits[0]
    for j in range(len(bits)):
        least, most = min(least, bits[j]), max(most, bits[j])
    ends = np.array([least, most]).view(np.float64)
    _number_from(values, ends[0], (count - 2) / max(ends[1] - ends[0], 1e-300), buckets)


@_compiled
def _number_from(values, low, scale, buckets):
    """The same where the smallest value is known, and how many buckets go into a distance of 1."""
    for j in range(len(values)):
        buckets[j] = np.int32((values[j] - low) * scale) + np.int32(1)


@_compiled
def _spread(values, buckets, ends, spread, position):
    """Puts values (m,) side by side by their buckets, in ``spread`` (m,); position (m,) says where each of them went.

    ends (count,): where each bucket ends. Returns how many the fullest has.
    """
    for b in range(len(ends)):
        ends[b] = 0
    for j in range(len(values)):
        ends[np.uint32(buckets[j])] += 1
    largest = ends[0]
    for b in range(len(ends)):
        largest = max(largest, ends[b])
    total = 0
    for b in range(len(ends)):  # for now, where each bucket begins
        count = ends[b]
        ends[b] = total
        total += count
    for j in range(len(values)):
        b = np.uint32(buckets[j])
        p = ends[b]
        spread[p], position[j] = values[j], p
        ends[b] = p + 1
    return np.int64(largest)


@_compiled
def _divide(values, order, ends, buckets, inner_ends, some, some_columns, position):
    """Puts the items of each crowded bucket into buckets of its own; all that follows ``ends`` is scratch."""
    begin = 0
    for b in range(len(ends)):
        end = np.int64(ends[b])
        size = end - begin
        if size >= _CROWDED:
            for p in range(size):
                some[p], some_columns[p] = values[begin + p], order[begin + p]
            _number(some[:size], _BUCKETS * size, buckets)
            _spread(some[:size], buckets, inner_ends[: _BUCKETS * size], values[begin:end], position)
            for p in range(size):
                order[begin + np.int64(position[p])] = some_columns[p]
        begin = end


@_compiled
def _compare(padded, begin, k, places):
    """Moves places (n,) of the values in ``padded``, from ``begin`` on, by what belongs on their other side.

    Looked at are those k + 1, k + 2, k + 3 and k + 4 places on and back.
    """
    n = len(places)
    here = padded[begin : begin + n]
    on, back = padded[begin + k :], padded[begin - k - 4 :]
    on1, on2, on3, on4 = on[1 : 1 + n], on[2 : 2 + n], on[3 : 3 + n], on[4 : 4 + n]
    back4, back3, back2, back1 = back[:n], back[1 : 1 + n], back[2 : 2 + n], back[3 : 3 + n]
    for p in range(n):
        v = here[p]
        smaller = np.int64(on1[p] < v) + np.int64(on2[p] < v) + np.int64(on3[p] < v) + np.int64(on4[p] < v)
        larger = np.int64(back1[p] > v) + np.int64(back2[p] > v) + np.int64(back3[p] > v) + np.int64(back4[p] > v)
        places[p] = np.int64(places[p]) + smaller - larger


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
