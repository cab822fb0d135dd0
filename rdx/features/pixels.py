"""Attributes measured on the pixels of images: what a person sees at a glance, as a number each.

All are made of a small copy, at most `SIDE` pixels high and wide, so that a large photo costs hardly more than its
decoding. Values are those of the file, 0 … 1. Grey images have no colours: NaN.

A hue goes round in a circle, so that no order of it makes sense and its mean may lie opposite to all it is made of. The
two axes that colours are perceived on are not round: red against green, and yellow against blue.

Structure of a size is what goes when an image is made half as large, as the logarithm of its mean square: fine is that
of 1/128 of the image's sides, coarse that of 1/32 and 1/16. Images of fewer pixels have none to measure: NaN.

Copies of `COPY` × `COPY` pixels, whatever shape an image has, are for what images have beside one another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from rdx.compute.threads import for_each_tile
from rdx.metrics.places import PLACES

SIDE, COPY = 64, 16
FINE, COARSE = "fine structure", "coarse structure"
_STRUCTURED = 128  # pixels a side, of the copy on which structure is measured
_HALVED = {FINE: (0,), COARSE: (2, 3)}  # how often that copy is halved before
_FAINT = 1e-7  # mean square of what is no structure but rounding
_BATCH = 64  # images of one size that are measured together
_SPOT = 0.02  # share of an image's pixels that make a spot, wherever they lie: a sticker, a lamp
_EDGE = 0.1  # a step from one pixel to the next that counts as an edge
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

# Every measure that is named, and how to say that an image has more of it, and less. What part of an image holds comes
# before what all of it holds: a bright place makes the whole brighter, and not the other way round.
MEASURES: dict[str, tuple[str, str]] = {
    "upper half, brightness": ("brighter in the upper half", "brighter in the lower half"),
    "left half, brightness": ("brighter on the left", "brighter on the right"),
    "upper half, edges": ("busier in the upper half", "busier in the lower half"),
    "left half, edges": ("busier on the left", "busier on the right"),
    **{
        f"{place}, {what}": (f"{more} {where}", f"{less} {where}")
        for what, more, less in (
            ("brightness", "brighter", "darker"),
            ("red to green", "redder", "greener"),
            ("yellow to blue", "yellower", "bluer"),
        )
        for place, where in PLACES.items()
    },
    "symmetry": ("more alike left and right", "less alike left and right"),
    "red to green": ("redder", "greener"),
    "yellow to blue": ("yellower", "bluer"),
    "saturation": ("more saturated", "less saturated"),
    "most saturated spot": ("with a more colourful spot somewhere", "with a less colourful spot somewhere"),
    "brightness": ("brighter", "darker"),
    "contrast": ("richer in contrast", "poorer in contrast"),
    "sharpness": ("sharper", "blurrier"),
    "edges": ("busier", "plainer"),
    "aspect ratio": ("wider", "taller"),
    "pixels": ("larger", "smaller"),
}
COLUMNS = (*MEASURES, FINE, COARSE)  # structure is for comparing models: of an image it says little but its contrast


class Measured(NamedTuple):
    measures: np.ndarray  # (m, `COLUMNS`) float32
    copies: np.ndarray  # (m, COPY, COPY, 3) uint8


def measure_images(load: Callable[[int], Image.Image], positions: Sequence[int]) -> Measured:
    """Of the m images at some positions; ``load`` gives one, "L" or "RGB"."""
    found = np.empty((len(positions), len(COLUMNS)), dtype=np.float32)
    copies = np.empty((len(positions), COPY, COPY, 3), dtype=np.uint8)

    def work(start: int) -> None:
        here = positions[start : start + _BATCH]
        by_shape: dict[tuple[int, ...], list[tuple[int, np.ndarray, tuple[int, int], list[float]]]] = {}
        for row, position in enumerate(here, start):
            image = load(int(position))
            smaller = _smaller(image)
            copies[row] = smaller.convert("RGB").resize((COPY, COPY), Image.Resampling.BOX)
            small = np.asarray(smaller)
            by_shape.setdefault(small.shape, []).append((row, small, image.size, _structure(image)))
        for alike in by_shape.values():
            rows, small, sizes, structure = zip(*alike, strict=True)
            found[list(rows)] = _measured(np.stack(small), np.array(sizes, dtype=np.float64), np.array(structure))

    for_each_tile(list(range(0, len(positions), _BATCH)), work)
    return Measured(found, copies)


def _smaller(image: Image.Image) -> Image.Image:
    """An image, neither side above `SIDE`."""
    size = tuple(min(side, SIDE) for side in image.size)
    return image if size == image.size else image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def _structure(image: Image.Image) -> list[float]:
    """How much fine and how much coarse structure an image has."""
    if min(image.size) < _STRUCTURED:
        return [math.nan, math.nan]
    copy = image.convert("L").resize((_STRUCTURED, _STRUCTURED), Image.Resampling.BOX, reducing_gap=2.0)
    values, found = np.asarray(copy, dtype=np.float32) / 255.0, []
    for _ in range(1 + max(map(max, _HALVED.values()))):
        half = values.reshape(len(values) // 2, 2, -1, 2).mean(axis=(1, 3))
        apart = values - half.repeat(2, axis=0).repeat(2, axis=1)
        found.append(math.log(float((apart**2).mean()) + _FAINT))
        values = half
    return [float(np.mean([found[halved] for halved in size])) for size in _HALVED.values()]


def _measured(images: np.ndarray, sizes: np.ndarray, structure: np.ndarray) -> np.ndarray:
    """The measures of images (m, h, w) or (m, h, w, 3) that were so wide and high (m, 2); structure (m, 2)."""
    values = images.astype(np.float32) / 255.0
    if values.ndim == 4:
        luma = values @ _LUMA
        chroma = values.max(axis=3) - values.min(axis=3)
        red, green, blue = np.moveaxis(values, 3, 0)
        axes = [red - green, (red + green) / 2 - blue]
    else:
        luma, chroma = values, np.full_like(values, np.nan)
        axes = [chroma, chroma]
    h, w = luma.shape[1:]
    edges = _edges(luma)
    centred = luma - _mean(luma)[:, None, None]
    spread = np.einsum("mhw,mhw->m", centred, centred)
    mirrored = np.einsum("mhw,mhw->m", centred, centred[:, :, ::-1])
    halves = [
        _mean(some[:, : math.ceil(h / 2)]) - _mean(some[:, h // 2 :]) if side == "upper" else
        _mean(some[:, :, : math.ceil(w / 2)]) - _mean(some[:, :, w // 2 :])
        for some in (luma, edges)
        for side in ("upper", "left")
    ]  # fmt: skip
    places = [place for some in (luma, *axes) for place in _places(some)]
    flat = spread < 1e-6
    symmetry = np.where(flat, np.nan, mirrored / np.where(flat, 1.0, spread))
    columns = [
        *halves, *places, symmetry, *map(_mean, axes), _mean(chroma), _spot(chroma), _mean(luma),
        np.sqrt(spread / (h * w)), _sharpness(luma, spread, flat), _mean(edges > _EDGE),
        sizes[:, 0] / sizes[:, 1], sizes[:, 0] * sizes[:, 1], *structure.T,
    ]  # fmt: skip
    return np.stack(columns, axis=1)


def _mean(values: np.ndarray) -> np.ndarray:
    """Of every image (m, h, w)."""
    return values.mean(axis=(1, 2), dtype=np.float32)


def _places(values: np.ndarray) -> list[np.ndarray]:
    """Of every image (m, h, w), how far the mean of each third of a third lies above the median of the other eight: a
    patch in one place changes that place alone. NaN for images of fewer than three pixels a side."""
    if min(values.shape[1:]) < 3:
        return [np.full(len(values), np.nan)] * len(PLACES)
    rows, columns = (np.array_split(np.arange(side), 3) for side in values.shape[1:])
    found = np.stack([_mean(values[:, y[0] : y[-1] + 1, x[0] : x[-1] + 1]) for y in rows for x in columns])
    return [one - np.median(np.delete(found, i, axis=0), axis=0) for i, one in enumerate(found)]


def _spot(values: np.ndarray) -> np.ndarray:
    """The mean of the few largest of every image (m, h, w)."""
    flat = values.reshape(len(values), -1)
    count = max(1, round(_SPOT * flat.shape[1]))
    return np.partition(flat, -count, axis=1)[:, -count:].mean(axis=1, dtype=np.float32)


def _edges(luma: np.ndarray) -> np.ndarray:
    """The steps to the next pixel below and on the right, of every pixel but the last ones: as large as luma."""
    down, right = np.zeros_like(luma), np.zeros_like(luma)
    down[:, :-1] = np.diff(luma, axis=1)
    right[:, :, :-1] = np.diff(luma, axis=2)
    return np.hypot(down, right)


def _sharpness(luma: np.ndarray, spread: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """How much of the contrast lies between pixels and the mean of their four neighbours; NaN for one colour."""
    if min(luma.shape[1:]) < 3:
        return np.full(len(luma), np.nan)
    inner = luma[:, 1:-1, 1:-1]
    around = luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
    fine = inner - around / 4
    return np.where(flat, np.nan, np.einsum("mhw,mhw->m", fine, fine) / np.where(flat, 1.0, spread))
