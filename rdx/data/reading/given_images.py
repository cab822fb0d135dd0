"""One image as Python hands it over: a path, an array or an image of Pillow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.errors import InputError, first_line

if TYPE_CHECKING:
    from PIL.Image import Image


def as_image(number: int, given: Any) -> Image:
    """The image, upright and read. Raises InputError, with its number in the list, where it is none."""
    from PIL import Image, ImageOps

    try:
        if isinstance(given, (str, Path)):
            with Image.open(given) as file:
                return ImageOps.exif_transpose(file)
        image = given if isinstance(given, Image.Image) else Image.fromarray(_pixels(number, given))
        return ImageOps.exif_transpose(image)
    except (OSError, SyntaxError) as error:
        raise InputError(f"images: number {number} cannot be read: {first_line(error)}") from None


def _pixels(number: int, given: Any) -> np.ndarray:
    """An array as pixels (h, w) or (h, w, 3 or 4). What 0 and 1 mean in others is not guessed."""
    array = np.asarray(given)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits or 0 in array.shape:
        raise InputError(
            f"images: number {number} has type {array.dtype} and shape {array.shape}: give uint8 (0 … 255) of shape "
            "(h, w) or (h, w, 3), or PIL images"
        )
    return array
