"""What becomes of an image where no library says it: options of a SPEC (``?size=224&mean=0.5&std=0.5``).

The shorter side is brought to `resize` pixels (without it, to `size`), the middle `size` × `size` is cut out, pixels
in [0, 1] are taken minus `mean`, over `std`: one number, one a channel, or ``imagenet``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rdx._torchvision import ensure_torchvision
from rdx.errors import InputError
from rdx.models.vision_model import Evaluation

OPTIONS = {"size": int, "resize": int, "mean": str, "std": str}
_IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def declared(options: Mapping[str, str]) -> list[str]:
    """Those of a SPEC's options that say something of this."""
    return [name for name in OPTIONS if name in options]


def preprocessing(
    options: Mapping[str, str], spec: Any, *, size: tuple[int, int], resize: int | None = None, channels: int = 3
) -> tuple[Evaluation, str]:  # fmt: skip
    """The transform that options ask for, and the same in words; `size` (h, w) and `resize` where they do not say.

    Without `mean` and `std`, ImageNet's. Raises InputError, naming `spec`, for values that make no sense.
    """
    ensure_torchvision()
    from torchvision import transforms

    if "size" in options:
        size, resize = (int(options["size"]),) * 2, None
    resize = int(options.get("resize") or resize or min(size))
    if min(size) < 1 or resize < min(size):
        raise InputError(f"'{spec}': size must be 1 or more, and resize no less than size")
    mean, std = (_numbers(options.get(name, "imagenet"), name, channels, spec) for name in ("mean", "std"))
    steps = [
        transforms.Resize(resize if size[0] == size[1] else size), transforms.CenterCrop(size), transforms.ToTensor(),
        transforms.Normalize(mean, std),
    ]  # fmt: skip
    mode = "L" if channels == 1 else "RGB"
    brought = f"shorter side to {resize}, middle " if size[0] == size[1] else "brought to "
    words = f"{mode}, {brought}{size[1]}×{size[0]}, mean {_text(mean)}, std {_text(std)}"
    return Evaluation(mode, transforms.Compose(steps)), words


def _numbers(text: str, name: str, channels: int, spec: Any) -> tuple[float, ...]:
    """One number a channel."""
    if text == "imagenet":
        values = _IMAGENET[name] if channels == 3 else (sum(_IMAGENET[name]) / 3,) * channels
    else:
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            values = ()
        values = values * channels if len(values) == 1 else values
    fits = len(values) == channels and all(math.isfinite(value) for value in values)
    if not fits or (name == "std" and min(values) <= 0):
        above = " above 0" if name == "std" else ""
        raise InputError(
            f"'{spec}': {name} is 'imagenet', a number{above} or {channels} of them (0.5,0.5,0.5), not '{text}'"
        )
    return values


def _text(values: tuple[float, ...]) -> str:
    return f"{values[0]:g}" if len(set(values)) == 1 else ", ".join(f"{value:g}" for value in values)
