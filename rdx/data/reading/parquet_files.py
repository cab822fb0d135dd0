"""Parquet files as columns, their index of pandas among them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rdx.data.reading.class_names import class_names
from rdx.data.reading.table import INDEX_NAMES, Table, index_among, unique_names
from rdx.errors import InputError, first_line

if TYPE_CHECKING:
    import pyarrow


def read_parquet(path: Path) -> Table:
    """The table in a Parquet file. Raises InputError where it is damaged, or two columns have the same name."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
        columns = dict(zip(unique_names(path, table.column_names), table.columns, strict=True))
        index = _index_of_pandas(table, columns)
    except InputError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise InputError(f"'{path}' is not a whole Parquet file: {first_line(error)}") from error
    return Table(columns, tuple(dict.fromkeys(index + index_among(columns))), class_names=class_names(table.schema))


def _index_of_pandas(table: pyarrow.Table, columns: dict[str, pyarrow.ChunkedArray]) -> list[str]:
    """The columns that pandas wrote as its index. One that is only described, as numbers, is added to `columns`."""
    import pyarrow

    index = []
    for entry in (table.schema.pandas_metadata or {}).get("index_columns", []):
        if isinstance(entry, str):
            index += [entry] if entry in columns else []
            continue
        counted = range(entry["start"], entry["stop"], entry["step"])
        if counted != range(len(table)) and len(counted) == len(table):  # of a part of a table, or one turned round
            name = next(name for name in (entry["name"], *INDEX_NAMES) if name and name not in columns)
            columns[name] = pyarrow.chunked_array([list(counted)], pyarrow.int64())
            index.append(name)
    return index
