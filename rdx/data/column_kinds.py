"""What a column of the items' table is: numbers, dates, categories, or names of the items, which they cannot share.

A column is text, as its file has it. An empty cell and ``nan`` are missing. Nothing is read half as one kind and half
as another: one word among numbers makes them categories.
"""

from __future__ import annotations

import re
from calendar import isleap
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from rdx.data.labels import called_like_ids
from rdx.metrics.attributes import Attribute

FEW = 12  # whole numbers with at most so many values are categories: grades, cameras, yes and no
MISSING = "(missing)"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CODE = re.compile(r"0\d+")  # a postcode, or a number that names something
_WHOLE = re.compile(r"[+-]?\d+")
_WORDS_APART = re.compile(r"(?<=[a-z])(?=[A-Z])")  # patientID
# Numbers only name something where a column's last word says so, or where it is called like what it tells apart:
# `study uid`, `patient`, but neither `file size` nor `visits per patient`.
_IDENTIFIER = re.compile(
    r"(.* )?(ids?|uid|uuid|guid|mrn|key|code|barcode|serial|accession|number|no|nr)|"
    r"(index|row|record|item|image|file|patient|subject|participant|person|user|customer|case|sample|specimen|study|"
    r"series|exam)(id)?"
)
_DATE = re.compile(r"(\d{4})([-/:.])(\d\d)\2(\d\d)(?:[T ](.*))?")  # cameras write 2024:05:31


def attributes_of(name: str, cells: Sequence[str]) -> list[Attribute] | str:
    """The attributes (one, or two where numbers are missing) of a column of n cells, or why it is none.

    Whole numbers with more than `FEW` values, and all other numbers, stay numbers; dates become decimal years.
    """
    cells = ["" if cell.strip().lower() == "nan" else cell.strip() for cell in cells]
    present = np.array([bool(cell) for cell in cells], dtype=bool)
    texts = [cell for cell in cells if cell]
    distinct = set(texts)
    if not distinct:
        return "is empty"
    numbers = _numbers(texts)
    if numbers is not None and len(distinct) == len(texts) == len(cells) and _are_ids(name, texts, numbers):
        return "names each item differently"
    years = _years(texts) if numbers is None else None
    if years is not None:
        return _of_numbers(name, years, present, (f"later {name}", f"earlier {name}"))
    if numbers is not None and not (len(distinct) <= FEW and all(map(_WHOLE.fullmatch, distinct))):
        return _of_numbers(name, numbers, present, (f"higher {name}", f"lower {name}"))
    if len(distinct) > max(2, len(texts) / 2):
        return "names nearly every item differently"
    return [categories(name, [cell or MISSING for cell in cells])]


def categories(name: str, cells: Sequence[str]) -> Attribute:
    """A category of n texts. Values that a single item has are none that items could have in common."""
    values, position, counts = np.unique(np.asarray(cells, dtype=object), return_inverse=True, return_counts=True)
    shared = counts > 1
    number = np.where(shared, np.cumsum(shared) - 1, -1)
    return Attribute(name, number[position].astype(np.int64), tuple(values[shared].tolist()))


def _of_numbers(name: str, numbers: np.ndarray, present: np.ndarray, words: tuple[str, str]) -> list[Attribute]:
    values = np.full(len(present), np.nan)
    values[present] = numbers
    found = [Attribute(name, values, None, words)]
    if not present.all():  # that something was not written down may be what items share
        found.append(Attribute(name, np.where(present, -1, 0).astype(np.int64), (MISSING,)))
    return found


def _numbers(texts: Sequence[str]) -> np.ndarray | None:
    """Texts (m,) as numbers; None where one is none, or is a code such as 007."""
    if not all(_NUMBER.fullmatch(text) for text in texts) or any(_CODE.fullmatch(text) for text in texts):
        return None
    found = np.array([float(text) for text in texts])
    return found if np.isfinite(found).all() else None


def _are_ids(name: str, texts: Sequence[str], numbers: np.ndarray) -> bool:
    """Whether numbers that all differ only count the items, or are called like ids."""
    if not all(_WHOLE.fullmatch(text) for text in texts):
        return False
    words = " ".join(re.findall(r"[a-z]+", _WORDS_APART.sub(" ", name).lower()))
    named = called_like_ids(name) or _IDENTIFIER.fullmatch(words) is not None
    return named or bool(numbers.max() - numbers.min() == len(numbers) - 1)


def _years(texts: Sequence[str]) -> np.ndarray | None:
    """Dates (m,) with or without a time of day, as decimal years; None where one is none."""
    found = np.empty(len(texts))
    for i, text in enumerate(texts):
        parts = _DATE.fullmatch(text)
        if parts is None:
            return None
        year, _, month, day, time = parts.groups()
        try:
            moment = datetime.fromisoformat(f"{year}-{month}-{day}" + (f"T{time}" if time else ""))
        except ValueError:
            return None
        start = datetime(moment.year, 1, 1)
        passed = (moment.replace(tzinfo=None) - start).total_seconds() / 86400
        found[i] = moment.year + passed / (365 + isleap(moment.year))
    return found
