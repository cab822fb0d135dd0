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
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.data.reading.given_images import as_image
from rdx.errors import InputError, first_line
from rdx.experiment.stages.inputs import read_items
from rdx.experiment.stages.kept_inputs import keep
from rdx.features.arrays import read_array
from rdx.features.modules import features_of, is_module
from rdx.method.neighborhoods import as_array

if TYPE_CHECKING:
    from rdx.config import Experiment

_NOT_YET = "features:module.npy"
# What a SPEC's option does to a table, as it is done to a DataFrame.
_IN_PANDAS = {"drop": '.drop(columns="{}")', "id": '.set_index("{}")', "column": '[["{}"]]'}
_PLAIN = ("1", "L", "LA", "I;16", "P", "RGB", "RGBA")  # modes of images that PNG holds as they are


def spec_of(value: Any, name: str) -> str:
    """The SPEC of features (n, d): an array, a tensor or a DataFrame, whose columns are read as a table's are.

    A torch module has one when its features are there, see `with_features_of_modules`.
    """
    if isinstance(value, str):
        return value
    if is_module(value):
        return _NOT_YET
    if np.ndim(value) == 0:
        kind = f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"
        raise InputError(f"{name} is {kind}: give an array (n, d), a DataFrame, a SPEC as text or a torch module")
    if not is_frame(value):
        return f"features:{keep(as_array(value, name))}"
    path = _kept_frame(value, name)
    with called({path: name}, frame=True):
        read_array(path)
    return f"features:{path}"


def with_features_of_modules(config: Experiment, given: Mapping[str, Any], progress: bool) -> Experiment:
    """The configuration with the features of those that are torch modules; `given` are all values by their keys.

    They are computed anew every time: what a module in memory computes can't be told without carrying it out.
    """
    modules = {key: value for key, value in given.items() if is_module(value)}
    if not modules:
        return config
    items = read_items(config, progress)
    if items is None or not items.has_images:
        raise InputError(f"'{next(iter(modules))}' is a torch module, so images are needed: give images=")
    entries = dict(config.representations)
    for key, value in modules.items():
        where = {"layer": entries[key].layer, "pool": entries[key].pool}
        found = keep(features_of(value, items, key, **where, progress=progress))
        entries[key] = entries[key].model_copy(update={"model": f"features:{found}", "layer": None, "pool": None})
    return config.model_copy(update={"representations": entries})


def images_of(images: Any) -> str | Path | None:
    """A folder or a table of images: as given, or of a list of paths, arrays or PIL images, in their order.

    Ids are the paths below the folder that all share, or 0, 1, …. Raises InputError naming the image at fault.
    """
    if images is None or isinstance(images, (str, Path)):
        return images
    of_columns = is_frame(images) or isinstance(images, Mapping)
    if of_columns or not isinstance(images, Iterable):
        known = "images must be a folder, a table's path or a list of images"
        other = "; columns that describe items are given as labels=" if of_columns else ""
        raise InputError(f"{known}, not a {type(images).__name__}{other}")
    given = list(images)
    if not given:
        raise InputError("images is an empty list")
    if all(isinstance(one, (str, Path)) for one in given):
        paths = [Path(one).expanduser().absolute() for one in given]
        shared = os.path.commonpath([path.parent for path in paths])
        return keep(_table(["id", "path"], [(path.relative_to(shared).as_posix(), str(path)) for path in paths]))
    return keep(_images_table([_png(number, one) for number, one in enumerate(given)]))


def labels_of(labels: Any) -> str | None:
    """A file of labels: as given, of n values, each of which stays one label, whatever commas are in it, or of a
    DataFrame or a mapping of columns, which is read as a table in a file is."""
    if labels is None or isinstance(labels, (str, Path)):
        return None if labels is None else str(labels)
    if is_frame(labels) or isinstance(labels, Mapping):
        return str(_kept_frame(labels, "labels"))
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
            text = text.replace("?drop=NAME", ".reset_index(drop=True)")
            text = re.sub(r"\?(drop|id|column)=([^'&]+)", lambda found: _IN_PANDAS[found[1]].format(found[2]), text)
        raise type(error)(text) from None


def is_frame(value: Any) -> bool:
    """Whether it is a DataFrame of pandas."""
    return hasattr(value, "to_parquet") and hasattr(value, "columns")


def _kept_frame(value: Any, name: str) -> Path:
    """A DataFrame, or a mapping of columns, as a Parquet file in the cache."""
    import pandas as pd

    with io.BytesIO() as file:
        try:
            frame = value if is_frame(value) else pd.DataFrame({key: list(cells) for key, cells in value.items()})
            frame.rename(columns=str).to_parquet(file)
        except (ValueError, TypeError, NotImplementedError, OverflowError) as error:
            what = "DataFrame" if is_frame(value) else "mapping of columns"
            raise InputError(f"{name}: the {what} can't be stored as a table: {first_line(error)}") from None
        return keep(file.getvalue())


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


def _png(number: int, given: Any) -> bytes:
    """An image as a file in memory, upright, without loss."""
    if isinstance(given, (str, Path)):
        raise InputError(f"images: number {number} is a path, others are images: give either")
    image = as_image(number, given)
    with io.BytesIO() as file:
        (image if image.mode in _PLAIN else image.convert("RGB")).save(file, format="PNG", compress_level=1)
        return file.getvalue()
