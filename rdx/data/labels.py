"""Labels that a user gives in a file: one a line, or a table with ids."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdx.data.reading.table import are_row_numbers
from rdx.data.reading.tables import SUFFIXES, find_column, read_columns
from rdx.errors import InputError, unknown

LABEL_COLUMNS = ("label", "labels", "class", "class_name", "target", "category")
MORE_LABEL_COLUMNS = ("targets", "y")  # where no table of images, with coordinates of its own, is read
ID_COLUMNS = ("id", "ids", "item", "path", "file", "filename", "image")
_MORE_IDS = ("name", "names", "key", "uuid", "uri", "url", "file_name", "filepath", "imageid", "itemid")
_ID_ENDS = ("_id", "_ids", " id", "-id", ".id", "_uuid", "_idx", "_path", "_name", "_key")

_STRUCTURED = (".json", ".jsonl", ".ndjson", ".geojson", ".yaml", ".yml", ".xml")
_WHOLE = re.compile(r"[+-]?\d{1,18}")


def read_labels(path: str | Path, ids: Sequence[str]) -> tuple[np.ndarray, dict[int, str]]:
    """Labels (n,) int64 of the items `ids`, and the name of each label.

    A .csv, .tsv or .parquet file has a header with a column `label`; with a column `id` too, or an index that names
    the items, rows are matched by that, else they count in the order of the items. Any other file has one label a
    line. Raises InputError when the number of labels differs, an id is unknown, missing or doubled, a label is
    empty, an index is neither the items' ids nor 0, 1, …, or the lines look like those of a table.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"labels file '{path}' does not exist")
    if path.suffix.lower() in SUFFIXES:
        texts, own_ids = _from_table(path, ids)
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


def _from_table(path: Path, ids: Sequence[str]) -> tuple[list[str], list[str] | None]:
    table = read_columns(path)
    label = find_column(table.columns, None, (*LABEL_COLUMNS, *MORE_LABEL_COLUMNS), "label", path)
    if label is None:
        raise InputError(f"labels file '{path}' needs a column 'label' (it has: {', '.join(table.columns)})")
    texts = [text.strip() for text in table.text(label)]
    row_id = find_column(table.columns, None, ID_COLUMNS, "id", path)
    if row_id is not None:
        return texts, table.text(row_id)
    others = {name: table.text(name) for name in table.columns if name != label}
    the_ids = [own for own in others.values() if len(own) == len(ids) and set(own) == set(ids)]
    like_ids = [own for name, own in others.items() if called_like_ids(name) and len(set(own)) == len(own)]
    an_index = [own for name, own in others.items() if name in table.index and not are_row_numbers(own)]
    return texts, next(iter(the_ids + like_ids + an_index), None)


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
