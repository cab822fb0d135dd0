"""CSV and TSV files as columns of text, read whole or refused: no cell is shifted, filled in or lost.

Cells are separated by commas, or by semicolons or tabs where the first line has no commas.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.data.reading.headers import is_number, names_columns
from rdx.data.reading.table import Table, are_row_numbers, index_among, unique_names
from rdx.errors import InputError, first_line, reading

if TYPE_CHECKING:
    import pyarrow

_BLOCK = 1 << 26  # bytes that pyarrow looks at at once: no row may be longer
_BLANK = re.compile(rb"^[ \t]*\r*$", re.MULTILINE)


def read_delimited(path: Path, header: str | None) -> Table:
    """The table in a text file, each cell as text; `header` is "first", "none", or None: the first line has to tell.

    Raises InputError, naming the line, for rows of unlike length, blank lines that may be items, quotes that never
    end, text that is not UTF-8, and a first line that may be either.
    """
    with reading(path, "text"):
        data = path.read_bytes()
    data = data.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(data)
    rows, ends = _first_rows(path, data, delimiter)
    if not rows:
        return Table({})
    _refuse_open_quotes(path, data, delimiter)
    first, second = rows[0], rows[1] if len(rows) > 1 else None
    names, remark = _names(path, header, first, second)
    columns = _columns(path, data, 0 if names is None else ends[0], len(names or first), delimiter)
    full = unique_names(path, names or [str(i) for i in range(len(first))])
    if names and len(names) > len(first):
        _refuse_unless_row_names(path, columns[0].to_pylist(), len(first))
    return Table(
        dict(zip(full, columns, strict=True)),
        tuple(index_among(full)),
        (remark,) if remark else (),
        decimal_commas=delimiter != ",",
        named=names is not None,
    )


def _names(
    path: Path, header: str | None, first: list[str], second: list[str] | None
) -> tuple[list[str] | None, str | None]:
    """The names in the first row, "" for none; None where it is an item. And a remark where that is not plain."""
    if header == "none":
        return None, None
    names = [cell.strip() for cell in first]
    if second is not None and len(second) == len(first) + 1 and not all(map(is_number, first)):
        return ["", *names], "the header is one name short: the first column is taken as the rows' names"
    if header == "first":
        return names, None
    named, remark = names_columns(path, first, second)
    return names if named else None, remark


def _refuse_unless_row_names(path: Path, cells: list[str], named: int) -> None:
    """A header that is one name short, as R's write.table has it, leaves out the name of the rows' names."""
    if not are_row_numbers(cells) and any(map(is_number, cells)):
        raise InputError(f"'{path}' has {named + 1} cells a row where the header has {named}: which name is missing?")


def _delimiter(data: bytes) -> str:
    line = next(filter(bytes.strip, io.BytesIO(data)), b"").decode("utf-8", "replace")
    if ";" in line and ("," not in line or all(is_number(cell.replace(",", ".")) for cell in line.split(";"))):
        return ";"
    return "\t" if "\t" in line and "," not in line else ","


def _first_rows(path: Path, data: bytes, delimiter: str) -> tuple[list[list[str]], list[int]]:
    """The first two rows that are not blank, and the byte that each ends before."""
    rows: list[list[str]] = []
    ends: list[int] = []
    for row, end in _rows(path, data, delimiter):
        if row:
            rows.append(row)
            ends.append(end)
        if len(rows) == 2:
            break
    return rows, ends


def _rows(
    path: Path, data: bytes, delimiter: str, start: int = 0, strict: bool = False
) -> Iterator[tuple[list[str], int]]:
    """Row by row, with the byte that it ends before: slow, for beginnings and for finding a fault."""
    end = start

    def lines() -> Iterator[str]:
        nonlocal end
        for line in io.BytesIO(data[start:]):
            end += len(line)
            yield line.decode("utf-8")

    csv.field_size_limit(sys.maxsize)  # a cell may hold a whole vector
    try:
        for row in csv.reader(lines(), delimiter=delimiter, strict=strict):
            yield row, end
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"'{path}', line {_line(data, end)}: not a CSV file in UTF-8: {error}") from None


def _refuse_open_quotes(path: Path, data: bytes, delimiter: str) -> None:
    """A quote that never ends makes all that follows one cell."""
    if data.count(b'"') % 2:
        for _ in _rows(path, data, delimiter, strict=True):
            pass


def _columns(path: Path, data: bytes, start: int, width: int, delimiter: str) -> list[pyarrow.ChunkedArray]:
    """The cells from the byte `start` on, every one as text."""
    import pyarrow
    from pyarrow import csv as arrow_csv

    names = [str(i) for i in range(width)]
    if width == 1:
        _refuse_blank_lines(path, data, start, delimiter)
    if not data[start:].strip():
        return [pyarrow.chunked_array([], pyarrow.string())] * width
    try:
        table = arrow_csv.read_csv(
            pyarrow.BufferReader(pyarrow.py_buffer(data)[start:]),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=_BLOCK),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in data),
            convert_options=arrow_csv.ConvertOptions(
                column_types={name: pyarrow.string() for name in names}, strings_can_be_null=False
            ),
        )
    except pyarrow.ArrowException as error:
        raise _fault(path, data, start, width, delimiter, error) from None
    return table.columns


def _fault(path: Path, data: bytes, start: int, width: int, delimiter: str, error: Exception) -> InputError:
    """What is wrong with a file that pyarrow does not read, in terms of its lines."""
    for row, end in _rows(path, data, delimiter, start):
        if row and len(row) != width:
            return InputError(f"'{path}', line {_line(data, end)}: {len(row)} cells where the header has {width}")
    return InputError(f"'{path}' is not a CSV file in UTF-8: {first_line(error)}")


def _refuse_blank_lines(path: Path, data: bytes, start: int, delimiter: str) -> None:
    """In a single column, a blank line may be an item whose value is missing."""
    if _BLANK.search(data, start):
        for row, end in _rows(path, data, delimiter, start):
            if not row:
                raise InputError(f"'{path}', line {_line(data, end)} is blank")


def _line(data: bytes, end: int) -> int:
    """The number of the line that ends before the byte `end`."""
    return data.count(b"\n", 0, end) + (end == len(data))
