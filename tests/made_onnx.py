"""Small ONNX files of a known torch module.

Use: `from made_onnx import net, write` (the tests' folder is on the path).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

LAYER = "/features/relu.1_output_0"  # with points and slashes, as torch writes them


def net() -> torch.nn.Sequential:
    """Conv, ReLU, pooling and a linear layer, of random numbers."""
    torch.manual_seed(3)
    pool = torch.nn.AdaptiveAvgPool2d(1)
    layers = torch.nn.Conv2d(3, 6, 3, padding=1), torch.nn.ReLU(), pool, torch.nn.Flatten(), torch.nn.Linear(6, 4)
    return torch.nn.Sequential(*layers).eval()


def write(path: Path, module: torch.nn.Sequential, *, batch: int | str = "b", size: int | str = 16, half: bool = False,
          outputs: tuple[str, ...] = ("logits",), last: bool = False, inputs: int = 1) -> Path:  # fmt: skip
    """The module as a file that takes `batch` images of `size` pixels (text: any)."""
    kind, number = (TensorProto.FLOAT16, np.float16) if half else (TensorProto.FLOAT, np.float32)
    weights = {name: value.detach().numpy().astype(number) for name, value in module.state_dict().items()}
    shape = [batch, size, size, 3] if last else [batch, 3, size, size]
    images = "turned" if last else "images"
    first = [helper.make_node("Transpose", ["images"], ["turned"], perm=[0, 3, 1, 2])] if last else []
    nodes = [
        *first,
        helper.make_node("Conv", [images, "0.weight", "0.bias"], ["maps"], name="/conv", pads=[1] * 4),
        helper.make_node("Relu", ["maps"], [LAYER], name="/relu"),
        helper.make_node("GlobalAveragePool", [LAYER], ["pooled"], name="/pool"),
        helper.make_node("Flatten", ["pooled"], ["flat"], name="/flatten"),
        helper.make_node("Gemm", ["flat", "4.weight", "4.bias"], ["logits"], name="/fc", transB=1),
    ]  # fmt: skip
    shapes = {"logits": [batch, 4], "flat": [batch, 6]}
    given = [helper.make_tensor_value_info(f"images{i or ''}", kind, shape) for i in range(inputs)]
    graph = helper.make_graph(
        nodes, "net", given, [helper.make_tensor_value_info(name, kind, shapes[name]) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    return path
