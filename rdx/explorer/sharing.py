"""What neighbours share with an item in one model and in the other, and how an attribute and what moved are worded.

Of categories it is the share of neighbours with the same value. Of numbers, 1 − how far neighbours differ in rank / how
far any two items do: 0 as any two, 1 the same; ranks, so that a few large values do not decide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rdx.metrics.attribute_words import in_common, percent
from rdx.metrics.attributes import Attribute, find_common
from rdx.metrics.two_samples import mean_ranks

LABEL = "label"
LEAST = 0.05  # a smaller difference between A and B is none worth a line
_MOVED = 4  # one item in so many moved most


@dataclass(frozen=True)
class Shared:
    """How well an item's neighbours share an attribute with it."""

    attribute: Attribute = field(repr=False)
    a: float
    b: float
    p_value: float  # of no difference, paired over items

    @property
    def name(self) -> str:
        return self.attribute.name

    @property
    def apart(self) -> float:
        return self.b - self.a


def shared_attributes(near: tuple[np.ndarray, np.ndarray], attributes: Sequence[Attribute]) -> list[Shared]:
    """Of items' nearest (n, k) in A and in B; what they share most differently first."""
    found = [one for one in (_compared(near, attribute) for attribute in attributes) if one]
    return sorted(found, key=lambda one: -abs(one.apart))


def moved_sentence(
    change: np.ndarray, attributes: Sequence[Attribute], labels: np.ndarray | None, noun: str
) -> str | None:
    """What sets the items apart whose neighbours changed most; None where nothing known does.

    change (n,): the share of an item's neighbours that is not the same.
    """
    count = max(1, len(change) // _MOVED)
    most = np.sort(np.argsort(-change, kind="stable")[:count])
    (found,) = find_common(attributes, [(most, most[:0])], labels)
    parts = in_common(found)
    if not parts:
        return None
    return (
        f"The {count:,} {noun} that moved most ({percent(change[most].mean())} of their neighbours are others, of all "
        f"{percent(change.mean())}): {'; '.join(parts)}."
    )


def axis(attribute: Attribute) -> str:
    """More or less of what: "brighter or darker", "brighter on the left or right"; of a column, “age”."""
    more, less = attribute.words
    if attribute.signed:
        return f"images {less} relative to others"
    if attribute.is_category:
        return less or f"“{attribute.name}”"
    if not more or more in (f"higher {attribute.name}", f"later {attribute.name}"):
        return f"“{attribute.name}”"
    first, second = more.split(), less.split()
    before, after = [], []  # what both say
    while len(first) > 1 and len(second) > 1 and first[0] == second[0]:
        before.append(first.pop(0))
        second.pop(0)
    while len(first) > 1 and len(second) > 1 and first[-1] == second[-1]:
        after.insert(0, first.pop())
        second.pop()
    return " ".join([*before, *first, "or", *second, *after])


def _compared(near: tuple[np.ndarray, np.ndarray], attribute: Attribute) -> Shared | None:
    found = [_of_each(attribute, side) for side in near]
    both = ~np.isnan(found).any(axis=0)
    if both.sum() < 2:
        return None
    a, b = (float(of_each[both].mean()) for of_each in found)
    apart = found[1][both] - found[0][both]
    error = float(apart.std(ddof=1)) / math.sqrt(len(apart))
    p_value = math.erfc(abs(b - a) / error / math.sqrt(2)) if error > 0 else float(a == b)
    return Shared(attribute, a, b, p_value)


def _of_each(attribute: Attribute, near: np.ndarray) -> np.ndarray:
    """How far each item's nearest (n, k) share an attribute with it: (n,), NaN for items without a value."""
    values = attribute.values
    if attribute.is_category:
        own = values[:, None]
        return ((values[near] == own) & (own >= 0)).mean(axis=1)
    there = ~np.isnan(values)
    ranks = np.full(len(values), np.nan)
    ranks[there] = mean_ranks(values[there])
    apart = np.abs(ranks[near] - ranks[:, None])
    known = ~np.isnan(apart)
    total = np.where(known, apart, 0.0).sum(axis=1)
    count = known.sum(axis=1)
    any_two = _any_two(ranks[there])
    if not any_two > 0:
        return np.full(len(values), np.nan)
    return np.where(count > 0, 1 - total / np.maximum(count, 1) / any_two, np.nan)


def _any_two(ranks: np.ndarray) -> float:
    """The mean of |x − y| over pairs."""
    n = len(ranks)
    weights = 2 * np.arange(1, n + 1) - n - 1
    return 2 * float((weights * np.sort(ranks)).sum()) / (n * (n - 1)) if n > 1 else 0.0


def table_rows(shared: Sequence[Shared]) -> list[Mapping[str, object]]:
    """What is worth a line: a difference that is none of rounding, and not nothing in both models."""
    rows = [one for one in shared if one.name != LABEL and abs(one.apart) >= LEAST and max(one.a, one.b) >= LEAST]
    return [{"name": one.name, "category": one.attribute.is_category, "a": one.a, "b": one.b} for one in rows]
