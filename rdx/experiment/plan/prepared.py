"""An experiment that has passed every check, with what is left to do and how long that may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rdx.config import Experiment
from rdx.experiment.plan import fits as fit_plans
from rdx.experiment.plan import needs as plan
from rdx.experiment.run import timings
from rdx.experiment.run.folder import RunFolder
from rdx.experiment.run.step import Step, Steps
from rdx.experiment.stages import naming
from rdx.experiment.stages.layers import analysis as layer_analysis

if TYPE_CHECKING:
    from rdx.data import Items
    from rdx.experiment.stages.methods import MethodRun
    from rdx.features import Features

PLACE = "representations/"  # of the steps that make them


@dataclass(frozen=True)
class Prepared:
    """An experiment that has passed every check."""

    config: Experiment  # with absolute paths
    folder: RunFolder
    items: Items
    runs: list[MethodRun]
    steps: Steps
    todo: list[Step]  # the steps whose outputs are not there, or were made by something else
    needs: plan.Needs
    loaded: dict[str, Features] = field(default_factory=dict, repr=False)  # arrays that said how many items there are
    analysis: layer_analysis.Analysis | None = None
    words: naming.Words | None = None
    speeds: dict[str, float] = field(default_factory=dict)  # by step: images/s of features that were just computed
    remarks: list[str] = field(default_factory=list)  # what was warned of before the run's log was there
    plans: fit_plans.Plans = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)  # columns of every representation in use
    device: str = "cpu"
    origin: dict[str, str] | None = None  # the configuration's file, see `origin`
    earlier: list[timings.Timing] = field(default_factory=list)  # how long steps took in other runs

    def plan(self) -> dict[str, Any]:
        """What plan.json says: how RDX goes about every comparison; the same for a run that is gone on with."""
        return {"n": len(self.items), "fits": fit_plans.as_table(self.widths, self.plans)}

    def forecast(self, step: Step) -> float | str:
        """Seconds that a step will take, as far as earlier runs tell; a representation's are its model's pass."""
        return 0.0 if self.is_cached(step) else timings.forecast(step, self.timing(step), self.earlier)

    def is_cached(self, step: Step) -> bool:
        """Whether it is a representation that no pass is made for."""
        return step.name.startswith(PLACE) and step.name not in self.needs.passes

    def timing(self, step: Step, seconds: float = 0.0) -> timings.Timing:
        """The row of a step that has just taken ``seconds``, and the pass before it where there was one."""
        read = [name.removeprefix(PLACE) for name in (step.name, *step.inputs) if name.startswith(PLACE)]
        d, n = max((self.widths.get(key, 0) for key in read), default=0), len(self.items)
        speed = self.speeds.get(step.name)
        return timings.timing_of(step, n, d, self.device, seconds + (n / speed if speed else 0.0))
