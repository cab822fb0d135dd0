"""The order of rows of distances, by one sort a row of 64-bit keys that hold distance and column, in the lower bits."""

from __future__ import annotations

import numpy as np


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
