"""The alignment step: both maps of a comparison, learnt once and shared by all methods."""

from __future__ import annotations

import json
from collections.abc import Mapping
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

VIEWS = (A_TO_B, B_TO_A)  # the maps, each named by what it makes


def settings(config: Experiment) -> dict:
    """All that changes the maps, but the representations."""
    return {
        "kind": config.alignment,
        "steps": config.align_steps,
        "start": config.align_start,
        "random_state": config.seed,
    }


def align(context: Context, a: str, b: str) -> None:
    """Learn A → B and B → A, or take what workers have learnt, and save the maps and their loss curves."""
    pair = pair_name(a, b)
    kept = context.shared.maps(f"{pair}/alignment") if context.shared else None
    learnt = from_arrays(kept) if kept else learn(
        context.config, context.features(a), context.features(b), device=context.device, progress=context.progress
    )
    rows = []
    for view, one in learnt.items():
        _write_map(context.folder.path(alignment_file(pair, view)), one)
        for column, values in one.history.items():
            rows += [(view, step, column, float(value)) for step, value in enumerate(values)]
    write_table(
        context.folder.path(f"{pair}/alignment/history.csv"), ("map", "step", "quantity", "value"), rows
    )


def learn(config: Experiment, A: np.ndarray, B: np.ndarray, *, device: str, progress: bool) -> dict[str, LinearMap]:
    """Both maps, by view, between A (n, d_a) and B (n, d_b)."""
    from rdx.method.alignment import learn_map

    return {
        view: learn_map(source, target, **settings(config), device=device, progress=progress)
        for view, source, target in ((A_TO_B, A, B), (B_TO_A, B, A))
    }


def as_arrays(maps: Mapping[str, LinearMap]) -> dict[str, np.ndarray]:
    """Both maps with their loss curves as arrays by name; the columns of a curve keep their order."""
    found = {}
    for view, one in maps.items():
        found |= {f"{view}/weight": one.weight, f"{view}/bias": one.bias}
        for number, (column, values) in enumerate(one.history.items()):
            found[f"{view}/history/{number}/{column}"] = np.asarray(values, dtype=np.float64)
    return found


def from_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, LinearMap]:
    """The maps whose `as_arrays` these are."""
    from rdx.method.alignment import LinearMap

    maps = {}
    for view in VIEWS:
        columns = sorted(name for name in arrays if name.startswith(f"{view}/history/"))
        history = {name.split("/", 3)[3]: arrays[name].tolist() for name in columns}
        maps[view] = LinearMap(arrays[f"{view}/weight"], arrays[f"{view}/bias"], history)
    return maps


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
