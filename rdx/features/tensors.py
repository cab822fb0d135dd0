"""Feature arrays out of .pt files: tensors of any layout, alone or in dictionaries and lists, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.errors import InputError, reading
from rdx.models.weights import read_torch

if TYPE_CHECKING:
    import torch

_DEEPEST = 8  # containers inside each other


def named_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a .pt file; one that is alone is called "". Inside containers their names are joined by dots.

    A key is its text: ``{11: X}`` holds '11', ``{("vit", 11): X}`` and ``{"vit": {11: X}}`` 'vit.11'. Raises
    InputError for a file that the weights-only loader refuses, two tensors of one name, and a list of single vectors.
    """
    import torch

    content = read_torch(path)
    if (
        isinstance(content, (list, tuple))
        and content
        and all(isinstance(t, torch.Tensor) and t.ndim < 2 for t in content)
    ):
        raise InputError(f"features '{path}' are a list of {len(content)} tensors: save torch.stack of them")
    found: dict[str, torch.Tensor] = {}
    for name, tensor in _walk(content, ()):
        if name in found:
            raise InputError(f"features '{path}': two tensors are called '{name}'")
        found[name] = tensor
    if not found:
        raise InputError(f"features '{path}' are not an array of numbers: the file holds no tensor")
    return found


def as_array(path: Path, tensor: torch.Tensor) -> np.ndarray:
    """A tensor's values: sparse and quantised ones in full. Raises InputError where there are none, or complex ones."""
    import torch

    if tensor.is_complex():
        raise InputError(f"features '{path}' are not an array of numbers but complex ones")
    if tensor.is_meta:
        raise InputError(f"features '{path}' have no values: the tensor is on the device 'meta'")
    if tensor.is_nested:
        raise InputError(
            f"features '{path}' are a nested tensor, with rows of unlike length: pool them to one vector an item"
        )
    with reading(path, "features"):
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        if tensor.layout != torch.strided:
            tensor = tensor.to_dense()
        return tensor.detach().to(torch.float32 if tensor.is_floating_point() else torch.float64).numpy()


def _walk(content: Any, names: tuple[str, ...]) -> Iterator[tuple[str, torch.Tensor]]:
    import torch

    if isinstance(content, torch.Tensor):
        yield ".".join(names), content
    elif len(names) < _DEEPEST and isinstance(content, Mapping):
        for key, value in content.items():
            yield from _walk(value, (*names, ".".join(map(str, key)) if isinstance(key, tuple) else str(key)))
    elif len(names) < _DEEPEST and isinstance(content, (list, tuple)):
        for i, value in enumerate(content):
            yield from _walk(value, (*names, str(i)))
