"""One image out of an open file: grey or colour, 8 bits a channel, upright.

As in the usual evaluation loaders transparency is dropped and of several frames the first counts. Unlike in those
(torchvision's ImageFolder turns a TIFF and nothing else) a camera's orientation mark is followed in every format.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from pathlib import PurePath
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageOps, TiffImagePlugin

from rdx.data.reading.dicom import SUFFIXES as DICOM_SUFFIXES
from rdx.data.reading.dicom import decode_dicom, is_dicom
from rdx.data.reading.greys import Deep, binned

HEIF_SUFFIXES = (".heic", ".heif", ".hif")
SUFFIXES = (
    ".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff",
    ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx", ".avif", ".tga", ".pcx", ".qoi",
    ".sgi", ".ras", ".psd", ".dds", *HEIF_SUFFIXES, *DICOM_SUFFIXES,
)  # fmt: skip
HEADER = 132  # bytes that tell the kind of a file

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_GREY = ("L", "LA", "La", "1")
_GREY_16_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_DEEP_COLOURS = ("RGB", "RGBA", "RGBX", "CMYK")  # whose two bytes can be had one after the other
_OTHER_BYTE = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_PHOTOMETRIC = 262  # the TIFF tag that says whether 0 is white
_WHITE_IS_ZERO = 0

# What libraries say of notes beside sound pixels is of no use to anybody; pixels that are not sound are errors.
warnings.filterwarnings("ignore", message=".*orrupt EXIF data", category=UserWarning)
warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")

# Pillow knows greys of 16 bits of which 0 is white in one byte order only; what is stored is inverted below.
for _order in (TiffImagePlugin.II, TiffImagePlugin.MM):
    for _sign in (1, 2):
        _known = TiffImagePlugin.OPEN_INFO[_order, 1, (_sign,), 1, (16,), ()]
        TiffImagePlugin.OPEN_INFO.setdefault((_order, _WHITE_IS_ZERO, (_sign,), 1, (16,), ()), _known)


def decode(file: BinaryIO, name: str, *, small: bool = False) -> Image.Image | Deep:
    """An image in mode "L" or "RGB", or one of more than 8 bits whose file does not say which value is white.

    Its contents tell the format, the `name` only where they do not. With `small` a JPEG is read to its end at an
    eighth of the size, several times as fast. A damaged file can raise nearly anything; ValueError says what is wrong.
    """
    header = file.read(HEADER)
    file.seek(0)
    if not header:
        raise ValueError("the file is empty")
    if is_dicom(header) or PurePath(name).suffix.lower() in DICOM_SUFFIXES:
        return decode_dicom(file.read())
    if header[4:8] == b"ftyp" and header[8:12] in _HEIF_BRANDS or PurePath(name).suffix.lower() in HEIF_SUFFIXES:
        _learn_heif()
    with Image.open(file) as image:
        _refuse_bomb(image)
        if small:
            image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        return _deep(file, image) or _grey_or_colour(_upright(image))


@cache
def _learn_heif() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise ValueError("HEIC needs the extra 'heif': pip install 'rdx[heif]'") from None
    register_heif_opener()


def _refuse_bomb(image: Image.Image) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise ValueError(f"{image.width} x {image.height} pixels, the limit is {limit} in all")


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    try:
        mark = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # a damaged note beside sound pixels
        mark = None
    return ImageOps.exif_transpose(image) if mark in range(2, 9) else image


def _grey_or_colour(image: Image.Image) -> Image.Image:
    """The decoded image in mode "L" or "RGB", apart from its file."""
    if image.mode in ("I", "F"):
        raise ValueError("its pixels have 32 bits; save it with 8 or 16")
    if image.mode in _GREY:
        return image.convert("L")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # by way of which Pillow has no warning to give
    return image.convert("RGB")


def _deep(file: BinaryIO, image: Image.Image) -> Image.Image | Deep | None:
    """An image of more than 8 bits a channel, of which Pillow would clip greys and cut colours; None for others."""
    raw = _raw_mode(image)
    is_deep = image.format in ("PNG", "PPM") or raw.startswith("I;16")  # what else is "I" has 32 bits
    if image.mode in _GREY_16_BITS or (image.mode == "I" and is_deep):
        return _deep_grey(image, raw)
    if raw == "LA;16B":  # the four bytes of a pixel, one by one
        _set_raw_mode(image, "RGBA")
        grey = np.asarray(_upright(image)).astype(np.uint16)
        return Deep(grey[..., 0] << 8 | grey[..., 1])
    kind, _, width = raw.partition(";16")
    if kind in _DEEP_COLOURS and width in _OTHER_BYTE:
        upper = np.asarray(_upright(image)).astype(np.uint16)
        file.seek(0)
        with Image.open(file) as again:
            _set_raw_mode(again, raw[:-1] + _OTHER_BYTE[width])
            return Deep(upper << 8 | np.asarray(_upright(again)), image.mode)
    return None


def _deep_grey(image: Image.Image, raw: str) -> Image.Image | Deep:
    bits = 12 if raw.startswith("I;12") else 16  # which a TIFF says; 16 it only allocates
    says_white = bits == 12 or image.format == "JPEG2000" or image.tile[0][0].startswith("ppm")  # scaled to 16 bits
    if raw == "I;16BS" and image.tile[0][0] == "libtiff":
        _set_raw_mode(image, "I;16NS")  # or Pillow would swap bytes that libtiff has swapped before
    inverted = getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    values = np.asarray(_upright(image))
    if not says_white:
        return Deep(values, inverted=inverted)
    grey = binned(values, 0, 2**bits - 1)
    return Image.fromarray(255 - grey if inverted else grey)


def _raw_mode(image: Image.Image) -> str:
    """How the pixels lie in the file, in Pillow's words; "" where it does not tell."""
    if not getattr(image, "tile", None):
        return ""
    arguments = image.tile[0][3]
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _set_raw_mode(image: Image.Image, raw: str) -> None:
    def with_mode(tile):  # a plain tuple in older versions of Pillow
        arguments = (raw, *tile[3][1:]) if isinstance(tile[3], tuple) else raw
        return tile._replace(args=arguments) if hasattr(tile, "_replace") else (*tile[:3], arguments)

    image.tile = [with_mode(tile) for tile in image.tile]
