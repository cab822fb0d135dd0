"""Whether the first line of a CSV file names its columns, or is an item: told from its cells, never by trying."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from rdx.errors import InputError

# Cells that say that a value is missing: those that pandas, R and spreadsheets write.
MISSING = frozenset(
    ("", "NA", "N/A", "n/a", "<NA>", "#N/A", "#N/A N/A", "#NA", "nan", "NaN", "-nan", "-NaN", "NULL", "null", "None")
)
_WHOLE = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf(inity)?", re.IGNORECASE)
_LIKE_A_NUMBER = re.compile(r"[+-]?[0-9]*[.,][0-9]")  # how a misspelt number begins, and hardly a name
_LIST = re.compile(r"\[.*\]", re.DOTALL)
_FEW = 5  # columns below which 0, 1, … may well be an item of whole numbers
_SETTLE = "add '?header=first' or '?header=none'"


def is_number(text: str) -> bool:
    """Whether a cell is a number, a missing one, or a list of numbers; the decimal sign may be a comma."""
    text = text.strip()
    return text in MISSING or bool(_NUMBER.fullmatch(text) or _LIST.fullmatch(text))


def names_columns(path: Path, first: Sequence[str], second: Sequence[str] | None) -> tuple[bool, str | None]:
    """Whether the first row is a header, and a remark where that is not plain; InputError where it may be either.

    A header of whole numbers is what pandas writes for an array: 0 … d - 1, perhaps after an empty cell or `index`.
    """
    first, second = [cell.strip() for cell in first], [cell.strip() for cell in second or ()]
    missing = [cell for cell in first if cell in MISSING]
    numbers = [cell for cell in first if is_number(cell) and cell not in MISSING]
    words = [cell for cell in first if not is_number(cell)]
    unsure = InputError(f"'{path}': the first row ({_shown(first)}) may be a header or an item: {_SETTLE}")
    if any(map(_LIKE_A_NUMBER.match, words)) or not (numbers or words):
        raise unsure
    if not numbers:
        return True, None
    if not all(map(_WHOLE.fullmatch, numbers)):
        if words:
            raise unsure
        return False, None
    whole_below = all(_WHOLE.fullmatch(cell) for cell in second if cell not in MISSING and is_number(cell))
    counts = [int(cell) for cell in numbers] == list(range(int(numbers[0]), int(numbers[0]) + len(numbers)))
    clear = len(numbers) >= _FEW or not whole_below
    if counts and clear and int(numbers[0]) == 0 and first[len(first) - len(numbers) :] == numbers and len(missing) < 2:
        return True, f"the first row, 0 … {len(numbers) - 1}, is taken as the header"
    if words:
        if counts and clear and not missing:
            return True, None
        raise unsure
    if missing or (counts and int(numbers[0]) == 0) or (not whole_below and _ascending(numbers)):
        raise unsure
    return False, None


def _shown(cells: Sequence[str]) -> str:
    """The first few cells, cut short."""
    return ", ".join(cell[:20] for cell in cells[:4]) + (", …" if len(cells) > 4 else "")


def _ascending(numbers: Sequence[str]) -> bool:
    return len(numbers) > 1 and all(int(a) < int(b) for a, b in zip(numbers, numbers[1:], strict=False))
