"""Items whose images are files: reading one image, and checking all of them before anything else is done."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from rdx.compute.progress import progress_bar
from rdx.data.items import Items
from rdx.data.reading.decoding import decode
from rdx.data.reading.greys import Deep, Extent, Ranges, common_ranges, said
from rdx.errors import InputError
from rdx.files import fingerprint
from rdx.source import source_fingerprint, version

_DECODERS = ("rdx.data.reading.decoding", "rdx.data.reading.dicom", "rdx.data.reading.greys")  # decide what pixels are
_LIBRARIES = ("pydicom", "pillow-heif")  # beside Pillow, of which features keep the version themselves


@dataclass(frozen=True, eq=False)
class FileImages:
    """The images of n files, read when asked for; those of more than 8 bits in the range that all of them share."""

    paths: tuple[str, ...]
    ranges: Ranges = field(default_factory=dict)
    contents: tuple[bytes | None, ...] | None = None  # (n,) of images that are cells of a table

    def __call__(self, position: int) -> Image.Image:
        held = self.contents[position] if self.contents else None
        return _shown(self.paths[position], held, self.ranges)


def read_image(path: str | Path) -> Image.Image:
    """One image in mode "L" or "RGB", upright. Raises InputError naming the file and what is wrong with it.

    Of more than 8 bits, it is shown as a set of one image (`rdx.data.reading.greys`). Images of more than Pillow's
    limit of pixels (about 89 million) are refused.
    """
    return _shown(str(path), None, {})


def _shown(path: str, held: bytes | None, ranges: Ranges) -> Image.Image:
    with _errors_named(path), _opened(path, held) as file:
        found = decode(file, path)
        if not isinstance(found, Deep):
            return found
        return found.shown(ranges or common_ranges([found.extent]))


@contextmanager
def _opened(path: str, held: bytes | None) -> Iterator[BinaryIO]:
    """An image's bytes: a file's, or those that a table holds. Pipes and devices, which may never end, are refused."""
    if held is not None:
        yield io.BytesIO(held)
        return
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("it is not a regular file")
    with open(path, "rb") as file:
        yield file


def items_from_files(
    paths: Sequence[str | Path],
    ids: Sequence[str],
    labels: np.ndarray | None,
    label_names: Mapping[int, str],
    *,
    skip_bad_images: bool = False,
    progress: bool = False,
    notes: tuple[str, ...] = (),
    grey_range: tuple[int, int] | None = None,
    contents: Sequence[bytes | None] | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
) -> Items:
    """Items of n image files with labels (n,), every one of which has been decoded once.

    An unreadable one raises InputError, or with `skip_bad_images` is left out and listed in `dropped`. `grey_range`:
    black and white of images whose files do not say it. `contents`: of images that are cells of a table, whose
    `paths` only name them. `columns`: what else the table says of each.
    """
    _refuse_nameless([*ids, *(str(path) for path in paths)])
    held = list(contents) if contents is not None else [None] * len(paths)
    checked = _check_all([str(path) for path in paths], held, progress)
    bad = [position for position, one in enumerate(checked) if one.reason]
    if bad and not skip_bad_images:
        more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise InputError(f"{checked[bad[0]].reason}{more}; --skip-bad-images leaves such items out")
    kept = [position for position, one in enumerate(checked) if not one.reason]
    names = [ids[position] for position in kept]
    labels = None if labels is None else np.asarray(labels, dtype=np.int64)[kept]
    files = tuple(str(paths[position]) for position in kept)
    extents = [checked[position].extent for position in kept if checked[position].extent is not None]
    ranges = common_ranges(extents, grey_range)
    pixels = [checked[position].sha256 for position in kept]
    return Items(
        ids=tuple(names),
        labels=labels,
        label_names=dict(label_names),
        paths=tuple("" if held[position] is not None else str(paths[position]) for position in kept),
        loader=FileImages(files, ranges, tuple(held[position] for position in kept) if contents is not None else None),
        fingerprint=fingerprint("files", pixels, names, labels, _decoded_by(), sorted(ranges.items())),
        dropped=tuple((ids[position], checked[position].reason) for position in bad),
        notes=(*notes, *_said_of_bad(ids, bad), *said(extents, ranges, given=grey_range is not None)),
        columns={name: tuple(cells[position] for position in kept) for name, cells in (columns or {}).items()},
    )


def _said_of_bad(ids: Sequence[str], bad: Sequence[int]) -> tuple[str, ...]:
    if not bad:
        return ()
    named = f"'{ids[bad[0]]}'" + (f" and {len(bad) - 1} more" if len(bad) > 1 else "")
    return (f"images that cannot be read are left out: {named} (dropped.csv says why)",)


def _decoded_by() -> dict[str, str]:
    """What else the pixels depend on: the code that decodes them, and its libraries."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {"code": source_fingerprint(*_DECODERS), **versions}


@dataclass(frozen=True)
class _Checked:
    """What one look at an image says."""

    sha256: str = ""  # of the contents
    extent: Extent | None = None  # of an image whose file does not say which value is white
    reason: str = ""  # why it cannot be read


def _check_all(paths: list[str], held: list[bytes | None], progress: bool) -> list[_Checked]:
    Image.init()  # loads the decoders once, not from several threads at a time
    # Pillow only warns between once and twice its limit of pixels; those are refused below, by name.
    with warnings.catch_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        results = pool.map(_check, paths, held)
        bar = progress_bar(results, total=len(paths), desc="checking images", unit="image", disable=not progress)
        return list(bar)


def _check(path: str, held: bytes | None) -> _Checked:
    try:
        with _errors_named(path), _opened(path, held) as file:
            data = file.read()
            found = decode(io.BytesIO(data), path, small=True)
            return _Checked(hashlib.sha256(data).hexdigest(), found.extent if isinstance(found, Deep) else None)
    except InputError as error:
        return _Checked(reason=str(error))


def _refuse_nameless(names: Sequence[str]) -> None:
    """Raise InputError for a file name that no table could hold: bytes that are not UTF-8."""
    for name in names:
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(f"the file name '{name}' is not text in UTF-8; rename the file") from None


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
        said_by_system = error.strerror if isinstance(error, OSError) else None
        reason = " ".join((said_by_system or str(error)).split()) or type(error).__name__
        raise InputError(f"image '{path}' cannot be read: {reason}") from None
