"""One column of a table as numbers (n,) or as vectors (n, width), whichever way the file writes them.

Out of CSV every cell is text: ``0.5``, ``0,5``, ``true``, ``[0.1, 0.2]``. Out of Parquet columns are typed: numbers,
decimals, lists and tensors.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.data.reading.headers import MISSING
from rdx.errors import InputError

if TYPE_CHECKING:
    import pyarrow

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(inf|infinity|nan)", re.IGNORECASE)


def numbers(column: pyarrow.ChunkedArray, decimal_commas: bool = False) -> np.ndarray | None:
    """The column's numbers (n,), NaN where one is missing; None where it holds anything else, or nothing at all."""
    import pyarrow
    import pyarrow.compute as compute
    from pyarrow import types

    column = plain(column)
    if types.is_string(column.type) or types.is_large_string(column.type):
        column = _parsed(column, decimal_commas)
    elif types.is_boolean(column.type):
        column = compute.cast(column, pyarrow.uint8())
    elif types.is_decimal(column.type):
        column = compute.cast(column, pyarrow.float64())
    elif not (types.is_integer(column.type) or types.is_floating(column.type)):
        return None
    if column is None or column.null_count == len(column):
        return None
    return column.to_numpy()


def vectors(path: Path, name: str, column: pyarrow.ChunkedArray) -> np.ndarray | None:
    """The column's vectors (n, width); None where its cells are no lists, InputError where they differ in length."""
    import pyarrow.compute as compute
    from pyarrow import types

    kind = column.type
    column = plain(column)
    if types.is_string(column.type) or types.is_large_string(column.type):
        if not (column[0].as_py() or "").lstrip().startswith("["):  # most columns: do not look at every cell
            return None
        if not compute.all(compute.match_substring_regex(column, r"(?s)^\s*\[.*\]\s*$")).as_py():
            return None
        column = _split(column)
    if not is_list(column.type):
        return None
    if len(getattr(kind, "shape", ())) > 1 or is_list(column.type.value_type):
        raise InputError(
            f"features '{path}': column '{name}' holds maps, not vectors: flatten or pool them to one an item"
        )
    widths = compute.fill_null(compute.list_value_length(column), -1).to_numpy()
    if (widths != widths[0]).any() or widths[0] < 1:
        row = int((widths != max(widths[0], 1)).argmax())
        told = "has no vector" if widths[row] < 1 else f"has {widths[row]} numbers, that of item 0 has {widths[0]}"
        raise InputError(f"features '{path}': column '{name}', item {row} {told}")
    found = numbers(compute.list_flatten(column))
    if found is None:
        raise InputError(f"features '{path}': the lists of column '{name}' are not numbers alone")
    return found.reshape(-1, widths[0])


def first_word(column: pyarrow.ChunkedArray) -> tuple[int, str]:
    """The first cell that is no number, and its item; item 0 where all are missing."""
    for row, cell in enumerate(column.to_pylist()):
        text = "" if cell is None else str(cell).strip()
        if text not in MISSING and not _NUMBER.fullmatch(text):
            return row, text[:40]
    return 0, ""


def is_list(kind: pyarrow.DataType) -> bool:
    """Whether a column's cells are lists; maps are lists of pairs, and not meant."""
    from pyarrow import types

    return types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)


def plain(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """The column without what only wraps its values: extension types, dictionaries, views."""
    import pyarrow
    from pyarrow import types

    if isinstance(column.type, pyarrow.BaseExtensionType):
        chunks = [chunk.storage for chunk in column.chunks]
        column = pyarrow.chunked_array(chunks, column.type.storage_type)
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)  # of categories
    if types.is_string_view(column.type):
        column = column.cast(pyarrow.large_string())
    return column


def _parsed(column: pyarrow.ChunkedArray, decimal_commas: bool) -> pyarrow.ChunkedArray | None:
    """Text as numbers; None where a cell is something else. Commas and points together are refused with it."""
    import pyarrow
    import pyarrow.compute as compute

    with suppress(pyarrow.ArrowInvalid):
        return compute.cast(column, pyarrow.float64())  # most columns
    column = compute.utf8_trim_whitespace(column)
    missing = compute.is_in(column, pyarrow.array(sorted(MISSING), column.type))
    column = compute.if_else(missing, pyarrow.scalar(None, column.type), column)
    lower = compute.utf8_lower(column)
    if compute.all(compute.is_in(lower, pyarrow.array(["true", "false"], column.type))).as_py():
        return compute.cast(compute.equal(lower, "true"), pyarrow.uint8())
    if decimal_commas and not compute.any(compute.match_substring(column, ".")).as_py():
        column = compute.replace_substring(column, ",", ".", max_replacements=1)
    try:
        return compute.cast(column, pyarrow.float64())
    except pyarrow.ArrowInvalid:
        return None


def _split(column: pyarrow.ChunkedArray) -> pyarrow.ChunkedArray:
    """Lists in text, as Python and NumPy print them: [0.1, 0.2] or [0.1 0.2]."""
    import pyarrow.compute as compute

    inside = compute.replace_substring_regex(compute.utf8_trim_whitespace(column), r"^\[\s*|\s*\]$", "")
    return compute.split_pattern_regex(inside, r"\s*,\s*|\s+")
