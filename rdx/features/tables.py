"""Which columns of a table are features. That is never guessed: what is not plain is said in a line, or refused.

Features are one column of vectors, or the columns of numbers that are no ids, labels or row numbers. SPEC options
settle what a table leaves open: ``column=embedding``, ``drop=a,b``, ``id=NAME``, ``header=first`` or ``none``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.data.labels import LABEL_COLUMNS, MORE_LABEL_COLUMNS
from rdx.data.reading.table import Table
from rdx.data.reading.tables import read_columns
from rdx.errors import InputError, unknown
from rdx.features.table_columns import first_word, numbers, vectors
from rdx.features.table_ids import Columns, listed, take_ids

if TYPE_CHECKING:
    import pyarrow

_HEADERS = ("first", "none")
_LABELS = (
    *LABEL_COLUMNS, *MORE_LABEL_COLUMNS, "classes", "class_id", "class_idx", "class_label", "label_id", "label_idx",
    "label_name", "y_true", "ground_truth",
)  # fmt: skip
_LEAST_COUNTED = 5  # items below which 0, 1, … may well be values


def read_features(path: Path, options: Mapping[str, str]) -> tuple[np.ndarray, tuple[str, ...] | None, list[str]]:
    """Features (n, d), the ids (n,) of the rows where the table has them, and what was not plain, a line each.

    Raises InputError for a damaged table, and wherever a column may or may not be a feature, with the option that
    settles it.
    """
    header = options.get("header")
    if header is not None and header not in _HEADERS:
        raise unknown("header", header, _HEADERS)
    if header is not None and path.suffix.lower() == ".parquet":
        raise InputError(f"features '{path}': a Parquet file names its columns; leave out 'header={header}'")
    table = read_columns(path, header)
    left, notes = dict(table.columns), list(table.notes)
    for name in [] if "names" in options else _named(path, options.get("drop"), left, "drop"):
        del left[name]
    chosen = {name: left.pop(name) for name in _named(path, options.get("column"), left, "column")}
    labels = [name for name in left if _is_label(name, left)]
    kept_back = {name: left.pop(name) for name in labels if name != options.get("id")}
    ids = take_ids(path, table, left, options.get("id"), notes)
    if kept_back and not chosen:
        notes.append(f"{listed(kept_back)} left out: labels are no features")
    chosen = chosen or left
    if not chosen:
        raise InputError(
            f"features '{path}': no column is left for features (it has {listed(table.columns)}); "
            "choose with '?column=NAME'"
        )
    return _values(path, table, chosen, "column" in options, notes), ids, notes


def _named(path: Path, text: str | None, columns: Iterable[str], option: str) -> list[str]:
    """The columns that an option names: one, commas and all, or several."""
    if text is None:
        return []
    names = [text] if text in columns else list(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in columns:
            raise unknown(f"column of features '{path}' after '{option}='", name, columns)
    return names


def _is_label(name: str, columns: Iterable[str]) -> bool:
    """Whether a column is called like labels; `y` beside `x` is a coordinate."""
    name = name.strip().lower()
    return name in _LABELS and not (name == "y" and any(other.strip().lower() == "x" for other in columns))


def _values(path: Path, table: Table, columns: Columns, asked: bool, notes: list[str]) -> np.ndarray:
    """The features (n, d) in `columns`: those asked for, or all that are left of the table."""
    found = {name: vectors(path, name, column) for name, column in columns.items()}
    with_vectors = [name for name in found if found[name] is not None]
    if len(with_vectors) > 1:
        raise InputError(
            f"features '{path}': {listed(with_vectors)} hold vectors: choose with '?column={with_vectors[0]}'"
        )
    if with_vectors:
        if _is_printed(columns[with_vectors[0]]):
            notes.append(f"column '{with_vectors[0]}' is text that NumPy printed, with rounded numbers")
        return _one_vector(path, found, with_vectors[0], asked, notes)
    values = {name: numbers(column, table.decimal_commas) for name, column in columns.items()}
    for name in [name for name in values if values[name] is None]:
        raise _not_numeric(path, table, name)
    if _has_decimal_commas(path, table, columns):
        notes.append("commas are taken as decimal signs")
    if not asked:
        _leave_row_numbers(values, notes)
        _look_at_whole_numbers(path, table, values, notes)
        _note_odd_ones(list(values), notes)
    result = np.empty((len(table), len(values)), dtype=np.float32)
    with np.errstate(over="ignore"):  # too large for float32 becomes infinity, which is refused with its row
        for i, own in enumerate(values.values()):
            result[:, i] = own
    return result


def _one_vector(
    path: Path, found: dict[str, np.ndarray | None], name: str, asked: bool, notes: list[str]
) -> np.ndarray:
    others = [other for other in found if other != name]
    if others and asked:
        raise InputError(
            f"features '{path}': column '{name}' holds vectors: choose it alone, not with {listed(others)}"
        )
    if others:
        notes.append(f"column '{name}' is taken as the features, {listed(others)} left out")
    return found[name]


def _not_numeric(path: Path, table: Table, name: str) -> InputError:
    row, cell = first_word(table.columns[name])
    fault = f"is not numeric, see item {row} ('{cell}')" if cell else "is empty"
    return InputError(
        f"features '{path}': column '{name}' {fault}; leave it out with '?drop={name}', or take it as the ids with "
        f"'?id={name}'"
    )


def _is_printed(column: pyarrow.ChunkedArray) -> bool:
    """Whether a vector is text without commas: [0.1 0.2]."""
    first = column[0].as_py()
    return isinstance(first, str) and "," not in first and " " in first.strip("[ ]")


def _has_decimal_commas(path: Path, table: Table, columns: Columns) -> bool:
    """Whether numbers have commas. Raises InputError where others have points: one of them separates thousands."""
    import pyarrow.compute as compute

    if not table.decimal_commas:
        if not table.named and len(columns) == 2 and _is_one_column(*columns.values()):
            raise InputError(
                f"features '{path}': one column with decimal commas, or two? Add a header, or write points"
            )
        return False
    commas, points = (
        [name for name in columns if compute.any(compute.match_substring(columns[name], sign)).as_py()] for sign in ",."
    )
    if commas and points:
        raise InputError(
            f"features '{path}': numbers with commas (column '{commas[0]}') and with points (column '{points[0]}'): "
            "write them all alike"
        )
    return bool(commas)


def _is_one_column(before: pyarrow.ChunkedArray, after: pyarrow.ChunkedArray) -> bool:
    """Whether two columns look like one, cut at its decimal commas: whole numbers, then what only follows a comma."""
    import pyarrow.compute as compute

    def match(column: pyarrow.ChunkedArray, pattern: str) -> pyarrow.ChunkedArray:
        return compute.match_substring_regex(column, rf"^\s*({pattern})\s*$")

    parts = (
        compute.all(match(before, "[+-]?[0-9]+")).as_py() and compute.all(match(after, "[0-9]+(e-?[0-9]+)?")).as_py()
    )
    return parts and compute.any(match(after, "0[0-9].*|[0-9]{7,}|.*e.*")).as_py()


def _leave_row_numbers(values: dict[str, np.ndarray], notes: list[str]) -> None:
    """Take out what counts 0 … n - 1 or 1 … n, as no measured value does."""
    for name, own in list(values.items()):
        n = len(own)
        if n >= _LEAST_COUNTED and len(values) > 1 and own[0] in (0, 1) and np.array_equal(own, np.arange(n) + own[0]):
            notes.append(f"column '{name}', {int(own[0])} … {int(own[-1])}, is taken as row numbers")
            del values[name]


def _look_at_whole_numbers(path: Path, table: Table, values: dict[str, np.ndarray], notes: list[str]) -> None:
    """Whole numbers, another one in every row: they may be ids, where others have fractions or they fill a range."""
    with np.errstate(invalid="ignore"):  # infinity
        whole = {name: own for name, own in values.items() if not (own % 1).any()}
    each = {name: own for name, own in whole.items() if np.unique(own).size == len(own) >= _LEAST_COUNTED}
    odd = [name for name, own in each.items() if len(whole) < len(values) or own.max() - own.min() == len(own) - 1]
    if not odd or len(values) == 1:
        return
    said = f"{listed(odd)} {'has' if len(odd) == 1 else 'have'} another whole number in every row"
    if not table.named:
        way = f"ids ('?id={odd[0]}') or of no use ('?drop={odd[0]}')? A header settles it too"
        raise InputError(f"features '{path}': {said}: {way}")
    notes.append(f"{said}, taken as features ('?drop=' leaves out)")


def _note_odd_ones(names: Sequence[str], notes: list[str]) -> None:
    """Say which columns are not called like most: beside d0 … d767, `age` may be no dimension."""
    stems = [re.sub(r"\d+", "", name) for name in names]
    stem, count = Counter(stems).most_common(1)[0]
    odd = [name for name, own in zip(names, stems, strict=True) if own != stem]
    if odd and count > max(2, len(odd)):
        example = names[stems.index(stem)]
        notes.append(
            f"{listed(odd)} taken as features as well, though not called like '{example}' ('drop=' leaves out)"
        )
