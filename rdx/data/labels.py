"""Labels that a user gives in a file: one a line, or a table with ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdx.data.reading.tables import SUFFIXES, find_column, read_table
from rdx.errors import InputError, unknown

LABEL_COLUMNS = ("label", "labels", "class", "class_name", "target", "category")
ID_COLUMNS = ("id", "ids", "item", "path", "file", "filename", "image")

_WHOLE = re.compile(r"[+-]?\d{1,18}")


def read_labels(path: str | Path, ids: Sequence[str]) -> tuple[np.ndarray, dict[int, str]]:
    """Labels (n,) int64 of the items `ids`, and the name of each label.

    A .csv or .parquet file has a header with a column `label`; with a column `id` too, rows are matched by
    id, else they count in the order of the items. Any other file has one label a line. Raises InputError
    when the number of labels differs, an id is unknown, missing or doubled, or a label is empty.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"labels file '{path}' does not exist")
    if path.suffix.lower() in SUFFIXES:
        texts, own_ids = _from_table(path)
    else:
        texts, own_ids = _from_lines(path), None
    if len(texts) != len(ids):
        raise InputError(f"labels file '{path}' has {len(texts)} labels for {len(ids)} items")
    empty = next((row for row, text in enumerate(texts, 1) if not text), None)
    if empty is not None:
        raise InputError(f"labels file '{path}': label {empty} is empty")
    if own_ids is not None:
        texts = _by_id(path, texts, own_ids, ids)
    return encode_labels(texts)


def encode_labels(texts: Sequence[str]) -> tuple[np.ndarray, dict[int, str]]:
    """Labels (n,) int64 from n texts, and their names: whole numbers stay themselves, words are numbered
    0, 1, … in the order of the alphabet."""
    if all(_WHOLE.fullmatch(text) for text in texts):
        labels = np.array([int(text) for text in texts], dtype=np.int64)
        return labels, {label: str(label) for label in np.unique(labels).tolist()}
    names = sorted(set(texts))
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers[text] for text in texts], dtype=np.int64), dict(enumerate(names))


def _from_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"labels file '{path}' is not text in UTF-8: {error}") from None
    return [line.strip() for line in text.rstrip().splitlines()]


def _from_table(path: Path) -> tuple[list[str], list[str] | None]:
    columns = read_table(path)
    label = find_column(columns, None, LABEL_COLUMNS, "label", path)
    if label is None:
        raise InputError(f"labels file '{path}' needs a column 'label' (it has: {', '.join(columns)})")
    row_id = find_column(columns, None, ID_COLUMNS, "id", path)
    texts = [text.strip() for text in columns[label]]
    return texts, None if row_id is None else columns[row_id]


def _by_id(path: Path, texts: list[str], own_ids: list[str], ids: Sequence[str]) -> list[str]:
    """The labels of `ids` (n,), looked up by id."""
    found: dict[str, str] = {}
    known = set(ids)
    for row, (name, text) in enumerate(zip(own_ids, texts, strict=True), 1):
        if name in found:
            raise InputError(f"labels file '{path}', row {row}: id '{name}' appears twice")
        if name not in known:
            raise unknown(f"id (labels file '{path}', row {row})", name, ids)
        found[name] = text
    return [found[name] for name in ids]
