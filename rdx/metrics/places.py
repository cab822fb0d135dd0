"""Places in an image: its thirds, row by row, and how to say that something is there."""

from __future__ import annotations

import numpy as np

PLACES = {
    "upper left": "at the upper left", "top": "at the top", "upper right": "at the upper right",
    "left": "on the left side", "middle": "in the middle", "right": "on the right side",
    "lower left": "at the lower left", "bottom": "at the bottom", "lower right": "at the lower right",
}  # fmt: skip
_MIDDLE = 0.1  # of the image's side: nearer to the middle line than that is on neither side


def where(cover: np.ndarray) -> str:
    """Where something lies in words: ``cover`` (h, w) says how much of each pixel it is."""
    thirds = []
    for axis, size in enumerate(cover.shape):
        centre = cover.sum(axis=1 - axis) @ (np.arange(size) + 0.5) / (cover.sum() * size) - 0.5
        thirds.append(0 if centre < -_MIDDLE else 2 if centre > _MIDDLE else 1)
    return list(PLACES.values())[3 * thirds[0] + thirds[1]]
