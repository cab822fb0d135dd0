"""RDX on many items: sampled pairs in place of all pairs, exact ranks, memory that grows with n.

What has no such structure is refused: distances other than ranks, the plain difference, affinity
propagation, the paper's guidance rule and whatever returns a matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rdx.compute.threads import map_ordered
from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.method.many import approximate
from rdx.method.many.pair_sample import PairSample, make_choice, sample_pairs
from rdx.method.many.pair_tiles import release_tiles
from rdx.method.many.rank_profiles import make_profile
from rdx.method.many.sparse_graph import SparseGraph
from rdx.method.neighborhoods import Points


@dataclass(frozen=True)
class DirectedGraph:
    """One direction, ready to be clustered."""

    direction: str
    own: str  # the name of the representation that has the concepts
    graph: SparseGraph
    identical: bool  # both representations give every sampled pair the same ranks
    rank_errors: dict[str, float] | None = None  # of estimated ranks


@dataclass(frozen=True)
class Sampling:
    """How pairs are drawn: settings of RDX, and where that happens."""

    symmetric: bool
    gamma: float
    beta: float
    pairs_per_item: float
    seed: int
    threads: int | None = None
    device: object = None  # the torch.device to compute on; None is the CPU, with ``threads``
    spread: Callable = map_ordered  # how the CPU's tiles are worked on

    def placed(self, points: Mapping[str, Points]) -> dict[str, Points]:
        """The representations where they are computed on."""
        if self.device is None:
            return dict(points)
        from rdx.method.gpu.device_tiles import on_device

        return {name: on_device(each, self.device) for name, each in points.items()}

    def draw(self, points: Mapping[str, Points], own: str, other: str) -> PairSample:
        """The sample of two of the `placed` representations."""
        a, b = points[own], points[other]
        settings = {
            "pairs_per_item": self.pairs_per_item, "gamma": self.gamma, "beta": self.beta, "seed": self.seed,
            "both_directions": "a_to_b" not in points,
        }  # fmt: skip
        if self.device is None:
            choice = make_choice(a, b, **settings)
            found = sample_pairs(a, b, choice, both_ways=self.symmetric, spread=self.spread)
        else:
            from rdx.method.gpu.device_sample import sample_pairs_on

            found = sample_pairs_on(a, b, make_choice(a, b, **settings), both_ways=self.symmetric)
        release_tiles()
        return found


def sampled(points) -> list[tuple[str, str]]:
    """The representations, by name, between which pairs are drawn: unaligned one sample serves both directions."""
    return [("A", "b_to_a"), ("B", "a_to_b")] if "a_to_b" in points else [("A", "B")]


def graphs(
    points: Mapping[str, Points], sampling: Sampling, groups: Mapping[str, np.ndarray]
) -> Iterator[DirectedGraph]:
    """The difference graphs of both directions of "A" and "B", aligned with "a_to_b" and "b_to_a": exact ranks."""
    kind = SparseGraph
    if sampling.device is not None:
        from rdx.method.gpu.device_graph import DeviceSparseGraph as kind
    points = sampling.placed(points)

    def directed(sample: PairSample, direction: str, own: str, other: str, swapped: bool = False) -> DirectedGraph:
        graph = kind.of_sample(
            sample, points[own], points[other], swapped=swapped, gamma=sampling.gamma, beta=sampling.beta,
            own_groups=groups.get(own), seed=sampling.seed, threads=sampling.threads,
        )  # fmt: skip
        return DirectedGraph(direction, own, graph, bool(np.array_equal(sample.seen.a, sample.seen.b)))

    if "a_to_b" in points:
        for own, other in sampled(points):
            yield directed(sampling.draw(points, own, other), A_NOT_B if own == "A" else B_NOT_A, own, other)
        return
    sample = sampling.draw(points, "A", "B")
    both = [directed(sample, A_NOT_B, "A", "B"), directed(sample, B_NOT_A, "B", "A", swapped=True)]
    del sample  # both graphs hold what they need of it
    while both:
        yield both.pop(0)


def approximate_graphs(
    points: Mapping[str, Points], sampling: Sampling, groups: Mapping[str, np.ndarray]
) -> Iterator[DirectedGraph]:
    """The same with estimated ranks; ``rank_errors`` says what they are off by."""
    aligned, seed, threads = "a_to_b" in points, sampling.seed, sampling.threads
    for own, other in sampled(points):
        a, b = points[own], points[other]
        profiles = tuple(make_profile(each, seed, threads) for each in (a, b))
        made = approximate.prepare_comparison(
            a, b, profiles, pairs_per_item=sampling.pairs_per_item, gamma=sampling.gamma, beta=sampling.beta,
            both_ways=sampling.symmetric, both_directions=not aligned, seed=seed,
        )  # fmt: skip
        starts, items, values = approximate.approximate_pairs(made, sampling.spread)
        errors = approximate.rank_errors(made)
        near = [profile.near for profile in profiles]
        del profiles, made
        release_tiles()
        names = [(own, other)] if aligned else [(own, other), (other, own)]
        for side, (mine, theirs) in enumerate(names):
            graph = SparseGraph(
                starts, items, values[side], near[side], points[mine], points[theirs], gamma=sampling.gamma,
                beta=sampling.beta, symmetric=sampling.symmetric, own_groups=groups.get(mine), seed=seed,
                threads=threads,
            )  # fmt: skip
            values[side] = near[side] = None
            yield DirectedGraph(A_NOT_B if mine == "A" else B_NOT_A, mine, graph, not np.any(graph.values), errors)
