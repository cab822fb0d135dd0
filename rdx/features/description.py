"""What a representation will be and cost, told from an empty shell of its model: nothing is downloaded."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rdx.features.arrays import read_array
from rdx.features.extraction import try_layer
from rdx.features.request import parse_request
from rdx.models import load_model, model_fingerprint, needs_download
from rdx.models.spec import ModelSpec

if TYPE_CHECKING:
    from PIL import Image

    from rdx.models.vision_model import VisionModel

_READING = 0.01  # seconds to read and transform one image
# What part of the speed of one large matrix product models reach: measured with ViT-B/16, ViT-L/14, ResNet-50.
_MATRIX_SHARE, _CONVOLUTION_SHARE = 0.7, 0.2
_SIDE = 1024  # of the matrices that the speed is measured with


@dataclass(frozen=True)
class Description:
    """A representation before it is computed; None where it is not known without the weights."""

    parameters: int | None  # of the whole image model
    image_size: tuple[int, int] | None  # (h, w) that the model is fed; None: the images' own size
    width: int | None  # d
    gflops: float | None  # 1e9 additions and multiplications for one image
    convolutions: float | None  # how much of that is convolutions, which are slower
    download: int  # bytes still to be fetched, at least; 0 where all is on disk or nothing is needed

    def seconds(self, device: str = "cpu") -> float | None:
        """Roughly how long one image takes on `device`; half a second is spent on measuring its speed."""
        if self.gflops is None or self.convolutions is None:
            return None
        speed = _speed(device)
        products = self.gflops - self.convolutions
        return _READING + products / (_MATRIX_SHARE * speed) + self.convolutions / (_CONVOLUTION_SHARE * speed)


def describe(settings: Mapping[str, Any], image: Image.Image | None = None) -> Description:
    """What `settings` (the keys of one entry under `representations:`) ask for.

    `image` is one of the images, for models that take them in any size. Raises InputError for a wrong
    setting, model, layer or pooling, and for a missing file.
    """
    request = parse_request(settings)
    if request.is_array:
        width = read_array(request.spec.name, request.spec.options).values.shape[1]
        return Description(None, None, width, None, None, 0)
    model = shell(request.spec)
    size = model.image_size()
    parameters = sum(value.numel() for value in model.module.parameters())
    layer = model.check_layer(request.layer)
    width, gflops, convolutions = _measured(model, image or _blank(size), layer, request.pool)
    download = 4 * parameters if needs_download(request.spec) else 0
    return Description(parameters, size, width, gflops, convolutions, download)


def shell(spec: ModelSpec) -> VisionModel:
    """A model without weights, good for looking up layers; built once for all of its representations."""
    bare = {key: value for key, value in spec.options.items() if key not in ("layer", "pool")}
    return _built(str(ModelSpec(spec.family, spec.name, bare)), model_fingerprint(spec))


@lru_cache(maxsize=4)
def _built(spec: str, fingerprint: str) -> VisionModel:
    model = load_model(spec, weights=False)
    model.module.requires_grad_(False)  # the counter of operations can't follow parameters that are passed on
    return model


def _blank(size: tuple[int, int] | None) -> Image.Image:
    from PIL import Image

    height, width = size or (28, 28)
    return Image.new("RGB", (width, height))


def _measured(
    model: VisionModel, image: Image.Image, layer: str, pool: str | None
) -> tuple[int | None, float | None, float | None]:
    """Width, and operations of one forward pass: all of them, and convolutions."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    width = try_layer(model, image, layer, pool)
    if width is None:
        return None, None, None
    device = next((one.device for one in model.module.parameters()), torch.device("cpu"))
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model.module(model.transform(image)[None].to(device))
    counts = counter.get_flop_counts().get("Global", {})
    return width, sum(counts.values()) / 1e9, counts.get(torch.ops.aten.convolution, 0) / 1e9


@lru_cache(maxsize=4)
def _speed(device: str) -> float:
    """1e9 operations a second in a large product of matrices in float32."""
    import torch

    matrix = torch.ones((_SIDE, _SIDE), device=device)
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        (matrix @ matrix)[0, 0].item()  # waits for a GPU
        best = min(best, time.perf_counter() - start)
    return 2 * _SIDE**3 / best / 1e9
