"""Arrow files as the datasets library of Hugging Face keeps its rows in: the stream format."""

from __future__ import annotations

from pathlib import Path

from rdx.data.reading.class_names import class_names
from rdx.data.reading.table import Table, index_among, unique_names
from rdx.errors import InputError, first_line

_END = b"\xff\xff\xff\xff\0\0\0\0"  # of a whole stream; one that ends between two blocks is read without an error


def read_stream(path: Path) -> Table:
    """The table in an Arrow stream. Raises InputError where the file is missing, damaged or cut off."""
    import pyarrow
    from pyarrow import ipc

    if not path.is_file():
        raise InputError(f"file '{path}' does not exist")
    try:
        with pyarrow.memory_map(str(path)) as file:
            table = ipc.open_stream(file).read_all()
            table.validate(full=True)  # of anybody's file: what points outside it would end the process
            whole = file.size() >= len(_END) and file.read_at(len(_END), file.size() - len(_END)) == _END
    except Exception as error:  # a damaged file can raise nearly anything
        raise InputError(f"'{path}' is not a whole Arrow file: {first_line(error)}") from None
    if not whole:
        raise InputError(f"'{path}' is not a whole Arrow file: its end is missing")
    columns = dict(zip(unique_names(path, table.column_names), table.columns, strict=True))
    return Table(columns, tuple(index_among(columns)), class_names=class_names(table.schema))
