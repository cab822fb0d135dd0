"""The sweep step: RDX over a grid of k, γ and β, as a table, a heat map and a suggestion."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rdx.config import Sweep
from rdx.errors import InputError
from rdx.experiment.run.folder import A_TO_B, B_TO_A, pair_name
from rdx.experiment.run.tables import write_table
from rdx.experiment.stages.methods import build, with_parameters
from rdx.files import write_json
from rdx.method.concepts import DIRECTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from rdx.config import Experiment
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun

COLUMNS = ("n_clusters", "gamma", "beta", "direction", "concepts", "covered", "bsr", "stability")


def as_sweep(config: Experiment) -> Experiment:
    """The experiment of `rdx sweep`: nothing but the grid, for the configuration's first RDX."""
    from rdx.experiment.stages.methods import RDX_NAME

    first = next((entry for entry in config.methods if entry.method == RDX_NAME), None)
    if first is None:
        raise InputError(f"{config.name}: a sweep needs a method 'rdx', and 'methods' has none")
    return config.model_copy(update={
        "name": f"{config.name}_sweep", "methods": [first.model_copy(update={"scale": None})],
        "sweep": config.sweep or Sweep(), "figures": False,
        "statistics": config.statistics.model_copy(update={"level": "off"}), "layer_analysis": None, "naming": None,
        "explorer": config.explorer.model_copy(update={"enabled": False}),
    })  # fmt: skip


def swept(config: Experiment, runs: Sequence[MethodRun]) -> MethodRun | None:
    """The method whose settings are varied; None where no sweep is asked for.

    Raises:
        InputError: the configuration asks for one that cannot be made.
    """
    if config.sweep is None:
        return None
    run = next((run for run in runs if run.is_rdx), None)
    if run is None:
        raise InputError("'sweep' needs a method 'rdx', and 'methods' has none")
    if config.guidance:
        raise InputError("'sweep' does not go with 'guidance': leave one of them out")
    for name in ("n_clusters", "gamma", "beta"):  # a value out of its range is found before the run
        for value in getattr(config.sweep, name):
            replace(with_parameters(run, config), **{name: value}).check_parameters()
    return run


def settings(config: Experiment, run: MethodRun, solver: str) -> dict[str, Any]:
    """All that changes the sweep's result, but the representations and maps."""
    return {
        "grid": config.sweep.model_dump(), "parameters": run.parameters, "seed": config.seed, "solver": solver,
    }  # fmt: skip


def outputs(pair: str) -> list[str]:
    return [f"{pair}/sweep.csv", f"{pair}/sweep.json", f"{pair}/sweep.png"]


def sweep(context: Context, a: str, b: str, run: MethodRun, solver: str) -> None:
    """sweep.csv (one row a setting and direction), sweep.json (the suggestion) and sweep.png."""
    from rdx.figures.settings_map import save_settings_map
    from rdx.metrics.settings_sweep import suggest, sweep_settings

    grid, folder = context.config.sweep, context.folder.path(pair_name(a, b))
    features = {"A": context.features(a), "B": context.features(b)}
    if run.aligned:
        features |= {view: context.mapped(a, b, view) for view in (A_TO_B, B_TO_A)}
    found = sweep_settings(
        build(run, context.config, device=context.device, solver=solver), features,
        {name: getattr(grid, name) for name in ("n_clusters", "gamma", "beta")},
        subsamples=grid.subsamples, random_state=context.config.seed, spread=context.engine.map,
    )  # fmt: skip
    chosen, reason = suggest(found)
    rows = [
        (one.n_clusters, one.gamma, one.beta, direction, one.concepts[direction], one.covered[direction],
         one.bsr[direction], one.stability[direction])
        for one in found for direction in DIRECTIONS
    ]  # fmt: skip
    write_table(folder / "sweep.csv", COLUMNS, rows)
    picked = chosen and {name: getattr(chosen, name) for name in ("n_clusters", "gamma", "beta")}
    write_json(folder / "sweep.json", {"method": run.name, "suggested": picked, "reason": reason})
    heading = f"“{context.title(a)}” against “{context.title(b)}”: {run.name} by k, γ and β (frame: suggested)"
    save_settings_map(folder / "sweep.png", found, chosen=chosen, heading=heading)


def said(folder: Path) -> list[str]:
    """What the run prints of a finished sweep."""
    found = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    if found["suggested"] is None:
        return [f"  sweep: {found['reason']}"]
    values = ", ".join(f"{name} {value}" for name, value in found["suggested"].items())
    return [f"  suggested: {values}", f"  because: {found['reason']}", f"  all settings: {folder / 'sweep.csv'}"]
