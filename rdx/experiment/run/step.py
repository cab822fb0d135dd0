"""One step of a run, and a run's steps in order with their fingerprints.

What is reused, what `--dry-run` prints and how a run goes on after a crash are readings of this table: a step's
fingerprint is made of those of its inputs, its settings and the source code that computes it; where the folder has a
stamp with that fingerprint, it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rdx.files import fingerprint
from rdx.source import source_fingerprint

if TYPE_CHECKING:
    from rdx.experiment.run.context import Context

TABLES = "rdx.experiment.run.tables"  # how every step writes its tables


@dataclass(frozen=True)
class Step:
    """One thing to do: `work(context)` writes `outputs` from those of `inputs` under `settings`."""

    name: str
    work: Callable[[Context], None]
    outputs: tuple[str, ...]  # files, or folders (with a slash at the end), relative to the run's folder
    inputs: tuple[str, ...] = ()  # names of earlier steps
    settings: Any = field(default_factory=dict)  # JSON-able: all that changes the outputs
    code: tuple[str, ...] | None = None  # modules that compute it; None: whatever the file of `work` imports
    like: Any = None  # JSON-able: the settings that its time depends on
    growth: int = 1  # its time goes with the number of items to this power
    items: int | None = None  # how many it looks at; None: all

    def made_by_code(self) -> str:
        """A hash of the source that computes this step: a change of code is a change of result."""
        stage = getattr(self.work, "func", self.work).__module__
        return source_fingerprint(stage, TABLES, follow=(stage,) if self.code is None else self.code)


class Steps:
    """A run's steps in an order in which each finds its inputs, with their fingerprints."""

    def __init__(self) -> None:
        self._steps: dict[str, Step] = {}
        self.fingerprints: dict[str, str] = {}

    def __iter__(self) -> Iterator[Step]:
        return iter(self._steps.values())

    def __len__(self) -> int:
        return len(self._steps)

    def __contains__(self, name: str) -> bool:
        return name in self._steps

    def add(self, step: Step) -> str:
        """Append a step whose inputs have been appended; returns its name."""
        if step.name in self._steps:
            raise ValueError(f"two steps are named {step.name}")
        below = [self.fingerprints[name] for name in step.inputs]
        self.fingerprints[step.name] = fingerprint(step.name, below, step.settings, step.made_by_code())
        self._steps[step.name] = step
        return step.name
