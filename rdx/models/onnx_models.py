"""Model family ``onnx:PATH``: an ONNX file through onnxruntime, on the CPU; layers are the tensors of its graph.

The file says nothing of how images are prepared, so the SPEC has to: ``?transform=SPEC`` takes the transform of
another model, ``?mean=0.5&std=0.5`` (and `size`, where the file takes any) says it in numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rdx.errors import InputError, reading
from rdx.files import fingerprint
from rdx.models import preprocessing
from rdx.models.extras import needed
from rdx.models.onnx_graph import Graph
from rdx.models.registry import family_module
from rdx.models.spec import ModelSpec, parse_spec
from rdx.models.vision_model import OUTPUT, VisionModel
from rdx.models.weights import contents, existing_file
from rdx.source import version

OPTIONS = {"layer": str, "pool": str, "layout": str, **preprocessing.OPTIONS, "transform": ModelSpec}
_SESSIONS = 2  # kept of a file: one for the trial of all layers, one for those in use


class Tensor(torch.nn.Module):
    """Where a tensor of the graph passes, so that hooks see it."""

    def __init__(self, channel_axis: int | None) -> None:
        super().__init__()
        self.channel_axis = channel_axis

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return value


class OnnxModule(torch.nn.Module):
    """Images (b, c, h, w) to what the graph puts out; each of its tensors, and of its nodes, is a submodule."""

    def __init__(self, graph: Graph, sessions: dict[tuple[str, ...], Any] | None = None) -> None:
        super().__init__()
        self.graph, self.sessions = graph, {} if sessions is None else sessions
        for name, tensor in graph.layers.items():  # names have points in them, which add_module refuses
            self._modules[name] = Tensor(graph.channel_axes.get(tensor))

    def __deepcopy__(self, memo: dict) -> OnnxModule:
        return OnnxModule(self.graph, self.sessions)

    def forward(self, images: torch.Tensor) -> Any:
        hooked = {name: one for name, one in self._modules.items() if one._forward_hooks or one._forward_pre_hooks}
        inside = {self.graph.layers[name] for name in hooked} - set(self.graph.outputs)
        tensors = [*self.graph.outputs, *(name for name in self.graph.order if name in inside)]
        values = dict(zip(tensors, self._run(images.detach().cpu().numpy(), tensors), strict=True))
        for name, one in hooked.items():
            value = values[self.graph.layers[name]]
            if value.is_floating_point():
                one(value)
        found = [values[name] for name in self.graph.outputs]
        return found[0] if len(found) == 1 else tuple(found)

    def _run(self, images: np.ndarray, tensors: Sequence[str]) -> list[torch.Tensor]:
        """The tensors of all images; where the file takes a fixed number at a time, of so many after each other."""
        fed = (images.transpose(0, 2, 3, 1) if self.graph.channels_last else images).astype(self.graph.dtype)
        session, size = self._session(tuple(tensors)), self.graph.batch or len(fed)
        pieces = []
        for start in range(0, len(fed), size):
            piece = fed[start : start + size]
            lacking = np.repeat(piece[-1:], size - len(piece), axis=0)  # the last one again
            values = session.run(list(tensors), {self.graph.input: np.concatenate([piece, lacking])})
            pieces.append([one[: len(piece)] if one.ndim and len(one) == size else one for one in values])
        joined = [np.concatenate(parts) if parts[0].ndim else parts[0] for parts in zip(*pieces, strict=True)]
        return [torch.from_numpy(np.array(one)) for one in joined]

    def _session(self, tensors: tuple[str, ...]) -> Any:
        if tensors not in self.sessions:
            while len(self.sessions) >= _SESSIONS:
                del self.sessions[next(iter(self.sessions))]
            self.sessions[tensors] = self.graph.session(tensors)
        return self.sessions[tensors]


def load(spec: ModelSpec, *, weights: bool = True) -> VisionModel:
    """The model of an ``onnx:`` SPEC (with its weights in any case).

    Raises InputError for what is no ONNX file, one that does not take images, and without a word on preprocessing.
    """
    path = _file(spec)
    with reading(path, "ONNX file"):
        graph = Graph.read(path)
    transform, words = _transform(spec, graph)
    return VisionModel(
        OnnxModule(graph).eval(), transform, OUTPUT, f"{spec}; {words}", preprocessing=words,
        n_parameters=graph.n_parameters,
    )  # fmt: skip


def model_fingerprint(spec: ModelSpec) -> str:
    """Changes with the file, those that hold its weights, the preprocessing, and the libraries' versions."""
    path = _file(spec)
    with reading(path, "ONNX file"):
        held = [contents(file) for file in (path, *Graph.outside(path))]
    options = {name: spec.options[name] for name in preprocessing.declared(spec.options)}
    other = _other(spec)
    if other is not None:
        options["transform"] = family_module(other.family).model_fingerprint(other)
    libraries = [version(name) for name in ("onnx", "onnxruntime", "torch", "torchvision", "pillow")]
    return fingerprint("onnx", held, options, libraries)


def _file(spec: ModelSpec) -> Path:
    for module in ("onnx", "onnxruntime"):
        needed(module, "onnx")
    return existing_file(spec.name, "ONNX file")


def _other(spec: ModelSpec) -> ModelSpec | None:
    """The model whose transform is asked for."""
    other = parse_spec(spec.options["transform"]) if "transform" in spec.options else None
    if other is not None and not other.is_model:
        raise InputError(f"'{spec}': transform= is the SPEC of a model")
    return other


def _transform(spec: ModelSpec, graph: Graph) -> tuple[Any, str]:
    """The transform that the SPEC asks for, and what it is in words."""
    other, given = _other(spec), preprocessing.declared(spec.options)
    if other is not None:
        return _of_other(spec, graph, other, given)
    if "mean" not in given or "std" not in given:
        raise InputError(
            f"'{spec}': an ONNX file does not say how images are prepared: add '?transform=SPEC' of the model that it "
            "was made from, or '?mean=0.5&std=0.5' ('imagenet', a number, or one a channel)"
        )
    if graph.size is None and "size" not in given:
        raise InputError(f"'{spec}': the file takes images of any size; say which with 'size=224'")
    if graph.size is not None and "size" in given and (int(spec.options["size"]),) * 2 != graph.size:
        height, width = graph.size
        raise InputError(f"'{spec}': the file takes images of {width}×{height} pixels; leave 'size=' out")
    size = graph.size or (int(spec.options["size"]),) * 2
    return preprocessing.preprocessing(spec.options, spec, size=size, channels=graph.channels)


def _of_other(spec: ModelSpec, graph: Graph, other: ModelSpec, given: Sequence[str]) -> tuple[Any, str]:
    if given:
        raise InputError(f"'{spec}' has a transform of its own: leave '{given[0]}=' out")
    model = family_module(other.family).load(other, weights=False)
    size = model.image_size()
    from PIL import Image

    channels = model.transform(Image.new("RGB", (64, 64))).shape[0]
    if channels != graph.channels or (graph.size is not None and size not in (None, graph.size)):
        theirs = f"{channels} × {size[1]}×{size[0]}" if size else f"{channels} channels"
        own = f"{graph.channels} × {graph.size[1]}×{graph.size[0]}" if graph.size else f"{graph.channels} channels"
        raise InputError(f"'{spec}': the file takes images of {own}, and the transform of '{other}' makes {theirs}")
    return model.transform, f"as {other} prepares them"
