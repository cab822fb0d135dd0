"""CSV and Parquet files as columns of text."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from rdx.errors import InputError, unknown

SUFFIXES = (".csv", ".parquet")


def read_table(path: Path) -> dict[str, list[str]]:
    """Column name → n cells as text, "" for a missing one. Raises InputError naming the file and row."""
    if not path.is_file():
        raise InputError(f"file '{path}' does not exist")
    columns = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    if not columns or not next(iter(columns.values())):
        raise InputError(f"'{path}' has no rows")
    return columns


def find_column(
    columns: dict[str, list[str]], asked: str | None, usual: Sequence[str], what: str, path: Path
) -> str | None:
    """The column called `asked`, else the first of the `usual` names (in any case) present, else None."""
    if asked is not None:
        if asked not in columns:
            raise unknown(f"{what} column of '{path}'", asked, columns)
        return asked
    by_name = {name.strip().lower(): name for name in reversed(columns)}
    return next((by_name[name] for name in usual if name in by_name), None)


def _read_csv(path: Path) -> dict[str, list[str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as handle:
            reader = csv.reader(handle)
            rows = [(reader.line_num, row) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"'{path}' is not a CSV file in UTF-8: {error}") from None
    if not rows:
        return {}
    header = rows[0][1]
    if len(set(header)) != len(header):
        raise InputError(f"'{path}' has two columns of the same name: {', '.join(header)}")
    for line, row in rows[1:]:
        if len(row) != len(header):
            raise InputError(f"'{path}', line {line}: {len(row)} cells where the header has {len(header)}")
    return {name: [row[i] for _, row in rows[1:]] for i, name in enumerate(header)}


def _read_parquet(path: Path) -> dict[str, list[str]]:
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"'{path}' is not a whole Parquet file: {reason}") from None
    return {
        name: ["" if cell is None else str(cell) for cell in table.column(name).to_pylist()]
        for name in dict.fromkeys(table.column_names)
    }
