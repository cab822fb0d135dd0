"""Feature arrays out of HDF5 (.h5, .hdf5) and MATLAB (.mat) files, by name; groups are joined by slashes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.errors import InputError, reading
from rdx.features.mat_files import numeric_arrays

if TYPE_CHECKING:
    import h5py

_MATLAB_IN_HDF5 = b"MATLAB 7.3 MAT-file"
_LARGEST_RATIO = 1000  # of what an array claims to hold to what the file holds of it
_SMALL = 1 << 24  # bytes that any array may claim

Choose = Callable[[list[str]], str]


def read_mat(path: Path, choose: Choose) -> np.ndarray:
    """The array of a .mat file that `choose` picks by name; those of version 7.3 are HDF5 files."""
    with reading(path, "features"):
        with open(path, "rb") as file:
            if file.read(len(_MATLAB_IN_HDF5)) == _MATLAB_IN_HDF5:
                return read_hdf5(path, choose).T  # MATLAB counts along columns first
        arrays = numeric_arrays(path.read_bytes())
    if not arrays:
        raise InputError(f"features '{path}': the file holds no array of numbers")
    return arrays[choose(list(arrays))]


def read_hdf5(path: Path, choose: Choose) -> np.ndarray:
    """The data set of an HDF5 file that `choose` picks by name. Other files that it refers to are not read."""
    try:
        import h5py
    except ImportError:
        raise InputError(f"features '{path}': reading HDF5 needs the package h5py (pip install h5py)") from None
    with reading(path, "features"), h5py.File(path, "r") as file:
        arrays: dict[str, h5py.Dataset] = {}

        def visit(name: str, thing: object) -> None:
            if isinstance(thing, h5py.Dataset) and thing.ndim and thing.dtype.kind in "fiubc":
                arrays[name] = thing
            elif "pandas_type" in thing.attrs:
                raise InputError(f"features '{path}' are a table that pandas wrote as HDF5: use to_parquet")

        file.visititems(visit)
        if not arrays:
            raise InputError(f"features '{path}': the file holds no array of numbers")
        return _whole(path, arrays[choose(list(arrays))])


def _whole(path: Path, data: h5py.Dataset) -> np.ndarray:
    if data.is_virtual or data.external:
        raise InputError(f"features '{path}': '{data.name}' lies in other files; copy it into one")
    held = data.id.get_storage_size()
    if data.nbytes > max(_SMALL, _LARGEST_RATIO * held):
        raise InputError(f"features '{path}': '{data.name}' claims shape {data.shape}, and holds {held} bytes")
    return data[...]
