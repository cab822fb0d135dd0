"""What turns images into vectors: one file a model family, all of which return a `VisionModel`.

A family is one line in `rdx.models.registry` and a module with

- `OPTIONS`, what may stand behind ``?``: each option's name with its kind (`str`, `int`, `bool`, `Path` for files, or
  `ModelSpec` for another model);
- `load(spec, weights=True)`, the model; without `weights` a shell, good for looking up layers;
- `model_fingerprint(spec)`, which changes with everything that its numbers depend on;
- `outline(spec)`, where a model's sizes can be known without building it: its `Outline`, or None;
- `needs_download(spec)`, where it has published weights: whether they are not on this machine yet;
- `path_in(name)`, where a name is no ``PATH`` as a whole: the part that is a path on this machine, or nothing.
"""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rdx.errors import InputError
from rdx.models.registry import family_module
from rdx.models.spec import ModelSpec, parse_spec

if TYPE_CHECKING:
    from rdx.models.outline import Outline
    from rdx.models.vision_model import VisionModel

__all__ = ["ModelSpec", "load_model", "model_fingerprint", "needs_download", "outline_of", "parse_spec"]


def load_model(spec: ModelSpec | str, device: str = "cpu", *, weights: bool = True) -> VisionModel:
    """The model of a SPEC in eval mode on `device`; without `weights` a shell, good for looking up layers.

    Raises InputError for an unknown name, a file that is not what it should be, or a failed download.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    model = _family(spec).load(spec, weights=weights)
    model.layout = spec.options.get("layout")
    model.layouts = _layouts(_family(spec).model_fingerprint(spec))
    if weights:
        _place(model, device)
    return model


def model_fingerprint(spec: ModelSpec | str) -> str:
    """The sha256 of what a model is made of: name, options, local weights, library versions.

    Nothing is built. Layer and pooling are not part of it.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    return _family(spec).model_fingerprint(spec)


def outline_of(spec: ModelSpec | str) -> Outline | None:
    """What is known of a model, checked but not built; None where it has to be built. Raises MissingInput."""
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    told = getattr(_family(spec), "outline", None)
    return None if told is None else told(spec)


def needs_download(spec: ModelSpec | str) -> bool:
    """Whether a model's published weights are not on this machine yet. Raises InputError for an unknown name."""
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    asked = getattr(_family(spec), "needs_download", None)
    return asked is not None and asked(spec)


@lru_cache(maxsize=16)
def _layouts(fingerprint: str) -> dict[tuple, Any]:
    """What `rdx.features.layouts` has found of a model: a plan tries its shell, so that a run need not try it again."""
    return {}


def _family(spec: ModelSpec) -> ModuleType:
    if not spec.is_model:
        raise InputError(f"'{spec}' is an array, not a model")
    return family_module(spec.family)


def _place(model: VisionModel, device: str) -> None:
    import torch

    try:
        model.module.to(device)
    except torch.cuda.OutOfMemoryError as error:
        raise InputError(f"model '{model.description[:80]}' does not fit the memory of {device}; take cpu") from error
