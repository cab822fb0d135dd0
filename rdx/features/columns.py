"""Leaving columns out of an array: ``features:PATH?drop=27&names=PATH``.

drop: columns with commas between, zero-based, or by name where `names` is given. names: a CSV or Parquet file with
a column `name`, or a text file, one name a column of the array.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rdx.data.reading.tables import SUFFIXES, find_column, read_table
from rdx.errors import InputError, unknown
from rdx.models.weights import existing_file

_NAME_COLUMNS = ("name", "names")
_NAMED = 3  # columns that a title names


def without_columns(values: np.ndarray, options: Mapping[str, str], path: str) -> np.ndarray:
    """values (n, d) without the columns that the SPEC's options drop. Raises InputError for wrong ones."""
    names = column_names(options["names"]) if "names" in options else None
    if names is not None and len(names) != values.shape[1]:
        raise InputError(
            f"'{options['names']}' has {len(names)} names, features '{path}' have {values.shape[1]} columns"
        )
    if "drop" not in options:
        return values
    dropped = _positions(options["drop"], names, values.shape[1], path)
    if len(dropped) == values.shape[1]:
        raise InputError(f"features '{path}': 'drop' leaves no column")
    return np.ascontiguousarray(np.delete(values, dropped, axis=1))


def default_title(options: Mapping[str, str]) -> str | None:
    """What figures call an array by the names of what it leaves out, ``without back color: yellow``.

    None where nothing is dropped, or the names are not known; the file may be missing, which others report.
    """
    if "drop" not in options or "names" not in options:
        return None
    try:
        names = column_names(options["names"])
        dropped = _positions(options["drop"], names, len(names), options["names"])
    except InputError:
        return None
    more = f" and {len(dropped) - _NAMED} more" if len(dropped) > _NAMED else ""
    return f"without {', '.join(names[i] for i in dropped[:_NAMED])}{more}"


def column_names(path: str | Path) -> list[str]:
    """One name a column. Raises InputError for a missing file, an empty name, or two that are the same."""
    path = existing_file(path, "names of columns")
    if path.suffix.lower() in SUFFIXES:
        columns = read_table(path)
        column = find_column(columns, None, _NAME_COLUMNS, "name", path)
        if column is None:
            raise InputError(f"'{path}' needs a column 'name' (it has: {', '.join(columns)})")
        names = [name.strip() for name in columns[column]]
    else:
        try:
            names = [line.strip() for line in path.read_text(encoding="utf-8-sig").rstrip().splitlines()]
        except UnicodeDecodeError as error:
            raise InputError(f"'{path}' is not text in UTF-8: {error}") from None
    seen: set[str] = set()
    for row, name in enumerate(names, 1):
        if not name or name in seen:
            raise InputError(f"'{path}', row {row}: " + (f"'{name}' is there twice" if name else "the name is empty"))
        seen.add(name)
    return names


def _positions(text: str, names: Sequence[str] | None, d: int, path: str) -> list[int]:
    """The columns meant, ascending. A text that is a column's whole name is that column, commas and all."""
    parts = [text] if names is not None and text in names else [part.strip() for part in text.split(",")]
    found = {_position(part, names, d, path) for part in parts}
    return sorted(found)


def _position(part: str, names: Sequence[str] | None, d: int, path: str) -> int:
    if names is not None and part in names:
        return names.index(part)
    if part.isdecimal():
        if int(part) >= d:
            raise InputError(f"features '{path}': there is no column {part} to drop, the last one is {d - 1}")
        return int(part)
    if names is None:
        raise InputError(f"features '{path}': column '{part}' to drop is no number; for names add '&names=PATH'")
    raise unknown(f"column of features '{path}'", part, names)
