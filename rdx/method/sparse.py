"""RDX on many items: sampled pairs in place of all pairs, exact ranks, memory that grows with n.

What has no such structure is refused: distances other than ranks, the plain difference, affinity
propagation, the paper's guidance rule and whatever returns a matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from rdx.method import approximate
from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.method.neighborhoods import Points
from rdx.method.pair_sample import PairSample, make_choice, sample_pairs
from rdx.method.pair_tiles import release_tiles
from rdx.method.rank_profiles import make_profile
from rdx.method.sparse_graph import SparseGraph


@dataclass(frozen=True)
class DirectedGraph:
    """One direction, ready to be clustered."""

    direction: str
    own: str  # the name of the representation that has the concepts
    graph: SparseGraph
    identical: bool  # both representations give every sampled pair the same ranks
    rank_errors: dict[str, float] | None = None  # of estimated ranks


def graphs(
    points: Mapping[str, Points], *, symmetric: bool, gamma: float, beta: float, pairs_per_item: float,
    groups: Mapping[str, np.ndarray], seed: int, threads: int | None = None, device=None,
) -> Iterator[DirectedGraph]:  # fmt: skip
    """The difference graphs of both directions of "A" and "B", aligned with "a_to_b" and "b_to_a": exact ranks.

    ``device``: the torch.device to compute on; None is the processor, with ``threads``.
    """
    aligned = "a_to_b" in points
    draw, kind = partial(sample_pairs, threads=threads), SparseGraph
    if device is not None:
        from rdx.method.device_graph import DeviceSparseGraph as kind
        from rdx.method.device_sample import sample_pairs_on as draw
        from rdx.method.device_tiles import on_device

        points = {name: on_device(each, device) for name, each in points.items()}
    settings = {"pairs_per_item": pairs_per_item, "gamma": gamma, "beta": beta, "seed": seed}

    def sampled(own: str, other: str) -> PairSample:
        a, b = points[own], points[other]
        choice = make_choice(a, b, both_directions=not aligned, **settings)
        found = draw(a, b, choice, both_ways=symmetric)
        release_tiles()
        return found

    def directed(sample: PairSample, direction: str, own: str, other: str, swapped: bool = False) -> DirectedGraph:
        graph = kind.of_sample(
            sample, points[own], points[other], swapped=swapped, gamma=gamma, beta=beta,
            own_groups=groups.get(own), seed=seed, threads=threads,
        )  # fmt: skip
        return DirectedGraph(direction, own, graph, bool(np.array_equal(sample.seen.a, sample.seen.b)))

    if aligned:
        yield directed(sampled("A", "b_to_a"), A_NOT_B, "A", "b_to_a")
        yield directed(sampled("B", "a_to_b"), B_NOT_A, "B", "a_to_b")
        return
    sample = sampled("A", "B")
    both = [directed(sample, A_NOT_B, "A", "B"), directed(sample, B_NOT_A, "B", "A", swapped=True)]
    del sample  # both graphs hold what they need of it
    while both:
        yield both.pop(0)


def approximate_graphs(
    points: Mapping[str, Points], *, symmetric: bool, gamma: float, beta: float, pairs_per_item: float,
    groups: Mapping[str, np.ndarray], seed: int, threads: int | None = None,
) -> Iterator[DirectedGraph]:  # fmt: skip
    """The same with estimated ranks; ``rank_errors`` says what they are off by."""
    aligned = "a_to_b" in points
    pairs = [("A", "b_to_a"), ("B", "a_to_b")] if aligned else [("A", "B")]
    for own, other in pairs:
        a, b = points[own], points[other]
        profiles = tuple(make_profile(each, seed, threads) for each in (a, b))
        made = approximate.prepare_comparison(
            a, b, profiles, pairs_per_item=pairs_per_item, gamma=gamma, beta=beta, both_ways=symmetric,
            both_directions=not aligned, seed=seed,
        )  # fmt: skip
        starts, items, values = approximate.approximate_pairs(made, threads)
        errors = approximate.rank_errors(made)
        near = [profile.near for profile in profiles]
        del profiles, made
        release_tiles()
        names = [(own, other)] if aligned else [(own, other), (other, own)]
        for side, (mine, theirs) in enumerate(names):
            graph = SparseGraph(
                starts, items, values[side], near[side], points[mine], points[theirs], gamma=gamma, beta=beta,
                symmetric=symmetric, own_groups=groups.get(mine), seed=seed, threads=threads,
            )  # fmt: skip
            values[side] = near[side] = None
            yield DirectedGraph(A_NOT_B if mine == "A" else B_NOT_A, mine, graph, not np.any(graph.values), errors)
