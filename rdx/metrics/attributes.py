"""What do a concept's images have in common? Every attribute of the items, tested against two other groups.

A concept's members are held against

* the rest: all other items;
* their neighbours in the other model: the items outside the concept that are among the k nearest of a member there.
  What sets members apart from the rest alone is what both models go by; what sets them apart from these too is what
  only the concept's own model goes by.

Numbers are compared by the rank-sum test. Of categories each value is a yes or no, and Fisher's exact test asks whether
members have it more often. The effect is the same for both: the chance that a member has more of it than one of the
others, ties counting half (AUC); for categories this is ½ + (share inside − share outside) / 2. All p-values of a
method together are corrected by Benjamini and Hochberg.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from rdx.metrics.significance import benjamini_hochberg
from rdx.metrics.two_samples import Levels, Within, more_often, rank_sum

LEAST = 3  # members and others with a value, or there is no test
VS_NEIGHBORS = " vs neighbours"  # ends the name of an attribute that was held against the neighbours


@dataclass(frozen=True, eq=False)
class Attribute:
    """One property of n items.

    values: (n,) float64 with NaN where there is none; where ``names`` are given, (n,) int64 positions in them, −1 for
    an item that has none of them. words: how a sentence says that there is more of it, and less; or that items have the
    first and the second value. signed: to have less than others is not enough for a sentence, it takes values below 0,
    half as far as those of the others are above.
    """

    name: str
    values: np.ndarray
    names: tuple[str, ...] | None = None
    words: tuple[str, str] = ("", "")
    signed: bool = False

    @property
    def is_category(self) -> bool:
        return self.names is not None

    @cached_property
    def levels(self) -> Levels:
        """Of numbers."""
        return Levels(self.values)

    def holds(self, value: int) -> np.ndarray:
        """Which items (n,) have one value of a category."""
        return self.values == value


@dataclass(frozen=True)
class Finding:
    """One attribute, or one value of a category, of one concept beside others."""

    attribute: Attribute = field(repr=False)
    value: int | None  # of a category
    vs_neighbors: bool  # held against the neighbours in the other model, else against the rest
    effect: float  # AUC
    inside: float  # median, or share of the members
    outside: float  # the same of the others
    p_value: float
    q_value: float = float("nan")
    within_labels: float | None = None  # AUC among items of the same label; None without labels

    @property
    def name(self) -> str:
        """As it stands in attributes.csv: ``brightness``, ``label: tool``, ``label: tool vs neighbours``."""
        value = "" if self.value is None else f": {self.attribute.names[self.value]}"
        return f"{self.attribute.name}{value}{VS_NEIGHBORS if self.vs_neighbors else ''}"

    @property
    def strength(self) -> float:
        """How far from none, 0 … 0.5."""
        return abs(self.effect - 0.5)


class Relative(Protocol):
    """An attribute that items have beside others only: see counterparts."""

    name: str
    words: tuple[str, str]

    def beside(self, members: np.ndarray, others: np.ndarray) -> Attribute: ...

    def pairs(self, members: np.ndarray, others: np.ndarray, most: int) -> np.ndarray: ...


def find_common(
    attributes: Sequence[Attribute], concepts: Sequence[tuple[np.ndarray, np.ndarray]],
    labels: np.ndarray | None = None, relative: Sequence[Relative] = (),
) -> list[list[Finding]]:  # fmt: skip
    """What sets each concept apart, in the order of the attributes: where two are equally clear, a sentence names the
    earlier one, so what is more particular comes first.

    concepts: (members (s,), their neighbours outside (t,)), as items. labels (n,) int, where there are some: what is
    different about members may be nothing but what their labels look like. relative: attributes that are measured
    beside the very items that members are held against; they come first. Values of a category that no member has are
    tested, and count in the correction, but are left out of the result.
    """
    found: list[list[Finding]] = []
    tested = 0
    within = None if labels is None else _Within(np.unique(labels, return_inverse=True)[1])
    for members, neighbors in concepts:
        rest = np.setdiff1d(np.arange(len(attributes[0].values)), members) if attributes else members[:0]
        here: list[Finding] = []
        for one in (*relative, *attributes):
            for vs_neighbors, others in ((False, rest), (True, neighbors)):
                attribute = one if isinstance(one, Attribute) else one.beside(members, others)
                findings, tests = _compared(attribute, members, others, vs_neighbors)
                here += findings if vs_neighbors or within is None else [within.told(one, members) for one in findings]
                tested += tests
        found.append(here)
    flat = [finding.p_value for here in found for finding in here]
    q_values = iter(benjamini_hochberg(np.array(flat + [1.0] * (tested - len(flat)))).tolist())
    return [[replace(finding, q_value=next(q_values)) for finding in here] for here in found]


def neighbors_outside(near: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The items outside a concept that are among the nearest (n, k) of one of its members."""
    return np.setdiff1d(near[members], members)


def _compared(
    attribute: Attribute, members: np.ndarray, others: np.ndarray, vs_neighbors: bool
) -> tuple[list[Finding], int]:
    """The findings, and how many tests were made."""
    if not attribute.is_category:
        levels = attribute.levels
        counts = [levels.counts(some) for some in (members, others)]
        if min(some.sum() for some in counts) < LEAST:
            return [], 0
        auc, p = rank_sum(*counts)
        return [Finding(attribute, None, vs_neighbors, auc, *map(levels.median, counts), p)], 1
    inside, outside = attribute.values[members], attribute.values[others]
    if min(len(inside), len(outside)) < LEAST:
        return [], 0
    count = len(attribute.names)
    here, there = (np.bincount(some[some >= 0], minlength=count) for some in (inside, outside))
    p_values = more_often(here, len(inside), there, len(outside))
    shares = zip((here / len(inside)).tolist(), (there / len(outside)).tolist(), p_values.tolist(), strict=True)
    findings = [
        Finding(attribute, value, vs_neighbors, 0.5 + (share - other) / 2, share, other, p)
        for value, (share, other, p) in enumerate(shares)
        if share
    ]
    return findings, count


class _Within:
    """The AUC of findings against those of the rest that have the same labels, (n,) int from 0."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        self.ranked: dict[tuple[int, int | None], Within] = {}

    def told(self, one: Finding, members: np.ndarray) -> Finding:
        key = id(one.attribute), one.value
        if key not in self.ranked:
            values = one.attribute.values if one.value is None else one.attribute.holds(one.value).astype(np.float64)
            self.ranked[key] = Within(values, self.labels)
        auc = self.ranked[key].auc(members)
        return replace(one, within_labels=0.5 if auc is None else auc)


def usable(attributes: Iterable[Attribute]) -> tuple[list[Attribute], dict[str, str]]:
    """The attributes that can be tested, and by their names why others cannot.

    A category that tells the items apart as an earlier one does would only say the same again.
    """
    used: list[Attribute] = []
    reasons: dict[str, str] = {}
    seen: dict[bytes, str] = {}
    for attribute in attributes:
        why = _untestable(attribute)
        if not why and attribute.is_category:
            _, first, position = np.unique(attribute.values, return_index=True, return_inverse=True)
            same = seen.setdefault(first[position].tobytes(), attribute.name)
            why = f"tells the items apart as '{same}' does" if same != attribute.name else ""
        if why:
            reasons.setdefault(attribute.name, why)
        else:
            used.append(attribute)
    return used, reasons


def _untestable(attribute: Attribute) -> str:
    values = attribute.values if attribute.is_category else attribute.values[~np.isnan(attribute.values)]
    if not len(values):
        return "no item has a value"
    if attribute.is_category and not attribute.names:
        return "names each item differently"
    return "is the same for all items" if (values == values[0]).all() else ""
