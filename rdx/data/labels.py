"""Labels that a user gives in a file: one a line, or a table with ids, which may say more of the items."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rdx.data.item_columns import other_columns
from rdx.data.reading.table import Table, are_row_numbers
from rdx.data.reading.tables import SUFFIXES, find_column, read_columns
from rdx.errors import InputError, unknown

LABEL_COLUMNS = ("label", "labels", "class", "class_name", "target", "category")
MORE_LABEL_COLUMNS = ("targets", "y")  # where no table of images, with coordinates of its own, is read
ID_COLUMNS = ("id", "ids", "item", "path", "file", "filename", "image")
_MORE_IDS = ("name", "names", "key", "uuid", "uri", "url", "file_name", "filepath", "imageid", "itemid")
_ID_ENDS = ("_id", "_ids", " id", "-id", ".id", "_uuid", "_idx", "_path", "_name", "_key")

_STRUCTURED = (".json", ".jsonl", ".ndjson", ".geojson", ".yaml", ".yml", ".xml")
_WHOLE = re.compile(r"[+-]?\d{1,18}")


class GivenLabels(NamedTuple):
    """What a file says of n items, in their order."""

    labels: np.ndarray | None  # (n,) int64; None of a table that has only other columns
    names: dict[int, str]  # of each label
    columns: dict[str, list[str]]  # all other columns of a table, n cells each
    notes: tuple[str, ...]  # what was not plain about it


def read_labels(path: str | Path, ids: Sequence[str]) -> GivenLabels:
    """What a file of labels says of the items `ids` (n,).

    A .csv, .tsv or .parquet file has a header, with a column `label`, others that describe the items, or both; with a
    column `id` too, or an index that names the items, rows are matched by that, else they count in the order of the
    items. Any other file has one label a line. Raises InputError when the number of rows differs, an id is unknown,
    missing or doubled, a label is empty, an index is neither the items' ids nor 0, 1, …, or the lines look like those
    of a table.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"labels file '{path}' does not exist")
    if path.suffix.lower() in SUFFIXES:
        return _from_table(path, ids)
    texts = _from_lines(path)
    _check(path, texts, len(ids))
    return GivenLabels(*encode_labels(texts), {}, ())


def encode_labels(texts: Sequence[str]) -> tuple[np.ndarray, dict[int, str]]:
    """Labels (n,) int64 from n texts, and their names, the texts: whole numbers stay themselves, unless two of them
    are written differently and yet the same; words are numbered 0, 1, … in the order of the alphabet."""
    if all(_WHOLE.fullmatch(text) for text in texts) and len(set(map(int, texts))) == len(set(texts)):
        labels = np.array([int(text) for text in texts], dtype=np.int64)
        return labels, dict(sorted(zip(labels.tolist(), texts, strict=True)))
    names = sorted(set(texts))  # 007 and 7 are two labels
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers[text] for text in texts], dtype=np.int64), dict(enumerate(names))


def called_like_ids(name: str) -> bool:
    """Whether a column's name says that it names items, as `path` and `image_id` do."""
    name = name.strip().lower()
    return name in (*ID_COLUMNS, *_MORE_IDS) or name.endswith(_ID_ENDS)


def _from_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"labels file '{path}' is not text in UTF-8: {error}") from None
    lines = [line.strip() for line in text.rstrip().split("\n")]
    _refuse_other_formats(path, lines)
    return lines


def _refuse_other_formats(path: Path, lines: list[str]) -> None:
    """Lines that hold more than a label each must not become labels as a whole."""
    if path.suffix.lower() in _STRUCTURED or _is_json("\n".join(lines)) or _is_json(lines[0]):
        raise InputError(f"labels file '{path}' looks like JSON: give one label a line, or a table that has 'label'")
    if any(c < " " and c != "\t" for line in lines for c in line):
        raise InputError(f"labels file '{path}' is no text: it has characters that can't be shown")
    sign = next((sign for sign in "\t;," if all(sign in line for line in lines)), None)
    if sign is not None and (sign == "\t" or len(set(lines)) == len(lines) > 1):
        kind = ".tsv" if sign == "\t" else ".csv"
        raise InputError(
            f"labels file '{path}' looks like a table, not like one label a line ('{lines[0][:40]}'): call it {kind}, "
            "with a header that has a column 'label'"
        )


def _is_json(text: str) -> bool:
    """Whether text is a list or an object of JSON, as lines of JSON are too."""
    if text[:1] not in ("{", "["):
        return False
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def _from_table(path: Path, ids: Sequence[str]) -> GivenLabels:
    table = read_columns(path)
    label = find_column(table.columns, None, (*LABEL_COLUMNS, *MORE_LABEL_COLUMNS), "label", path)
    texts = None if label is None else [text.strip() for text in table.text(label)]
    if texts is not None:
        _check(path, texts, len(ids))
    named, notes = _id_column(path, table, label, ids)
    columns, more = other_columns(table, [label, named])
    notes = (*notes, *more)
    if label is None:
        if not columns or len(table) != len(ids):
            has, others = ", ".join(table.columns), f"or others, of {len(ids)} items"
            raise InputError(f"labels file '{path}' needs a column 'label', {others} (it has {len(table)} rows: {has})")
        notes += (f"the labels' table has no column 'label'; what it says of the items: {', '.join(columns)}",)
    if named is not None:
        rows = _rows_by_id(path, table.text(named), ids)
        texts = texts and [texts[row] for row in rows]
        columns = {name: [cells[row] for row in rows] for name, cells in columns.items()}
    return GivenLabels(*((None, {}) if texts is None else encode_labels(texts)), columns, notes)


def _check(path: Path, texts: Sequence[str], n: int) -> None:
    """Raises InputError unless there is a label for each of n items, and none is empty."""
    if len(texts) != n:
        raise InputError(f"labels file '{path}' has {len(texts)} labels for {n} items")
    empty = next((row for row, text in enumerate(texts, 1) if not text), None)
    if empty is not None:
        raise InputError(f"labels file '{path}': label {empty} is empty")


def _id_column(path: Path, table: Table, label: str | None, ids: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """The column by which rows are matched, None where they count in their order; and a note where it is told so.

    Where items are only counted, a column of names that are none of their numbers cannot tell another order.
    """
    others = {name: table.text(name) for name in table.columns if name != label}
    row_id = find_column(table.columns, None, ID_COLUMNS, "id", path)
    if row_id is not None:
        found = [row_id]
    else:
        found = [name for name, own in others.items() if len(own) == len(ids) and set(own) == set(ids)]
        found += [name for name, own in others.items() if called_like_ids(name) and len(set(own)) == len(own)]
        found += [name for name, own in others.items() if name in table.index and not are_row_numbers(own)]
    counted = are_row_numbers(ids)
    foreign = [name for name in found if counted and name not in table.index and not set(others[name]) & set(ids)]
    matched = next((name for name in found if name not in foreign), None)
    if matched is not None or not foreign:
        return matched, ()
    own = others[foreign[0]]
    return None, (f"items have no ids, so rows of the labels' table count: row 0 is '{own[0]}', the last '{own[-1]}'",)


def _rows_by_id(path: Path, own_ids: list[str], ids: Sequence[str]) -> list[int]:
    """The rows of `ids` (n,), looked up by id."""
    found: dict[str, int] = {}
    known = set(ids)
    for row, name in enumerate(own_ids):
        if name in found:
            raise InputError(f"labels file '{path}', row {row + 1}: id '{name}' appears twice")
        if name not in known:
            raise unknown(f"id (labels file '{path}', row {row + 1})", name, ids)
        found[name] = row
    return [found[name] for name in ids]
