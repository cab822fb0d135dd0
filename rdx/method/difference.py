"""The difference of two neighbourhood distances, and the affinity made of it.

With r_A, r_B the neighbourhood distances, elementwise, for the direction a_not_b:

    locally biased   tanh( γ (r_A − r_B) / (min(r_A, r_B) + 1) )
    plain            r_A − r_B
    affinity         exp(−β · difference)

The other direction is the same with A and B exchanged. Nothing here holds an n × n matrix but the
two distances: differences and affinities are computed in blocks, in float32, when they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdx.compute.allocator import empty
from rdx.compute.threads import for_each_tile, row_tiles
from rdx.errors import InputError, unknown
from rdx.method.many.nearest import first_of_rows
from rdx.method.neighborhoods import (
    Points,
    as_points,
    check_distance,
    distance_source,
    nearest_rows,
    neighborhood_ranks,
)
from rdx.method.numerics.rank_affinity import rank_affinity, summed_difference

# γ and β are used in float32: beyond these the differences vanish, or e^β summed over all items overflows.
GAMMAS, BETAS = (1e-6, 1e6), (1e-6, 60.0)
DIFFERENCES = ("locally_biased", "plain")
BLOCK = 256  # side of the square blocks in which symmetric matrices are filled


def locally_biased(r_a: np.ndarray, r_b: np.ndarray, gamma: float, unit: float = 1.0) -> np.ndarray:
    """The paper's difference of two distances of equal shape, in [−1, 1], float32.

    ``unit`` is what one step of distance counts in the arrays: 2 where they hold r + rᵀ for the
    mean of the two.
    """
    r_a = np.asarray(r_a, dtype=np.float32)
    r_b = np.asarray(r_b, dtype=np.float32)
    smaller = np.minimum(r_a, r_b)
    smaller += np.float32(unit)
    difference = r_a - r_b
    difference *= np.float32(gamma)
    difference /= smaller
    return np.tanh(difference, out=difference)


def plain(r_a: np.ndarray, r_b: np.ndarray, unit: float = 1.0) -> np.ndarray:
    """r_A − r_B in float32."""
    return (np.asarray(r_a, dtype=np.float32) - np.asarray(r_b, dtype=np.float32)) / np.float32(unit)


def to_affinity(difference: np.ndarray, beta: float) -> np.ndarray:
    """exp(−β · difference), float32."""
    affinity = np.multiply(difference, np.float32(-beta), dtype=np.float32)
    return np.exp(affinity, out=affinity)


def check_difference(difference: str, distance: str, normalize_difference: bool) -> None:
    """Refuses unknown names, and ``plain`` on ranks without normalisation: exp would overflow."""
    check_distance(distance)
    if difference not in DIFFERENCES:
        raise unknown("difference", difference, DIFFERENCES)
    if difference == "plain" and distance == "neighborhood" and not normalize_difference:
        raise InputError("difference='plain' on neighborhood ranks needs normalize_difference=True: exp overflows")


@dataclass
class Distances:
    """One representation's neighbourhood distances over all items.

    ``values`` (n, n) holds r, or r + rᵀ with ``unit`` 2 once symmetrised (whole numbers stay whole).
    """

    values: np.ndarray
    unit: float = 1.0

    @property
    def symmetric(self) -> bool:
        return self.unit == 2.0

    def equals(self, other: Distances) -> bool:
        """Whether all distances are the same; a few rows tell most others apart."""
        return np.array_equal(self.values[:8], other.values[:8]) and np.array_equal(self.values, other.values)

    def matrix(self) -> np.ndarray:
        """r itself, (n, n): the values where they are r, else float32."""
        return self.values if self.unit == 1.0 else self.values / np.float32(self.unit)


def compute_distances(
    features, distance: str, *, symmetric: bool, sigma: int = 7, tile_rows=None, threads: int | None = None
) -> Distances:
    """Neighbourhood distances of features (n, d); ``symmetric`` replaces r by (r + rᵀ) / 2."""
    points = as_points(features)
    n = len(points)
    if distance == "neighborhood":
        values = neighborhood_ranks(points, tile_rows, threads)
        if symmetric and 2 * (n - 1) > np.iinfo(values.dtype).max:
            values = values.astype(np.uint32)
    else:
        rows_of = distance_source(points, distance, sigma, tile_rows, threads)
        values = empty((n, n), np.float32)

        def work(tile: slice) -> None:
            values[tile] = rows_of(tile)

        for_each_tile(row_tiles(n, tile_rows), work, threads)
    if not symmetric:
        return Distances(values)
    add_transpose(values, threads)
    return Distances(values, unit=2.0)


def block_pairs(n: int) -> list[tuple[slice, slice]]:
    """The blocks on and above the diagonal of an n × n matrix."""
    starts = range(0, n, BLOCK)
    return [(slice(i, min(i + BLOCK, n)), slice(j, min(j + BLOCK, n))) for i in starts for j in starts if j >= i]


def add_transpose(matrix: np.ndarray, threads: int | None = None) -> None:
    """matrix ← matrix + matrixᵀ, in place, block by block."""

    def work(pair: tuple[slice, slice]) -> None:
        rows, columns = pair
        total = matrix[rows, columns] + matrix[columns, rows].T
        matrix[rows, columns] = total
        matrix[columns, rows] = total.T

    for_each_tile(block_pairs(len(matrix)), work, threads if len(matrix) > 2 * BLOCK else 1)


class DifferenceGraph:
    """One direction of a comparison: its difference and its affinity, block by block.

    ``own`` are the distances of the model whose concepts are sought, ``other`` those of the model
    that scatters them. ``guide`` (see guidance.py) changes what is clustered; with
    ``guided=False`` every quantity is as it would be without it.

    Rows and columns are two slices, for a tile, or two index arrays that broadcast.
    """

    def __init__(
        self, own: Distances, other: Distances, *, difference: str, gamma: float, beta: float,
        normalize: bool = False, guide=None, threads: int | None = None,
    ) -> None:  # fmt: skip
        self.own, self.other = own, other
        self.kind, self.gamma, self.beta, self.guide = difference, gamma, beta, guide
        self.threads = threads
        self.largest = {True: 1.0, False: 1.0}  # the divisor with and without guidance
        self._clustered: np.ndarray | None = None  # the affinity without its diagonal, until it is summed by clusters
        if normalize:
            plainly = self._largest_difference(guided=False)
            self.largest = {True: self._largest_difference(guided=True) if guide else plainly, False: plainly}

    def __len__(self) -> int:
        return len(self.own.values)

    @property
    def symmetric(self) -> bool:
        return self.own.symmetric

    def placed(self, points: Points) -> Points:
        """Points where `nearest` works on them."""
        return points

    def nearest(self, points: Points, rows, m: int, members: np.ndarray) -> np.ndarray:
        """The m of ``members`` (c,) nearest to some, themselves first, ties by index: (len(rows), m) of 0 … c − 1.

        points: the members `placed`, of the representation that ``own`` is from; rows are among them too.
        """
        if self.symmetric or self.own.values.dtype.kind != "u":
            return nearest_rows(points, rows, m)
        ranks = self.own.values[members[rows]].take(members, axis=1)  # their order is that of the distances
        return first_of_rows(ranks, np.arange(len(members))[rows], m)

    def _distances(self, rows, columns) -> tuple[np.ndarray, np.ndarray]:
        """Both models' distances at rows × columns."""
        if isinstance(rows, slice):
            return self.own.values[rows, columns], self.other.values[rows, columns]
        at = np.asarray(rows, dtype=np.int64) * len(self) + columns  # one index finds a pair in a third of the time
        return self.own.values.take(at), self.other.values.take(at)

    def difference(self, rows, columns, guided: bool = True) -> np.ndarray:
        """The difference at rows × columns, float32."""
        own, other = self._distances(rows, columns)
        guide = self.guide if guided else None
        if guide is not None:
            own, other = guide.distances(own, other, rows, columns)
        unit = self.own.unit
        with np.errstate(invalid="ignore"):
            if self.kind == "locally_biased":
                block = locally_biased(own, other, self.gamma, unit)
            else:
                block = plain(own, other, unit)
            if self.largest[guided] != 1.0:
                block /= np.float32(self.largest[guided])
        if own.dtype.kind == "f":  # local scaling is infinite beside duplicates: infinite in both is no difference
            block[np.isnan(block)] = 0.0
        if guide is not None:
            guide.weaken(block, rows, columns)
        return block

    def affinity(self, rows, columns, guided: bool = True) -> np.ndarray:
        """The affinity at rows × columns, float32, not symmetrised."""
        if not self._in_one_pass or (guided and self.guide is not None):
            return to_affinity(self.difference(rows, columns, guided), self.beta)
        own, other = self._distances(rows, columns)
        return rank_affinity(own, other, self.gamma, self.beta, self.own.unit)

    @property
    def _in_one_pass(self) -> bool:
        """Whether the fast kernel does all that is asked for: the default difference of ranks."""
        ranks = self.own.values.dtype.kind == "u" and self.other.values.dtype.kind == "u"
        return ranks and self.kind == "locally_biased" and self.largest[False] == 1.0

    def matrix(self, what: str = "affinity") -> np.ndarray:
        """The whole (n, n) difference or affinity, not symmetrised, float32."""
        n = len(self)
        full = empty((n, n), np.float32)
        block = getattr(self, what)

        def work(tile: slice) -> None:
            full[tile] = block(tile, slice(0, n))

        for_each_tile(row_tiles(n), work, self.threads)
        return full

    def adjacency(self) -> np.ndarray:
        """(W + Wᵀ) / 2 without its diagonal, (n, n) float32: the graph that is clustered."""
        n = len(self)
        if self._in_one_pass and self.guide is None:
            return self._adjacency_of_ranks()
        graph = empty((n, n), np.float32)

        def work(pair: tuple[slice, slice]) -> None:
            rows, columns = pair
            block = self.affinity(rows, columns)
            if not self.symmetric:
                block += self.affinity(columns, rows).T
                block *= np.float32(0.5)
            graph[rows, columns] = block
            graph[columns, rows] = block.T

        for_each_tile(block_pairs(n), work, self.threads)
        np.fill_diagonal(graph, 0.0)
        if self.kind == "plain" and not np.isfinite(graph).all():
            raise InputError("difference='plain' overflows exp on these distances: set normalize_difference=True")
        return graph

    def _adjacency_of_ranks(self) -> np.ndarray:
        """The same by rows: the fast kernel takes less time for all pairs than turning half of them over."""
        n = len(self)
        graph = empty((n, n), np.float32)

        def work(tile: slice) -> None:
            own, other = self.own.values[tile], self.other.values[tile]
            rank_affinity(own, other, self.gamma, self.beta, self.own.unit, out=graph[tile])
            if not self.symmetric:
                graph[tile] *= np.float32(0.5)

        for_each_tile(row_tiles(n), work, self.threads)
        if not self.symmetric:
            add_transpose(graph, self.threads)
        np.fill_diagonal(graph, 0.0)
        self._clustered = graph if self.symmetric else None
        return graph

    def summed_difference(self, members: np.ndarray) -> float:
        """The sum of the difference over all ordered pairs of members (c,), without guidance."""
        if self._in_one_pass:
            return summed_difference(self.own.values, self.other.values, members, self.gamma, self.own.unit)
        return float(self.difference(members[:, None], members[None, :], guided=False).sum(dtype=np.float64))

    def mean_affinity(self, members: np.ndarray) -> np.ndarray:
        """Each member's mean affinity to the members (c,), itself included: (c,) float32."""
        tiles, columns = row_tiles(len(members)), members[None, :]
        return np.concatenate([self.affinity(members[tile][:, None], columns).mean(axis=1) for tile in tiles])

    def affinity_to_clusters(self, labels: np.ndarray, n_clusters: int) -> np.ndarray:
        """Summed affinity of every item to each cluster, itself included, without guidance: (n, c) float64.

        ``labels`` (n,) are 0 … n_clusters − 1.
        """
        n = len(self)
        membership = np.zeros((n, n_clusters), dtype=np.float32)
        membership[np.arange(n), labels] = 1.0
        total = np.empty((n, n_clusters))
        clustered, self._clustered = self._clustered, None

        def work(tile: slice) -> None:
            rows = self.affinity(tile, slice(0, n), guided=False) if clustered is None else clustered[tile]
            total[tile] = rows @ membership

        for_each_tile(row_tiles(n), work, self.threads)
        if clustered is not None:
            total[np.arange(n), labels] += 1.0  # an item's affinity to itself
        return total

    def _largest_difference(self, guided: bool) -> float:
        n = len(self)
        largest: list[float] = []

        def work(tile: slice) -> None:
            largest.append(float(np.abs(self.difference(tile, slice(0, n), guided)).max()))

        for_each_tile(row_tiles(n), work, self.threads)
        return max(largest) or 1.0  # two equal representations: all zero stays zero
