"""What every method returns: concepts, one list per direction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rdx.method.scales.evidence import Evidence

A_NOT_B = "a_not_b"  # near each other in A, far apart in B: A's concepts
B_NOT_A = "b_not_a"  # near each other in B, far apart in A: B's concepts
DIRECTIONS = (A_NOT_B, B_NOT_A)
OPPOSITE = {A_NOT_B: B_NOT_A, B_NOT_A: A_NOT_B}
NULL = 0  # the label of items that belong to no concept


@dataclass(frozen=True)
class Concept:
    """A cluster of items and the grid of images that shows it."""

    number: int  # 1 is the strongest
    indices: np.ndarray  # (≤ m,) items of the grid, the one nearest to the centre item first
    members: np.ndarray  # (|C|,) every item of the cluster, ascending
    mean_affinity: float | None = None  # over all ordered pairs of members; None for baselines
    evidence: Evidence | None = None  # with scale="auto"

    def __repr__(self) -> str:
        affinity = "" if self.mean_affinity is None else f", mean affinity {self.mean_affinity:.2f}"
        return f"concept {self.number}: {self.size} items{affinity}"

    @property
    def size(self) -> int:
        return len(self.members)


@dataclass
class Explanations:
    """The concepts of one direction of one comparison of n items.

    ``coefficients``, ``dictionary`` and ``loss`` are there for methods that have them: how strongly
    each item carries each concept (n, c), the concepts in feature space (c, d), and the training
    loss as columns by name.
    """

    direction: str
    labels: np.ndarray  # (n,) int64; 0 = null, 1 = strongest concept, 2, …
    concepts: list[Concept]
    item_affinity: np.ndarray | None = None  # (n,) mean affinity to the item's own cluster
    null_affinity: float | None = None  # mean affinity inside the null cluster
    affinity: np.ndarray | None = None  # (n, n) with keep_matrices
    difference: np.ndarray | None = None  # (n, n) with keep_matrices
    coefficients: np.ndarray | None = None
    dictionary: np.ndarray | None = None
    reconstruction_error: float | None = None
    loss: dict[str, list[float]] | None = None
    notes: list[str] = field(default_factory=list)  # what the user should know, one line each

    def __repr__(self) -> str:
        if not self.concepts:
            return f"{self.direction}: no concepts among {len(self.labels)} items"
        sizes = ", ".join(str(concept.size) for concept in self.concepts)
        number = f"{len(self.concepts)} concept{'s' * (len(self.concepts) > 1)}"
        weak = sum(one.evidence is not None and not one.evidence.stands_out for one in self.concepts)
        said = f", {weak} of them may be chance" if weak else ""
        return f"{self.direction}: {number} of {sizes} items{said}, {self.null_size} items in none"

    @property
    def grids(self) -> list[np.ndarray]:
        """Index arrays of the grids, strongest concept first."""
        return [concept.indices for concept in self.concepts]

    @property
    def shown(self) -> list[Concept]:
        """The concepts without those that may be chance; all of them where that is not known of each."""
        return [one for one in self.concepts if one.evidence is None or one.evidence.stands_out]

    @property
    def shown_labels(self) -> np.ndarray:
        """``labels`` with those concepts alone, (n,)."""
        return np.where(np.isin(self.labels, [one.number for one in self.shown]), self.labels, NULL)

    @property
    def null_size(self) -> int:
        return int(np.count_nonzero(self.labels == NULL))
