"""What the tests of figures look for in a picture's pixels. Use: `from made_pictures import pixels`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def pixels(path: Path) -> np.ndarray:
    """Shape (height, width, 3); signed, so that differences are right."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def edges_are_white(path: Path) -> bool:
    shown = pixels(path)
    return all((side == 255).all() for side in (shown[:8], shown[-8:], shown[:, :8], shown[:, -8:]))


def contains(shown: np.ndarray, color: str, off: int = 2) -> bool:
    """Whether a pixel has this colour, each part but for `off`."""
    return bool(of_color(shown, color, off).any())


def of_color(shown: np.ndarray, color: str, off: int = 0) -> np.ndarray:
    """Which pixels (height, width) have this colour."""
    parts = (np.abs(shown[..., i] - int(color[2 * i + 1 : 2 * i + 3], 16)) <= off for i in range(3))
    return np.logical_and.reduce(list(parts))
