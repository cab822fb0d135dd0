"""Both directions of a comparison, by the solver and on the device that suit its size.

``chosen`` is an `rdx.method.rdx.RDX`, of which only the parameters are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from rdx.compute.allocator import memory_reused
from rdx.compute.devices import tile_device
from rdx.compute.threads import map_ordered, one_thread_each
from rdx.errors import InputError
from rdx.method.concepts import A_NOT_B, B_NOT_A, Explanations
from rdx.method.difference import DifferenceGraph, Distances, compute_distances
from rdx.method.guidance import make_guide
from rdx.method.many import sparse
from rdx.method.neighborhoods import Points
from rdx.method.pipeline import Settings, explain
from rdx.method.versions import Version, gamma_for


@dataclass
class Fitted:
    """What came out."""

    device: str  # where ranks and graphs were computed
    explanations: dict[str, Explanations] = field(default_factory=dict)  # by direction
    identical: bool = True  # the two representations see the same neighbourhoods
    rank_errors: dict[str, float] | None = None  # of the approximate solver
    distances: dict[str, Distances] = field(default_factory=dict)  # by representation, with keep_matrices


def compared(names) -> dict[str, tuple[str, str]]:
    """By direction, the representation that has the concepts and the one it is held against."""
    if "a_to_b" in names:
        return {A_NOT_B: ("A", "b_to_a"), B_NOT_A: ("B", "a_to_b")}
    return {A_NOT_B: ("A", "B"), B_NOT_A: ("B", "A")}


def gpu_for(chosen, n: int):
    """The torch.device of a GPU for n items; None where there is none, or the settings have no use for it."""
    if chosen.distance != "neighborhood" or chosen.clustering == "affinity_propagation":
        return None
    return tile_device(chosen.device, n)


def device_for(chosen, solver: str, n: int, shared: Mapping | None = None):
    """The torch.device that ranks and graphs are computed on; None is the CPU."""
    device = None if solver == "approximate" else gpu_for(chosen, n)
    if device is None or solver != "dense" or any(key[-1] == device for key in shared or ()):
        return device
    from rdx.method.gpu.device_graph import check_ranks_fit

    try:
        check_ranks_fit(n, device)
    except InputError:
        if chosen.device != "auto":
            raise
        return None
    return device


def fit_directions(
    chosen, solver: str, points: dict[str, Points], groups: dict, version: Version, settings: Settings,
    shared: dict[tuple, Distances] | None = None, spread: Callable = map_ordered,
) -> Fitted:  # fmt: skip
    """Both directions of ``points``: "A" and "B", aligned also "a_to_b" and "b_to_a".

    ``groups``: guidance labels (n,) by the same names. ``shared``: distances of earlier fits, and of this one after it.
    ``spread``: how passes over sampled pairs are worked on. Unaligned directions share their distances; aligned each
    has a pair of its own.
    """
    device = device_for(chosen, solver, len(points["A"]), shared)
    found = Fitted(str(device or "cpu"))
    with one_thread_each(), memory_reused():
        if solver == "dense":
            _fit_dense(found, chosen, points, groups, version, settings, shared, device)
        else:
            _fit_sampled(found, chosen, solver, points, groups, version, settings, device, spread)
    return found


def _fit_sampled(
    fitted: Fitted, chosen, solver: str, points: dict[str, Points], groups: dict, version: Version, settings: Settings,
    device, spread: Callable,
) -> None:  # fmt: skip
    """From sampled pairs: one sample for both directions where they compare the same two representations."""
    sampling = sparse.Sampling(
        version.symmetric_distances, gamma_for(chosen.gamma, len(points["A"])), chosen.beta, chosen.pairs_per_item,
        chosen.random_state, device=device, spread=spread,
    )  # fmt: skip
    graphs = sparse.graphs if solver == "sparse" else sparse.approximate_graphs
    for found in graphs(points, sampling, groups):
        fitted.identical &= found.identical
        fitted.rank_errors = found.rank_errors
        fitted.explanations[found.direction] = explain(found.direction, found.graph, points[found.own], settings)


def _fit_dense(
    fitted: Fitted, chosen, points: dict[str, Points], groups: dict, version: Version, settings: Settings,
    shared: dict | None, device,
) -> None:  # fmt: skip
    """From all pairs of items."""
    kept: dict[str, Distances] = {}
    for direction, (own, other) in compared(points).items():
        for name in (own, other):
            if name not in kept:
                kept[name] = _distances(chosen, name, points[name], version, shared, device)
        fitted.identical &= kept[own].equals(kept[other])
        graph = _graph(chosen, own, other, kept, groups, len(points[own]), device)
        explanations = explain(direction, graph, points[own], settings)
        if chosen.keep_matrices:
            explanations.difference = graph.matrix("difference")
            explanations.affinity = graph.matrix("affinity")
        fitted.explanations[direction] = explanations
        del graph
        if "a_to_b" in points and not chosen.keep_matrices:
            kept.clear()  # the next direction shares nothing with this one
    if chosen.keep_matrices:
        fitted.distances = kept


def _distances(chosen, name: str, points: Points, version: Version, shared: dict | None, device) -> Distances:
    key = (name, chosen.distance, version.symmetric_distances, chosen.sigma, device)
    if chosen.distance != "local_scaling":
        key = (*key[:3], None, device)
    if shared is not None and key in shared:
        return shared[key]
    if device is None:
        found = compute_distances(points, chosen.distance, symmetric=version.symmetric_distances, sigma=chosen.sigma)
    else:
        from rdx.method.gpu.device_graph import compute_distances_on

        found = compute_distances_on(points, device, symmetric=version.symmetric_distances)
    if shared is not None:
        shared[key] = found
    return found


def _graph(chosen, own: str, other: str, kept: Mapping[str, Distances], groups: dict, n: int, device):
    """The difference graph of one direction."""
    guide = None
    if groups:
        guide = make_guide(chosen.guidance_rule, kept[own], kept[other], groups[own], groups.get(other))
    kind = DifferenceGraph
    if device is not None:
        from rdx.method.gpu.device_graph import DeviceDifferenceGraph as kind
    return kind(
        kept[own], kept[other], difference=chosen.difference, gamma=gamma_for(chosen.gamma, n), beta=chosen.beta,
        normalize=chosen.normalize_difference, guide=guide,
    )  # fmt: skip
