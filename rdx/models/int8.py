"""A model as two ONNX files: as it is, and in whole numbers of 8 bits as onnxruntime makes them.

    python -m rdx.models.int8 MODEL FLOAT.onnx INT8.onnx --images PHOTOS.csv [--calibrate 64]

Weights and activations are quantised by their ranges (static, QDQ, one scale a channel of weights); those of the
activations are seen on some of the images, evenly spaced.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rdx._torchvision import ensure_torchvision
from rdx.data import load_items
from rdx.models import load_model
from rdx.models.extras import needed
from rdx.models.hub import quiet
from rdx.models.vision_model import VisionModel

_OPSET = 17


def write_float(model: VisionModel, path: Path) -> None:
    """The module as an ONNX file for any number of images of the transform's size."""
    import torch

    height, width = model.image_size() or (224, 224)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a newer exporter, which needs one more package
        torch.onnx.export(
            model.module, (torch.zeros(2, 3, height, width),), str(path), dynamo=False, opset_version=_OPSET,
            input_names=["images"], output_names=["logits"], dynamic_axes={"images": {0: "b"}, "logits": {0: "b"}},
        )  # fmt: skip


def write_int8(path: Path, written: Path, images: Iterator[np.ndarray]) -> None:
    """The float file in whole numbers, their ranges from `images`, (1, c, h, w) each."""
    needed("onnxruntime", "onnx")
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        def get_next(self) -> dict[str, Any] | None:
            one = next(images, None)
            return None if one is None else {"images": one}

    with tempfile.TemporaryDirectory() as folder, quiet():
        prepared = Path(folder, "prepared.onnx")
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantization.quantize_static(str(prepared), str(written), Reader(), per_channel=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model")
    parser.add_argument("float_file", type=Path)
    parser.add_argument("int8_file", type=Path)
    parser.add_argument("--images", required=True)
    parser.add_argument("--calibrate", type=int, default=64)
    asked = parser.parse_args()
    needed("onnx", "onnx")
    ensure_torchvision()
    from timm.layers import set_exportable

    with set_exportable(True):
        model = load_model(asked.model)
    items = load_items("image_folder", root=asked.images)
    chosen = np.linspace(0, len(items) - 1, min(asked.calibrate, len(items))).astype(int)
    write_float(model, asked.float_file)
    write_int8(asked.float_file, asked.int8_file, (model.transform(items.image(i))[None].numpy() for i in chosen))


if __name__ == "__main__":
    main()
