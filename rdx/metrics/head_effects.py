"""What taking one attention head away does to a representation of n items.

The patched representation (the head's output is its mean over the items) is held against the original one:

* ``neighbors_lost`` = 1 − mean share of an item's k nearest neighbours that stay among its k nearest
* ``cka_lost`` = 1 − debiased linear CKA
* ``undone`` of a concept = change of the mean rank over the ordered pairs of its items, in ranks, signed so
  that undoing the concept is positive: a rise where the deeper layer pulls the items together (``b_not_a``),
  a fall where it spreads them apart (``a_not_b``)
* ``undone_beyond`` = the same minus that of the pairs of a concept's item and another item, both ways
  round. Ranks only move places, so pulling a concept apart always brings something else nearer: from a
  concept's item the others come nearer by just that, from the others nothing is forced.

A head whose output does not vary over the items has no effect: all of these are 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rdx.compute.threads import for_each_tile, row_tiles
from rdx.errors import InputError, check_whole
from rdx.method.cka import debiased_cka
from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.method.neighborhoods import as_points, nearest_rows, rank_rows

SIGNS = {B_NOT_A: 1.0, A_NOT_B: -1.0}


@dataclass(frozen=True)
class ConceptEffect:
    """What a patch does to one concept, in ranks; None where the concept has no pair, or is all items."""

    undone: float | None
    undone_beyond: float | None


@dataclass(frozen=True)
class HeadEffect:
    """What a patch does. NaN where the patched representation is the same for all items."""

    neighbors_lost: float
    cka_lost: float  # also NaN where CKA is undefined
    concepts: tuple[ConceptEffect, ...]


class HeadMeter:
    """Measures patched forms of one representation; what the original needs is computed once."""

    def __init__(
        self, original: np.ndarray, concepts: Sequence[tuple[str, np.ndarray]], *, k: int = 16
    ) -> None:
        """original: (n, d). concepts: direction and items of each. k: neighbours.

        Raises InputError for a constant representation, or k outside 1 … n − 1.
        """
        check_whole("k", k, 1)
        self._original = np.asarray(original)
        points = as_points(self._original, "representation")
        n = len(points)
        if k >= n:
            raise InputError(f"{k} nearest neighbours need more than {k} items, there are {n}")
        self._signs = [SIGNS[direction] for direction, _ in concepts]
        self._sizes = [len(group) for _, group in concepts]
        self._members = np.ones((n, len(concepts) + 1))  # (n, c + 1) indicators; the last column: all items
        for column, (_, group) in enumerate(concepts):
            self._members[:, column] = 0
            self._members[group, column] = 1
        self._nearest = np.empty((n, k), dtype=np.int64)

        def work(tile: slice) -> None:
            self._nearest[tile] = nearest_rows(points, tile, k + 1)[:, 1:]

        for_each_tile(row_tiles(n), work)
        self._before = self._ranks(points)[1]

    def effect(self, patched: np.ndarray) -> HeadEffect:
        """The effect of a patch that gives representation (n, d'); concepts stand as they were given."""
        patched = np.asarray(patched)
        if (patched == patched[0]).all():
            return HeadEffect(math.nan, math.nan, (ConceptEffect(None, None),) * len(self._signs))
        lost, after = self._ranks(as_points(patched, "patched representation"))
        change = after - self._before
        return HeadEffect(
            lost, 1.0 - debiased_cka(patched, self._original),
            tuple(self._concept_effect(change, column) for column in range(len(self._signs))),
        )  # fmt: skip

    def _ranks(self, points) -> tuple[float, np.ndarray]:
        """Share of the original neighbours that are lost, and MᵀRM (c + 1, c + 1): sums of ranks between groups.

        The sums are of whole numbers below 2**53, so their order does not matter.
        """
        n, k = self._nearest.shape
        kept, sums = [], []

        def work(tile: slice) -> None:
            ranks = rank_rows(points, tile)
            kept.append(np.count_nonzero(np.take_along_axis(ranks, self._nearest[tile], axis=1) <= k))
            sums.append(self._members[tile].T @ (ranks.astype(np.float64) @ self._members))

        for_each_tile(row_tiles(n), work)
        return 1.0 - sum(kept) / (n * k), np.sum(sums, axis=0)

    def _concept_effect(self, change: np.ndarray, column: int) -> ConceptEffect:
        size, n, sign = self._sizes[column], len(self._members), self._signs[column]
        if size < 2:
            return ConceptEffect(None, None)
        inside = change[column, column] / (size * (size - 1))
        if size == n:
            return ConceptEffect(sign * inside, None)
        both_ways = change[column, -1] + change[-1, column] - 2 * change[column, column]
        beyond = both_ways / (2 * size * (n - size))
        return ConceptEffect(sign * inside, sign * (inside - beyond))
