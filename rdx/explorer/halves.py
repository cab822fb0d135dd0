"""A concept's members as the other model divides them: two halves, and how far each model keeps these apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rdx.compute.threads import one_thread_each
from rdx.explorer.whereabouts import evenly
from rdx.method.neighborhoods import Points, rank_rows
from rdx.metrics.attribute_words import LABEL, clearest, in_common
from rdx.metrics.attributes import Attribute, Finding, Relative, find_common

LEAST = 12  # members
_SHOWN = 9  # items of a half, nearest to its middle
_ASKED = 150  # members whose neighbours are asked for


_SURE = 0.7  # shares of a label that differ so much say all: what its items look like follows
_TOLD = 0.15  # of the nearest: by so much a model must mix the halves more than the one that divides them
_MIXED, _TIDY = 0.1, 0.7  # of two groups: mixed by so little, and so much of what each half could hold together it does


@dataclass(frozen=True)
class Halves:
    """The larger first."""

    members: tuple[np.ndarray, np.ndarray]
    shown: tuple[np.ndarray, np.ndarray]
    mixed_own: float  # share of a member's nearest fellow members that are of the other half, in its own model
    mixed_other: float  # and in the one that divides them

    @property
    def told(self) -> bool:
        """Whether the other model keeps them apart and its own mixes them; else both see the same two halves."""
        return self.mixed_own - self.mixed_other >= _TOLD

    def are_groups(self, inside: float) -> bool:
        """Whether they are two groups in the other model; inside: share of members' neighbours there that are members.

        Where each half lies together, that is the share that its own members make of the concept.
        """
        sizes = np.array([len(one) for one in self.members])
        alone = float(((sizes / sizes.sum()) ** 2).sum())
        return self.told and self.mixed_other <= _MIXED and inside >= _TIDY * alone


@dataclass(frozen=True)
class Divided:
    """What tells one half from the other: in parts of a sentence, and the clearest, labels aside."""

    parts: list[str]
    by: Sequence[Finding]


def halves(own: Points, other: Points, members: np.ndarray, seed: int = 0) -> Halves | None:
    """Of members (s,) of points of n items, by 2-means in the other model; None where there are too few."""
    from sklearn.cluster import KMeans

    if len(members) < LEAST:
        return None
    values = other.grid[members].astype(np.float64)
    if (values == values[0]).all():
        return None
    with one_thread_each():
        found = KMeans(2, n_init=3, random_state=seed).fit(values)
    order = np.argsort([-np.count_nonzero(found.labels_ == half) for half in (0, 1)], kind="stable")
    side = order.argsort()[found.labels_]
    apart = found.transform(values)
    groups = [np.flatnonzero(side == half) for half in (0, 1)]
    shown = [group[np.argsort(apart[group, order[half]], kind="stable")[:_SHOWN]] for half, group in enumerate(groups)]
    mixed = [_mixed(points.subset(members), side) for points in (own, other)]
    return Halves(tuple(members[group] for group in groups), tuple(members[group] for group in shown), *mixed)


def dividing(
    found: Sequence[Halves | None], attributes: Sequence[Attribute], relative: Sequence[Relative] = ()
) -> list[Divided]:
    """What tells the larger half from the smaller one where one model mixes the two and the other does not; the tests
    of all concepts are corrected together."""
    told = [one if one and one.told else None for one in found]
    tests = iter(find_common(attributes, [one.members for one in told if one], relative=relative))
    result = []
    for one in told:
        beside = [replace(test, vs_neighbors=False) for test in next(tests) if test.vs_neighbors] if one else []
        labels = [test for test in beside if test.attribute.name == LABEL and test.inside - test.outside >= _SURE]
        result.append(Divided(in_common(labels or beside, "the others"), [] if labels else clearest(beside)))
    return result


def _mixed(points: Points, side: np.ndarray) -> float:
    """Of members (s,) alone: the share of the nearest, as many as the smaller half has, that are of the other side."""
    k = max(1, min(np.bincount(side)) - 1)
    rows = evenly(np.arange(len(side)), _ASKED)
    ranks = rank_rows(points, rows)
    near = (ranks > 0) & (ranks <= k)
    return float((near & (side[rows, None] != side)).sum() / near.sum())
