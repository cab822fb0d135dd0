"""The RDX estimator: what does one representation hold together that another scatters?

Kondapaneni, Mac Aodha, Perona: "Representational Difference Explanations", NeurIPS 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from sklearn.base import BaseEstimator

from rdx.compute.devices import check_device, tile_device
from rdx.compute.memory import parse_memory
from rdx.compute.threads import map_ordered, one_thread_each
from rdx.errors import InputError, check_number, check_whole, unknown
from rdx.method import alignment as align
from rdx.method.concepts import A_NOT_B, B_NOT_A, Explanations
from rdx.method.difference import DIFFERENCES, DifferenceGraph, Distances, check_difference, compute_distances
from rdx.method.grids import SELECTIONS
from rdx.method.guidance import RULES, make_guide
from rdx.method.many import sparse
from rdx.method.many.solver import SOLVERS, FitPlan, plan_fit
from rdx.method.neighborhoods import DISTANCES, Points, as_array, as_points
from rdx.method.pipeline import CLUSTERINGS, Settings, check_enough_items, explain
from rdx.method.versions import Version, gamma_for, version_named


@dataclass(eq=False, repr=False)
class RDX(BaseEstimator):
    """Compares two representations of the same n items, in both directions.

    Parameters
    ----------
    n_clusters : k, the concepts asked for per direction. The clustering gets k + 1; v1 returns k,
        v2 between none and k + 1.
    version : "v2" symmetrises the neighbourhood distances and drops weak clusters; "v1" is the paper's.
    distance : "neighborhood" (ranks), "max_normalized" or "local_scaling" (with ``sigma``).
    difference : "locally_biased" (with ``gamma``, a number or "auto" = 80 / n) or "plain".
    beta : affinity = exp(−beta · difference).
    normalize_difference : divide the difference by its largest absolute value.
    clustering : "spectral", "affinity_propagation", "eigenvector_centrality" or "pagerank" (the last
        two with ``cluster_size``).
    selection : how the images of a grid are chosen, see ``rdx.method.grids``.
    images_per_concept : m, the images of a grid.
    null_threshold : v2 drops clusters whose mean affinity is below it.
    min_concept_size : smaller clusters go to null; "auto" is 1 in v1 and ⌈m / 2⌉ in v2.
    alignment : None, "cka" or "ridge": maps learnt in ``fit`` remove what a linear map can undo.
        ``align_steps`` and ``align_start`` ("identity" or "random") are for "cka".
    guidance_rule : "own" or "paper", used where ``fit`` is given groups.
    solver : "dense" is exact, "sparse" keeps ``pairs_per_item`` pairs of each item; "auto" chooses by n, see
        ``rdx.method.many.solver``.
    max_memory : what this process may grow to, in bytes or as "4GB"; None: what the machine has.
    keep_matrices : keep differences and affinities (n, n) in the results, and the distances.
    random_state : seed of everything drawn at random.
    device : where alignment maps are trained and, on "cuda" or "cuda:1", ranks and graphs are computed: with the
        same ranks as on "cpu". "auto" takes a card where there is one and n is large enough. Distances other
        than ranks, and affinity propagation, stay on the processor.

    Attributes
    ----------
    a_not_b_, b_not_a_ : Explanations of the two directions.
    solver_ : what ran; device_ : where ranks and graphs were computed. n_items_ : n.
    identical_ : the two representations see the same neighbourhoods.
    rank_errors_ : of the approximate path, how far its ranks are off (median and 90th percentile, in octaves).
    distances_a_, distances_b_ (and distances_a_to_b_, distances_b_to_a_) : with keep_matrices.
    map_a_to_b_, map_b_to_a_ : the learnt LinearMaps, where ``alignment`` is set.
    """

    n_clusters: int = 5
    _: KW_ONLY
    version: str = "v2"
    distance: str = "neighborhood"
    difference: str = "locally_biased"
    gamma: float | str = 0.1
    beta: float = 5.0
    normalize_difference: bool = False
    sigma: int = 7
    clustering: str = "spectral"
    cluster_size: int = 9
    selection: str = "max_total_affinity"
    images_per_concept: int = 9
    null_threshold: float = 1.1
    min_concept_size: int | str = "auto"
    alignment: str | None = None
    align_steps: int | None = None
    align_start: str = "identity"
    guidance_rule: str = "own"
    solver: str = "auto"
    pairs_per_item: float = 600
    max_memory: int | float | str | None = None
    keep_matrices: bool = False
    random_state: int = 0
    device: str = "auto"

    def fit(
        self, A, B, a_to_b=None, b_to_a=None, groups_a=None, groups_b=None, groups_a_to_b=None, groups_b_to_a=None,
        *, spread: Callable = map_ordered,
    ) -> RDX:  # fmt: skip
        """Compares A (n, d_a) with B (n, d_b), arrays or tensors of the same items in the same order.

        ``a_to_b``, ``b_to_a``: A mapped to B's space and B mapped to A's, for an aligned comparison
        with maps learnt elsewhere. ``groups_*`` (n,): guidance labels. ``spread``: where the passes over
        pairs of the sparse and approximate solvers run, see `rdx.compute.engine.Engine.map`. Raises InputError (a
        ValueError) for anything that can't be compared, naming the parameter or the row.
        """
        version = self.check_parameters()
        arrays = {"A": as_array(A, "A"), "B": as_array(B, "B")}
        n = len(arrays["A"])
        if len(arrays["B"]) != n:
            raise InputError(f"A has {n} items and B has {len(arrays['B'])}: both must show the same items")
        check_enough_items(n, self.n_clusters, self.clustering)
        if (a_to_b is None) != (b_to_a is None):
            raise InputError("a_to_b and b_to_a go together: give both, or neither")
        given = {
            "groups_a": groups_a, "groups_b": groups_b, "groups_a_to_b": groups_a_to_b, "groups_b_to_a": groups_b_to_a,
        }  # fmt: skip
        aligned = a_to_b is not None or self.alignment is not None
        groups = self._check_groups(n, aligned, given)
        widths = [array.shape[1] for array in arrays.values()]
        self.solver_ = self.plan(n, widths, aligned=aligned, guided=bool(groups)).solver
        if a_to_b is None and self.alignment is not None:
            a_to_b, b_to_a = self._learn_maps(arrays["A"], arrays["B"])
        if a_to_b is not None:
            arrays |= {"a_to_b": as_array(a_to_b, "a_to_b"), "b_to_a": as_array(b_to_a, "b_to_a")}
        for name, array in arrays.items():
            if len(array) != n:
                raise InputError(f"{name} has {len(array)} items, A and B have {n}")
        points = {name: as_points(array, name) for name, array in arrays.items()}
        self._fit_directions(points, groups, version, None, spread)
        return self

    def fit_points(self, points: Mapping[str, Points], distances: dict[tuple, Distances] | None = None) -> RDX:
        """`fit` for many settings or many partners of one representation: nothing is computed twice.

        ``points``: "A" and "B", aligned also "a_to_b" and "b_to_a", all of the same n items. ``distances`` is
        filled with every distance matrix that is computed, and what is in it already is taken from there:
        hand the same dictionary on as long as a name means the same points; delete entries to free memory.
        """
        version = self.check_parameters()
        check_enough_items(len(points["A"]), self.n_clusters, self.clustering)
        widths = [points[name].grid.shape[1] for name in ("A", "B")]
        self.solver_ = self.plan(len(points["A"]), widths, aligned="a_to_b" in points).solver
        self._fit_directions(dict(points), {}, version, distances)
        return self

    def plan(self, n: int, widths: Sequence[int], *, aligned: bool = False, guided: bool = False) -> FitPlan:
        """What `fit` will do on n items with representations of ``widths`` (d_a, d_b); nothing is computed.

        Raises InputError for a comparison that the settings or the memory do not allow.
        """
        return plan_fit(
            n, widths, solver=self.solver, version=self.version, distance=self.distance, difference=self.difference,
            clustering=self.clustering, selection=self.selection, normalize_difference=self.normalize_difference,
            keep_matrices=self.keep_matrices, guidance_rule_used=self.guidance_rule if guided else None,
            aligned=aligned, n_clusters=self.n_clusters, pairs_per_item=self.pairs_per_item,
            max_memory=self.max_memory, card=self._card(n) is not None,
        )  # fmt: skip

    def _fit_directions(
        self, points: dict[str, Points], groups: dict, version: Version, shared: dict[tuple, Distances] | None,
        spread: Callable = map_ordered,
    ) -> None:  # fmt: skip
        """Both directions. Unaligned they share their distances; aligned each has a pair of its own."""
        device = self._tile_device(len(points["A"]), shared)
        self.device_ = str(device or "cpu")
        with one_thread_each():
            if self.solver_ != "dense":
                self._fit_sparse(points, groups, self._sampling(version, device, points, spread), version)
            else:
                self._fit_each(points, groups, version, shared, device)
        self.n_items_ = len(points["A"])

    def _card(self, n: int):
        """The torch.device for tiles of n items; None where there is none, or the settings have no use for it."""
        if self.distance != "neighborhood" or self.clustering == "affinity_propagation":
            return None
        return tile_device(self.device, n)

    def _tile_device(self, n: int, shared: dict | None):
        """The torch.device that ranks and graphs are computed on; None is the processor."""
        device = None if self.solver_ == "approximate" else self._card(n)
        if device is None or self.solver_ != "dense" or any(key[-1] == device for key in shared or ()):
            return device
        from rdx.method.gpu.device_graph import check_ranks_fit

        try:
            check_ranks_fit(n, device)
        except InputError:
            if self.device != "auto":
                raise
            return None
        return device

    def _sampling(self, version: Version, device, points: dict, spread: Callable) -> sparse.Sampling:
        return sparse.Sampling(
            version.symmetric_distances, gamma_for(self.gamma, len(points["A"])), self.beta, self.pairs_per_item,
            self.random_state, device=device, spread=spread,
        )  # fmt: skip

    def _fit_sparse(self, points: dict[str, Points], groups: dict, sampling: sparse.Sampling, version: Version) -> None:
        """Both directions from sampled pairs: one sample for both where they compare the same two representations."""
        same = []
        graphs = sparse.graphs if self.solver_ == "sparse" else sparse.approximate_graphs
        for found in graphs(points, sampling, groups):
            same.append(found.identical)
            self.rank_errors_ = found.rank_errors
            explanations = explain(found.direction, found.graph, points[found.own], self._settings(version))
            setattr(self, f"{found.direction}_", explanations)
        self.identical_ = all(same)

    def _fit_each(
        self, points: dict[str, Points], groups: dict, version: Version, shared: dict | None, device
    ) -> None:
        kept: dict[str, Distances] = {}
        same = []
        for direction, (own, other) in compared(points).items():
            for name in (own, other):
                if name not in kept:
                    kept[name] = self._distances(name, points[name], version, shared, device)
            same.append(kept[own].equals(kept[other]))
            setattr(self, f"{direction}_", self._explain(direction, own, other, kept, points, groups, version, device))
            if "a_to_b" in points and not self.keep_matrices:
                kept.clear()  # the next direction shares nothing with this one
        self.identical_ = all(same)
        if self.keep_matrices:
            for name, distances in kept.items():
                setattr(self, f"distances_{name.lower()}_", distances.matrix())

    def _distances(self, name: str, points: Points, version: Version, shared: dict | None, device) -> Distances:
        sigma = self.sigma if self.distance == "local_scaling" else None
        chosen = (self.distance, version.symmetric_distances, sigma, device)
        if shared is not None and (name, *chosen) in shared:
            return shared[name, *chosen]
        if device is None:
            found = compute_distances(points, self.distance, symmetric=version.symmetric_distances, sigma=self.sigma)
        else:
            from rdx.method.gpu.device_graph import compute_distances_on

            found = compute_distances_on(points, device, symmetric=version.symmetric_distances)
        if shared is not None:
            shared[name, *chosen] = found
        return found

    def _explain(
        self, direction: str, own: str, other: str, kept: dict, points: dict, groups: dict, version: Version, device
    ) -> Explanations:
        guide = None
        if groups:
            guide = make_guide(self.guidance_rule, kept[own], kept[other], groups[own], groups.get(other))
        kind = DifferenceGraph
        if device is not None:
            from rdx.method.gpu.device_graph import DeviceDifferenceGraph as kind
        graph = kind(
            kept[own], kept[other], difference=self.difference, gamma=gamma_for(self.gamma, len(points[own])),
            beta=self.beta, normalize=self.normalize_difference, guide=guide,
        )  # fmt: skip
        explanations = explain(direction, graph, points[own], self._settings(version))
        if self.keep_matrices:
            explanations.difference = graph.matrix("difference")
            explanations.affinity = graph.matrix("affinity")
        return explanations

    def _settings(self, version: Version) -> Settings:
        least = self.min_concept_size
        return Settings(
            self.n_clusters, version, self.clustering, self.cluster_size, self.selection, self.images_per_concept,
            self.null_threshold, version.min_concept_size(self.images_per_concept) if least == "auto" else least,
            self.random_state,
        )  # fmt: skip

    def _learn_maps(self, A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        settings = {
            "kind": self.alignment, "steps": self.align_steps, "start": self.align_start,
            "random_state": self.random_state, "device": self.device,
        }  # fmt: skip
        self.map_a_to_b_ = align.learn_map(A, B, **settings)
        self.map_b_to_a_ = align.learn_map(B, A, **settings)
        return self.map_a_to_b_.apply(A), self.map_b_to_a_.apply(B)

    def _check_groups(self, n: int, aligned: bool, given: dict) -> dict[str, np.ndarray]:
        """Groups by the name of the representation they belong to; empty without guidance."""
        present = {name: np.asarray(groups) for name, groups in given.items() if groups is not None}
        if not present:
            return {}
        if self.version != "v2" or self.distance != "neighborhood":
            raise InputError("guidance works with version='v2' and distance='neighborhood' only")
        needed = {"groups_a", "groups_b"}
        if aligned and self.guidance_rule == "paper":
            needed |= {"groups_a_to_b", "groups_b_to_a"}
        if missing := sorted(needed - present.keys()):
            raise InputError(f"guidance needs {' and '.join(missing)} as well")
        for name, groups in present.items():
            if groups.shape != (n,):
                raise InputError(f"{name}: expected one group per item, shape ({n},), got {groups.shape}")
        names = {"groups_a": "A", "groups_b": "B", "groups_a_to_b": "a_to_b", "groups_b_to_a": "b_to_a"}
        return {names[name]: groups for name, groups in present.items()}

    def check_parameters(self) -> Version:
        """Refuses any parameter out of its range with a line that names it; returns the version."""
        version = version_named(self.version)
        for kind, choices in {
            "distance": DISTANCES, "difference": DIFFERENCES, "clustering": CLUSTERINGS, "selection": SELECTIONS,
            "guidance_rule": RULES, "solver": ("auto", *SOLVERS), "align_start": align.STARTS,
        }.items():  # fmt: skip
            if getattr(self, kind) not in choices:
                raise unknown(kind, getattr(self, kind), choices)
        if self.alignment is not None and self.alignment not in align.KINDS:
            raise unknown("alignment", self.alignment, align.KINDS)
        for name, lowest in {"n_clusters": 1, "sigma": 1, "cluster_size": 1, "images_per_concept": 1}.items():
            check_whole(name, getattr(self, name), lowest)
        check_whole("random_state", self.random_state, 0)
        check_number("pairs_per_item", self.pairs_per_item, least=1.0)
        if self.max_memory is not None:
            parse_memory(self.max_memory)
        if self.min_concept_size != "auto":
            check_whole("min_concept_size", self.min_concept_size, 1)
        if self.align_steps is not None:
            check_whole("align_steps", self.align_steps, 1)
        if self.gamma != "auto":
            check_number("gamma", self.gamma, above=0.0)
        check_device(self.device)
        check_number("beta", self.beta, above=0.0)
        check_number("null_threshold", self.null_threshold, least=0.0)
        check_difference(self.difference, self.distance, self.normalize_difference)
        return version


def compared(names) -> dict[str, tuple[str, str]]:
    """By direction, the representation that has the concepts and the one it is held against."""
    if "a_to_b" in names:
        return {A_NOT_B: ("A", "b_to_a"), B_NOT_A: ("B", "a_to_b")}
    return {A_NOT_B: ("A", "B"), B_NOT_A: ("B", "A")}


@dataclass(eq=False, repr=False)
class RDXPaper(RDX):
    """The RDX estimator with the paper's version as its default; same parameters, same attributes."""

    version: str = field(default="v1", kw_only=True)
