"""The linear maps of an aligned comparison, as files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from rdx.files import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

    from rdx.method.alignment import LinearMap


def alignment_file(pair: str, view: str) -> str:
    """Where a comparison's map lies in the run's folder."""
    return f"{pair}/alignment/{view}.safetensors"


def read_map(path: Path) -> LinearMap:
    """A saved map, ready to be applied."""
    from safetensors.numpy import load_file

    from rdx.method.alignment import LinearMap

    tensors = load_file(path)
    return LinearMap(tensors["weight"], tensors["bias"], {})


def write_map(path: Path, learnt: LinearMap) -> None:
    """Save a map, whole or not at all."""
    from safetensors.numpy import save_file

    tensors = {"weight": np.ascontiguousarray(learnt.weight), "bias": np.ascontiguousarray(learnt.bias)}
    with atomic_path(path) as temporary:
        save_file(tensors, temporary, metadata={"rdx": json.dumps({"apply": "x @ weight + bias"})})
