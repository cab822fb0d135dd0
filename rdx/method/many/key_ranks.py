"""Ranks from rows of distances, by sorting keys of 32 bits: processors sort those in half of the time of 64.

A key holds as much of a distance as fits above the number of its column. What was cut off may put neighbours in the
wrong order, and an insertion sort by the distances themselves, which has next to nothing to do, puts them right. Rows
in which it had much to do, as where one item lies far beyond all others, are left to the caller.
"""

from __future__ import annotations

import numba
import numpy as np

MOST_ITEMS = 1 << 15  # beyond, too few bits are left for the distance
_MOVES = 1  # of an item, on average, before a row is given up


def rank_by_keys(distances: np.ndarray, first: int, ranks: np.ndarray) -> np.ndarray:
    """Fills ranks (t, n) of the items ``first`` … from their distances (t, n) > 0 to all: the rows (u,) left undone.

    The item itself comes first, ties by index; its own distance is overwritten.
    """
    if distances.shape[1] > MOST_ITEMS:
        return np.arange(len(distances))
    keys = np.empty(distances.shape, np.int32)
    bits = max(1, (distances.shape[1] - 1).bit_length())
    _pack(distances, first, bits, keys)
    keys.sort(axis=1)
    done = np.empty(len(distances), np.bool_)
    _settle(distances, keys, bits, ranks, done)
    return np.flatnonzero(~done)


@numba.njit(nogil=True, cache=True, fastmath={"nnan", "reassoc", "nsz"})
def _pack(distances, first, bits, keys):
    n = distances.shape[1]
    for r in range(len(distances)):
        row, key, own = distances[r], keys[r], first + r
        row[own] = row[own - 1 if own else n - 1]
        low, high = row[0], row[0]
        for j in range(n):
            low, high = min(low, row[j]), max(high, row[j])
        row[own] = low
        scale = ((1 << (31 - bits)) - 2) / max(high - low, 1e-300)
        for j in range(n):
            key[j] = (np.int32((row[j] - low) * scale) << np.int32(bits)) | np.int32(j)
        row[own] = 0.0


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
