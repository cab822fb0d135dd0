"""Images inside tables: a column of bytes, or of `{bytes, path}` as the datasets library of Hugging Face writes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.data.reading.table import Table
from rdx.errors import InputError

if TYPE_CHECKING:
    import pyarrow

USUAL = ("image", "img", "images", "bytes", "image_bytes", "jpg", "jpeg", "png", "webp")  # of columns of plain bytes


@dataclass(frozen=True)
class ImageColumn:
    """n cells with an image each: its contents, or where only a path is given, that."""

    name: str
    contents: list[bytes | None]
    paths: list[str]  # "" where a cell has none


def image_column(path: Path, table: Table, asked: str | None) -> ImageColumn | None:
    """The column `asked` for, else the only one of `{bytes, path}`, else one of bytes with a usual name; None without.

    Raises InputError where several may be meant, and for a cell without an image.
    """
    if asked is not None:
        kind = table.columns[asked].type if asked in table.columns else None
        found = [asked] if kind is not None and (_is_cell(kind) or _is_bytes(kind)) else []
    else:
        found = [name for name, column in table.columns.items() if _is_cell(column.type)]
        by_name = {name.strip().lower(): name for name, column in table.columns.items() if _is_bytes(column.type)}
        found = found or [by_name[name] for name in USUAL if name in by_name][:1]
    if len(found) > 1:
        raise InputError(f"'{path}': columns {', '.join(found)} hold images: say which with data.path_column")
    return _column(path, found[0], table.columns[found[0]]) if found else None


def _column(path: Path, name: str, column: pyarrow.ChunkedArray) -> ImageColumn:
    from pyarrow import compute

    if _is_bytes(column.type):
        found = ImageColumn(name, column.to_pylist(), [""] * len(column))
    else:
        fields = [field.name for field in column.type]
        own = compute.struct_field(column, "path").to_pylist() if "path" in fields else [None] * len(column)
        found = ImageColumn(name, compute.struct_field(column, "bytes").to_pylist(), [one or "" for one in own])
    for row, (held, own_path) in enumerate(zip(found.contents, found.paths, strict=True), 1):
        if held is None and not own_path:
            raise InputError(f"'{path}', row {row}: column '{name}' is empty")
    return found


def is_plain(column: pyarrow.ChunkedArray) -> bool:
    """Whether a column's cells are one value each, that text can hold: no bytes, lists or parts."""
    from pyarrow import types

    return not (_is_bytes(column.type) or types.is_nested(column.type))


def _is_cell(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return types.is_struct(kind) and any(field.name == "bytes" and _is_bytes(field.type) for field in kind)


def _is_bytes(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)
