"""Values of more than 8 bits: which of them is black, and which is white.

Where a file says it, that counts: the largest value of a PGM, the bits of a JPEG 2000 or of a 12-bit TIFF, the window
of a DICOM file. Most do not: a camera of 12 bits fills a 16-bit PNG or TIFF up to 4,095 and writes no word about it
(MaxSampleValue of a TIFF is for statistics, says its standard). Such images of a set all get one range, so that none
of them is made brighter than the others:

from 0 to the last value of 8, 10, 12, 14 or 16 bits, the fewest that hold the largest value in the set; where values
below 0 occur, and in DICOM files without a window, from the smallest value in the set to the largest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from rdx.errors import InputError

BITS = (8, 10, 12, 14, 16)  # that sensors have

Extent = tuple[bool, float, float]  # of one image's values: whether it is a DICOM file, smallest, largest
Ranges = dict[bool, tuple[float, float]]  # black and white, of DICOM files and of others


@dataclass(frozen=True, eq=False)
class Deep:
    """An image whose file does not say which value is white."""

    values: np.ndarray  # (h, w) or (h, w, channels)
    mode: str = "L"  # Pillow's, of the same image with 8 bits
    inverted: bool = False  # its lowest value is white
    is_dicom: bool = False

    @property
    def extent(self) -> Extent:
        """The values that occur; transparency is none of them."""
        values = self.values[..., :3] if self.mode in ("RGBA", "RGBX") else self.values
        return self.is_dicom, values.min().item(), values.max().item()

    def shown(self, ranges: Ranges) -> Image.Image:
        """The image in mode "L" or "RGB"."""
        low, high = ranges[self.is_dicom]
        values = np.clip(self.values, low, high)
        grey = stretched(values, low, high) if self.is_dicom else binned(values, low, high)
        height, width = grey.shape[:2]
        image = Image.frombytes(self.mode, (width, height), (255 - grey if self.inverted else grey).tobytes())
        return image if self.mode == "L" else image.convert("RGB")


def binned(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Whole numbers in low … high as 256 greys of as many values each: of 12 bits the upper 8."""
    steps = (np.asarray(values, dtype=np.int64) - int(low)) * 256
    return (steps // (int(high) - int(low) + 1)).astype(np.uint8)


def stretched(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Numbers as greys, the nearest to where they lie between low (0) and high (255)."""
    if high <= low:
        return np.zeros(values.shape, dtype=np.uint8)
    parts = np.asarray(values, dtype=np.float64).clip(low, high) - low
    return np.rint(parts * (255 / (high - low))).astype(np.uint8)


def common_ranges(extents: Iterable[Extent], given: tuple[int, int] | None = None) -> Ranges:
    """Black and white of all images with these extents; `given` counts for every one of them."""
    found: Ranges = {}
    for is_dicom, low, high in extents:
        before = found.get(is_dicom, (low, high))
        found[is_dicom] = min(low, before[0]), max(high, before[1])
    if given is not None:
        return dict.fromkeys(found, given)
    return {is_dicom: _range(is_dicom, *extent) for is_dicom, extent in found.items()}


def _range(is_dicom: bool, low: float, high: float) -> tuple[float, float]:
    if is_dicom or low < 0:
        return low, high
    return 0, 2 ** next(bits for bits in BITS if high < 2**bits) - 1


def said(extents: list[Extent], ranges: Ranges, given: bool) -> tuple[str, ...]:
    """One note for each kind of image that got a range it does not name itself."""
    notes = []
    for is_dicom, (low, high) in ranges.items():
        own = [extent for extent in extents if extent[0] == is_dicom]
        what = "DICOM files without a window" if is_dicom else "images of 16 bits that do not say which value is white"
        found = f"they hold {min(one[1] for one in own):g} … {max(one[2] for one in own):g}"
        settle = "by grey_range" if given else "data.grey_range=[BLACK,WHITE] sets it"
        notes.append(f"{len(own)} {what}: {low:g} is black and {high:g} white in all of them ({found}; {settle})")
    return tuple(notes)


def checked_range(value: object) -> tuple[int, int] | None:
    """The setting `grey_range`. Raises InputError unless it is two whole numbers, the smaller one first."""
    if value is None:
        return None
    whole = isinstance(value, (list, tuple)) and all(isinstance(one, int) and one is not True for one in value)
    if not whole or len(value) != 2 or value[0] >= value[1]:
        raise InputError(f"grey_range must be two whole numbers, black and white, such as [0, 4095], not {value!r}")
    return int(value[0]), int(value[1])
