"""What the page colours, filters and lists items by: how far they moved, columns of their table, what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from rdx.explorer.arrays import ArrayBlock, smallest_unsigned
from rdx.explorer.content import Content, besides_labels

MOVED, COLUMN, MEASURED = "how far it moved", "columns", "measured on images"  # groups
_LONGEST = 1_000_000  # characters of a column that only the table of items shows
_OTHER = "(one of a kind)"


def fields_payload(content: Content, block: ArrayBlock) -> list[dict[str, Any]]:
    """The fields; numbers are arrays ``field.i``, categories positions in the field's own names, texts a list.

    Labels and predictions have arrays of their own.
    """
    fields = []
    for number, field in enumerate(_fields(content)):
        values = field.pop("values")
        if field["kind"] != "text":
            block.add(f"field.{number}", values)
        fields.append(field | ({"texts": values} if field["kind"] == "text" else {}))
    return fields


def _fields(content: Content) -> Iterator[dict[str, Any]]:
    for name, values in content.moves.items():
        yield _number(name, MOVED, values)
    columns = content.items.columns
    known = besides_labels(content.attributes)
    for one in known:
        group = COLUMN if one.name in columns else MEASURED
        if not one.is_category:
            yield _number(one.name, group, one.values)
            continue
        alone = one.values < 0
        names = [*one.names, *([_OTHER] if alone.any() else [])]
        codes = smallest_unsigned(np.where(alone, len(one.names), one.values))
        yield {"name": one.name, "group": group, "kind": "category", "names": names, "values": codes}
    shown = {one.name for one in known}
    for name, cells in columns.items():
        if name not in shown and name != content.items.text_column and sum(map(len, cells)) <= _LONGEST:
            yield {"name": name, "group": COLUMN, "kind": "text", "values": list(cells)}


def _number(name: str, group: str, values: np.ndarray) -> dict[str, Any]:
    return {"name": name, "group": group, "kind": "number", "values": np.asarray(values, dtype=np.float32)}
