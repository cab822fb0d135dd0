"""Features of a torch module that is in memory: taken out by the same pass as any other model's."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.errors import InputError, first_line
from rdx.features.extraction import extract
from rdx.models.vision_model import VisionModel, described

if TYPE_CHECKING:
    import torch

    from rdx.data.items import Items

_log = logging.getLogger(__name__)


def is_module(value: Any) -> bool:
    """Whether it is a torch module, or one with its transform: (module, transform)."""
    torch = sys.modules.get("torch")
    first = value[0] if isinstance(value, (tuple, list)) and len(value) == 2 else value
    return torch is not None and isinstance(first, torch.nn.Module)


def features_of(
    value: torch.nn.Module | tuple[torch.nn.Module, Callable], items: Items, name: str, *,
    layer: str | None = None, pool: str | None = None, progress: bool = False,
) -> np.ndarray:  # fmt: skip
    """The representation (n, d) float32 of n items at a layer, by default what the module gives out.

    The transform brings an RGB image of Pillow to a tensor (c, h, w); without one it is what `python:` models get,
    and said. The module computes where it is, in eval mode, and is as it was afterwards. Raises InputError, one line,
    for one that fails on an image, and for a layer or an output that holds no features, with those that do.
    """
    from rdx.models.python_models import as_model

    module, transform = value if isinstance(value, (tuple, list)) else (value, None)
    if transform is not None and not callable(transform):
        raise InputError(f"{name}: the module's transform must be a function of an image, not {transform!r}")
    model = as_model(module, transform, type(module).__name__)
    if model.preprocessing:
        _log.warning("%s: no transform is given, images are fed as %s", name, model.preprocessing)
    device = next((str(one.device) for one in module.parameters()), "cpu")
    with _as_it_was(module):
        _try(model, items, name, device)
        try:
            return extract(model, items, layer=layer, pool=pool, device=device, progress=progress)
        except InputError as error:
            raise type(error)(f"{name}: " + str(error).replace("'?layer=…'", "layer='…'")) from None


def _try(model: VisionModel, items: Items, name: str, device: str) -> None:
    """Raises InputError where the transform or the module can't do their work on the first image."""
    import torch

    what = "the transform"
    try:
        image = model.transform(items.image(0))
        if not isinstance(image, torch.Tensor) or image.ndim != 3:
            raise InputError(f"{name}: the transform returns {described(image)}, where a tensor (c, h, w) is needed")
        what = f"the module, on an image {tuple(image.shape)},"
        with torch.inference_mode():
            model.module(image[None].to(device))
    except InputError:
        raise
    except Exception as error:  # whatever the user's own code raises
        raise InputError(f"{name}: {what} raised {type(error).__name__}: {first_line(error)}") from error


@contextmanager
def _as_it_was(module: torch.nn.Module) -> Iterator[None]:
    """Inside, all parts are in eval mode; afterwards each is in its own again."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
