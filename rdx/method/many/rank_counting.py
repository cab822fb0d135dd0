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
    held = np.zeros(n_buckets, np.uint8)  # which buckets hold a queried item
    sizes = np.zeros(n_buckets + 1, np.int32)
    heads = np.empty(n_buckets, np.int32)  # where the close look at a bucket begins
    strip = np.empty(STRIP, np.int32)
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
        top = n_buckets - 1.0
        for q in range(first, last):
            held[_bucket(row[items[q]], low, scale, top)] = 1
        sizes[:] = 0
        looked = np.uintp(0)  # unsigned, or every index would be checked for being negative
        for begin in range(0, n, STRIP):
            end = min(n, begin + STRIP)
            for j in range(begin, end):
                strip[j - begin] = _bucket(row[j], low, scale, top)
            for j in range(end - begin):  # without a branch: what is not held is written over
                b = np.uintp(strip[j])
                sizes[b + np.uintp(1)] += np.int32(1)
                close[looked] = begin + j
                looked += np.uintp(held[b])
        for b in range(n_buckets):
            sizes[b + 1] += sizes[b]
        total = 0
        for b in range(n_buckets):
            heads[b] = total
            total += held[b] * (sizes[b + 1] - sizes[b])
        for at in range(looked):
            j = close[at]
            b = _bucket(row[j], low, scale, top)
            value[heads[b]], index[heads[b]] = row[j], j
            heads[b] += 1
        for q in range(first, last):
            j = items[q]
            v = row[j]
            b = _bucket(v, low, scale, top)
            before = sizes[b]
            for at in range(heads[b] - (sizes[b + 1] - sizes[b]), heads[b]):
                before += (value[at] < v) | ((value[at] == v) & (index[at] < j))
            # The item itself comes before all others, wherever its own distance of 0 stands.
            counted = row[me] < v or (row[me] == v and me < j)
            ranks[q] = 0 if j == me else before + (0 if counted else 1)
        for q in range(first, last):
            held[_bucket(row[items[q]], low, scale, top)] = 0


@_compiled
def _bucket(value, low, scale, top):
    """Never decreases with the value, so that order between buckets is order between values.

    The queried items fill the buckets 1 … top − 1; what is farther than all of them goes to the last.
    """
    return np.int32(min(max((value - low) * scale + 1.0, 0.0), top))
