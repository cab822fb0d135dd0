"""A table out of a file, whatever its format: n rows of named columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.errors import InputError

if TYPE_CHECKING:
    import pyarrow

INDEX_NAMES = ("index", "level_0", "row.names", "rownames", "row_names")
UNNAMED = "Unnamed: "  # how pandas calls columns without a name, with their number
_OF_ARROW = "__index_level_"  # how pyarrow calls an index without one


@dataclass(frozen=True)
class Table:
    """n rows of named columns."""

    columns: dict[str, pyarrow.ChunkedArray]  # n cells each: text out of CSV, as they are typed out of Parquet
    index: tuple[str, ...] = ()  # columns that say which row it is: without a name, `index`, or an index of pandas
    notes: tuple[str, ...] = ()  # what was not plain about the file
    decimal_commas: bool = False  # whether a comma in a number can only be its decimal sign
    named: bool = True  # whether its columns have names of their own, not numbers for want of any
    class_names: Mapping[str, list[str]] = field(default_factory=dict)  # column → what its numbers 0, 1, … stand for

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def text(self, name: str) -> list[str]:
        """The n cells of a column as text, "" for a missing one."""
        return ["" if cell is None else str(cell) for cell in self.columns[name].to_pylist()]


def unique_names(path: Path, names: Sequence[str]) -> list[str]:
    """The names, those of columns without one as pandas calls them. Raises InputError for two that are the same."""
    full = [name or f"{UNNAMED}{i}" for i, name in enumerate(names)]
    if len(set(full)) != len(full):
        double = next(name for i, name in enumerate(full) if name in full[:i])
        raise InputError(f"'{path}' has two columns of the same name: '{double}'")
    return full


def index_among(names: Sequence[str]) -> list[str]:
    """The names that an index has once it is written as a column: perhaps none."""
    return [name for name in names if name.lower() in INDEX_NAMES or name.startswith((UNNAMED, _OF_ARROW))]


def called(name: str, first: bool) -> str:
    """What to call an index in a message."""
    if name.startswith(_OF_ARROW):
        return "the table's index"
    if name.startswith(UNNAMED):
        return f"the {'first ' if first else ''}column without a name"
    return f"the index '{name}'"


def are_row_numbers(cells: Sequence[str]) -> bool:
    """Whether cells are 0, 1, … or 1, 2, …: they say which row it is, and nothing else."""
    start = cells[0] if cells else ""
    return start in ("0", "1") and all(cell == str(i) for i, cell in enumerate(cells, int(start)))
