"""The methods of a run: which class, with which parameters, on which pair; and their tables."""

from __future__ import annotations

import inspect
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.compute.seeds import seed_everything
from rdx.errors import InputError, unknown
from rdx.experiment.run import tables
from rdx.experiment.run.context import ALIGNED_VIEW
from rdx.experiment.run.folder import A_TO_B, B_TO_A, RAW, pair_name
from rdx.files import write_json
from rdx.method.concepts import A_NOT_B, B_NOT_A, DIRECTIONS
from rdx.method.many.solver import ALONE, LIBRARIES
from rdx.method.scales import plan as scales
from rdx.models.spec import parse_spec

if TYPE_CHECKING:
    from rdx.config import Experiment, Method
    from rdx.experiment.run.context import Context
    from rdx.method.many.solver import FitPlan

_log = logging.getLogger(__name__)
RDX_NAME = "rdx"
METHOD_FILE = tables.METHOD_FILE  # what ran, with all its parameters, and what it has to say

# Parameters that belong to the whole run, with the place where each is set.
OF_THE_RUN = {
    "alignment": "the key 'alignment' of the configuration",
    "align_steps": "the key 'align_steps' of the configuration",
    "align_start": "the key 'align_start' of the configuration",
    "guidance_rule": "the key 'guidance_rule' of the configuration",
    "random_state": "the key 'seed' of the configuration",
    "device": "--device",
    "progress": "--quiet",
    "max_memory": "--max-memory, or the key 'max_memory' of the configuration",
    "keep_matrices": "Python",
}


@dataclass(frozen=True)
class MethodRun:
    """One method on one pair: RDX once; in aligned runs a baseline twice, once for each mapped form."""

    name: str  # its folder
    method: str
    parameters: dict[str, Any]  # all of them, defaults included
    view: str = RAW  # the pair that `fit` is given; RDX gets the raw one, and the maps beside it
    aligned: bool = False
    statistics: str = "off"  # the level at which its concepts are tested

    @property
    def is_rdx(self) -> bool:
        return self.method == RDX_NAME

    def own_scales(self, n: int) -> bool:
        """Whether each concept of n items is found, and tested, at a scale of its own."""
        return scales.own_scales(self.parameters.get("scale"), n)

    def aligned_views(self) -> dict[str, str]:
        """For each direction, the mapped pair on which its concepts are also measured."""
        if not self.aligned:
            return {}
        return dict(ALIGNED_VIEW) if self.is_rdx else dict.fromkeys(DIRECTIONS, self.view)


def method_runs(config: Experiment) -> list[MethodRun]:
    """What is fitted for every comparison.

    Raises:
        InputError: an unknown method or parameter, or one that is set elsewhere.
    """
    runs: list[MethodRun] = []
    if config.guidance and not any(entry.method == RDX_NAME for entry in config.methods):
        names = ", ".join(entry.name for entry in config.methods)
        raise InputError(f"'guidance' is for {RDX_NAME}, which is not among the methods: {names}")
    first = next((entry for entry in config.methods if entry.method == RDX_NAME), None)
    for entry in config.methods:
        parameters = _parameters(entry)
        level = entry.statistics or (config.statistics.level if entry is first else "off")
        if level != "off" and entry.method != RDX_NAME:
            raise InputError(f"method '{entry.name}': 'statistics' belongs to {RDX_NAME}, not to baselines")
        if config.alignment and entry.method != RDX_NAME:
            for view in (A_TO_B, B_TO_A):
                runs.append(MethodRun(f"{entry.name}_{view}", entry.method, parameters, view, True))
        else:
            aligned = config.alignment is not None
            runs.append(MethodRun(entry.name, entry.method, parameters, RAW, aligned, level))
    names = [run.name for run in runs]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two methods of this aligned run would be named '{name}'; rename one")
    return runs


def with_all_parameters(config: Experiment) -> Experiment:
    """The same experiment with every parameter of its methods written out, so that no default has a say any more.

    But for those that ``scale: auto`` refuses to be told.
    """
    methods = [entry.model_copy(update=_written_out(entry)) for entry in config.methods]
    return config.model_copy(update={"methods": methods})


def _written_out(entry: Method) -> dict[str, Any]:
    found = _parameters(entry)
    left_out = scales.DEFAULTS if found.get("scale") == "auto" else ()
    return {name: value for name, value in found.items() if name not in left_out}


def method_class(name: str) -> type:
    """The class that holds a method's parameters, which fits as well where the method is a baseline."""
    import baselines

    if name == RDX_NAME:
        from rdx.method.parameters import Parameters

        return Parameters
    if name not in baselines.names():
        raise unknown("method", name, [RDX_NAME, *baselines.names()])
    return baselines.get(name)


def code(run: MethodRun) -> tuple[str, ...]:
    """The modules that a method's tables come from."""
    return ("rdx.method.rdx", "rdx.method.many.agreement") if run.is_rdx else (method_class(run.method).__module__,)


def build(
    run: MethodRun, config: Experiment, *, device: str = "cpu", progress: bool = False, solver: str | None = None
) -> Any:
    """The estimator of a method, under the run's seed; RDX with the solver that was planned."""
    chosen = with_parameters(run, config, device=device, progress=progress, solver=solver)
    if not run.is_rdx:
        return chosen
    from rdx.method.rdx import RDX

    return RDX(**vars(chosen))


def with_parameters(
    run: MethodRun, config: Experiment, *, device: str = "cpu", progress: bool = False, solver: str | None = None
) -> Any:
    """What `build` builds, as far as checks and plans need it: of RDX its parameters alone, which load quickly."""
    cls = method_class(run.method)
    ours = {"random_state": config.seed, "device": device, "progress": progress}
    if run.is_rdx:
        ours |= {"guidance_rule": config.guidance_rule, "max_memory": config.max_memory}
        planned = None if run.parameters["scale"] == "auto" else solver  # there the plan is the same whatever it is
        ours["solver"] = planned or run.parameters["solver"]
    known = inspect.signature(cls).parameters
    return cls(**{**run.parameters, **{key: value for key, value in ours.items() if key in known}})


def plan(
    run: MethodRun, config: Experiment, n: int, widths: tuple[int, int], *, device: str = "cpu", max_memory=None
) -> FitPlan:
    """How RDX goes about a comparison of n items with so many columns (d_a, d_b).

    Raises:
        InputError: the settings or the memory do not allow it.
    """
    chosen = replace(with_parameters(run, config, device=device), max_memory=max_memory or config.max_memory)
    guided, loaded = config.guidance is not None, libraries(config)
    return chosen.plan(n, widths, aligned=run.aligned, guided=guided, libraries=loaded)


def libraries(config: Experiment) -> float:
    """Bytes of a run's process before any data: less where no model is loaded, nor UMAP before the last fit."""
    several = len(config.comparisons) > 1 and (config.figures or config.explorer.enabled)
    models = any(parse_spec(entry.model).is_model for entry in config.representations.values()) or config.naming
    return LIBRARIES if models or several else ALONE


def check_settings(run: MethodRun, config: Experiment) -> None:
    """Refuse parameters out of their range, and guidance where it does not belong."""
    estimator = with_parameters(run, config)
    if not run.is_rdx:
        estimator.check_settings()
        if run.aligned and not estimator.any_sign:
            raise InputError(
                f"method '{run.method}' cannot be part of an aligned run: it needs non-negative features, and a "
                "linear map makes negative ones; use cnmf or snmf, or leave 'alignment' out"
            )
        return
    scales.check_scale(estimator, next(entry.settings for entry in config.methods if entry.name == run.name))
    estimator.check_parameters()
    if config.guidance and (estimator.version != "v2" or estimator.distance != "neighborhood"):
        raise InputError(f"method '{run.name}': guidance needs version v2 and distance neighborhood")


def check_items(run: MethodRun, config: Experiment, n: int) -> None:
    """Refuse fewer items than the method can do with."""
    with_parameters(run, config).check_items(n)


def check_features(run: MethodRun, config: Experiment, A: np.ndarray, B: np.ndarray) -> None:
    """Refuse what the method cannot take: too few items, and what it demands of A (n, d_a) and B (n, d_b)."""
    estimator = with_parameters(run, config)
    if not run.is_rdx:
        estimator.check_inputs(A, B)
        return
    check_items(run, config, len(A))
    if run.statistics != "off":
        from rdx.metrics.stability import check_varied

        check_varied(A, "representation A")
        check_varied(B, "representation B")


def settings(config: Experiment, run: MethodRun, solver: str | None) -> dict[str, Any]:
    """All that changes a method's result, but the representations, maps and predictions."""
    found = {"method": run.method, "parameters": run.parameters, "view": run.view, "seed": config.seed}
    if run.is_rdx:
        found["solver"] = solver  # what `auto` came to
    if run.is_rdx and config.guidance:
        found["guidance"] = [config.guidance, config.guidance_rule, config.positive_class]
    return found


def fit(context: Context, a: str, b: str, run: MethodRun, solver: str | None) -> None:
    """Fit one method to one comparison and write its tables."""
    estimator = build(run, context.config, device=context.device, progress=context.progress, solver=solver)
    inputs = *context.pair(a, b, run.view), beside(context, a, b, run)
    own_scales = run.own_scales(len(context.items))
    if solver in ("sparse", "approximate") or own_scales:  # here, its passes over pairs or noise on the engine
        estimator.fit(*inputs[:2], **inputs[2], spread=context.engine.map)
    elif context.engine.elsewhere:
        task = (estimator, context.config.seed)
        (estimator,) = context.engine.map(fit_seeded, [task], (inputs,), whole=True, gpu=context.device != "cpu")
    else:
        estimator.fit(*inputs[:2], **inputs[2])
    explanations = {direction: getattr(estimator, f"{direction}_") for direction in DIRECTIONS}
    folder = context.folder.path(f"{pair_name(a, b)}/{run.name}")
    for found in explanations.values():
        context.log += [f"{pair_name(a, b)}/{run.name} {found.direction}: {note}" for note in found.notes]
    tables.write_table(folder / "assignments.csv", tables.ASSIGNMENTS, tables.assignment_rows(explanations))
    grids = tables.grid_rows(explanations, context.items)
    tables.write_table(folder / "explanations.csv", tables.EXPLANATIONS, grids)
    tables.write_coefficients(folder / "coefficients.safetensors", explanations)
    tables.write_loss(folder / "loss.csv", explanations)
    notes = {direction: found.notes for direction, found in explanations.items()}
    ran = {"method": run.method, "solver": getattr(estimator, "solver_", None), "parameters": run.parameters}
    ran |= {"seed": context.config.seed, "view": run.view, "notes": notes}
    if run.is_rdx and estimator.solver_ != "dense":
        ran["agreement"] = _agreement(f"{pair_name(a, b)}/{run.name}", estimator, inputs)
        ran["rank_errors"] = getattr(estimator, "rank_errors_", None)
    if own_scales:
        peeled = estimator.peeled_
        ran |= {"evidence": tables.evidence(explanations), "ending": peeled.ending}
        ran |= {"noise_pairs": peeled.draws, "unrelated": peeled.unrelated}
    write_json(folder / METHOD_FILE, {**ran, "mean_affinity": tables.mean_affinities(explanations)})


def _agreement(name: str, estimator: Any, inputs: tuple) -> dict[str, Any] | None:
    """The agreement with the exact solver; None where its items cannot be compared, which must cost no result."""
    from rdx.method.many.agreement import dense_agreement

    try:
        return dense_agreement(estimator, *inputs[:2], **inputs[2])
    except (InputError, MemoryError, np.linalg.LinAlgError) as error:
        _log.warning("%s: its agreement with the exact solver is not known: %s", name, error)
        return None


def fit_seeded(task: tuple[Any, int], inputs: tuple) -> Any:
    """A fitted estimator, in whatever process: every global generator starts as it does for a step of a run."""
    estimator, seed = task
    seed_everything(seed)
    return estimator.fit(*inputs[:2], **inputs[2])


def outputs(pair: str, run: MethodRun) -> tuple[str, ...]:
    """The files of a fitted method."""
    names = ("assignments.csv", "explanations.csv", "coefficients.safetensors", "loss.csv", tables.METHOD_FILE)
    return tuple(f"{pair}/{run.name}/{name}" for name in names)


def _parameters(entry: Method) -> dict[str, Any]:
    """A method's parameters, its class's defaults filled in, so that naming a default changes nothing."""
    known = inspect.signature(method_class(entry.method)).parameters
    defaults = {key: p.default for key, p in known.items() if key not in OF_THE_RUN}
    for key in entry.settings:
        if key in OF_THE_RUN and key in {*known, "random_state"}:
            raise InputError(f"method '{entry.name}': '{key}' is set by {OF_THE_RUN[key]}")
    wrong = [key for key in entry.settings if key not in defaults]
    if wrong:
        raise unknown(f"parameter of method '{entry.name}'", wrong, defaults)
    return {**defaults, **entry.settings}


def beside(context: Context, a: str, b: str, run: MethodRun) -> dict[str, np.ndarray]:
    """What RDX is handed beside the pair: mapped representations, and groups of a guided run."""
    if not run.is_rdx:
        return {}
    found = {}
    if run.aligned:
        found = {view: context.mapped(a, b, view) for view in (A_TO_B, B_TO_A)}
    if context.config.guidance:
        from rdx.experiment.stages.probes import groups

        found |= groups(context, a, b)
    return found


def describe(context: Context, a: str, b: str, run: MethodRun) -> None:
    """concepts.csv: size, mean affinity and measures of every concept, and its statistics where tested."""
    from rdx.metrics import Explained, measured

    folder = context.folder.path(f"{pair_name(a, b)}/{run.name}")
    explanations = tables.read_explanations(folder)
    tested = tables.read_statistics(folder) if run.statistics != "off" else {}
    pair = context.pair(a, b)
    sides = {A_NOT_B: pair, B_NOT_A: pair[::-1]}
    numbers = {
        direction: measured(Explained(found.concepts, *sides[direction], context.items.labels))
        for direction, found in explanations.items()
    }
    rows = tables.concept_rows(explanations, numbers, tested)
    tables.write_table(folder / "concepts.csv", tables.CONCEPTS, rows)
