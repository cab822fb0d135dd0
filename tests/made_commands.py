"""Commands and runs in this process. Use: `from made_commands import rdx, carried_out`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rdx import cli
from rdx.config import load_experiment
from rdx.experiment.plan.prepare import prepare
from rdx.experiment.run import runner


def rdx(*words: object) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        cli.main([str(word) for word in words])
    return left.value.code or 0


def carried_out(config: Path, folder: Path, changes: Sequence[str] = (), **how) -> list[str]:
    """Runs an experiment; returns the names of the steps that were carried out."""
    prepared = prepare(load_experiment(config, changes), folder, **how)
    runner.run(prepared)
    return [step.name for step in prepared.todo]


def results(folder: Path) -> dict[str, bytes]:
    """Every file of a run but what tells the time or the machine."""
    told = ("run.log", "environment.json", "plan.json")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".steps" not in path.parts and path.name not in told
    }
