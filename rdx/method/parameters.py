"""The parameters of RDX: their defaults, their ranges, and what a fit with them takes.

Apart from the estimator, since a plan needs these alone, and not scikit-learn, which takes longer to load than it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace

from rdx.compute.devices import check_device
from rdx.compute.memory import parse_memory
from rdx.errors import check_number, check_whole, unknown
from rdx.method import alignment as align
from rdx.method.difference import BETAS, DIFFERENCES, GAMMAS, check_difference
from rdx.method.grids import SELECTIONS
from rdx.method.guidance import RULES
from rdx.method.many.directions import gpu_for
from rdx.method.many.solver import ALONE, SOLVERS, FitPlan, plan_fit
from rdx.method.neighborhoods import DISTANCES
from rdx.method.pipeline import CLUSTERINGS, check_enough_items
from rdx.method.scales.plan import FEW, check_scale, own_scales, plan_scales
from rdx.method.versions import Version, version_named


@dataclass(eq=False, repr=False)
class Parameters:
    """What `rdx.method.rdx.RDX` takes; its docstring has their meaning."""

    n_clusters: int = 5
    _: KW_ONLY
    scale: str | None = None
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

    def plan(
        self, n: int, widths: Sequence[int], *, aligned: bool = False, guided: bool = False, libraries: float = ALONE
    ) -> FitPlan:
        """What `fit` will do on n items with representations of ``widths`` (d_a, d_b); nothing is computed.

        ``libraries``: bytes that the process will hold before any data.
        Raises InputError for a comparison that the settings or the memory do not allow.
        """
        if own_scales(self.scale, n):
            return plan_scales(
                n, widths, solver=self.solver, aligned=aligned, limit=self.max_memory, libraries=libraries
            )  # fmt: skip
        plan = plan_fit(
            n, widths, solver=self.solver, version=self.version, distance=self.distance, difference=self.difference,
            clustering=self.clustering, selection=self.selection, normalize_difference=self.normalize_difference,
            keep_matrices=self.keep_matrices, guidance_rule_used=self.guidance_rule if guided else None,
            aligned=aligned, n_clusters=self.n_clusters, pairs_per_item=self.pairs_per_item,
            max_memory=self.max_memory, gpu=gpu_for(self, n) is not None, libraries=libraries,
        )  # fmt: skip
        return replace(plan, reason=f"{FEW}; {plan.reason}") if self.scale == "auto" else plan

    def check_items(self, n: int) -> None:
        """Refuses too few items to compare, or to make n_clusters of; at scales of their own that is but the most."""
        check_enough_items(n, 0 if own_scales(self.scale, n) else self.n_clusters, self.clustering)

    def check_parameters(self) -> Version:
        """Refuses any parameter out of its range with a line that names it; returns the version."""
        version = version_named(self.version)
        check_scale(self)
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
