"""Representations that come as files: ``features:PATH`` with one row an item.

.npy · .npz (?key=) · .safetensors (?key=, else "features") · .pt (tensors, weights only) · .csv · .parquet.
Tables: every column is a number, but for one called `id`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rdx.errors import InputError, unknown
from rdx.models.weights import existing_file, read_safetensors, read_torch

DEFAULT_KEY = "features"
ID_COLUMN = "id"


def read_array(path: str | Path, key: str | None = None) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The array (n, d) float32 of a file, and the ids (n,) of its rows where it has them.

    Raises InputError for a missing or damaged file, an unknown suffix or key, and anything but a
    two-dimensional array of numbers. NaN passes: whoever compares refuses it, with the row.
    """
    path = existing_file(path, "features")
    if path.suffix not in READERS:
        raise InputError(f"features '{path}': unknown suffix '{path.suffix}' (known: {', '.join(READERS)})")
    values, ids = READERS[path.suffix](path, key)
    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        raise InputError(f"features '{path}' are not numbers (type {values.dtype})")
    if values.ndim != 2 or 0 in values.shape:
        raise InputError(f"features '{path}' have shape {values.shape}; expected (items, dimensions)")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinity, which is refused with its row
        return np.ascontiguousarray(values, dtype=np.float32), ids


def _npy(path: Path, key: str | None) -> tuple[np.ndarray, None]:
    _no_key(path, key)
    content = _load_numpy(path)
    if not isinstance(content, np.ndarray):
        raise InputError(f"features '{path}' hold several arrays; call the file .npz")
    return content, None


def _npz(path: Path, key: str | None) -> tuple[np.ndarray, None]:
    content = _load_numpy(path)
    if isinstance(content, np.ndarray):
        raise InputError(f"features '{path}' are one array; call the file .npy")
    with content:
        chosen = _choose(path, key, content.files)
        try:
            return content[chosen], None
        except (ValueError, OSError, EOFError, KeyError) as error:
            raise InputError(f"features '{path}': array '{chosen}' can't be read: {error}") from error


def _load_numpy(path: Path) -> Any:
    import zipfile

    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"features '{path}' can't be read: {error}") from error


def _safetensors(path: Path, key: str | None) -> tuple[np.ndarray, None]:
    tensors, _ = read_safetensors(path)
    return _numpy(path, tensors[_choose(path, key, list(tensors))]), None


def _torch(path: Path, key: str | None) -> tuple[np.ndarray, None]:
    content = read_torch(path)
    if isinstance(content, Mapping):
        content = content[_choose(path, key, [str(name) for name in content])]
    else:
        _no_key(path, key)
    return _numpy(path, content), None


def _numpy(path: Path, tensor: Any) -> np.ndarray:
    import torch

    if not isinstance(tensor, torch.Tensor) or tensor.is_complex():
        raise InputError(f"features '{path}' are not an array of numbers")
    return tensor.detach().to(torch.float32 if tensor.is_floating_point() else torch.float64).numpy()


def _csv(path: Path, key: str | None) -> tuple[np.ndarray, tuple[str, ...] | None]:
    import pandas as pd

    _no_key(path, key)
    try:
        first = pd.read_csv(path, header=None, nrows=1, dtype=str, keep_default_na=False)
        names = list(first.iloc[0])
        header = None if all(_is_number(name) for name in names) else 0
        as_text = {name: str for name in names if name.lower() == ID_COLUMN}  # 007 stays 007
        return _columns(path, pd.read_csv(path, header=header, dtype=as_text))
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        if isinstance(error, InputError):
            raise
        raise InputError(f"features '{path}' are not a CSV table: {error}") from error


def _parquet(path: Path, key: str | None) -> tuple[np.ndarray, tuple[str, ...] | None]:
    import pandas as pd

    _no_key(path, key)
    try:
        table = pd.read_parquet(path, engine="pyarrow")
    except (ValueError, OSError) as error:  # pyarrow's own errors are ValueErrors
        raise InputError(f"features '{path}' are not a Parquet table: {error}") from error
    return _columns(path, table)


def _columns(path: Path, table: Any) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """The numeric columns of a table, and its id column as text."""
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    id_columns = [name for name in table.columns if str(name).lower() == ID_COLUMN]
    ids = tuple(str(value) for value in table[id_columns[0]]) if id_columns else None
    numbers = table.drop(columns=id_columns)
    for name in numbers.columns:
        if not is_numeric_dtype(numbers[name]):
            cells = pd.to_numeric(numbers[name], errors="coerce")
            row = int((cells.isna() & numbers[name].notna()).argmax())
            raise InputError(
                f"features '{path}': column '{name}' is not numeric, see item {row} "
                f"('{numbers[name].iloc[row]}'); a column of names must be called 'id'"
            )
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan), ids


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _choose(path: Path, key: str | None, names: list[str]) -> str:
    if key is not None:
        if key not in names:
            raise unknown(f"array of '{path}'", key, names)
        return key
    if DEFAULT_KEY in names:
        return DEFAULT_KEY
    if len(names) != 1:
        raise InputError(f"features '{path}' hold {len(names)} arrays ({', '.join(names)}); add '?key=NAME'")
    return names[0]


def _no_key(path: Path, key: str | None) -> None:
    if key is not None:
        raise InputError(f"features '{path}' are one array; leave out '?key={key}'")


READERS: dict[str, Callable[[Path, str | None], tuple[Any, tuple[str, ...] | None]]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".csv": _csv,
    ".parquet": _parquet,
}
