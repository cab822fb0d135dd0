"""What follows from the number of items alone: who asks for too much of them, and defaults that depend on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rdx.errors import InputError
from rdx.experiment.stages import explore, methods, settings_sweep, statistics
from rdx.metrics.stability import SHARE

if TYPE_CHECKING:
    from rdx.config import Experiment
    from rdx.experiment.stages.methods import MethodRun


def check(config: Experiment, runs: Sequence[MethodRun], n: int) -> None:
    """Raises InputError where n items are too few for what a method, its statistics or the sweep would do to them."""
    for run in runs:
        methods.check_items(run, config, n)
        if run.statistics != "off" and not run.own_scales(n):  # these ask for no number of clusters
            fewest = int(SHARE * statistics.plan(config, run, n).n)
            what = f"the statistics of '{run.name}'"
            _check_clusters(run, [run.parameters["n_clusters"]], fewest, what, "set 'statistics' to off")
    swept = settings_sweep.swept(config, runs)
    if swept is not None:
        less = "leave it out of 'sweep.n_clusters'"
        _check_clusters(swept, config.sweep.n_clusters, int(SHARE * n), "the sweep", less)


def _check_clusters(run: MethodRun, counts: Sequence[int], fewest: int, what: str, less: str) -> None:
    """A spectral clustering makes one cluster more than concepts are asked for."""
    if run.parameters["clustering"] == "spectral" and max(counts) + 1 > fewest:
        raise InputError(
            f"n_clusters={max(counts)} is too much for {what} on {SHARE:.0%} of the items, {fewest}: lower it, "
            f"or {less}"
        )


def with_values(config: Experiment, runs: Sequence[MethodRun], n: int) -> Experiment:
    """The same experiment with what its defaults come to for n items, as its saved configuration has it.

    What has no one value stays null: levels of statistics that differ between methods, a training that stops early.
    """
    told = config.statistics
    plans = {plan.level: plan for plan in (statistics.plan(config, run, n) for run in runs if run.statistics != "off")}
    if len(plans) == 1 and n >= 20:  # fewer are below what `n_items` may be
        (plan,) = plans.values()
        told = told.model_copy(update={"n_items": plan.n, "n_surrogates": plan.n_surrogates})
    explorer = config.explorer.model_copy(update={"enabled": explore.wanted(config)})
    return config.model_copy(update={"statistics": told, "explorer": explorer})
