"""What an ONNX file says of itself: its input, its tensors, and on which axis their channels are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdx.errors import InputError

_MOST = 2_000_000_000  # bytes that a changed file can have in memory
# What puts its channels on axis 1; what on the last one, where it multiplies by weights; what leaves them.
_FIRST = {
    "Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "BatchNormalization", "InstanceNormalization", "LRN",
    "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "GroupNormalization",
}  # fmt: skip
_LAST = {"MatMul", "Gemm", "MatMulInteger", "QLinearMatMul"}
_NORMS = {"LayerNormalization", "SkipLayerNormalization", "RMSNormalization"}
_KEEP = {
    "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Gelu", "Erf", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Mish",
    "Tanh", "Clip", "Softplus", "Exp", "Sqrt", "Pow", "Neg", "Abs", "Add", "Sub", "Mul", "Div", "Min", "Max", "Cast",
    "Dropout", "Identity", "QuantizeLinear", "DequantizeLinear", "Concat", "Pad", "Resize", "QLinearAdd", "QLinearMul",
}  # fmt: skip
# Whole numbers, whose scale is elsewhere: what is dequantised from them is a layer, they are not.
_WHOLE = ("QuantizeLinear", "DynamicQuantizeLinear", "ArgMax", "Shape", "NonZero")
_TYPES = {1: "float32", 10: "float16", 11: "float64"}


@dataclass
class Graph:
    """The graph of a file, which takes images."""

    path: Path
    model: Any  # of onnx
    input: str
    channels: int
    channels_last: bool
    size: tuple[int, int] | None  # (h, w); None: any
    batch: int | None  # images at a time; None: any number
    dtype: str
    outputs: list[str]
    order: list[str]  # the tensors that depend on the images, as they are computed
    layers: dict[str, str]  # what they may be called (also by the node that makes them) → the tensor
    channel_axes: dict[str, int]  # of the tensors where the graph tells: 1, or -1 for the last
    n_parameters: int

    @staticmethod
    def read(path: Path) -> Graph:
        """Raises InputError for a graph that does not take one batch of images; other errors are of a damaged file."""
        import onnx

        model = onnx.load(path)
        onnx.checker.check_model(str(path))
        graph = model.graph
        held = {one.name for one in graph.initializer}
        inputs = [one for one in graph.input if one.name not in held]
        if len(inputs) != 1:
            names = ", ".join(f"'{one.name}'" for one in inputs) or "none"
            raise InputError(f"ONNX file '{path}': it has to take images alone, its inputs are: {names}")
        order, layers, axes = _tensors(graph, inputs[0].name, held)
        channels, last, size, batch, dtype = _images(path, inputs[0])
        count = sum(math.prod(one.dims) for one in graph.initializer)
        outputs = [one.name for one in graph.output]
        images = inputs[0].name, channels, last, size, batch, dtype
        return Graph(path, model, *images, outputs, order, layers, axes, count)

    @staticmethod
    def outside(path: Path) -> list[Path]:
        """The files beside it that hold its weights."""
        import onnx
        from onnx.external_data_helper import ExternalDataInfo, uses_external_data

        model = onnx.load(path, load_external_data=False)
        held = [one for one in model.graph.initializer if uses_external_data(one)]
        return sorted({path.parent / ExternalDataInfo(one).location for one in held})

    def session(self, tensors: Sequence[str]) -> Any:
        """A session that gives out `tensors`. Raises InputError where the changed file is too large for that."""
        import onnxruntime
        import torch

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = torch.get_num_threads(), 1
        options.log_severity_level = 4
        onnxruntime.set_default_logger_severity(4)
        inside = [name for name in tensors if name not in self.outputs]
        source: Any = str(self.path)
        if inside:
            if self.model.ByteSize() > _MOST:
                raise InputError(f"ONNX file '{self.path}' is too large for layers inside it; take its output")
            changed = type(self.model)()
            changed.CopyFrom(self.model)
            for name in inside:
                changed.graph.output.add(name=name)
            source = changed.SerializeToString()
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def _images(path: Path, value: Any) -> tuple[int, bool, tuple[int, int] | None, int | None, str]:
    """Channels, whether they are last, size, number at a time and kind of number of the images that an input takes."""
    kind = value.type.tensor_type
    dims = [one.dim_value if one.HasField("dim_value") and one.dim_value > 0 else None for one in kind.shape.dim]
    if len(dims) != 4 or kind.elem_type not in _TYPES:
        shape = ", ".join(str(one or "any") for one in dims)
        raise InputError(
            f"ONNX file '{path}': its input '{value.name}' is ({shape}) of kind {kind.elem_type}, where images "
            "(b, c, h, w) of decimals are needed"
        )
    last = dims[3] in (1, 3) and dims[1] not in (1, 3)
    channels, size = (dims[3], dims[1:3]) if last else (dims[1], dims[2:])
    if channels not in (1, 3, None):
        raise InputError(f"ONNX file '{path}': its input '{value.name}' has {channels} channels, not 1 or 3")
    return channels or 3, last, tuple(size) if None not in size else None, dims[0], _TYPES[kind.elem_type]


def _tensors(graph: Any, start: str, held: set[str]) -> tuple[list[str], dict[str, str], dict[str, int]]:
    """The tensors that depend on the images in order, the names of layers, and the axes of channels."""
    order, axes = [start], {}
    layers: dict[str, str] = {}
    by_node: dict[str, str] = {}
    reached, whole = {start}, set()
    constant = held | {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    for node in graph.node:
        if not reached.intersection(node.input):
            constant |= set(node.output) if constant.issuperset(filter(None, node.input)) else set()
            continue
        reached |= set(filter(None, node.output))
        axis = _axis(node, axes, constant)
        is_whole = node.op_type in _WHOLE or node.op_type.startswith("QLinear") or node.op_type.endswith("Integer")
        is_whole = is_whole or (node.input[0] in whole and node.op_type not in ("DequantizeLinear", "Cast"))
        whole |= set(node.output) if is_whole else set()
        for name in filter(None, node.output):
            order.append(name)
            if axis is not None:
                axes[name] = axis
            if not is_whole:
                layers[name] = name
                by_node.setdefault(node.name, name)
    return order, {**{name: tensor for name, tensor in by_node.items() if name}, **layers}, axes


def _axis(node: Any, axes: dict[str, int], constant: set[str]) -> int | None:
    """Where a node's output has its channels, as far as its kind tells."""
    if node.op_type in _FIRST:
        return 1
    if node.op_type in _NORMS or (node.op_type in _LAST and constant.intersection(node.input)):
        return -1
    if node.op_type in _KEEP:
        found = {axes.get(name) for name in node.input if name and name not in constant}
        return found.pop() if len(found) == 1 else None
    return None
