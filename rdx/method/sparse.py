"""RDX on many items: sampled pairs in place of all pairs, exact ranks, memory that grows with n.

What has no such structure is refused: distances other than ranks, the plain difference, affinity
propagation, the paper's guidance rule and whatever returns a matrix.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.method.neighborhoods import Points
from rdx.method.pair_sample import PairSample, make_choice, release_tiles, sample_pairs
from rdx.method.sparse_graph import SparseGraph


@dataclass(frozen=True)
class DirectedGraph:
    """One direction, ready to be clustered."""

    direction: str
    own: str  # the name of the representation that has the concepts
    graph: SparseGraph
    identical: bool  # both representations give every sampled pair the same ranks


def graphs(
    points: Mapping[str, Points], *, symmetric: bool, gamma: float, beta: float, pairs_per_item: float,
    groups: Mapping[str, np.ndarray], seed: int, threads: int | None = None, device=None,
) -> Iterator[DirectedGraph]:  # fmt: skip
    """The difference graphs of both directions of "A" and "B", aligned with "a_to_b" and "b_to_a".

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
        graph = kind(
            sample, points[own], points[other], gamma=gamma, beta=beta, swapped=swapped, own_groups=groups.get(own),
            threads=threads,
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
