"""Neighbourhood distances: how far apart two items are, as one representation sees it.

Three kinds: ``neighborhood`` (ranks, the default), ``max_normalized`` and ``local_scaling``
(Zelnik-Manor and Perona, 2004).

Ranks must depend on nothing but the data. Floating-point products change in their last bits with
the shape of a tile, and near-ties then change places; so the features are first rounded to a grid
that is fine enough to hardly ever matter and coarse enough that every squared distance is a whole
number below 2**53. Such numbers are exact in float64 whatever the order of the additions. Distances
closer than the grid count as ties, and ties go to the lower index.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numba
import numpy as np

from rdx.compute.allocator import empty
from rdx.compute.threads import for_each_tile, row_tiles
from rdx.errors import InputError, unknown
from rdx.method.many.bucket_ranks import rank_by_buckets
from rdx.method.many.key_ranks import order_by_keys, rank_type, ranks_of
from rdx.method.many.nearest import first_of_rows

ROUNDING = 1e-5  # mean rank change, as a share of n, to which near-ties come that rotating in float32 swaps
DISTANCES = ("neighborhood", "max_normalized", "local_scaling")
_ROWS = 64  # that are ranked at a time: fewer make products slow, more need memory that is touched for the first time
_NARROW = 96  # columns up to which all distances are computed in less time than half of them are turned over
_SMALL = 400  # items that one thread has ranked before a second one is there
_SIDE = 512  # of the square blocks in which those of wider points are
_FEW = 64  # nearest items up to which finding them takes less time than a sort
_RADIUS_BITS = 24.4  # squared distances stay below 2**51, which leaves 13 bits of a key for the column


@dataclass(frozen=True)
class Points:
    """A representation on its exact grid.

    The norms are columns of their own, [x, |x|², 1], so that one matrix product with [−2x, 1, |x|²]
    gives squared distances.
    """

    extended: np.ndarray  # (n, d + 2) float64, whole numbers
    unit: float  # length of one grid step in the units of the features

    def __len__(self) -> int:
        return len(self.extended)

    @property
    def grid(self) -> np.ndarray:
        """The items themselves, (n, d), in grid steps from their mean."""
        return self.extended[:, :-2]

    @property
    def squares(self) -> np.ndarray:
        """Squared norms, (n,)."""
        return self.extended[:, -2]

    @cached_property
    def farthest(self) -> float:
        """No squared distance is larger."""
        return float(4.0 * self.squares.max() + 1.0)

    def subset(self, items: np.ndarray) -> Points:
        """Some of the items, on the same grid."""
        return Points(self.extended[items], self.unit)


def as_array(features, name: str = "representation") -> np.ndarray:
    """An array or tensor as a finite (n, d) NumPy array of float32 or float64, checked.

    Raises InputError for other shapes, non-numeric types, NaN or infinity (with the row's number)
    and a constant representation.
    """
    if hasattr(features, "detach"):
        features = features.detach().cpu()
        features = features.float() if features.is_floating_point() and features.itemsize < 4 else features
        features = features.numpy()
    array = np.asarray(features)
    if array.ndim != 2 or not array.shape[1]:
        raise InputError(f"{name}: expected an array of shape (n, d), got {array.shape}")
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name}: expected real numbers, got {array.dtype}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float32 if array.dtype == np.float16 else np.float64)
    array = np.ascontiguousarray(array)  # sums run along memory: another layout would round otherwise
    if not (finite := np.isfinite(array)).all():
        raise InputError(f"{name}: row {int(np.argmin(finite.all(axis=1)))} contains NaN or infinity")
    if len(array) > 1 and (array[-1] == array[0]).all() and (array == array[0]).all():
        raise InputError(f"{name} is constant: all {len(array)} rows are equal")
    return array


def largest_exponent(array: np.ndarray) -> int:
    """The exponent of the lowest power of two above all of an array's values: ldexp by it changes no digit."""
    return math.frexp(float(np.abs(array).max()))[1]


def as_points(features, name: str = "representation") -> Points:
    """Puts features (n, d) on the exact grid: centred, then rounded to steps of ``unit``."""
    if isinstance(features, Points):
        return features
    given = as_array(features, name)
    array = empty(given.shape)
    array[:] = given
    # A power of two first, so that neither huge nor denormal features leave float64's range.
    exponent = largest_exponent(array)
    np.ldexp(array, -exponent, out=array)
    array -= array.mean(axis=0)
    radius = math.sqrt(float(np.einsum("ij,ij->i", array, array).max()))
    reach = 2.0**_RADIUS_BITS - math.sqrt(array.shape[1])  # rounding adds at most √d / 2 to a norm
    scale = math.floor(math.log2(reach / radius)) if radius else 0
    extended = empty((len(array), array.shape[1] + 2))
    grid = np.rint(np.ldexp(array, scale, out=array), out=extended[:, :-2])
    extended[:, -2] = np.einsum("ij,ij->i", grid, grid)
    extended[:, -1] = 1.0
    with np.errstate(over="ignore", under="ignore"):
        unit = float(np.ldexp(1.0, exponent - scale))
    return Points(extended, unit)


def squared_distance_rows(
    points: Points, rows, scale: float = 1.0, offset: float = 0.0, out: np.ndarray | None = None
) -> np.ndarray:
    """Squared distances of some items to all, in squared grid steps: (len(rows), n) float64, exact.

    With a power of two as ``scale``, (squared distance + offset) · scale is exact as well.
    """
    return squared_distances(points, rows, slice(None), scale, offset, out)


def squared_distances(
    points: Points, rows, columns, scale: float = 1.0, offset: float = 0.0, out: np.ndarray | None = None
) -> np.ndarray:
    """The same to some columns only, (len(rows), len(columns))."""
    factor = points.extended[rows]  # [x, |x|², 1] becomes [−2x, 1, |x|² + offset] · scale
    squares = factor[:, -2] + offset
    factor = factor * (-2.0 * scale)
    factor[:, -2] = scale
    factor[:, -1] = squares * scale
    return np.matmul(factor, points.extended[columns].T, out=out)


def order_rows(points: Points, rows) -> np.ndarray:
    """All items from the nearest to the farthest, as seen from some: (len(rows), n) indices.

    The item itself comes first, ties by index.
    """
    scale, offset = _key_units(points)
    return _ordered(points, np.arange(len(points))[rows], squared_distance_rows(points, rows, scale, offset))


def nearest_rows(points: Points, rows, m: int) -> np.ndarray:
    """The first m columns of `order_rows`, (len(rows), m), or all where there are fewer."""
    if m > _FEW:
        return order_rows(points, rows)[:, :m]
    return first_of_rows(squared_distance_rows(points, rows), np.arange(len(points))[rows], m)


def rank_rows(points: Points, rows) -> np.ndarray:
    """Ranks of all items as seen from some: (len(rows), n) unsigned integers.

    0 for the item itself, 1 for its nearest other item … n − 1; ties go to the lower index.
    """
    return ranks_of(order_rows(points, rows))


def _key_units(points: Points) -> tuple[float, float]:
    """How squared distances become the upper bits of 64-bit keys, which leave room for the column: scale, offset.

    Distances are 1 or more there: 0 is kept for the item itself, which comes before its own duplicates.
    """
    index_bits = _index_bits(len(points))
    return 2.0 ** (index_bits - max(0, int(points.farthest).bit_length() + index_bits - 64)), 1.0


def _index_bits(n: int) -> int:
    return max(1, (n - 1).bit_length())


def _ordered(points: Points, rows: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """``order_rows`` from the keys (t, n) of its distances, which are used up."""
    bits = _index_bits(len(points))
    return order_by_keys(keys, rows, bits, whole=_key_units(points)[0] >= 2.0**bits)


def neighborhood_ranks(points: Points, tile_rows: int | None = None, threads: int | None = None) -> np.ndarray:
    """All ranks (n, n), 16-bit where n allows; the same for any tile shape and thread count.

    Distances are symmetric: of wide points half of them are computed, in square blocks of no more memory than the
    graph takes later.
    """
    n, width = points.grid.shape
    ranks = empty((n, n), rank_type(n))
    scale, offset = _key_units(points)
    if n > _SIDE and width > _NARROW:
        tiles, keys_of = _tiles_within(n, tile_rows or _ROWS), _turned_blocks(points, scale, offset, threads)
    else:
        tiles = row_tiles(n, tile_rows or (n if n < _SMALL else _ROWS))
        keys_of = partial(squared_distance_rows, points, scale=scale, offset=offset)

    def work(tile: slice) -> None:
        keys = keys_of(tile)
        rest = rank_by_buckets(keys, tile.start, ranks[tile])
        if len(rest):
            ranks[tile][rest] = ranks_of(_ordered(points, tile.start + rest, keys[rest]))

    for_each_tile(tiles, work, threads)
    return ranks


def _turned_blocks(points: Points, scale: float, offset: float, threads: int | None) -> Callable[[slice], np.ndarray]:
    """A function from a tile of rows to their distances (t, n), which are put together from half of all."""
    n = len(points)
    starts = range(0, n, _SIDE)
    pairs = [(i, j) for i in starts for j in starts if i <= j]
    blocks = dict(zip(pairs, empty((len(pairs), _SIDE, _SIDE)), strict=True))

    def compute(pair: tuple[int, int]) -> None:
        first, second = (slice(start, min(start + _SIDE, n)) for start in pair)
        out = blocks[pair][: first.stop - first.start, : second.stop - second.start]
        squared_distances(points, first, second, scale, offset, out)

    def gathered(tile: slice) -> np.ndarray:
        keys = np.empty((tile.stop - tile.start, n))
        block = tile.start // _SIDE * _SIDE
        inside = slice(tile.start - block, tile.stop - block)
        for start in starts:
            columns = keys[:, start : start + _SIDE]
            if start >= block:
                columns[:] = blocks[block, start][inside, : columns.shape[1]]
            else:
                _turn(blocks[start, block][:, inside], columns)
        return keys

    for_each_tile(pairs, compute, threads)
    return gathered


@numba.njit(nogil=True, cache=True)
def _turn(block, turned):
    """turned (t, s) ← block (s, t)ᵀ: eight entries of a row at a time fill what the cache writes at once."""
    size, count = block.shape
    whole = size // 8 * 8
    for j in range(0, whole, 8):
        for i in range(count):
            for k in range(8):
                turned[i, j + k] = block[j + k, i]
    for j in range(whole, size):
        for i in range(count):
            turned[i, j] = block[j, i]


def _tiles_within(n: int, rows: int) -> list[slice]:
    """Row tiles that end where a block of rows ends."""
    step = min(_SIDE, rows)
    return [
        slice(start, min(start + step, block + _SIDE, n))
        for block in range(0, n, _SIDE)
        for start in range(block, min(block + _SIDE, n), step)
    ]


def max_distance(points: Points, tile_rows: int | None = None, threads: int | None = None) -> float:
    """The largest distance between two items, in grid steps."""
    largest: list[float] = []

    def work(tile: slice) -> None:
        largest.append(float(squared_distance_rows(points, tile).max()))

    for_each_tile(row_tiles(len(points), tile_rows), work, threads)
    return math.sqrt(max(largest))


def local_scale(points: Points, sigma: int = 7, tile_rows: int | None = None, threads: int | None = None) -> np.ndarray:
    """σ_i (n,), the distance from i to its ``sigma``-th neighbour (the last where n ≤ sigma), in grid steps."""
    n = len(points)
    scale = np.empty(n)
    which = min(sigma, n - 1)  # position 0 is the item itself, at distance 0

    def work(tile: slice) -> None:
        scale[tile] = np.sqrt(np.partition(squared_distance_rows(points, tile), which, axis=1)[:, which])

    for_each_tile(row_tiles(n, tile_rows), work, threads)
    return scale


def locally_scaled(squared: np.ndarray, scale_rows: np.ndarray, scale_columns: np.ndarray) -> np.ndarray:
    """D² / (σ_i σ_j) with 0 / 0 = 0, from squared distances (t, s) and the two items' scales."""
    product = scale_rows[:, None] * scale_columns[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = squared / product
    # Seven duplicates give σ = 0: the item is infinitely far from all but its own copies.
    return np.where((squared == 0) & (product == 0), 0.0, scaled)


def distance_source(points: Points, distance: str, sigma: int = 7, tile_rows=None, threads: int | None = None):
    """A function from row indices to rows (t, n) of the chosen neighbourhood distance."""
    if distance == "neighborhood":
        return lambda rows: rank_rows(points, rows)
    if distance == "max_normalized":
        largest = max_distance(points, tile_rows, threads)
        return lambda rows: np.sqrt(squared_distance_rows(points, rows)) / largest
    scale = local_scale(points, sigma, tile_rows, threads)
    return lambda rows: locally_scaled(squared_distance_rows(points, rows), scale[rows], scale)


def check_distance(distance: str) -> None:
    if distance not in DISTANCES:
        raise unknown("distance", distance, DISTANCES)
