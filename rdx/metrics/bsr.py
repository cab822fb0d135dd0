"""Binary success rate: how often two images of one grid are nearer in the model that the grid explains.

Over all ordered pairs i ≠ j inside each grid, the share with d_A(i, j) < d_B(i, j) for ``a_not_b``
and with d_A(i, j) > d_B(i, j) for ``b_not_a`` (Kondapaneni et al., 2025). The comparison is strict:
ties are failures, and their share is reported beside it. Ranks are always the plain ones, without
symmetrisation or guidance.

Only the rows of the items in the grids are computed; ``max_normalized`` alone needs one pass over
all rows, for the largest distance, and is left out of comparisons of more than ``ALL_PAIRS`` items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rdx.compute.threads import one_thread_each
from rdx.errors import InputError, unknown
from rdx.method.concepts import A_NOT_B, DIRECTIONS
from rdx.method.neighborhoods import (
    DISTANCES,
    Points,
    as_points,
    check_distance,
    locally_scaled,
    max_distance,
    rank_rows,
    squared_distance_rows,
)
from rdx.metrics import Explained

ALL_PAIRS = 100_000  # items up to which a pass over all pairs is made: a minute for each side on two cores
_SIGMA = 7  # local scaling: the neighbour whose distance is an item's scale
_BLOCK = 1 << 22  # entries of one block of rows: 32 MiB of float64


@dataclass(frozen=True)
class SuccessRate:
    """Binary success rate of the grids of one direction; None where there is no pair to count.

    Also None by ``max_normalized`` for more than ``ALL_PAIRS`` items.
    """

    bsr: float | None
    tie_rate: float | None
    n_pairs: int  # ordered pairs; a pair in several grids counts several times
    mean_signed_difference: float | None  # d_B − d_A for a_not_b, d_A − d_B for b_not_a; None where infinite


def binary_success_rate(grids, A, B, direction: str = A_NOT_B, distance: str = "neighborhood") -> SuccessRate:
    """Success rate of ``grids`` on representations A (n, d_a) and B (n, d_b) of the same items.

    ``grids``: a list of index arrays, a list of Concepts, or Explanations. ``distance``:
    ``neighborhood`` (1-based rank), ``local_scaling`` or ``max_normalized``.
    Raises InputError for an index outside 0 … n − 1, a repeated index, A and B of different length,
    or an unknown direction or distance.
    """
    return SuccessMeter(A, B).rate(grids, direction, distance)


def concept_bsr(explained: Explained) -> list[float | None]:
    """Each concept's own success rate, by neighbourhood ranks."""
    meter = SuccessMeter(explained.own, explained.other)
    return [meter.rate([concept.indices]).bsr for concept in explained.concepts]


class SuccessMeter:
    """Measures the grids of any number of methods against one pair of representations.

    A (n, d_a) and B (n, d_b) are put on their exact grid once (Points are taken as they are), and
    what is costly, the largest distance, is computed once and only if asked for.
    """

    def __init__(self, A, B) -> None:
        self._a = _Side(as_points(A, "representation A"))
        self._b = _Side(as_points(B, "representation B"))
        self.n = len(self._a.points)
        if len(self._b.points) != self.n:
            raise InputError(f"A has {self.n} items, B has {len(self._b.points)}: give the same items")

    def rate(self, grids, direction: str = A_NOT_B, distance: str = "neighborhood") -> SuccessRate:
        """The rate of one direction's grids with one distance; see ``binary_success_rate``."""
        return self.rates(grids, direction, (distance,))[distance]

    def rates(
        self, grids, direction: str = A_NOT_B, distances: Iterable[str] = DISTANCES
    ) -> dict[str, SuccessRate]:
        """The rate of one direction's grids with each distance."""
        if direction not in DIRECTIONS:
            raise unknown("direction", direction, DIRECTIONS)
        checked = _checked_grids(grids, self.n)
        with one_thread_each():  # products of a grid's rows are small: threads would wait for each other
            return {distance: self._rate(checked, direction, distance) for distance in distances}

    def _rate(self, grids: list[np.ndarray], direction: str, distance: str) -> SuccessRate:
        check_distance(distance)
        near, far = (self._a, self._b) if direction == A_NOT_B else (self._b, self._a)
        if distance == "max_normalized" and self.n > ALL_PAIRS:
            return SuccessRate(None, None, sum(len(grid) * (len(grid) - 1) for grid in grids), None)
        pairs = successes = ties = 0
        total = 0.0
        for rows, position, partners in _pair_blocks(grids, self.n):
            d_near = near.pair_distances(distance, rows, position, partners)
            d_far = far.pair_distances(distance, rows, position, partners)
            equal = d_near == d_far
            pairs += len(partners)
            successes += int(np.count_nonzero(d_near < d_far))
            ties += int(np.count_nonzero(equal))
            # Local scaling is infinite beside seven duplicates; two infinities differ by nothing.
            total += float(np.subtract(d_far, d_near, out=np.zeros(len(partners)), where=~equal).sum())
        if not pairs:
            return SuccessRate(None, None, 0, None)
        mean = total / pairs
        return SuccessRate(successes / pairs, ties / pairs, pairs, mean if np.isfinite(mean) else None)


class _Side:
    """One representation, with what its distances need beyond the rows asked for."""

    def __init__(self, points: Points) -> None:
        self.points = points
        self._scale = np.full(len(points), np.nan)  # (n,) σ_i in grid steps, NaN where not needed yet

    @cached_property
    def _largest(self) -> float:
        return max_distance(self.points)

    def pair_distances(self, distance: str, rows, position, partners) -> np.ndarray:
        """Neighbourhood distance from ``rows[position]`` to ``partners``, (p,) float64."""
        if distance == "neighborhood":
            return rank_rows(self.points, rows)[position, partners].astype(np.float64)
        squared = squared_distance_rows(self.points, rows)  # (t, n)
        if distance == "max_normalized":
            return np.sqrt(squared[position, partners]) / self._largest
        self._fill_scale(np.union1d(rows, partners))
        return locally_scaled(squared, self._scale[rows], self._scale)[position, partners]

    def _fill_scale(self, items: np.ndarray) -> None:
        n = len(self.points)
        items = items[np.isnan(self._scale[items])]
        which = min(_SIGMA, n - 1)
        step = max(1, _BLOCK // n)
        for start in range(0, len(items), step):
            block = items[start : start + step]
            squared = squared_distance_rows(self.points, block)
            self._scale[block] = np.sqrt(np.partition(squared, which, axis=1)[:, which])


def _checked_grids(grids, n: int) -> list[np.ndarray]:
    """The grids as integer index arrays, every index in 0 … n − 1 and at most once a grid."""
    checked = []
    for number, grid in enumerate(getattr(grids, "grids", grids), start=1):
        indices = np.asarray(getattr(grid, "indices", grid))
        if indices.ndim != 1 or (indices.size and indices.dtype.kind not in "iu"):
            raise InputError(f"grid {number}: expected item indices, got {indices.dtype} {indices.shape}")
        outside = indices[(indices < 0) | (indices >= n)]
        if outside.size:
            raise InputError(f"grid {number}: index {outside[0]} is outside 0 … {n - 1}")
        if len(np.unique(indices)) < len(indices):
            raise InputError(f"grid {number} holds an item more than once")
        if len(indices) > 1:  # a grid of one image has no pair
            checked.append(indices.astype(np.int64))
    return checked


def _pair_blocks(grids: list[np.ndarray], n: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All ordered pairs of all grids, a block of rows at a time.

    Yields the block's items (t,) and, for each of its pairs (p,), the first item's position among
    them and the second item. Memory stays bounded for any number and size of grids.
    """
    if not grids:
        return
    lengths = np.array([len(grid) for grid in grids])
    items = np.concatenate(grids)
    owners = np.repeat(np.arange(len(grids)), lengths)
    by_item = np.argsort(items, kind="stable")  # an item in several grids is computed once
    step = max(1, _BLOCK // n)
    for start in range(0, len(items), step):
        chosen = by_item[start : start + step]
        rows, position = np.unique(items[chosen], return_inverse=True)
        partners = np.concatenate([grids[owner] for owner in owners[chosen]])
        position = np.repeat(position, lengths[owners[chosen]])
        different = partners != rows[position]
        yield rows, position[different], partners[different]
