"""Fewer entries of a sampled graph: small ones cost as much time as large ones and tell less.

An entry v below a size v₀ is kept with chance |v| / v₀, and then counts as ±v₀: sums stay right on average.
"""

from __future__ import annotations

import numba
import numpy as np

from rdx.compute.threads import for_each_tile
from rdx.method.many.pair_choice import mixed

THINNED = 0.05  # how much variance may be added by thinning out small entries, as a share of what is there


def cut_evenly(starts: np.ndarray, parts: int) -> np.ndarray:
    """Rows that divide the pairs into parts of about the same size, from 0 to n: (parts + 1,)."""
    cuts = np.searchsorted(starts, np.linspace(0, starts[-1], parts + 1).astype(np.int64))
    cuts[0], cuts[-1] = 0, len(starts) - 1
    return cuts


def least_kept(values: np.ndarray) -> float:
    """The size v₀ up to which entries can be thinned: kept with chance |v| / v₀, and then counted as ±v₀.

    Pairs were chosen for both directions, so in each there are many that matter to the other one. v₀ is
    the largest for which the added variance, Σ |v| (v₀ − |v|) over the smaller ones, is THINNED · Σ v².
    """
    sizes = np.sort(np.abs(values[:: max(1, len(values) // 200_000)].astype(np.float64)))
    if not len(sizes):
        return 0.0
    first, second = np.cumsum(sizes), np.cumsum(sizes**2)
    added = sizes * first - second  # with v₀ at each of the sizes
    return float(sizes[np.searchsorted(added, THINNED * second[-1], side="right") - 1])


def thinned(
    starts: np.ndarray, items: np.ndarray, values: np.ndarray, least: float, seed: int, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs with entries below ``least`` thinned out; the draw of each depends on the seed and its place alone."""
    n, least = len(starts) - 1, np.float32(least)
    counts = np.zeros(n + 1, np.int64)
    cuts = cut_evenly(starts, 64).tolist()
    tiles = list(zip(cuts[:-1], cuts[1:], strict=True))
    for_each_tile(tiles, lambda rows: _count_kept(starts, values, least, seed, *rows, counts), threads)
    fewer = np.cumsum(counts)
    kept, heavier = np.empty(fewer[-1], np.int32), np.empty(fewer[-1], np.float32)
    for_each_tile(tiles, lambda rows: _keep(starts, items, values, least, seed, *rows, fewer, kept, heavier), threads)
    return fewer, kept, heavier


@numba.njit(nogil=True, cache=True)
def _count_kept(starts, values, least, seed, first, last, counts):
    """counts[i + 1]: the pairs of row i that are kept."""
    key = mixed(np.uint32(seed) + np.uint32(0x9E3779B9))
    for i in range(first, last):
        for at in range(starts[i], starts[i + 1]):
            counts[i + 1] += _is_kept(at, key, values[at], least)


@numba.njit(nogil=True, cache=True)
def _keep(starts, items, values, least, seed, first, last, fewer, kept, heavier):
    key = mixed(np.uint32(seed) + np.uint32(0x9E3779B9))
    for i in range(first, last):
        to = fewer[i]
        for at in range(starts[i], starts[i + 1]):
            if _is_kept(at, key, values[at], least):
                kept[to] = items[at]
                heavier[to] = max(values[at], least) if values[at] > 0 else min(values[at], -least)
                to += 1


@numba.njit(nogil=True, cache=True)
def _is_kept(at, key, value, least):
    draw = np.float32(mixed(np.uint32(at) + key)) * np.float32(1.0 / 4294967296.0)
    return value != 0 and draw * least < abs(value)
