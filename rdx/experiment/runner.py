"""Carrying out a run: the steps that are not done yet, each of them whole or not at all."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import random
import re
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

import rdx
from rdx.errors import InputError, unknown
from rdx.experiment.context import Context
from rdx.experiment.folder import CONFIG
from rdx.experiment.prepare import Prepared
from rdx.experiment.steps import Step
from rdx.files import write_json, write_text

DEVICES = ("auto", "cpu", "cuda")
_PACKAGES = ("numpy", "scipy", "scikit-learn", "torch", "torchvision", "timm", "open_clip_torch", "pandas")


def run(
    prepared: Prepared,
    *,
    device: str = "cpu",
    progress: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Complete a run's folder and return it; steps that are done and unchanged are left alone.

    An error or an interruption in a step leaves everything that was finished, for the next run to use.
    """
    folder, steps = prepared.folder, prepared.steps
    gone = [name for name in folder.stamps() if name not in steps]
    _save_config(prepared)
    if not prepared.todo and not gone:
        return folder.root
    context = Context(prepared.config, folder, prepared.items, device, progress)
    write_json(folder.path("environment.json"), environment(device))
    write_json(folder.path("plan.json"), prepared.plan())
    with open(folder.path("run.log"), "a", encoding="utf-8") as log:
        _note(log, f"rdx {rdx.__version__}: {len(prepared.todo)} of {len(steps)} steps to do")
        for name in gone:
            _note(log, f"{name}: no longer in the configuration, removed")
            folder.clear(name)
        for step in prepared.todo:  # beforehand, so that nothing out of date stands beside what is new
            if folder.fingerprint(step.name) != steps.fingerprints[step.name]:
                folder.clear(step.name, step.outputs)
        for step in prepared.todo:
            seconds = _carry_out(step, prepared, context, log)
            report(f"  {step.name}  {seconds:.1f} s")
        _note(log, "done")
    return folder.root


def _carry_out(step: Step, prepared: Prepared, context: Context, log) -> float:
    _note(log, f"{step.name}: started")
    start = time.perf_counter()
    prepared.folder.clear(step.name, step.outputs)
    seed_everything(prepared.config.seed)
    try:
        step.work(context)
    except InputError as error:  # the folder is there already, so this is a failed run, not a refused one
        _note(log, f"{step.name}: stopped: {error}")
        raise RuntimeError(f"{step.name}: {error}") from error
    except BaseException as error:
        _note(log, f"{step.name}: stopped by {type(error).__name__}: {error}")
        raise
    seconds = time.perf_counter() - start
    prepared.folder.seal(step.name, prepared.steps.fingerprints[step.name], step.outputs, seconds)
    for line in context.log:
        _note(log, line)
    context.log.clear()
    _note(log, f"{step.name}: {seconds:.2f} s")
    return seconds


def device_named(name: str) -> str:
    """The device to compute on; `auto` takes a GPU where there is one. Raises InputError for others."""
    from rdx.method.alignment import resolve_device

    if name not in DEVICES and not re.fullmatch(r"cuda:\d+", name):
        raise unknown("device", name, DEVICES)
    return resolve_device(name)


def seed_everything(seed: int) -> None:
    """Set every global generator, so that the order of steps changes nothing."""
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def environment(device: str) -> dict:
    """What the numbers were computed with."""
    return {
        "rdx": rdx.__version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "device": device,
        "packages": dict(_versions(_PACKAGES)),
    }


def _versions(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in names:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def _save_config(prepared: Prepared) -> None:
    path, text = prepared.folder.path(CONFIG), prepared.config.as_yaml()
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def _note(log, line: str) -> None:
    log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")
    log.flush()
