"""Measures: numbers about concepts and comparisons, from arrays alone.

A measure of single concepts is a function in a file of this room and one line in `MEASURES`, and a column of every
concepts.csv: it takes an `Explained` and returns one number a concept, None where there is none.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from rdx.method.concepts import Concept

# Column of concepts.csv → where its function is. New ones come behind the table's own columns, in this order.
MEASURES: dict[str, str] = {
    "bsr": "rdx.metrics.bsr:concept_bsr",
}


@dataclass(frozen=True, eq=False)
class Explained:
    """One direction of one method on one pair of representations of n items: what a measure looks at."""

    concepts: Sequence[Concept]  # strongest first, the null cluster left out
    own: np.ndarray  # (n, d) the representation that holds the concepts together: A for a_not_b
    other: np.ndarray  # (n, d') the one that does not
    labels: np.ndarray | None = None  # (n,) integer labels of the items, where they have some


def measured(explained: Explained) -> Mapping[str, Sequence[float | None]]:
    """Every measure by its column, one number a concept."""
    return {column: list(measure(column)(explained)) for column in MEASURES}


def measure(column: str) -> Callable[[Explained], Sequence[float | None]]:
    """The function behind a column."""
    module, function = MEASURES[column].split(":")
    return getattr(importlib.import_module(module), function)
