"""Which column of a table names its rows: the ids, an index, or plain row numbers. What it finds is no feature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.data.labels import called_like_ids
from rdx.data.reading.table import Table, are_row_numbers, called
from rdx.errors import InputError, unknown
from rdx.features.table_columns import is_list, numbers, plain

if TYPE_CHECKING:
    import pyarrow

Columns = dict[str, "pyarrow.ChunkedArray"]

_PLAIN = ("id", "ids")


def take_ids(path: Path, table: Table, left: Columns, asked: str | None, notes: list[str]) -> tuple[str, ...] | None:
    """The ids (n,), or None where rows are only counted. Every column that names rows leaves `left`; `notes` grow.

    Raises InputError for ids that are missing, doubled or numbers with fractions, and where several may be meant.
    """
    ids = _asked(path, left, asked)
    found = {} if ids else _like_ids(left, table.index)
    if len(found) > 1:
        raise InputError(
            f"features '{path}': {listed(found)} may all name the items: say which with '?id={next(iter(found))}'"
        )
    for name, own in found.items():
        del left[name]
        ids = own
        notes.append(f"column '{name}' is taken as the ids")
    for name in [name for name in table.index if name in left]:
        del left[name]
        ids = _index(path, table, name, ids, notes)
    others = [name for name in left if called_like_ids(name) and texts(left[name]) is not None]
    if ids is None:
        others = [name for name in others if numbers(left[name]) is not None]  # words are refused where values are read
    for name in others:
        del left[name]
    if others:
        notes.append(f"{listed(others)} left out: called like ids")
    return ids


def texts(column: pyarrow.ChunkedArray) -> list[str] | None:
    """The cells (n,) as names, "" for a missing one; None for numbers with fractions, lists and bytes."""
    from pyarrow import types

    column = plain(column)
    kind = column.type
    if not _are_whole(column) or is_list(kind) or types.is_nested(kind) or types.is_binary(kind):
        return None
    cells = column.to_pylist()
    if types.is_floating(kind):
        cells = [None if cell is None or cell != cell else int(cell) for cell in cells]
    return ["" if cell is None else str(cell).strip() for cell in cells]


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names for a message: ``columns 'a', 'b' and 3 more``."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"column{'s' * (len(names) > 1)} {', '.join(repr(name) for name in names[:most])}{more}"


def _asked(path: Path, left: Columns, asked: str | None) -> tuple[str, ...] | None:
    """The ids in the column asked for, or called `id`."""
    names = [name for name in left if name.strip().lower() in _PLAIN]
    if asked is not None:
        if asked not in left:
            raise unknown(f"column of features '{path}' after 'id='", asked, left)
        names = [asked]
    if len(names) > 1:
        raise InputError(f"features '{path}': {listed(names)} may both be the ids: say which with '?id={names[0]}'")
    if not names:
        return None
    own = texts(left.pop(names[0]))
    fault = _fault(own)
    if fault:
        raise InputError(f"features '{path}': column '{names[0]}' can't be the ids: {fault}")
    return tuple(own)


def _like_ids(left: Columns, index: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The columns called like names of items that hold one name an item."""
    found = {}
    for name in left:
        own = texts(left[name]) if called_like_ids(name) and name not in index else None
        if own is not None and not _fault(own):
            found[name] = tuple(own)
    return found


def _index(
    path: Path, table: Table, name: str, ids: tuple[str, ...] | None, notes: list[str]
) -> tuple[str, ...] | None:
    """The ids once an index was looked at, which may be them, or mere row numbers."""
    it = called(name, name == next(iter(table.columns)))
    own = texts(table.columns[name])
    if own is not None and are_row_numbers(own):
        notes.append(f"{it}, {own[0]} … {own[-1]}, is taken as row numbers")
        return ids
    if ids is not None:
        notes.append(f"{it} is left out: the ids are there")
        return ids
    fault = _fault(own)
    if fault:
        raise InputError(f"features '{path}': {it} can't be the ids: {fault}; leave it out with '?drop={name}'")
    notes.append(f"{it} is taken as the ids")
    return tuple(own)


def _fault(own: Sequence[str] | None) -> str | None:
    """Why cells can't be ids."""
    if own is None:
        return "it holds neither text nor whole numbers"
    seen: set[str] = set()
    for row, text in enumerate(own):
        if not text or text in seen:
            return f"item {row} has '{text[:40]}' a second time" if text else f"item {row} has none"
        seen.add(text)
    return None


def _are_whole(column: pyarrow.ChunkedArray) -> bool:
    """Whether a column has no number with a fraction."""
    values = numbers(column)
    if values is None or values.dtype.kind != "f":
        return True
    return not (values[np.isfinite(values)] % 1).any()
