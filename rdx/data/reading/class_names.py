"""What the numbers of a column stand for, where the datasets library of Hugging Face wrote it down."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

_DESCRIBED = b"huggingface"  # under which it describes the columns, in Parquet and Arrow files alike


def class_names(schema: pyarrow.Schema) -> dict[str, list[str]]:
    """Column → the names of 0, 1, …; the columns of class labels alone. What can't be read describes nothing."""
    try:
        features: Any = json.loads((schema.metadata or {})[_DESCRIBED])["info"]["features"]
        classes = {name: told["names"] for name, told in features.items() if name in schema.names and _is_class(told)}
        return {name: [str(one) for one in names] for name, names in classes.items()}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return {}


def named(cell: str, names: list[str]) -> str:
    """A number of class labels as its name; any other text as it stands (-1 is what the library has for none)."""
    return names[int(cell)] if cell.isdecimal() and int(cell) < len(names) else cell


def _is_class(told: Any) -> bool:
    return isinstance(told, dict) and isinstance(told.get("names"), list)
