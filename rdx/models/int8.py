"""A model as two ONNX files: as it is, and in whole numbers of 8 bits as onnxruntime makes them.

    python -m rdx.models.int8 MODEL FLOAT.onnx INT8.onnx --images PHOTOS.csv [--calibrate 64]

Weights and activations are quantised by their ranges (static, QDQ, one scale a channel of weights); those of the
activations are seen on some of the images, evenly spaced.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from rdx._torchvision import ensure_torchvision
from rdx.console import Debug, carry_out, exit_codes, path_argument, path_option
from rdx.data import load_items
from rdx.errors import InputError
from rdx.models import load_model
from rdx.models.extras import needed
from rdx.models.hub import quiet
from rdx.models.vision_model import VisionModel

_OPSET = 17
_WITHOUT_MODULE = ("onnx", "features")


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


def quantise(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="a SPEC; onnx: and features: have no module.")],
    float_file: Annotated[Path, path_argument("FLOAT.onnx", "written, as the model is.")],
    int8_file: Annotated[Path, path_argument("INT8.onnx", "written, in whole numbers.")],
    images: Annotated[Path, path_option("PATH", "a folder or table of images, as of `rdx compare`.")],
    calibrate: Annotated[int, typer.Option(min=1, metavar="N", help="images that ranges are seen on.")] = 64,
    debug: Debug = False,
) -> None:
    """A model as two ONNX files: as it is, and in whole numbers of 8 bits."""
    with exit_codes(debug):
        needed("onnx", "onnx")
        needed("onnxruntime", "onnx")
        ensure_torchvision()
        from timm.layers import set_exportable

        if model.partition(":")[0] in _WITHOUT_MODULE:
            raise InputError(f"'{model}' has no torch module to write")
        for path in (float_file, int8_file):
            if not path.absolute().parent.is_dir():
                raise InputError(f"folder '{path.parent}' does not exist")
        items = load_items("image_folder", root=images)
        with set_exportable(True):
            loaded = load_model(model)
        chosen = np.linspace(0, len(items) - 1, min(calibrate, len(items))).astype(int)
        write_float(loaded, float_file)
        write_int8(float_file, int8_file, (loaded.transform(items.image(i))[None].numpy() for i in chosen))


def main(arguments: Sequence[str] | None = None) -> None:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(quantise)
    carry_out(app, sys.argv[1:] if arguments is None else arguments, "python -m rdx.models.int8")


if __name__ == "__main__":
    main()
