"""The alignment step: both maps of a comparison, learnt once and shared by all methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdx.experiment.run.folder import A_TO_B, B_TO_A, pair_name
from rdx.experiment.run.maps import alignment_file, write_map
from rdx.experiment.run.tables import write_table

if TYPE_CHECKING:
    from rdx.config import Experiment
    from rdx.experiment.run.context import Context


def settings(config: Experiment) -> dict:
    """All that changes the maps, but the representations."""
    return {
        "kind": config.alignment,
        "steps": config.align_steps,
        "start": config.align_start,
        "random_state": config.seed,
    }


def align(context: Context, a: str, b: str) -> None:
    """Learn A → B and B → A, and save the maps and their loss curves."""
    from rdx.method.alignment import learn_maps

    pair, rows = pair_name(a, b), []
    maps = learn_maps(
        context.features(a), context.features(b), **settings(context.config),
        device=context.device, progress=context.progress,
    )  # fmt: skip
    for view, one in zip((A_TO_B, B_TO_A), maps, strict=True):
        write_map(context.folder.path(alignment_file(pair, view)), one)
        for column, values in one.history.items():
            rows += [(view, step, column, float(value)) for step, value in enumerate(values)]
    write_table(
        context.folder.path(f"{pair}/alignment/history.csv"), ("map", "step", "quantity", "value"), rows
    )
