"""What two representations disagree on, pair by pair of items, at any γ and in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rdx.method.concepts import A_NOT_B, B_NOT_A, DIRECTIONS
from rdx.method.difference import DifferenceGraph, Distances, compute_distances
from rdx.method.guidance import make_guide
from rdx.method.neighborhoods import ROUNDING, as_points
from rdx.method.scales.rank_weights import rank_weights
from rdx.method.scales.strongest import Found, strongest_groups, strongest_of_both

# What a comparison is made of: in every pair a representation on A's side, and one on B's.
PAIRS = (("A", "B"),)
ALIGNED_PAIRS = (("A", "b_to_a"), ("a_to_b", "B"))


@dataclass
class Weights:
    """Minus the locally biased difference of symmetrised ranks: above 0 where a pair is nearer in the own model.

    features: "A" and "B", aligned also "a_to_b" and "b_to_a", (n, d) each. groups: guidance labels (n,) by the same
    names; guided weights are those of RDX v2.
    """

    features: Mapping[str, np.ndarray]
    groups: Mapping[str, np.ndarray] = field(default_factory=dict)
    guidance_rule: str = "own"
    distances: dict[str, Distances] = field(default_factory=dict, repr=False)  # filled here
    nearest: dict[str, np.ndarray] = field(default_factory=dict, repr=False)  # filled by `reach.neighbors`

    def __post_init__(self) -> None:
        for name, values in self.features.items():
            if name not in self.distances:
                points = as_points(values)
                self.distances[name] = compute_distances(points, "neighborhood", symmetric=True, threads=1)

    def __len__(self) -> int:
        return len(self.features["A"])

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        return ALIGNED_PAIRS if "a_to_b" in self.features else PAIRS

    @property
    def compared(self) -> dict[str, tuple[str, str]]:
        """By direction, the representation that has the concepts and the one it is held against."""
        return {A_NOT_B: self.pairs[0], B_NOT_A: self.pairs[-1][::-1]}

    @property
    def mirrored(self) -> bool:
        """Whether the weights of one direction are the negatives of the other's: unguided and unaligned."""
        return len(self.pairs) == 1 and not self.groups

    @property
    def equal(self) -> bool:
        """Whether the representations rank every item's neighbours alike, but for rounding."""
        pairs = ((self.distances[a], self.distances[b]) for a, b in self.pairs)
        return all(_mean_change(a.values, b.values) <= 2 * ROUNDING * len(self) for a, b in pairs)

    def constant(self, items: np.ndarray) -> bool:
        """Whether some items are all the same to one of the representations, and so have no neighbours there."""
        return any((values[items] == values[items[0]]).all() for values in self.features.values())

    def subset(self, items: np.ndarray) -> Weights:
        """The same on some of the items, ranked among themselves."""
        features = {name: values[items] for name, values in self.features.items()}
        groups = {name: values[items] for name, values in self.groups.items()}
        return Weights(features, groups, self.guidance_rule)

    def replaced(self, new: Mapping[str, np.ndarray]) -> Weights:
        """The same with other features (n, d) in the place of some."""
        kept = {name: found for name, found in self.distances.items() if name not in new}
        return Weights({**self.features, **new}, self.groups, self.guidance_rule, kept)

    def graph(self, direction: str, gamma: float, beta: float = 1.0) -> DifferenceGraph:
        """The difference graph of a direction."""
        own, other = (self.distances[name] for name in self.compared[direction])
        guide = self.guide(direction, self.groups)
        return DifferenceGraph(
            own, other, difference="locally_biased", gamma=gamma, beta=beta, guide=guide, threads=1
        )  # fmt: skip

    def guide(self, direction: str, groups: Mapping[str, np.ndarray]):
        """What keeps groups apart in a direction; None where there are none. groups: as of these items, or of more."""
        if not groups:
            return None
        own, other = self.compared[direction]
        distances = self.distances[own], self.distances[other]
        return make_guide(self.guidance_rule, *distances, groups[own], groups.get(other))

    def at(self, direction: str, gamma: float) -> np.ndarray:
        """The weights (n, n) of a direction, float32, symmetric, with an empty diagonal."""
        if not self.groups:
            return rank_weights(*(self.distances[name].values for name in self.compared[direction]), gamma)
        n = len(self)
        found = self.graph(direction, gamma).difference(slice(0, n), slice(0, n))
        np.negative(found, out=found)
        np.fill_diagonal(found, 0.0)
        return found

    def both(self, gamma: float) -> dict[str, np.ndarray]:
        """The weights of both directions."""
        first = self.at(A_NOT_B, gamma)
        return dict(zip(DIRECTIONS, (first, -first if self.mirrored else self.at(B_NOT_A, gamma)), strict=True))

    def strongest(self, gamma: float, most: int | None = None) -> dict[str, list[Found]]:
        """The strongest groups of both directions, ``most`` of each, with their gains."""
        first = self.at(A_NOT_B, gamma)
        if self.mirrored:
            return dict(zip(DIRECTIONS, strongest_of_both(first, most=most), strict=True))
        second = self.at(B_NOT_A, gamma)
        return {A_NOT_B: strongest_groups(first, most=most), B_NOT_A: strongest_groups(second, most=most)}


def _mean_change(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(np.int64) - second.astype(np.int64)).mean())
