"""The RDX estimator: what does one representation hold together that another scatters?

Kondapaneni, Mac Aodha, Perona: "Representational Difference Explanations", NeurIPS 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import BaseEstimator

from rdx.compute.threads import map_ordered
from rdx.errors import InputError
from rdx.method import alignment as align
from rdx.method.difference import Distances
from rdx.method.many.directions import fit_directions
from rdx.method.neighborhoods import Points, as_array, as_points
from rdx.method.parameters import Parameters
from rdx.method.pipeline import Settings
from rdx.method.scales.plan import FEW, own_scales
from rdx.method.versions import Version
from rdx.results import Results


class RDX(Results, Parameters, BaseEstimator):
    """Compares two representations of the same n items, in both directions.

    Parameters
    ----------
    n_clusters : int, default 5
        k, the concepts asked for in each direction, 1 or more. The clustering gets k + 1; version v1 returns k
        concepts, v2 between none and k + 1. With ``scale="auto"`` k is what is shown at most.
    scale : {None, "auto"}, default None
        "auto": concepts at the scale at which each stands out from noise, and none where nothing does, see
        `rdx.method.scales`; what belongs to one scale for all (γ, β, version, …) must be its default. Fewer than 40
        items are compared at one scale. None: one γ and β for all, as in the paper.
    version : {"v2", "v1"}, default "v2"
        "v2" symmetrises the neighbourhood distances and drops weak clusters; "v1" is the paper's.
    distance : {"neighborhood", "max_normalized", "local_scaling"}, default "neighborhood"
        How far apart two items are: by neighbour ranks, by distance over the largest distance, or by distance
        relative to the ``sigma``-th neighbours.
    difference : {"locally_biased", "plain"}, default "locally_biased"
        tanh(γ (r_A − r_B) / (min(r_A, r_B) + 1)), or r_A − r_B.
    gamma : float or "auto", default 0.1
        γ from 1e-6 to 1e6, how fast the locally biased difference saturates; "auto" is 80 / n.
    beta : float, default 5.0
        β from 1e-6 to 60 in affinity = exp(−β · difference).
    normalize_difference : bool, default False
        Divide the difference by its largest absolute value.
    sigma : int, default 7
        The neighbour whose distance is an item's scale in local scaling.
    clustering : {"spectral", "affinity_propagation", "eigenvector_centrality", "pagerank"}, default "spectral"
        What finds the clusters of the affinity graph.
    cluster_size : int, default 9
        Items of a cluster that a centrality picks.
    selection : str, default "max_total_affinity"
        How the images of a grid are chosen, see `rdx.method.grids`; with ``scale="auto"`` see
        `rdx.method.scales.shown`.
    images_per_concept : int, default 9
        m, the images of a grid.
    null_threshold : float, default 1.1
        v2 drops clusters whose mean affinity is below it; 1 is no difference.
    min_concept_size : int or "auto", default "auto"
        Smaller clusters go to null; "auto" is 1 in v1 and ⌈m / 2⌉ in v2.
    alignment : {None, "cka", "ridge"}, default None
        Maps learnt in `fit` remove what a linear map can undo.
    align_steps : int or None, default None
        Training steps of "cka"; None is its own default.
    align_start : {"identity", "random"}, default "identity"
        Where the training of "cka" starts.
    guidance_rule : {"own", "paper"}, default "own"
        What guidance does to pairs of different groups, where `fit` is given groups.
    solver : {"auto", "dense", "sparse", "approximate"}, default "auto"
        All pairs of items, exact; a sample of them with exact ranks; or with estimated ranks. "auto" chooses by
        size and memory, see `rdx.method.many.solver`.
    pairs_per_item : float, default 600
        Pairs that the sparse and approximate solvers keep of each item, 1 or more.
    max_memory : int, float, str or None, default None
        What this process may grow to, in bytes or as "4GB"; None is what the machine has.
    keep_matrices : bool, default False
        Keep differences and affinities (n, n) in the results, and the distances.
    random_state : int, default 0
        Seed of everything drawn at random.
    device : str, default "auto"
        Where alignment maps are trained and, on "cuda" or "cuda:1", ranks and graphs are computed, with the same
        ranks as on "cpu". "auto" takes a GPU where there is one and n is large enough. Distances other than ranks,
        and affinity propagation, stay on the CPU.

    Attributes
    ----------
    a_not_b_, b_not_a_ : Explanations of the two directions.
    concepts_ : the concepts of both as a DataFrame.
    peeled_ : with ``scale="auto"``, what was found and why it ended.
    solver_ : what ran; device_ : where ranks and graphs were computed. n_items_ : n.
    identical_ : the two representations see the same neighbourhoods.
    rank_errors_ : of the approximate solver, its rank error (median and 90th percentile of |log2| of the ratio).
    distances_a_, distances_b_ (and distances_a_to_b_, distances_b_to_a_) : with keep_matrices.
    map_a_to_b_, map_b_to_a_ : the learnt LinearMaps, where ``alignment`` is set.
    """

    def fit(
        self, A, B, a_to_b=None, b_to_a=None, groups_a=None, groups_b=None, groups_a_to_b=None, groups_b_to_a=None,
        *, spread: Callable = map_ordered,
    ) -> RDX:  # fmt: skip
        """Compares A (n, d_a) with B (n, d_b), arrays or tensors of the same items in the same order.

        ``a_to_b``, ``b_to_a``: A mapped to B's space and B mapped to A's, for an aligned comparison
        with maps learnt elsewhere. ``groups_*`` (n,): guidance labels. ``spread``: where the passes over
        pairs of the sparse and approximate solvers run, and the noise pairs of ``scale="auto"``, see
        `rdx.compute.engine.Engine.map`. Raises InputError (a ValueError) for anything that can't be compared, naming
        the parameter or the row.
        """
        version = self.check_parameters()
        arrays = {"A": as_array(A, "A"), "B": as_array(B, "B")}
        n = len(arrays["A"])
        if len(arrays["B"]) != n:
            raise InputError(f"A has {n} items and B has {len(arrays['B'])}: both must show the same items")
        self.check_items(n)
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
        return self._fit(points, groups, version, spread=spread)

    def fit_points(self, points: Mapping[str, Points], distances: dict[tuple, Distances] | None = None) -> RDX:
        """`fit` for many settings or many partners of one representation: nothing is computed twice.

        ``points``: "A" and "B", aligned also "a_to_b" and "b_to_a", all of the same n items. ``distances`` is
        filled with every distance matrix that is computed, and what is in it already is taken from there:
        hand the same dictionary on as long as a name means the same points; delete entries to free memory.
        """
        version = self.check_parameters()
        self.check_items(len(points["A"]))
        widths = [points[name].grid.shape[1] for name in ("A", "B")]
        self.solver_ = self.plan(len(points["A"]), widths, aligned="a_to_b" in points).solver
        return self._fit(dict(points), {}, version, distances)

    def _fit(
        self, points: dict[str, Points], groups: dict, version: Version,
        shared: dict[tuple, Distances] | None = None, spread: Callable = map_ordered,
    ) -> RDX:  # fmt: skip
        if own_scales(self.scale, len(points["A"])):
            return self._fit_scales(points, groups, spread)
        settings = self._settings(version)
        found = fit_directions(self, self.solver_, points, groups, version, settings, shared, spread)
        for direction, explanations in found.explanations.items():
            if self.scale == "auto":
                explanations.notes.insert(0, FEW)
            setattr(self, f"{direction}_", explanations)
        for name, distances in found.distances.items():
            setattr(self, f"distances_{name.lower()}_", distances.matrix())
        if self.solver_ != "dense":
            self.rank_errors_ = found.rank_errors
        self.device_, self.identical_, self.n_items_ = found.device, found.identical, len(points["A"])
        return self

    def _fit_scales(self, points: dict[str, Points], groups: dict, spread: Callable) -> RDX:
        from rdx.method.scales.explained import explain_scales

        explanations, self.peeled_ = explain_scales(self, points, groups, spread)
        for direction, found in explanations.items():
            setattr(self, f"{direction}_", found)
        self.device_, self.identical_, self.n_items_ = "cpu", self.peeled_.identical, len(points["A"])
        return self

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
        self.map_a_to_b_, self.map_b_to_a_ = align.learn_maps(A, B, **settings)
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


@dataclass(eq=False, repr=False)
class RDXPaper(RDX):
    """The RDX estimator with the paper's version as its default; same parameters, same attributes."""

    version: str = field(default="v1", kw_only=True)
