"""All items' images as a few sheets, within a budget of bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

SIDES = (128, 112, 96, 80, 64, 48)  # of a thumbnail in pixels, the first that fits the budget
SMALL = 40  # images up to this side are kept pixel by pixel
_SHEET = 1024  # side of a sheet: a page decodes only those it shows
_SAMPLE = 48  # images from which the size of all is estimated
_QUALITY = 78
_BASE64 = 4 / 3
_MARGIN = 0.9  # of the budget: samples mislead


@dataclass(frozen=True)
class Thumbnails:
    """Square cells on sheets; image ``position[i]`` counts cells row by row, sheet after sheet."""

    sheets: list[bytes]  # WebP
    cell: int  # side in pixels
    columns: int  # cells in a row
    rows: int  # rows in a full sheet
    position: np.ndarray  # (n,) int32, −1 where an item has none
    shape: np.ndarray  # (n, 2) uint8: width and height inside the cell, from its upper left corner
    pixels: bool  # whether images are small, so that enlarging them should keep their pixels


def make_thumbnails(
    load: Callable[[int], Image], n: int, first: np.ndarray, megabytes: float
) -> Thumbnails | None:
    """Thumbnails of n images; of fewer, ``first`` (f,) before all others, where they do not fit.

    ``load`` gives an image by position. ``megabytes`` counts the sheets as they lie in the page, in base64.
    None where not even the first fit.
    """
    budget = megabytes * 1e6 / _BASE64 * _MARGIN
    order = np.unique(np.concatenate([first, np.arange(n)]), return_index=True)[1]
    order = np.concatenate([first, np.arange(n)])[np.sort(order)]  # first, then the rest, each once
    sample = [load(int(i)) for i in np.unique(np.linspace(0, n - 1, min(n, _SAMPLE)).astype(int))]
    pixels = max(max(image.size) for image in sample) <= SMALL
    side, each = _largest_that_fits(sample, pixels, budget / n)
    count = min(n, int(budget / each))
    if count < min(n, max(1, len(first))):
        return None
    kept = order[:count]
    if count < n:  # evenly over what is not first
        rest = order[len(first) :]
        kept = np.concatenate([order[: len(first)], rest[:: max(1, -(-len(rest) // max(1, count - len(first))))]])
    return _sheets(load, n, np.sort(kept), side, pixels)


def _largest_that_fits(sample: list[Image], pixels: bool, budget: float) -> tuple[int, float]:
    """The side of a thumbnail and its bytes, from a sample; the smallest where none fits the budget of one."""
    sides = (max(max(image.size) for image in sample),) if pixels else SIDES
    for side in sides:
        cells = [_fitted(image, side) for image in sample]
        columns = int(np.ceil(np.sqrt(len(cells))))
        each = len(_encoded(_sheet(cells, side, columns), pixels)) / len(cells)
        if each <= budget:
            break
    return side, each


def _sheets(load: Callable[[int], Image], n: int, kept: np.ndarray, side: int, pixels: bool) -> Thumbnails:
    columns = max(1, min(_SHEET // side, int(np.ceil(np.sqrt(len(kept))))))
    full = columns * columns
    position = np.full(n, -1, dtype=np.int32)
    position[kept] = np.arange(len(kept))
    shape = np.zeros((n, 2), dtype=np.uint8)

    def work(start: int) -> bytes:
        here = kept[start : start + full]
        cells = [_fitted(load(int(i)), side) for i in here]
        shape[here] = [cell.size for cell in cells]
        return _encoded(_sheet(cells, side, columns), pixels)

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        sheets = list(pool.map(work, range(0, len(kept), full)))
    return Thumbnails(sheets, side, columns, columns, position, shape, pixels)


def _fitted(image: Image, side: int) -> Image:
    """An image no larger than ``side``; small ones stay as they are."""
    from PIL import Image as images

    if max(image.size) <= side:
        return image
    size = tuple(max(1, round(length * side / max(image.size))) for length in image.size)
    return image.resize(size, images.Resampling.LANCZOS, reducing_gap=2.0)


def _sheet(cells: list[Image], side: int, columns: int) -> Image:
    """Room that an image leaves in its cell goes on as its edge: a page that draws it half a pixel off mixes it in."""
    from PIL import Image as images

    mode = "L" if all(cell.mode == "L" for cell in cells) else "RGB"
    rows = -(-len(cells) // columns)
    sheet = images.new(mode, (columns * side, rows * side))
    for place, cell in enumerate(cells):
        values = np.asarray(cell.convert(mode))
        below, beside = side - values.shape[0], side - values.shape[1]
        filled = np.pad(values, ((0, below), (0, beside), (0, 0))[: values.ndim], mode="edge")
        sheet.paste(images.fromarray(filled), (place % columns * side, place // columns * side))
    return sheet


def _encoded(sheet: Image, pixels: bool) -> bytes:
    buffer = io.BytesIO()
    if pixels:
        sheet.save(buffer, "WEBP", lossless=True, quality=60, method=3)
    else:
        sheet.save(buffer, "WEBP", quality=_QUALITY, method=2)
    return buffer.getvalue()
