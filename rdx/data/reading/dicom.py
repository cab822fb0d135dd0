"""One picture out of a DICOM file, as a radiologist's screen would show it, in 8 bits."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES = (".dcm", ".dicom")
_INVERTED = "MONOCHROME1"  # its lowest value is white
_GREY = (_INVERTED, "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")


def decode_dicom(data: bytes) -> Image.Image:
    """The first frame in mode "L" or "RGB".

    Grey values go through the file's rescaling and its first window (PS3.3 C.11.1 and C.11.2). Without a window
    unsigned 8-bit values stay as they are, and others are stretched from their smallest to their largest.
    Raises ValueError saying what is wrong: no DICOM, too large, or compressed in a way that cannot be read here.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError
    from pydicom.pixels import pixel_array

    try:
        dataset = pydicom.dcmread(io.BytesIO(data))
    except InvalidDicomError:
        raise ValueError("not a DICOM file") from None
    kind = _check(dataset)
    pixels = pixel_array(dataset, index=0)  # YBR comes out as RGB
    if kind in _GREY:
        grey = _grey(pixels, dataset)
        return Image.fromarray(255 - grey if kind == _INVERTED else grey)
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise ValueError(f"its colours have {dataset.BitsAllocated} bits; only 8 are read")
    return Image.fromarray(pixels)


def _check(dataset: Dataset) -> str:
    """The file's photometric interpretation. Raises ValueError for what `pixel_array` could not decode."""
    from pydicom.pixels import get_decoder

    for name in ("PixelData", "Rows", "Columns", "PhotometricInterpretation"):
        if name not in dataset:
            raise ValueError(f"a DICOM file without {name}")
    rows, columns, limit = int(dataset.Rows), int(dataset.Columns), Image.MAX_IMAGE_PIXELS
    if limit is not None and rows * columns > limit:
        raise ValueError(f"{columns} x {rows} pixels, the limit is {limit} in all")
    syntax = dataset.file_meta.TransferSyntaxUID
    try:
        decodable = not syntax.is_compressed or get_decoder(syntax).is_available
    except NotImplementedError:
        raise ValueError(f"its compression, {syntax.name}, is not known") from None
    if not decodable:
        raise ValueError(
            f"its compression, {syntax.name}, needs a decoder (pip install pylibjpeg pylibjpeg-libjpeg), "
            "or convert the file"
        )
    kind = str(dataset.PhotometricInterpretation)
    if kind not in (*_GREY, *_COLOUR):
        raise ValueError(f"photometric interpretation '{kind}' is not read (known: {', '.join((*_GREY, *_COLOUR))})")
    return kind


def _grey(pixels: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Stored values (h, w) as 8-bit greys (h, w), before the inversion of MONOCHROME1."""
    from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing

    values = apply_modality_lut(pixels, dataset)
    if dataset.get("VOILUTSequence"):
        entries_bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        values = apply_voi(np.asarray(values).astype(np.int64), dataset)
        return _scaled(values, 0.0, 2.0**entries_bits - 1)
    if dataset.get("WindowCenter") is not None and dataset.get("WindowWidth") is not None:
        with np.errstate(over="ignore"):  # a sigmoid window at the ends of the scale
            low, high = apply_windowing(np.array([-1e300, 1e300]), dataset)
        return _scaled(apply_windowing(values, dataset), low, high)
    if values.dtype == np.uint8 and dataset.BitsStored == 8:
        return values
    return _scaled(values, float(values.min()), float(values.max()))


def _scaled(values: np.ndarray, low: float, high: float) -> np.ndarray:
    if high <= low:
        return np.zeros(values.shape, dtype=np.uint8)
    return np.rint((np.asarray(values, dtype=np.float64).clip(low, high) - low) * (255 / (high - low))).astype(np.uint8)
