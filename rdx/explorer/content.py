"""What an explorer shows of one comparison of n items, as arrays and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.method.concepts import A_NOT_B, B_NOT_A, Explanations

if TYPE_CHECKING:
    from rdx.data.items import Items
    from rdx.metrics.attributes import Attribute, Relative

A, B = "a", "b"  # the two representations; aligned runs have mapped ones beside them


@dataclass(frozen=True)
class Formula:
    """How a method makes its difference of two ranks: what the page needs to say it for any pair."""

    gamma: float
    beta: float
    symmetric: bool  # version v2 takes the mean of the two ranks of a pair
    pairs: Mapping[str, tuple[str, str]]  # direction → the representations compared, the concept's own first


@dataclass(frozen=True)
class Matrix:
    """The difference of some items in one direction."""

    items: np.ndarray  # (s,) concept 1 first, null last
    difference: np.ndarray  # (s, s)


@dataclass(frozen=True)
class Reference:
    """Two representations that may differ, which the comparison was held against."""

    titles: tuple[str, str]
    common: float  # share of neighbours that both have, as it is measured for A and B
    cka: float | None


@dataclass(frozen=True)
class Method:
    """One method of the run."""

    name: str
    is_rdx: bool
    explanations: Mapping[str, Explanations]  # by direction
    rows: Mapping[str, Sequence[Mapping[str, Any]]]  # the rows of concepts.csv by direction, empty fields None
    formula: Formula | None = None  # None: no difference of ranks (baselines, other distances)
    matrices: Mapping[str, Matrix] = field(default_factory=dict)  # by direction
    settings: Sequence[tuple[str, str]] = ()  # said at the foot of the page
    most: int | None = None  # concepts of a direction that were asked for, at most
    draws: int | None = None  # pairs that differ by noise alone, with which concepts were compared
    ending: str | None = None  # why no more was found, where each concept has a scale of its own
    references: Sequence[Reference] = ()
    margin: float | None = None  # how many times what the references show a concept has to be
    unrelated: bool = False  # the two agree on nothing, so that nothing was looked for

    def is_full(self, direction: str) -> bool:
        """Whether a direction has as many concepts that stand out, each at its own scale, as were asked for at most."""
        out = [one for one in self.explanations[direction].concepts if one.evidence and one.evidence.stands_out]
        return self.most is not None and len(out) >= self.most


@dataclass(frozen=True)
class Content:
    """One comparison."""

    titles: Mapping[str, str]  # A and B
    items: Items
    representations: Mapping[str, np.ndarray]  # "a" and "b" (n, d), aligned runs also "a_to_b" and "b_to_a"
    maps: Mapping[str, tuple[np.ndarray, np.ndarray]]  # kind → A's and B's map (n, 2)
    methods: Sequence[Method]
    given: Mapping[str, bool] = field(default_factory=dict)  # whether A, and B, were given the items' images by the run
    near: tuple[np.ndarray, np.ndarray] | None = None  # every item's nearest in A and in B (n, k)
    moves: Mapping[str, np.ndarray] = field(default_factory=dict)  # how far items moved (n,), by items.csv's column
    attributes: Sequence[Attribute] = ()  # what is known of the items
    relative: Sequence[Relative] = ()  # what items have beside others
    structure: tuple[np.ndarray, np.ndarray] | None = None  # fine and coarse, of every image (n,), NaN for none
    cka: float | None = None
    predictions: Mapping[str, np.ndarray] = field(default_factory=dict)  # A and B → predicted labels (n,)
    verdict: str | None = None
    reason: str | None = None
    facts: Sequence[tuple[str, str]] = ()  # said at the foot of the page
    sources: Sequence[tuple[str, str]] = ()  # which files and models A and B are, said behind a click
    notes: Sequence[str] = ()  # what is left out, and why

    @property
    def n(self) -> int:
        return len(self.items)


def besides_labels(attributes: Sequence[Attribute]) -> list[Attribute]:
    """What is known of the items but their labels, as they are and as predicted."""
    return [one for one in attributes if one.name != "label" and not one.name.startswith("prediction_")]


def own_side(direction: str) -> str:
    """The representation whose concepts a direction has."""
    return {A_NOT_B: A, B_NOT_A: B}[direction]


def other_side(direction: str) -> str:
    """The representation that scatters them."""
    return {A_NOT_B: B, B_NOT_A: A}[direction]
