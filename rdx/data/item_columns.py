"""What a table says of its items besides their ids, labels and images: the items' own columns."""

from __future__ import annotations

from collections.abc import Sequence

from rdx.data.items import OWN_COLUMNS
from rdx.data.reading.class_names import named
from rdx.data.reading.image_columns import is_plain
from rdx.data.reading.table import INDEX_NAMES, Table, are_row_numbers


def other_columns(table: Table, taken: Sequence[str | None]) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """All columns that are not `taken`, as text, and a note about those that text cannot hold."""
    left = {
        name: column for name, column in table.columns.items() if name not in taken and name.lower() not in INDEX_NAMES
    }
    odd = [name for name, column in left.items() if not is_plain(column)]
    said = (f"columns that hold more than one value a cell are left out: {', '.join(odd)}",) if odd else ()
    own = {
        f"table_{name}" if name in OWN_COLUMNS else name: [
            named(cell, table.class_names.get(name, [])) for cell in table.text(name)
        ]
        for name in left
        if name not in odd and not (name in table.index and are_row_numbers(table.text(name)))
    }
    return own, (*table.notes, *said)
