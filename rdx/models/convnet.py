"""The small convnets that are compared on digits, and what they are fed.

conv 5×5 (pad 2), batch norm, ReLU, max-pool 2, twice; global average pool; linear. Channels 32 and 64,
or 8 and 8 in the tiny variant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn

from rdx.errors import InputError
from rdx.models.convnet_shapes import SMALLEST_SIDE

CHANNELS = (32, 64)
TINY_CHANNELS = (8, 8)
DEFAULT_LAYER = "layer2"


class ConvNet(nn.Module):
    """Images (b, 1, h, w) to logits (b, n_outputs), for any h, w ≥ 4."""

    def __init__(self, channels: tuple[int, int] = CHANNELS, n_outputs: int = 10) -> None:
        super().__init__()
        first, second = channels
        self.layer1 = _block(1, first)  # (b, 1, h, w) → (b, first, h/2, w/2)
        self.layer2 = _block(first, second)  # → (b, second, h/4, w/4)
        self.fc = nn.Linear(second, n_outputs)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.layer2(self.layer1(images)).mean(dim=(2, 3)))


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=5, padding=2),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


@dataclass(frozen=True)
class GreyTransform:
    """A grey image as (1, h, w): pixels in [0, 1], minus mean, over std; resized where a size is set."""

    mean: float = 0.5
    std: float = 0.5
    size: tuple[int, int] | None = None  # (h, w) that the model was trained on

    def __call__(self, image: Image.Image) -> torch.Tensor:
        image = image.convert("L")
        if self.size and image.size != self.size[::-1]:
            image = image.resize(self.size[::-1], Image.Resampling.BILINEAR)
        return self.normalise(np.asarray(image)[None])

    def normalise(self, pixels: np.ndarray) -> torch.Tensor:
        """Pixels (…, h, w) uint8 to float32 of the same shape."""
        if min(pixels.shape[-2:]) < SMALLEST_SIDE:
            height, width = pixels.shape[-2:]
            raise InputError(f"images of {height}×{width} pixels are too small; the least is 4×4")
        values = torch.from_numpy(np.array(pixels, dtype=np.float32))  # a copy: items are never changed
        return values.div_(255).sub_(self.mean).div_(self.std)
