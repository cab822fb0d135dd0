"""CSV, TSV and Parquet files as columns: of text, or as they are typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from rdx.data.reading.delimited import read_delimited
from rdx.data.reading.parquet_files import read_parquet
from rdx.data.reading.table import Table
from rdx.errors import InputError, unknown

SUFFIXES = (".csv", ".tsv", ".parquet")


def read_columns(path: Path, header: str | None = "first") -> Table:
    """The table in a file; `header`, of CSV files, is "first", "none", or None where the first line has to tell.

    Raises InputError naming the file and the line for whatever can't be read without shifting or losing a cell.
    """
    if not path.is_file():
        raise InputError(f"file '{path}' does not exist")
    table = read_parquet(path) if path.suffix.lower() == ".parquet" else read_delimited(path, header)
    if not len(table):
        raise InputError(f"'{path}' has no rows")
    return table


def read_table(path: Path) -> dict[str, list[str]]:
    """Column name → n cells as text, "" for a missing one. Raises InputError naming the file and row."""
    table = read_columns(path)
    return {name: table.text(name) for name in table.columns}


def find_column(columns: Iterable[str], asked: str | None, usual: Sequence[str], what: str, path: Path) -> str | None:
    """The column called `asked`, else the first of the `usual` names (in any case) present, else None."""
    if asked is not None:
        if asked not in columns:
            raise unknown(f"{what} column of '{path}'", asked, columns)
        return asked
    by_name = {name.strip().lower(): name for name in reversed(list(columns))}
    return next((by_name[name] for name in usual if name in by_name), None)
