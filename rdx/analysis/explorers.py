"""Explorers of finished runs, built again: by another version, with another budget, or where there were none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rdx.config import Experiment, apply_changes, parse_experiment
from rdx.errors import InputError
from rdx.experiment.finished import FinishedRun, find_runs
from rdx.experiment.run.context import Context, alignment_file, representation_file
from rdx.experiment.run.folder import A_TO_B, B_TO_A, RunFolder
from rdx.experiment.stages import explore
from rdx.locks import alone

KEY = "explorer"


def build_explorers(
    folders: Sequence[Path], changes: Sequence[str] = (), say: Callable[[str], None] = lambda line: None
) -> list[Path]:
    """Write explorer.html and explorer.parquet of every comparison of finished runs; returns the pages.

    changes: `explorer.…=VALUE` texts. Raises InputError for a folder that is no finished run, before
    anything is written.
    """
    with alone(run.root for run in find_runs(folders)):  # read again: another process may have been at work there
        runs = [_changed(run, changes) for run in find_runs(folders)]
        for run in runs:
            _check(run)
        return [page for run in runs for page in _build(run, say, stamps=not changes)]


def _changed(run: FinishedRun, changes: Sequence[str]) -> FinishedRun:
    for change in changes:
        if change.partition("=")[0].partition(".")[0] != KEY:
            raise InputError(f"--set {change}: only keys of '{KEY}' can change here; the rest is what the run was")
    config = parse_experiment(apply_changes(run.config.model_dump(mode="json"), changes), source="--set")
    return replace(run, config=config)


def _check(run: FinishedRun) -> None:
    """Refuse a run whose arrays are gone: its tables were looked at when it was found."""
    for pair in run.comparisons:
        needed = [representation_file(key) for key in (pair.a, pair.b)]
        if run.config.alignment:
            needed += [alignment_file(pair.name, view) for view in (A_TO_B, B_TO_A)]
        needed += [f"{pair.name}/{method.name}/method.json" for method in run.methods]
        for name in needed:
            if not (run.root / name).is_file():
                raise InputError(f"run '{run.root}': '{name}' is missing; `rdx run {run.root}/config.yaml` makes it")


def _build(run: FinishedRun, say: Callable[[str], None], stamps: bool) -> list[Path]:
    items, config = run.items, run.config
    if _could_be_shown(config) and not items.can_be_shown:
        say(f"  {run.root}: its images are not where they were, so the page shows points and names only")
    context = Context(config, RunFolder(run.root.absolute()), items)
    pages = []
    for pair in run.comparisons:
        start = time.perf_counter()
        if explore.why_no_joint_map(config, len(items)) is None and not (pair.folder / explore.JOINT_MAP).is_file():
            say(f"  {pair.folder}: the joint map first, which takes a minute or more")
            with context.folder.recording(f"{pair.name}/joint_map", [f"{pair.name}/{explore.JOINT_MAP}"]):
                explore.write_joint_map(context, pair.a, pair.b)
        step = f"{pair.name}/explorer"
        with context.folder.recording(step, explore.outputs(pair.name)) as made:
            explore.explore(context, pair.a, pair.b, run.methods)
        seconds = time.perf_counter() - start
        made_by = context.folder.fingerprint(step)
        if stamps and made_by:  # where the run made these files, they are still what it would make
            context.folder.seal(step, made_by, made, seconds)
        page = pair.folder / explore.PAGE
        say(f"  {page}  {page.stat().st_size / 1e6:.1f} MB  {seconds:.1f} s")
        pages.append(page)
    return pages


def _could_be_shown(config: Experiment) -> bool:
    return config.data is not None and config.data["dataset"] != "features"
