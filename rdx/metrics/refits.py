"""A method's settings, run again on other representations: on noisy copies, or on fewer items.

What does not change between two runs, the neighbourhood distances of an unchanged representation, is
computed once. Images are not chosen, since no statistic depends on them. Each run has one thread, so
that several can go side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.compute.allocator import memory_reused
from rdx.compute.threads import one_thread_each
from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.method.difference import DifferenceGraph, Distances, compute_distances
from rdx.method.guidance import make_guide
from rdx.method.neighborhoods import as_array, as_points
from rdx.method.pipeline import Settings, cluster, drop_small, order
from rdx.method.scales.weights import ALIGNED_PAIRS, PAIRS
from rdx.method.versions import gamma_for, version_named

if TYPE_CHECKING:
    from rdx.method.parameters import Parameters

GROUPS = {"A": "groups_a", "B": "groups_b", "a_to_b": "groups_a_to_b", "b_to_a": "groups_b_to_a"}


@dataclass(frozen=True)
class Refit:
    """The concepts of one run, labels (n,) with 0 for null, and the difference behind them; by direction."""

    labels: dict[str, np.ndarray]
    graphs: dict[str, DifferenceGraph]

    def largest_gain(self) -> float:
        """The largest gain of a concept of either direction; 0 where there is none."""
        gains = [concept_gains(self.graphs[direction], labels) for direction, labels in self.labels.items()]
        return float(np.concatenate(gains).max(initial=0.0))


def concept_gains(graph: DifferenceGraph, labels: np.ndarray) -> np.ndarray:
    """The gain of every concept 1 … c of ``labels`` (n,) in its direction, (c,) float64; 0 for one without items.

    Gain = Σ −difference over the ordered pairs of members / members, without guidance: for how many of
    its fellow members an item is near in the concept's own representation and far in the other, since a
    pair counts from −1 to 1. It grows with the size of a concept as well as with its strength, and is at
    most size − 1, so that the two or three items that noise brings together come to little.
    """
    gains = np.zeros(int(labels.max(initial=0)))
    for number in range(1, len(gains) + 1):
        members = np.flatnonzero(labels == number)
        if len(members):
            gains[number - 1] = -graph.summed_difference(members) / len(members)
    return gains


class Refits:
    """RDX with the parameters ``estimator`` on ``features`` (n, d), or on what takes their place.

    features: "A" and "B", aligned also "a_to_b" and "b_to_a"; maps are not learnt again. groups: what
    ``RDX.fit`` takes as ``groups_*`` (n,); they stay with the role that they were made for.
    """

    def __init__(
        self, estimator: Parameters, features: Mapping[str, Any], groups: Mapping[str, np.ndarray] | None = None
    ) -> None:
        self.estimator = estimator
        self.features = {name: as_array(values, name) for name, values in features.items()}
        self.groups = dict(groups or {})
        self.pairs = ALIGNED_PAIRS if "a_to_b" in self.features else PAIRS
        (a, b), (c, d) = self.pairs[0], self.pairs[-1]
        self._directions = {A_NOT_B: (a, b), B_NOT_A: (d, c)}  # whose concepts, and who scatters them

    def __len__(self) -> int:
        return len(self.features["A"])

    def __getstate__(self) -> dict[str, Any]:
        """Without what is quicker computed again, once by each worker, than sent: matrices (n, n)."""
        return {name: value for name, value in vars(self).items() if name not in ("unchanged", "_distances")}

    def subset(self, items: np.ndarray) -> Refits:
        """The same on some of the items."""
        features = {name: values[items] for name, values in self.features.items()}
        return Refits(self.estimator, features, {name: values[items] for name, values in self.groups.items()})

    def run(self, replaced: Mapping[str, np.ndarray] | None = None) -> Refit:
        """One run, in which ``replaced`` (n, d) take the place of representations."""
        with one_thread_each(), memory_reused():
            new = {name: self._compute(values) for name, values in (replaced or {}).items()}
            graphs = self._graphs({name: new.get(name) or self._distances[name] for name in self.features})
            return Refit({direction: self._labels(graph) for direction, graph in graphs.items()}, graphs)

    @cached_property
    def unchanged(self) -> dict[str, DifferenceGraph]:
        """The difference of the representations as they are, by direction."""
        return self._graphs(self._distances)

    @cached_property
    def _distances(self) -> dict[str, Distances]:
        return {name: self._compute(values) for name, values in self.features.items()}

    def _compute(self, values: np.ndarray) -> Distances:
        chosen, version = self.estimator, version_named(self.estimator.version)
        return compute_distances(
            as_points(values), chosen.distance, symmetric=version.symmetric_distances, sigma=chosen.sigma, threads=1
        )

    def _graphs(self, distances: Mapping[str, Distances]) -> dict[str, DifferenceGraph]:
        chosen = self.estimator
        settings = {
            "difference": chosen.difference, "beta": chosen.beta, "normalize": chosen.normalize_difference,
            "gamma": gamma_for(chosen.gamma, len(self)), "threads": 1,
        }  # fmt: skip
        graphs = {}
        for direction, (own, other) in self._directions.items():
            guide = None
            if self.groups:
                groups = [self.groups.get(GROUPS[name]) for name in (own, other)]
                guide = make_guide(chosen.guidance_rule, distances[own], distances[other], *groups)
            graphs[direction] = DifferenceGraph(distances[own], distances[other], guide=guide, **settings)
        return graphs

    def _labels(self, graph: DifferenceGraph) -> np.ndarray:
        """The concepts of one direction, as ``RDX.fit`` finds them."""
        chosen, version = self.estimator, version_named(self.estimator.version)
        least = chosen.min_concept_size
        settings = Settings(
            chosen.n_clusters, version, chosen.clustering, chosen.cluster_size, chosen.selection,
            chosen.images_per_concept, chosen.null_threshold,
            version.min_concept_size(chosen.images_per_concept) if least == "auto" else least,
            chosen.random_state, threads=1,
        )  # fmt: skip
        raw, _ = cluster(graph, settings)
        raw, _ = drop_small(raw, settings.min_concept_size)
        return order(raw, graph, settings)[0]
