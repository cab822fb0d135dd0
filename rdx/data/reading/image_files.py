"""Items whose images are files: reading one image, and checking all of them before anything else is done."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from rdx.data.items import Items
from rdx.data.reading.dicom import SUFFIXES as DICOM_SUFFIXES
from rdx.data.reading.dicom import decode_dicom
from rdx.errors import InputError
from rdx.files import fingerprint

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff")
SUFFIXES += (".ppm", ".pgm", ".pbm", ".jp2", ".avif", *DICOM_SUFFIXES)

_GREY = ("L", "LA", "La", "1")
_GREY_16_BITS = ("I;16", "I;16L", "I;16B", "I;16N")
_AT_MOST_16_BITS = ("PNG", "PPM")  # formats whose 16-bit greys Pillow returns as 32 bits, now or in older versions


@dataclass(frozen=True, eq=False)
class FileImages:
    """The images of n files, read when asked for."""

    paths: tuple[str, ...]

    def __call__(self, position: int) -> Image.Image:
        return read_image(self.paths[position])


def read_image(path: str | Path) -> Image.Image:
    """One image in mode "L" or "RGB". Raises InputError naming the file and what is wrong with it.

    As in the usual evaluation loaders, transparency is dropped, a camera's rotation mark is ignored, and of
    several frames the first counts. Images of more than Pillow's limit of pixels (about 89 million) are refused.
    """
    with _errors_named(path):
        if _is_dicom(path):
            return decode_dicom(Path(path).read_bytes())
        with Image.open(path) as image:
            _refuse_bomb(image)
            return _grey_or_colour(image)


def items_from_files(
    paths: Sequence[str | Path],
    ids: Sequence[str],
    labels: np.ndarray | None,
    label_names: Mapping[int, str],
    *,
    skip_bad_images: bool = False,
    progress: bool = False,
    notes: tuple[str, ...] = (),
) -> Items:
    """Items of n image files with labels (n,), every one of which has been decoded once.

    An unreadable one raises InputError, or with `skip_bad_images` is left out and listed in `dropped`.
    """
    _refuse_nameless([*ids, *(str(path) for path in paths)])
    checked = _check_all([str(path) for path in paths], progress)
    bad = [position for position, (_, reason) in enumerate(checked) if reason]
    if bad and not skip_bad_images:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise InputError(f"{checked[bad[0]][1]}{more}; --skip-bad-images leaves such items out")
    kept = [position for position, (_, reason) in enumerate(checked) if not reason]
    names = [ids[position] for position in kept]
    labels = None if labels is None else np.asarray(labels, dtype=np.int64)[kept]
    files = tuple(str(paths[position]) for position in kept)
    return Items(
        ids=tuple(names),
        labels=labels,
        label_names=dict(label_names),
        paths=files,
        loader=FileImages(files),
        fingerprint=fingerprint("files", [checked[position][0] for position in kept], names, labels),
        dropped=tuple((ids[position], checked[position][1]) for position in bad),
        notes=notes,
    )


def _check_all(paths: list[str], progress: bool) -> list[tuple[str, str]]:
    """(sha256 of the contents, "") for every readable file, ("", reason) for every other."""
    Image.init()  # loads the decoders once, not from several threads at a time
    # Pillow only warns between once and twice its limit of pixels; those are refused below, by name.
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        results = pool.map(_check, paths)
        bar = tqdm(results, total=len(paths), desc="checking images", unit="image", disable=not progress)
        return list(bar)


def _check(path: str) -> tuple[str, str]:
    try:
        with _errors_named(path):
            data = Path(path).read_bytes()
            if not data:
                raise ValueError("the file is empty")
            if _is_dicom(path):
                decode_dicom(data)
                return hashlib.sha256(data).hexdigest(), ""
            with Image.open(io.BytesIO(data)) as image:
                _refuse_bomb(image)
                # A JPEG is read to its end at an eighth of the size too, several times as fast.
                image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
                _grey_or_colour(image)
    except InputError as error:
        return "", str(error)
    return hashlib.sha256(data).hexdigest(), ""


def _is_dicom(path: str | Path) -> bool:
    return os.path.splitext(path)[1].lower() in DICOM_SUFFIXES


def _refuse_nameless(names: Sequence[str]) -> None:
    """Raise InputError for a file name that no table could hold: bytes that are not UTF-8."""
    for name in names:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(f"the file name '{name}' is not text in UTF-8; rename the file") from None


def _refuse_bomb(image: Image.Image) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise ValueError(f"{image.width} x {image.height} pixels, the limit is {limit} in all")


def _grey_or_colour(image: Image.Image) -> Image.Image:
    """The decoded image in mode "L" or "RGB", apart from its file."""
    if image.mode in _GREY_16_BITS or (image.mode == "I" and image.format in _AT_MOST_16_BITS):
        # Pillow would clip 16-bit greys at 255: keep the upper byte instead.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise ValueError("its pixels have 32 bits; save it with 8 or 16")
    if image.mode in _GREY:
        return image.convert("L")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # by way of which Pillow has no warning to give
    return image.convert("RGB")


@contextmanager
def _errors_named(path: str | Path) -> Iterator[None]:
    """Turns whatever goes wrong inside into an InputError that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"image '{path}' does not exist") from None
    except Image.UnidentifiedImageError:
        raise InputError(f"image '{path}' cannot be read: not an image file") from None
    # A damaged file can raise nearly any exception inside a decoder.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"image '{path}' cannot be read: {reason}") from None
