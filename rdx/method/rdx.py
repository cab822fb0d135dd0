"""The RDX estimator: what does one representation hold together that another scatters?

Kondapaneni, Mac Aodha, Perona: "Representational Difference Explanations", NeurIPS 2025.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from sklearn.base import BaseEstimator

from rdx.compute.devices import check_device
from rdx.compute.memory import parse_memory
from rdx.compute.threads import map_ordered
from rdx.errors import InputError, check_number, check_whole, unknown
from rdx.method import alignment as align
from rdx.method.difference import BETAS, DIFFERENCES, GAMMAS, Distances, check_difference
from rdx.method.grids import SELECTIONS
from rdx.method.guidance import RULES
from rdx.method.many.directions import fit_directions, gpu_for
from rdx.method.many.solver import ALONE, SOLVERS, FitPlan, plan_fit
from rdx.method.neighborhoods import DISTANCES, Points, as_array, as_points
from rdx.method.pipeline import CLUSTERINGS, Settings, check_enough_items
from rdx.method.versions import Version, version_named


@dataclass(eq=False, repr=False)
class RDX(BaseEstimator):
    """Compares two representations of the same n items, in both directions.

    Parameters
    ----------
    n_clusters : int, default 5
        k, the concepts asked for in each direction, 1 or more. The clustering gets k + 1; version v1 returns k
        concepts, v2 between none and k + 1.
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
        How the images of a grid are chosen, see `rdx.method.grids`.
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
    solver_ : what ran; device_ : where ranks and graphs were computed. n_items_ : n.
    identical_ : the two representations see the same neighbourhoods.
    rank_errors_ : of the approximate solver, its rank error (median and 90th percentile of |log2| of the ratio).
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
        return self._fit(points, groups, version, spread=spread)

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
        return self._fit(dict(points), {}, version, distances)

    def plan(
        self, n: int, widths: Sequence[int], *, aligned: bool = False, guided: bool = False, libraries: float = ALONE
    ) -> FitPlan:
        """What `fit` will do on n items with representations of ``widths`` (d_a, d_b); nothing is computed.

        ``libraries``: bytes that the process will hold before any data.
        Raises InputError for a comparison that the settings or the memory do not allow.
        """
        return plan_fit(
            n, widths, solver=self.solver, version=self.version, distance=self.distance, difference=self.difference,
            clustering=self.clustering, selection=self.selection, normalize_difference=self.normalize_difference,
            keep_matrices=self.keep_matrices, guidance_rule_used=self.guidance_rule if guided else None,
            aligned=aligned, n_clusters=self.n_clusters, pairs_per_item=self.pairs_per_item,
            max_memory=self.max_memory, gpu=gpu_for(self, n) is not None, libraries=libraries,
        )  # fmt: skip

    def _fit(
        self, points: dict[str, Points], groups: dict, version: Version,
        shared: dict[tuple, Distances] | None = None, spread: Callable = map_ordered,
    ) -> RDX:  # fmt: skip
        settings = self._settings(version)
        found = fit_directions(self, self.solver_, points, groups, version, settings, shared, spread)
        for direction, explanations in found.explanations.items():
            setattr(self, f"{direction}_", explanations)
        for name, distances in found.distances.items():
            setattr(self, f"distances_{name.lower()}_", distances.matrix())
        if self.solver_ != "dense":
            self.rank_errors_ = found.rank_errors
        self.device_, self.identical_, self.n_items_ = found.device, found.identical, len(points["A"])
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
            check_number("gamma", self.gamma, least=GAMMAS[0], most=GAMMAS[1])
        check_device(self.device)
        check_number("beta", self.beta, least=BETAS[0], most=BETAS[1])
        check_number("null_threshold", self.null_threshold, least=0.0)
        check_difference(self.difference, self.distance, self.normalize_difference)
        return version


@dataclass(eq=False, repr=False)
class RDXPaper(RDX):
    """The RDX estimator with the paper's version as its default; same parameters, same attributes."""

    version: str = field(default="v1", kw_only=True)
