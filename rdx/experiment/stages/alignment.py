"""The alignment step: both maps of a comparison, learnt once and shared by all methods."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.experiment.run.context import alignment_file
from rdx.experiment.run.folder import A_TO_B, B_TO_A, pair_name
from rdx.experiment.run.tables import write_table
from rdx.files import atomic_path

if TYPE_CHECKING:
    from rdx.config import Experiment
    from rdx.experiment.run.context import Context
    from rdx.method.alignment import LinearMap


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
    from rdx.method.alignment import learn_map

    pair, rows = pair_name(a, b), []
    for view, source, target in ((A_TO_B, a, b), (B_TO_A, b, a)):
        one = learn_map(
            context.features(source), context.features(target), **settings(context.config),
            device=context.device, progress=context.progress,
        )  # fmt: skip
        _write_map(context.folder.path(alignment_file(pair, view)), one)
        for column, values in one.history.items():
            rows += [(view, step, column, float(value)) for step, value in enumerate(values)]
    write_table(
        context.folder.path(f"{pair}/alignment/history.csv"), ("map", "step", "quantity", "value"), rows
    )


def read_map(path: Path) -> LinearMap:
    """A saved map, ready to be applied."""
    from safetensors.numpy import load_file

    from rdx.method.alignment import LinearMap

    tensors = load_file(path)
    return LinearMap(tensors["weight"], tensors["bias"], {})


def _write_map(path: Path, learnt: LinearMap) -> None:
    from safetensors.numpy import save_file

    tensors = {"weight": np.ascontiguousarray(learnt.weight), "bias": np.ascontiguousarray(learnt.bias)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"rdx": json.dumps({"apply": "x @ weight + bias"})})
