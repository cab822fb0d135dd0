"""Exact ranks of a few chosen items, by counting: no row is ever put in order.

The rank of item j as seen from i is the number of items that come before it in row i, ordered by
distance, ties by index, the item itself first. Whoever wants the ranks of q of n items needs no sort
of the n: each of the n falls into one of many narrow buckets of distance, and only those in a bucket
that holds one of the q have to be looked at closely; the others count as a whole.

The loops are compiled by Numba and release Python's lock: several threads work on several tiles.
"""

from __future__ import annotations

import numba
import numpy as np

STRIP = 1024  # columns that are worked on at a time
_MOST_BUCKETS = 1 << 14  # their sizes stay in the second cache
_compiled = numba.njit(nogil=True, cache=True)


@_compiled
def count_ranks(squared, own, starts, items, ranks):
    """Fills ``ranks`` (q,) with the rank of each of ``items`` (q,), rows one after the other.

    squared (t, n) float64: squared distances of t rows; ``own`` (t,) is the item that each row belongs
    to. Row r's items are items[starts[r] : starts[r + 1]], each at most once, in any order.
    """
    n = squared.shape[1]
    n_buckets = 64
    while n_buckets < n // 8 and n_buckets < _MOST_BUCKETS:
        n_buckets *= 2
    sizes = np.empty(n_buckets, np.int32)  # twice the items of a bucket, and 1 more where one of them is queried
    before, heads = np.empty((2, n_buckets), np.int32)  # items in the buckets before; where the close look begins
    strip, within, ends = np.empty(STRIP, np.int32), np.empty(STRIP, np.int64), np.empty(2)
    close = np.empty(n + 1, np.int32)  # the items in buckets that hold a queried one
    value, index = np.empty(n, np.float64), np.empty(n, np.int32)
    for r in range(len(own)):
        first, last = starts[r], starts[r + 1]
        if first == last:
            continue
        row, me = squared[r], own[r]
        low, high = np.inf, -np.inf
        for q in range(first, last):
            low, high = min(low, row[items[q]]), max(high, row[items[q]])
        scale = (n_buckets - 2) / (high - low + 1.0)
        ends[0], ends[1] = max(low - 1.0 / scale, 0.0), high + 1.0 / scale
        sizes[:] = 0
        for q in range(first, last):
            sizes[_bucket(row[items[q]], ends, low, scale, n_buckets)] = 1
        looked = np.uintp(0)  # unsigned, or every index would be checked for being negative
        for begin in range(0, n, STRIP):
            end = min(n, begin + STRIP)
            _buckets(row[begin:end], ends, low, scale, n_buckets, within, strip)
            for j in range(end - begin):  # without a branch: what is not held is written over
                b = np.uintp(strip[j])
                size = sizes[b]
                sizes[b] = size + np.int32(2)
                close[looked] = begin + j
                looked += np.uintp(size & np.int32(1))
        counted = total = 0
        for b in range(n_buckets):
            before[b], heads[b] = counted, total
            size = sizes[b] >> 1
            counted += size
            total += size * (sizes[b] & 1)
        for at in range(looked):
            j = close[at]
            b = _bucket(row[j], ends, low, scale, n_buckets)
            value[heads[b]], index[heads[b]] = row[j], j
            heads[b] += 1
        for q in range(first, last):
            j = items[q]
            v = row[j]
            b = _bucket(v, ends, low, scale, n_buckets)
            rank = before[b]
            for at in range(heads[b] - (sizes[b] >> 1), heads[b]):
                rank += (value[at] < v) | ((value[at] == v) & (index[at] < j))
            # The item itself comes before all others, wherever its own distance of 0 stands.
            itself = row[me] < v or (row[me] == v and me < j)
            ranks[q] = 0 if j == me else rank + (0 if itself else 1)


@_compiled
def _bucket(value, ends, low, scale, n_buckets):
    """Never decreases with the value, so that order between buckets is order between values.

    The queried items have buckets from 1 on. What is nearer than all of them goes to the first, what is farther to the
    last: ``ends`` (2,) are as far as it matters.
    """
    return min(np.int32((min(max(value, ends[0]), ends[1]) - low) * scale + 1.0), n_buckets - 1)


@_compiled
def _buckets(values, ends, low, scale, n_buckets, within, buckets):
    """Each value's bucket; within (≥ m,) int64 is scratch."""
    bits, least, most = values.view(np.int64), ends.view(np.int64)[0], ends.view(np.int64)[1]
    for j in range(len(bits)):  # numbers that are not negative have the order of their bits, which fill vectors
        within[j] = min(max(bits[j], least), most)
    inside, top = within.view(np.float64), np.int32(n_buckets - 1)
    for j in range(len(bits)):
        buckets[j] = min(np.int32((inside[j] - low) * scale + 1.0), top)
