"""One picture out of a DICOM file, as a radiologist's screen would show it, in 8 bits."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rdx.data.reading.greys import Deep, stretched

if TYPE_CHECKING:
    from pydicom import Dataset

SUFFIXES = (".dcm", ".dicom")
_MAGIC = slice(128, 132), b"DICM"
_INVERTED = "MONOCHROME1"  # its lowest value is white
_GREY = (_INVERTED, "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
# Where an enhanced file, of many frames, has what an ordinary one says at its top.
_GROUPS = ("PixelValueTransformationSequence", "FrameVOILUTSequence")
_OF_A_FRAME = ("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "VOILUTFunction")


def is_dicom(header: bytes) -> bool:
    """Whether a file that begins like this says that it is DICOM; very old ones do not."""
    return header[_MAGIC[0]] == _MAGIC[1]


def decode_dicom(data: bytes) -> Image.Image | Deep:
    """The first frame in mode "L" or "RGB"; grey values without a window as they are, but for unsigned ones of 8 bits.

    Grey values go through the file's rescaling and its first window that is one (PS3.3 C.11.1 and C.11.2).
    Raises ValueError saying what is wrong: no DICOM, too large, or compressed in a way that cannot be read here.
    """
    from pydicom.pixels import pixel_array

    dataset = _read(data)
    kind = _check(dataset)
    pixels = pixel_array(dataset, index=0)  # YBR comes out as RGB
    if kind in _GREY:
        _take_from_groups(dataset)
        _keep_one_window(dataset)
        return _grey(pixels, dataset, kind == _INVERTED)
    if pixels.dtype != np.uint8 or pixels.ndim != 3:
        raise ValueError(f"its colours have {dataset.BitsAllocated} bits; only 8 are read")
    return Image.fromarray(pixels)


def _read(data: bytes) -> Dataset:
    import pydicom
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    says_so = is_dicom(data)
    try:
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)  # also without the preamble that says so
    except Exception:
        if says_so:
            raise
        raise ValueError("not a DICOM file") from None
    if not says_so and not ("Rows" in dataset and "PhotometricInterpretation" in dataset):
        raise ValueError("not a DICOM file")
    if "TransferSyntaxUID" not in dataset.file_meta:  # in the part that is missing with the preamble
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    return dataset


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


def _take_from_groups(dataset: Dataset) -> None:
    """Put rescaling and window of the first frame to the top: its own, else those that all frames share."""
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for frame in (dataset.get(groups) or ())[:1]:
            for group in _GROUPS:
                for item in (frame.get(group) or ())[:1]:
                    for name in (name for name in _OF_A_FRAME if name in item):
                        setattr(dataset, name, item[name].value)


def _keep_one_window(dataset: Dataset) -> None:
    """Leave the first window that is one: of width 1 or more, or of other shapes than linear, above 0."""
    shape = dataset.get("VOILUTFunction") or "LINEAR"
    pairs = zip(_numbers(dataset.get("WindowCenter")), _numbers(dataset.get("WindowWidth")), strict=False)
    usable = [pair for pair in pairs if (pair[1] >= 1 if shape.upper() == "LINEAR" else pair[1] > 0)]
    for name in ("WindowCenter", "WindowWidth", "VOILUTFunction"):
        if name in dataset:
            del dataset[name]
    if usable:
        dataset.WindowCenter, dataset.WindowWidth = usable[0]
        dataset.VOILUTFunction = shape


def _numbers(value: Any) -> list[float]:
    """What an element of one or several numbers holds."""
    several = [] if value is None else value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return [float(one) for one in several]


def _grey(pixels: np.ndarray, dataset: Dataset, inverted: bool) -> Image.Image | Deep:
    """Stored values (h, w) as a picture."""
    from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing

    values = apply_modality_lut(pixels, dataset)
    if dataset.get("VOILUTSequence"):
        entries_bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        values = apply_voi(np.asarray(values).astype(np.int64), dataset)
        grey = stretched(values, 0.0, 2.0**entries_bits - 1)
    elif "WindowCenter" in dataset:
        with np.errstate(over="ignore"):  # a sigmoid window at the ends of the scale
            low, high = apply_windowing(np.array([-1e300, 1e300]), dataset)
        grey = stretched(apply_windowing(values, dataset), low, high)
    elif values.dtype == np.uint8 and dataset.BitsStored == 8:
        grey = values
    else:
        return Deep(_without_padding(values, pixels, dataset), inverted=inverted, is_dicom=True)
    return Image.fromarray(255 - grey if inverted else grey)


def _without_padding(values: np.ndarray, stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    """Values (h, w) whose padding, which means no measurement, is as low as the lowest of the others.

    The smallest value that 16 signed bits can store is padding even where the file does not say so.
    """
    signed = int(dataset.PixelRepresentation) == 1
    says = _numbers(dataset.get("PixelPaddingValue"))[:1]
    ends = says + (_numbers(dataset.get("PixelPaddingRangeLimit")) or says)[:1]
    ends = [end - 2**16 if signed and end >= 2**15 else end for end in ends]
    padding = np.zeros(stored.shape, dtype=bool)
    if ends:
        padding |= (stored >= min(ends)) & (stored <= max(ends))
    if signed:
        padding |= stored == -(2**15)
    if not padding.any():
        return values
    return np.where(padding, values[~padding].min(initial=values.max()), values)
