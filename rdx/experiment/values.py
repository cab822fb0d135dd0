"""What `compare` is given as values from Python, as a configuration names it: files in the cache.

Features become a SPEC, images a table, labels a table; errors then speak of 'a', not of the cache.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from rdx.errors import InputError, first_line
from rdx.experiment.stages.kept_inputs import keep
from rdx.features.arrays import read_array
from rdx.method.neighborhoods import as_array

# What a SPEC's option does to a table, as it is done to a DataFrame.
_IN_PANDAS = {"drop": '.drop(columns="{}")', "id": '.set_index("{}")', "column": '[["{}"]]'}
_PLAIN = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")  # modes of images that PNG holds as they are


def spec_of(value: Any, name: str) -> str:
    """The SPEC of features (n, d): an array, a tensor or a DataFrame, whose columns are read as a table's are."""
    if isinstance(value, str):
        return value
    if not _is_frame(value):
        return f"features:{keep(as_array(value, name))}"
    with io.BytesIO() as file:
        try:
            value.rename(columns=str).to_parquet(file)
        except (ValueError, TypeError, NotImplementedError, OverflowError) as error:
            raise InputError(f"{name}: the DataFrame can't be stored as a table: {first_line(error)}") from None
        path = keep(file.getvalue())
    with called({path: name}, frame=True):
        read_array(path)
    return f"features:{path}"


def images_of(images: Any) -> str | Path | None:
    """A folder or a table of images: as given, or of a list of paths, arrays or PIL images, in their order.

    Ids are the paths below the folder that all share, or 0, 1, …. Raises InputError naming the image at fault.
    """
    if images is None or isinstance(images, (str, Path)):
        return images
    if _is_frame(images) or not isinstance(images, Iterable):
        raise InputError(f"images must be a folder, a table's path or a list of images, not a {type(images).__name__}")
    given = list(images)
    if not given:
        raise InputError("images is an empty list")
    if all(isinstance(one, (str, Path)) for one in given):
        paths = [Path(one).expanduser().absolute() for one in given]
        shared = os.path.commonpath([path.parent for path in paths])
        return keep(_table(["id", "path"], [(path.relative_to(shared).as_posix(), str(path)) for path in paths]))
    return keep(_images_table([_png(number, one) for number, one in enumerate(given)]))


def labels_of(labels: Any) -> str | None:
    """A file of labels: as given, or of n values, each of which stays one label, whatever commas are in it."""
    if labels is None or isinstance(labels, (str, Path)):
        return None if labels is None else str(labels)
    return str(keep(_table(["label"], [(str(label),) for label in np.asarray(labels).ravel().tolist()])))


@contextmanager
def called(names: Mapping[Path, str], frame: bool = False) -> Iterator[None]:
    """Inside, errors call files of the cache by `names`; and say in pandas' words what is to be done to a DataFrame."""
    try:
        yield
    except InputError as error:
        text = str(error)
        for path, name in names.items():
            text = text.replace(str(path), name)
        if frame:
            text = re.sub(r"\?(drop|id|column)=([^'&]+)", lambda found: _IN_PANDAS[found[1]].format(found[2]), text)
        raise type(error)(text) from None


def _is_frame(value: Any) -> bool:
    return hasattr(value, "to_parquet") and hasattr(value, "columns")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([columns, *rows])
    return text.getvalue()


def _images_table(contents: Sequence[bytes]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    with io.BytesIO() as file:
        parquet.write_table(pyarrow.table({"image": pyarrow.array(contents, pyarrow.binary())}), file)
        return file.getvalue()


def _png(number: int, image: Any) -> bytes:
    """An image as a file in memory, upright, without loss."""
    from PIL import Image, ImageOps

    if isinstance(image, (str, Path)):
        raise InputError(f"images: number {number} is a path, others are images: give either")
    if not isinstance(image, Image.Image):
        image = Image.fromarray(_pixels(number, image))
    try:
        image = ImageOps.exif_transpose(image)
        if image.mode not in _PLAIN:
            image = image.convert("RGB")
        with io.BytesIO() as file:
            image.save(file, format="PNG", compress_level=1)
            return file.getvalue()
    except (OSError, ValueError) as error:
        raise InputError(f"images: number {number} cannot be read: {first_line(error)}") from None


def _pixels(number: int, image: Any) -> np.ndarray:
    """An array as pixels (h, w) or (h, w, 3 or 4). What 0 and 1 mean in others is not guessed."""
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if array.dtype != np.uint8 or not fits or 0 in array.shape:
        raise InputError(
            f"images: number {number} has type {array.dtype} and shape {array.shape}: give uint8 (0 … 255) of shape "
            "(h, w) or (h, w, 3), or PIL images"
        )
    return array
