"""Representations that come as files: ``features:PATH`` with one row an item.

.npy · .npz · .safetensors · .pt, .pth (tensors, weights only) · .h5, .hdf5 · .mat: an array called `features`, or the
only one, or the one after ``?key=``. .csv, .tsv, .parquet: tables (`rdx.features.tables`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdx.data.reading.tables import SUFFIXES as TABLES
from rdx.errors import InputError, reading, unknown
from rdx.features.columns import without_columns
from rdx.features.scientific import Choose, read_hdf5, read_mat
from rdx.features.tables import read_features
from rdx.features.tensors import as_array, named_tensors
from rdx.models.weights import existing_file, read_safetensors

DEFAULT_KEY = "features"
_OF_TABLES = ("column", "header", "id")  # options that mean nothing elsewhere


@dataclass(frozen=True, eq=False)
class Array:
    """An array out of a file."""

    values: np.ndarray  # (n, d) float32
    ids: tuple[str, ...] | None = None  # of the rows, where the file has them
    notes: tuple[str, ...] = ()  # how it was read where that is not plain, a line each


def read_array(path: str | Path, options: Mapping[str, str] | None = None) -> Array:
    """The array of a file, as a SPEC's options choose it.

    Raises InputError for a missing or damaged file, an unknown suffix, key, column or option, and anything but a
    two-dimensional array of numbers. NaN passes: whoever compares refuses it, with the row.
    """
    path, options = existing_file(path, "features"), options or {}
    suffix = path.suffix.lower()
    if suffix not in (*READERS, *TABLES):
        raise InputError(f"features '{path}': unknown suffix '{path.suffix}' (known: {', '.join((*READERS, *TABLES))})")
    ids, notes = None, []
    if suffix in TABLES:
        if "key" in options:
            raise InputError(
                f"features '{path}' are a table; leave out '?key={options['key']}', or choose by 'column='"
            )
        values, ids, notes = read_features(path, options)
    else:
        wrong = next((name for name in _OF_TABLES if name in options), None)
        if wrong:
            raise InputError(f"features '{path}' are no table: leave out '{wrong}=' (arrays are chosen by 'key=')")
        values = np.asarray(READERS[suffix](path, lambda names: _choose(path, options.get("key"), names)))
    if values.dtype.kind not in "fiub":
        raise InputError(f"features '{path}' are not numbers (type {values.dtype})")
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"features '{path}' have shape {values.shape}; expected (items, dimensions)")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinity, which is refused with its row
        values = np.ascontiguousarray(values, dtype=np.float32)
    if suffix not in TABLES or "names" in options:
        values = without_columns(values, options, str(path))
    return Array(values, ids, tuple(notes))


def _npy(path: Path, choose: Choose) -> np.ndarray:
    choose([""])
    with reading(path, "features"), open(path, "rb") as file:
        content = np.load(file, allow_pickle=False)
        if not isinstance(content, np.ndarray):
            raise InputError(f"features '{path}' hold several arrays; call the file .npz")
        if file.read(1):
            raise InputError(f"features '{path}' hold more than the one array; call np.save once, or np.savez")
        return content


def _npz(path: Path, choose: Choose) -> np.ndarray:
    with reading(path, "features"):
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.ndarray):
            raise InputError(f"features '{path}' are one array; call the file .npy")
        with content:
            if {"format", "shape", "data"} <= set(content.files):
                import scipy.sparse

                choose([""])
                return scipy.sparse.load_npz(path).toarray()
            return content[choose(content.files)]


def _safetensors(path: Path, choose: Choose) -> np.ndarray:
    tensors, _ = read_safetensors(path)
    return as_array(path, tensors[choose(list(tensors))])


def _torch(path: Path, choose: Choose) -> np.ndarray:
    tensors = named_tensors(path)
    return as_array(path, tensors[choose(list(tensors))])


def _choose(path: Path, key: str | None, names: Sequence[str]) -> str:
    """The name asked for, else the usual one, else the only one; an array without names is called ""."""
    names = list(names)
    if names == [""]:
        if key is not None:
            raise InputError(f"features '{path}' are one array; leave out '?key={key}'")
        return ""
    if key is not None:
        if key not in names:
            raise unknown(f"array of '{path}'", key, names)
        return key
    if DEFAULT_KEY in names:
        return DEFAULT_KEY
    if len(names) != 1:
        shown = ", ".join(name[:40] for name in names[:12]) + (", …" if len(names) > 12 else "")
        raise InputError(f"features '{path}' hold {len(names)} arrays ({shown}); add '?key=NAME'")
    return names[0]


READERS: dict[str, Callable[[Path, Choose], np.ndarray]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
    ".mat": read_mat,
}
