"""Carrying out a run: the steps that are not done yet, each of them whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import rdx
from rdx.compute.engine import Engine, Shown, Threads
from rdx.compute.seeds import seed_everything
from rdx.errors import InputError
from rdx.experiment.run.context import Context
from rdx.experiment.run.environment import environment
from rdx.experiment.run.folder import CONFIG, ENVIRONMENT
from rdx.experiment.run.log import heard, run_log
from rdx.experiment.run.step import Step
from rdx.experiment.run.timings import Timing, record
from rdx.files import write_json, write_text
from rdx.locks import alone

if TYPE_CHECKING:
    from rdx.experiment.plan.prepared import Prepared

_RUN = ".run"  # what is noted of the run's own files
_PLAN = "plan.json"


def run(
    prepared: Prepared,
    *,
    device: str = "cpu",
    progress: bool = False,
    report: Callable[[str], None] = lambda line: None,
    engine: Engine | None = None,
) -> Path:
    """Complete a run's folder and return it; steps that are done and unchanged are left alone.

    An error or an interruption in a step leaves everything that was finished, for the next run to use.
    Where another process might be at work in the folder, hold `alone([folder])` from before `prepare` on.
    """
    with alone([prepared.folder.root]):
        return _run(prepared, device, progress, report, engine or Threads())


def _run(prepared: Prepared, device: str, progress: bool, report: Callable[[str], None], engine: Engine) -> Path:
    folder, steps = prepared.folder, prepared.steps
    gone = [name for name in folder.stamps() if name not in steps]
    with folder.recording(_RUN, (CONFIG, ENVIRONMENT, _PLAN)):
        _save_config(prepared)
        if not prepared.todo and not gone:
            return folder.root
        write_json(folder.path(ENVIRONMENT), environment(prepared, device))
        write_json(folder.path(_PLAN), prepared.plan())
    shown = Shown(engine) if progress else engine
    context = Context(prepared.config, folder, prepared.items, device, progress, shown)
    with run_log(folder.path("run.log")) as note, heard(note):
        note(f"rdx {rdx.__version__}: {len(prepared.todo)} of {len(steps)} steps to do")
        for remark in prepared.remarks:
            note(remark)
        for name in gone:
            note(f"{name}: no longer in the configuration, removed")
            folder.clear(name)
        for step in prepared.todo:  # beforehand, so that nothing out of date stands beside what is new
            folder.make_way(step.name, steps.fingerprints[step.name])
        took: list[Timing] = []
        try:
            for step in prepared.todo:
                seconds = _carry_out(step, prepared, context, note)
                if not prepared.is_cached(step):
                    took.append(prepared.timing(step, seconds))
                speed = prepared.speeds.get(step.name)
                told = f" (computed before at {speed:.1f} images/s)" if speed else ""
                report(f"  {step.name}  {seconds:.1f} s{told}")
        finally:
            record([] if context.engine.elsewhere else took)  # others' machines tell nothing of this one
        note("done")
    return folder.root


def _carry_out(step: Step, prepared: Prepared, context: Context, note: Callable[[str], None]) -> float:
    note(f"{step.name}: started")
    start = time.perf_counter()
    made_by = prepared.steps.fingerprints[step.name]
    seed_everything(prepared.config.seed)
    try:
        with prepared.folder.recording(step.name, step.outputs) as made:
            step.work(context)
    except BaseException as error:
        with suppress(OSError):  # of a full disk, which must not hide what happened
            note(f"{step.name}: stopped by {type(error).__name__}: {error}")
        if isinstance(error, InputError):  # the folder is there, so this is a failed run, not a refused one
            raise RuntimeError(f"{step.name}: {error}") from error
        raise
    seconds = time.perf_counter() - start
    prepared.folder.seal(step.name, made_by, made, seconds)
    if step.name in prepared.speeds:
        note(f"{step.name}: features computed at {prepared.speeds[step.name]:.1f} images/s")
    for line in context.log:
        note(line)
    context.log.clear()
    note(f"{step.name}: {seconds:.2f} s")
    return seconds


def _save_config(prepared: Prepared) -> None:
    path, text = prepared.folder.path(CONFIG), prepared.config.as_yaml()
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)

