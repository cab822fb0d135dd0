"""Ranks from rows of distances, by one sort a row of keys that hold distance and column, the column in the lower bits.

Keys of 32 bits first: processors sort those in half of the time of 64. A key holds as much of a distance as fits above
the number of its column; of long rows 16 bits, which are sorted a byte at a time, the lower one first. What was cut off
may put neighbours in the wrong order, and an insertion sort by the distances themselves, which has next to nothing to
do, puts them right. Rows in which it had much to do, as where one item lies far beyond all others, are left to keys of
64 bits.
"""

from __future__ import annotations

import numba
import numpy as np

MOST_ITEMS = 1 << 15  # beyond, too few bits are left for the distance
_LONG = 1500  # items of a row from which on two passes over it take less time than a sort by comparison
_MOVES = 1  # of an item, on average, before a row is given up


def rank_type(n: int) -> type:
    """The smallest unsigned type that holds the ranks 0 … n − 1."""
    return np.uint16 if n <= 1 << 16 else np.uint32


def ranks_of(order: np.ndarray) -> np.ndarray:
    """The inverse of each row of an order (t, n)."""
    ranks = np.empty(order.shape, dtype=rank_type(order.shape[1]))
    position = np.arange(order.shape[1], dtype=ranks.dtype)
    for rank, columns in zip(ranks, order, strict=True):
        rank[columns] = position
    return ranks


def order_by_keys(keys: np.ndarray, rows: np.ndarray, bits: int, whole: bool) -> np.ndarray:
    """Columns (t, n) from the nearest to the farthest, the item itself first, ties by index; keys are used up.

    keys (t, n): float64, distances times 2^bits, 1 or more; where they do not fit into 64 bits so, by a smaller power
    of two, and ``whole`` is False.
    """
    keys[np.arange(len(rows)), rows] = 0.0
    packed = keys.astype(np.uint64)
    mask = np.uint64((1 << bits) - 1)
    if not whole:
        packed &= ~mask
    packed |= np.arange(keys.shape[1], dtype=np.uint64)
    packed.sort(axis=1)
    packed &= mask
    order = packed.view(np.int64)
    if not whole:
        _settle_near_ties(keys, order)
    return order


def _settle_near_ties(keys: np.ndarray, order: np.ndarray) -> None:
    """Sorts again, in place, the rows in which the bits that did not fit into the key mattered."""
    for row, columns in zip(keys, order, strict=True):
        ordered = row[columns]
        if (ordered[1:] < ordered[:-1]).any():
            columns[:] = np.argsort(row, kind="stable")


def rank_by_keys(distances: np.ndarray, first: int, ranks: np.ndarray) -> np.ndarray:
    """Fills ranks (t, n) of the items ``first`` … from their distances (t, n) > 0 to all: the rows (u,) left undone.

    The item itself comes first, ties by index; its own distance is overwritten.
    """
    n = distances.shape[1]
    if n > MOST_ITEMS:
        return np.arange(len(distances))
    keys = np.empty(distances.shape, np.int32)
    bits = max(1, (n - 1).bit_length())
    if n < _LONG:
        _pack(distances, first, bits, 31 - bits, keys)
        keys.sort(axis=1)
    else:
        _pack(distances, first, bits, 16, keys)
        _sort_bytes(keys, bits, np.empty(n, np.int32), np.empty(256, np.int32), np.empty(256, np.int32))
    done = np.empty(len(distances), np.bool_)
    _settle(distances, keys, bits, ranks, done)
    return np.flatnonzero(~done)


@numba.njit(nogil=True, cache=True, fastmath={"nnan", "reassoc", "nsz"})
def _pack(distances, first, bits, distance_bits, keys):
    n = distances.shape[1]
    for r in range(len(distances)):
        row, key, own = distances[r], keys[r], first + r
        row[own] = row[own - 1 if own else n - 1]
        low, high = row[0], row[0]
        for j in range(n):
            low, high = min(low, row[j]), max(high, row[j])
        row[own] = low
        scale = ((1 << distance_bits) - 2) / max(high - low, 1e-300)
        for j in range(n):
            key[j] = (np.int32((row[j] - low) * scale) << np.int32(bits)) | np.int32(j)
        row[own] = 0.0


@numba.njit(nogil=True, cache=True)
def _sort_bytes(keys, bits, half, lower, upper):
    """Sorts each row of keys (t, n), whose columns ascend, by the two bytes above ``bits``; the rest (n,) and (256,) is
    scratch."""
    n = keys.shape[1]
    for r in range(len(keys)):
        row = keys[r]
        for b in range(256):
            lower[b] = upper[b] = 0
        for j in range(n):
            lower[row[j] >> bits & 255] += 1
            upper[row[j] >> bits >> 8] += 1
        below = above = 0
        for b in range(256):  # where each byte's keys begin
            lower[b], below = below, below + lower[b]
            upper[b], above = above, above + upper[b]
        for j in range(n):
            b = row[j] >> bits & 255
            half[lower[b]] = row[j]
            lower[b] += 1
        for j in range(n):
            b = half[j] >> bits >> 8
            row[upper[b]] = half[j]
            upper[b] += 1


@numba.njit(nogil=True, cache=True)
def _settle(distances, keys, bits, ranks, done):
    n = distances.shape[1]
    mask = np.int32((1 << bits) - 1)
    order, values = np.empty(n, np.int32), np.empty(n, np.float64)
    for r in range(len(distances)):
        row, key, rank, left = distances[r], keys[r], ranks[r], _MOVES * n
        for p in range(n):
            order[p] = key[p] & mask
        for p in range(n):
            values[p] = row[order[p]]
        for p in range(1, n):
            value = values[p]
            if values[p - 1] > value:
                column, q = order[p], p
                while q > 0 and values[q - 1] > value:
                    values[q], order[q] = values[q - 1], order[q - 1]
                    q -= 1
                values[q], order[q] = value, column
                left -= p - q
                if left < 0:
                    break
        done[r] = left >= 0
        if done[r]:
            for p in range(n):
                rank[order[p]] = p
