"""Model family ``hf:NAME``: a vision model of transformers with its own image processor; NAME on the hub, or a folder.

Of models with an image and a text tower the image tower alone is kept. Weights are read from safetensors only, as
float32, and code that a repository brings along is never run. `pooler_output` and `last_hidden_state` are layers
beside the submodules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from rdx._torchvision import ensure_torchvision
from rdx.data.locate import locate
from rdx.errors import InputError, MissingInput, first_line
from rdx.files import fingerprint
from rdx.models.extras import needed
from rdx.models.hub import fetching, in_cache, quiet
from rdx.models.spec import PLACE, ModelSpec
from rdx.models.vision_model import OUTPUT, Evaluation, VisionModel, described, seeded, tokens_by_name
from rdx.models.weights import contents
from rdx.source import version

OPTIONS = {"layer": str, "pool": str, "layout": str, "revision": str, "pretrained": bool, "seed": int}
_FILES = ("model.safetensors", "model.safetensors.index.json")
_REFUSED = (ValueError, KeyError, ImportError, AttributeError, TypeError, RuntimeError, SafetensorError)
_PROCESSORS = ("preprocessor_config.json", "processor_config.json")
_INSTEAD = "name a folder that has them ('hf:./my_model')"
_POOLED, _HIDDEN = "pooler_output", "last_hidden_state"
_UNUSED = re.compile(r"(.*\.)?mask_token")  # for training alone: files need not have it


@dataclass(frozen=True)
class Processed:
    """A model's own image processor, on one image."""

    processor: Any
    name: str

    def __call__(self, image: Any) -> Any:
        """(c, h, w). Raises InputError where the processor makes something else of an image."""
        pixels = self.processor(image, return_tensors="pt").get("pixel_values")
        if pixels is None or pixels.ndim != 4 or len(pixels) != 1:
            raise InputError(
                f"the image processor of 'hf:{self.name}' gives {described(pixels)}, not one image (1, c, h, w)"
            )
        return pixels[0]


def load(spec: ModelSpec, *, weights: bool = True) -> VisionModel:
    """The model of an ``hf:`` SPEC; without `weights` an empty shell, for which its configuration is fetched.

    Raises InputError for a name that is no vision model, weights that are missing or incomplete, and without the extra.
    """
    transformers = _library()
    import torch

    place = _place(spec)
    _refuse_without_processor(spec)
    with _asking(spec):
        config = transformers.AutoConfig.from_pretrained(**place)
        processor = transformers.AutoImageProcessor.from_pretrained(**place)
    if hasattr(config, "mask_ratio"):  # a masked autoencoder hides patches at random, in evaluation too
        config.mask_ratio = 0.0
    has_pooler = True
    if not weights:
        with _asking(spec), torch.device("meta"):
            model = transformers.AutoModel.from_config(config)
    elif not spec.switch("pretrained", True):
        with _asking(spec), seeded(spec.number("seed") or 0):
            model = transformers.AutoModel.from_config(config)
    else:
        with _asking(spec), seeded(0):
            model, report = transformers.AutoModel.from_pretrained(
                **place, config=config, use_safetensors=True, dtype=torch.float32, output_loading_info=True
            )
        has_pooler = _check_whole(spec, report["missing_keys"])
    layer = _make_image_model(model.float().eval(), has_pooler)
    transform = Evaluation("RGB", Processed(processor, spec.name))
    description = f"{spec}; {' '.join(processor.to_json_string().split())}; {layer}"
    return VisionModel(model, transform, OUTPUT, description, **_tokens(model, config))


def model_fingerprint(spec: ModelSpec) -> str:
    """Changes with the name, or with what is in the folder, with the options, and the libraries' versions."""
    _library()
    options = {key: value for key, value in spec.options.items() if key not in PLACE}
    name, held = spec.name, []
    if spec.path:
        files = sorted(path for path in _folder(spec).glob("*") if path.suffix in (".safetensors", ".json"))
        name, held = "", [(path.name, contents(path)) for path in files if path.is_file()]
    libraries = [version(name) for name in ("transformers", "torch", "torchvision", "pillow")]
    return fingerprint("hf", name, options, held, libraries)


def needs_download(spec: ModelSpec) -> bool:
    """Whether published weights have to be fetched first."""
    if spec.path or not spec.switch("pretrained", True):
        return False
    revision = spec.options.get("revision")
    return not in_cache(f"{spec.name}@{revision}" if revision else spec.name, _FILES)


def path_in(name: str) -> str:
    """A name that is a folder: one that is there, or that is written as one (``./model``)."""
    return name if name.startswith(("/", "./", "../", "~")) or locate(name).is_dir() else ""


def _library() -> Any:
    ensure_torchvision()  # or transformers takes image processors of another kind
    return needed("transformers", "hf")


def _folder(spec: ModelSpec) -> Path:
    folder = locate(spec.path)
    if not (folder / "config.json").is_file():
        raise MissingInput(f"model hf:{spec.name}: no folder '{folder}' with a config.json")
    return folder


def _refuse_without_processor(spec: ModelSpec) -> None:
    if spec.path and not any((_folder(spec) / name).is_file() for name in _PROCESSORS):
        said = f"'{_folder(spec)}' has no {_PROCESSORS[0]}: save the model's image processor there too"
        raise InputError(f"model hf:{spec.name}: {said} (processor.save_pretrained)")


def _place(spec: ModelSpec) -> dict[str, Any]:
    name = str(_folder(spec)) if spec.path else spec.name
    given = {"revision": spec.options["revision"]} if "revision" in spec.options else {}
    return {"pretrained_model_name_or_path": name, "trust_remote_code": False, **given}


@contextmanager
def _asking(spec: ModelSpec) -> Iterator[None]:
    """Inside, what transformers says of a model that can't be had is one line, and its bars are off."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with nullcontext() if spec.path else fetching(f"hf:{spec.name}", _INSTEAD), quiet():
            try:
                yield
            except OSError as error:
                if spec.path:
                    raise InputError(f"model hf:{spec.name}: {first_line(error)}") from error
                raise
            except _REFUSED as error:
                raise InputError(f"model hf:{spec.name} can't be taken: {first_line(error)}") from error
    finally:
        if shown:
            logging.enable_progress_bar()


def _check_whole(spec: ModelSpec, missing: set[str]) -> bool:
    """Whether the pooler's weights are there. transformers would draw what is missing at random: that is refused."""
    missing = {name for name in missing if not _UNUSED.fullmatch(name)}
    rest = sorted(name for name in missing if not name.startswith("pooler."))
    if rest:
        more = f" and {len(rest) - 1} more" if len(rest) > 1 else ""
        raise InputError(f"the weights of hf:{spec.name} lack '{rest[0]}'{more}")
    return not missing


def _make_image_model(model: Any, has_pooler: bool) -> str:
    """Makes `model` take images (b, c, h, w) and give out one tensor; returns what that is, in words."""
    import torch

    for name in [name for name in model._modules if name.startswith("text")]:
        del model._modules[name]
    pooler = getattr(model, "pooler", None)
    if pooler is not None and not has_pooler:
        model.pooler = pooler = None
    for name in (_HIDDEN, _POOLED) if has_pooler else (_HIDDEN,):
        model.add_module(name, torch.nn.Identity())
    # BERT's kind of pooler was not trained in most of the weights that have one.
    two_towers = hasattr(model, "get_image_features")
    model.gives_hidden = not two_towers and (not has_pooler or hasattr(pooler, "dense"))
    model.__class__ = type(type(model).__name__, (_OfImages, type(model)), {})
    return _HIDDEN if model.gives_hidden else _POOLED


class _OfImages:
    """In front of a model's own class: its forward pass as a function of images alone."""

    def forward(self, images: Any) -> Any:
        two_towers = hasattr(self, "get_image_features")
        found = self.get_image_features(pixel_values=images) if two_towers else super().forward(pixel_values=images)
        hidden, pooled = found.get(_HIDDEN), found.get(_POOLED)
        hidden = self.last_hidden_state(hidden) if hidden is not None else None
        if pooled is not None and hasattr(self, _POOLED):
            pooled = self.pooler_output(pooled.flatten(1))  # of maps (b, d, 1, 1)
        return hidden if self.gives_hidden or pooled is None else pooled


def _tokens(model: Any, config: Any) -> dict[str, Any]:
    vision = getattr(config, "vision_config", config)
    averaged = getattr(vision, "use_mean_pooling", False)  # BEiT and Data2Vec leave their class token aside
    found = tokens_by_name(model)
    return {**found, "class_token_by_default": found["class_token"] and not averaged}
