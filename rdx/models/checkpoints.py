"""Model family ``checkpoint:PATH``: our small convnets in safetensors, with all their settings in the header.

The paper's own models are Lightning files (.pt, .ckpt) with keys that begin with ``model.``; they are read
through the weights-only loader, and everything else is told from the shapes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.errors import InputError
from rdx.files import atomic_path, fingerprint
from rdx.models.convnet_shapes import COUNTED, SMALLEST_SIDE, shapes
from rdx.models.outline import Outline
from rdx.models.spec import ModelSpec
from rdx.models.vision_model import VisionModel
from rdx.models.weights import checksum, contents, existing_file, misfit, read_safetensors, read_state_dict

if TYPE_CHECKING:
    import torch

    from rdx.models.convnet import ConvNet

OPTIONS = {"layer": str, "pool": str, "layout": str}
FORMAT, VERSION = "rdx-checkpoint", 1
_SUFFIX = ".safetensors"  # of our own files
_KEY = "rdx"  # one metadata entry: with several, safetensors would write them in any order
_PAPER_PREFIX = "model."
_PAPER_NORMALISATION = 0.5 / 255  # trained on pixels 0–255 normalised by 0.5 / 0.5


@dataclass
class Header:
    """What a checkpoint says about itself."""

    channels: tuple[int, int]
    n_outputs: int
    mean: float = 0.5  # subtracted from pixels in [0, 1]
    std: float = 0.5
    size: tuple[int, int] | None = None  # (h, w) of the training images
    label_names: dict[str, str] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)  # settings of the training
    fingerprint: str = ""  # of what the training was made of
    step: int | None = None
    test_accuracy: float | None = None
    files: dict[str, str] = field(default_factory=dict)  # name → sha256 of the training's other files: in its last one
    checksum: str = ""  # of the tensors; "": written before there were checksums


def save_checkpoint(path: Path, module: torch.nn.Module, header: Header) -> None:
    """Write weights and header, whole or not at all; the same content gives the same bytes."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    header.checksum = checksum(tensors)
    text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(header)}, sort_keys=True)
    with atomic_path(path) as temporary:
        save_file(tensors, str(temporary), metadata={_KEY: text})


def read_checkpoint(path: str | Path) -> tuple[ConvNet, Header]:
    """The model of a checkpoint, in eval mode, and its header.

    Raises InputError, naming the file and what is wrong, where it is not a whole checkpoint of this kind.
    """
    import torch

    path = existing_file(path, "checkpoint")
    if path.suffix == _SUFFIX:
        tensors, metadata = read_safetensors(path)
        header = _parse_header(path, metadata)
    else:
        tensors, header = _paper_checkpoint(path)
    model = _build(path, tensors, header, torch)
    _check_whole(path, tensors, header)  # last: what is wrong in particular says more
    return model, header


def read_header(path: Path) -> Header:
    """The header of a checkpoint alone. Raises InputError as `read_checkpoint` does."""
    tensors, metadata = read_safetensors(path)
    header = _parse_header(path, metadata)
    _check_whole(path, tensors, header)
    return header


def _check_whole(path: Path, tensors: Mapping[str, torch.Tensor], header: Header) -> None:
    if header.checksum and header.checksum != checksum(tensors):
        raise InputError(f"checkpoint '{path}' is damaged: its checksum is wrong")


def load(spec: ModelSpec, *, weights: bool = True) -> VisionModel:
    """The convnet of a ``checkpoint:`` SPEC (its weights are read in any case: they say what it is)."""
    from rdx.models.convnet import DEFAULT_LAYER, GreyTransform

    module, header = read_checkpoint(spec.name)
    transform = GreyTransform(header.mean, header.std, header.size)
    description = f"convnet {header.channels}, {header.n_outputs} outputs; {transform}"
    return VisionModel(module, transform, DEFAULT_LAYER, description)


def outline(spec: ModelSpec) -> Outline | None:
    """What a whole checkpoint's header and arrays say; None where something is wrong, which `load` puts into words."""
    path = existing_file(spec.name, "checkpoint")
    if path.suffix != _SUFFIX or "layout" in spec.options:
        return None
    try:
        arrays, metadata = read_safetensors(path, "np")
        header = _parse_header(path, metadata)
        _check_whole(path, arrays, header)
    except InputError:
        return None
    fits = {name: value.shape for name, value in arrays.items()} == shapes(header.channels, header.n_outputs)
    finite = all(np.isfinite(value).all() for value in arrays.values())
    if not fits or not finite or header.size is None or min(header.size) < SMALLEST_SIDE:
        return None
    trained = sum(value.size for name, value in arrays.items() if not name.endswith(COUNTED))
    first, second = header.channels
    return Outline(trained, header.size, {"layer1": first, "layer2": second, None: second})


def model_fingerprint(spec: ModelSpec) -> str:
    """Changes with the file's contents, not with its place."""
    return fingerprint(FORMAT, VERSION, contents(existing_file(spec.name, "checkpoint")))


def _build(path: Path, tensors: Mapping[str, Any], header: Header, torch: Any) -> ConvNet:
    from rdx.models.convnet import ConvNet

    module = ConvNet(header.channels, header.n_outputs)
    problem = misfit(module, tensors)
    if problem:
        raise InputError(f"checkpoint '{path}': {problem}")
    for name, value in tensors.items():
        if not torch.isfinite(value.float()).all():
            raise InputError(f"checkpoint '{path}': tensor '{name}' holds NaN or infinity")
    module.load_state_dict(dict(tensors))
    return module.eval()


def _parse_header(path: Path, metadata: Mapping[str, str]) -> Header:
    if _KEY not in metadata:
        raise InputError(
            f"'{path}' is a safetensors file but no checkpoint of rdx train; "
            f"write features:{path.name} for arrays, timm:NAME?weights={path.name} for weights of timm"
        )
    try:
        content = json.loads(metadata[_KEY])
        if content.pop("format") != FORMAT:
            raise InputError(f"'{path}' is no checkpoint of rdx train")
        version = content.pop("version")
        if version != VERSION:
            raise InputError(f"checkpoint '{path}' has format version {version}; this rdx reads {VERSION}")
        known = {item.name for item in fields(Header)}
        header = Header(**{key: value for key, value in content.items() if key in known})
        header.channels = _pair(header.channels)
        header.size = _pair(header.size) if header.size is not None else None
        header.n_outputs = int(header.n_outputs)
        header.mean, header.std = float(header.mean), float(header.std)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise InputError(f"checkpoint '{path}' has a damaged header: {error}") from error
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"checkpoint '{path}' has a damaged header: {error}") from error
    if min(*header.channels, header.n_outputs) < 1 or header.std <= 0:
        raise InputError(f"checkpoint '{path}' has a damaged header: sizes and std must be above 0")
    return header


def _pair(value: Any) -> tuple[int, int]:
    first, second = value
    return int(first), int(second)


def _paper_checkpoint(path: Path) -> tuple[dict[str, Any], Header]:
    tensors = read_state_dict(path)
    from_paper = any(name.startswith(_PAPER_PREFIX) for name in tensors)
    tensors = {name.removeprefix(_PAPER_PREFIX): value for name, value in tensors.items()}
    needed = ("layer1.0.weight", "layer2.0.weight", "fc.bias")
    for name in needed:
        if name not in tensors:
            raise InputError(f"checkpoint '{path}' is no small convnet: tensor '{name}' is missing")
    first, second, bias = (tensors[name] for name in needed)
    header = Header(channels=(first.shape[0], second.shape[0]), n_outputs=bias.shape[0])
    if from_paper:
        header.mean = header.std = _PAPER_NORMALISATION
    return tensors, header
