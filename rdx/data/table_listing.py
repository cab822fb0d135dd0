"""A table of items as a listing: paths of images, the images themselves, or texts; labels, ids, all other columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdx.data.item_columns import other_columns
from rdx.data.labels import LABEL_COLUMNS, encode_labels
from rdx.data.listing import Listing
from rdx.data.locate import locate
from rdx.data.reading.class_names import named
from rdx.data.reading.image_columns import ImageColumn, image_column, is_plain
from rdx.data.reading.table import Table
from rdx.data.reading.tables import find_column
from rdx.errors import InputError

TEXT_COLUMNS = ("text",)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://|data:image/", re.IGNORECASE)
PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path")


def list_table(
    path: Path,
    table: Table,
    path_column: str | None,
    label_column: str | None,
    id_column: str | None,
    image_root: str | Path | None,
    text_column: str | None = None,
) -> Listing:
    """The items of a table, in the order of its rows. Raises InputError naming the row or the column at fault.

    `path` is its file, or the folder of several. Items are texts where `text_column` says so, and where there is a
    column `text` and none of images.
    """
    texts = _texts(path, table, path_column, text_column)
    if texts is not None:
        return _list_texts(path, table, texts, label_column, id_column)
    start = locate(image_root) if image_root is not None else path if path.is_dir() else path.parent
    images = image_column(path, table, path_column)
    name = find_column(table.columns, id_column, ("id",), "id", path)
    if images is None:
        where = find_column(table.columns, path_column, PATH_COLUMNS, "path", path)
        if where is None:
            has = f"(it has: {', '.join(table.columns)})"
            alone = "a table that only describes the items of features is given as labels (--labels, data.labels)"
            raise InputError(f"'{path}' needs a column 'path' of image files {has}; {alone}")
        ids = _text(path, table, where)
        _refuse_addresses(path, where, ids)
        _refuse_empty_or_double(path, where, ids, unique=name is None)
        files, contents = [start / Path(text).expanduser() for text in ids], None
    else:
        where, contents = images.name, images.contents
        _refuse_addresses(path, where, [own for held, own in zip(contents, images.paths, strict=True) if held is None])
        files, ids = _files(path, images, start), _ids(images)
    if name is not None:
        ids = _text(path, table, name)
        _refuse_empty_or_double(path, name, ids, unique=True)
    label = _label_column(path, table, label_column)
    columns, notes = other_columns(table, [where, name, label])
    return Listing(files, ids, *_labels(path, table, label), notes, contents=contents, columns=columns)


def _texts(path: Path, table: Table, path_column: str | None, text_column: str | None) -> str | None:
    """The column of texts, where they are the items."""
    if text_column is not None:
        if path_column is not None:
            raise InputError("items are images (path_column) or texts (text_column): give one of the two")
        return find_column(table.columns, text_column, (), "text", path)
    if path_column is not None or image_column(path, table, None) is not None:
        return None
    if find_column(table.columns, None, PATH_COLUMNS, "path", path) is not None:
        return None
    return find_column(table.columns, None, TEXT_COLUMNS, "text", path)


def _list_texts(path: Path, table: Table, texts: str, label_column: str | None, id_column: str | None) -> Listing:
    """Texts, which may be empty or the same, named by their ids or row numbers."""
    if not any(cell.strip() for cell in _text(path, table, texts)):
        raise InputError(f"'{path}': column '{texts}' is empty in every row")
    name = find_column(table.columns, id_column, ("id",), "id", path)
    label = _label_column(path, table, label_column)
    if texts in (name, label):
        other = "ids" if texts == name else "labels"
        raise InputError(f"'{path}': column '{texts}' cannot be the texts and the {other}")
    ids = [str(row) for row in range(len(table))] if name is None else _text(path, table, name)
    _refuse_empty_or_double(path, name or "id", ids, unique=True)
    columns, notes = other_columns(table, [name, label])
    own = next(key for key in (texts, f"table_{texts}") if key in columns)
    return Listing([], ids, *_labels(path, table, label), notes, columns=columns, text_column=own)


def _files(path: Path, images: ImageColumn, start: Path) -> list[Path]:
    """Where images lie that are files, and what errors call those that are cells."""
    cells = enumerate(zip(images.contents, images.paths, strict=True), 1)
    return [
        start / Path(own).expanduser() if held is None else Path(f"{path}, row {row}") for row, (held, own) in cells
    ]


def _ids(images: ImageColumn) -> list[str]:
    """The paths that the cells name, where they tell the images apart, else the rows' numbers."""
    if all(images.paths) and len(set(images.paths)) == len(images.paths):
        return images.paths
    return [str(row) for row in range(len(images.paths))]


def _label_column(path: Path, table: Table, asked: str | None) -> str | None:
    """The column `asked` for, else one with a usual name, else the only one that is declared to be of classes.

    A declared one that is -1 in every row, as in a test set, says nothing of any class.
    """
    found = find_column(table.columns, asked, LABEL_COLUMNS, "label", path)
    if found is None and len(table.class_names) == 1:
        found = next(iter(table.class_names))
    return None if asked is None and found in table.class_names and set(table.text(found)) == {"-1"} else found


def _labels(path: Path, table: Table, column: str | None) -> tuple[np.ndarray | None, dict[int, str]]:
    if column is None:
        return None, {}
    texts = [text.strip() for text in _text(path, table, column)]
    _refuse_empty_or_double(path, column, texts, unique=False)
    labels, names = encode_labels(texts)
    known = table.class_names.get(column, [])
    if all(name == str(label) for label, name in names.items()):  # they are numbers
        names = {label: named(name, known) for label, name in names.items()}
    return labels, names


def _text(path: Path, table: Table, name: str) -> list[str]:
    if not is_plain(table.columns[name]):
        raise InputError(f"'{path}': column '{name}' holds {table.columns[name].type}, and not one value a cell")
    return table.text(name)


def _refuse_addresses(path: Path, column: str, cells: Sequence[str]) -> None:
    for row, cell in enumerate(cells, 1):
        if _ADDRESS.match(cell):
            raise InputError(
                f"'{path}', row {row}: column '{column}' has the address '{cell}': images are read from this machine "
                "only, nothing is downloaded; download them, and give their paths"
            )


def _refuse_empty_or_double(path: Path, column: str, cells: list[str], *, unique: bool) -> None:
    seen: set[str] = set()
    for row, cell in enumerate(cells, 1):
        if not cell:
            raise InputError(f"'{path}', row {row}: column '{column}' is empty")
        if unique and cell in seen:
            raise InputError(f"'{path}', row {row}: column '{column}' has '{cell}' a second time")
        seen.add(cell)
