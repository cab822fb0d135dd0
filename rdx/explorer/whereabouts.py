"""Where the neighbours of a concept's members are: in the model that holds it together, and in the other.

Neighbours are as many as a member could have among its own, so that a group of 300 is asked about 299.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rdx.method.neighborhoods import Points, rank_rows

_ASKED, _FEWEST = 150, 30  # members, or items of a label, that are asked: fewer among many items
_RANKS = 2_000_000  # of one group, about
_NAMED, _LEAST = 3, 0.1  # labels that are named, and the share of the smallest
_SEEN = 40  # items of a label whose ranks are looked at
TOGETHER, CLOSER, LITTLE = "together", "closer", "a little closer"  # how far a model holds a group together
_APART, _FEW = 0.3, 0.1  # from which share on the two models differ by so much, of what they could beyond chance
_HOLDS = 0.5  # of what it could beyond chance, a model has that holds them together


@dataclass(frozen=True)
class Whereabouts:
    """Of one concept in one model."""

    inside: float  # share of the members' neighbours that are members
    labels: tuple[tuple[int, float], ...] = ()  # of the others: label and share of all neighbours, commonest first


def whereabouts(points: Points, members: np.ndarray, labels: np.ndarray | None) -> Whereabouts:
    """Of members (s,) among points of n items; labels (n,) int."""
    k = max(1, len(members) - 1)
    ranks = rank_rows(points, evenly(members, _asked(len(points))))
    near = (ranks > 0) & (ranks <= k)
    is_member = np.zeros(len(points), dtype=bool)
    is_member[members] = True
    share = float(near[:, is_member].sum() / near.sum())
    if labels is None:
        return Whereabouts(share)
    outside = near.sum(axis=0) * ~is_member
    counts = [(int(label), float(outside[labels == label].sum() / near.sum())) for label in np.unique(labels)]
    largest = sorted(counts, key=lambda one: -one[1])[:_NAMED]
    return Whereabouts(share, tuple(one for one in largest if one[1] >= _LEAST * (1 - share) and one[1] > 0))


def held(own: float, other: float, chance: float) -> str:
    """In words, how much closer members are to each other in the model that holds them together than in the other:
    shares of members' neighbours that are members, in both and by chance. Together they are where most are."""
    whole = max(1 - chance, 1e-9)
    apart = (own - other) / whole
    if apart >= _APART and own - chance >= _HOLDS * whole:
        return TOGETHER
    return CLOSER if apart >= _FEW else LITTLE


def main_labels(members: np.ndarray, labels: np.ndarray, most: int = 4) -> list[int]:
    """The labels that a group is made of, commonest first; empty where few do not make up most of it."""
    values, counts = np.unique(labels[members], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    kept = [int(values[i]) for i in order if counts[i] >= _LEAST * len(members)]
    covered = sum(int(counts[i]) for i in order if counts[i] >= _LEAST * len(members))
    return kept if covered >= 0.75 * len(members) else []


def ranks_of_labels(points: Points, labels: np.ndarray, values: Sequence[int]) -> np.ndarray:
    """(l, l): how near labels are to each other, the typical rank of one's items as seen from the other's and back.

    labels: (n,) int; values: which of them. One number for every place that tells how near labels are.
    """
    ranks = _label_ranks(points, [evenly(np.flatnonzero(labels == value), _SEEN) for value in values])
    return (ranks + ranks.T) / 2


def _label_ranks(points: Points, items: Sequence[np.ndarray]) -> np.ndarray:
    """(l, l): the median rank of the items of group j as seen from those of group i, itself left out."""
    found = np.full((len(items), len(items)), np.nan)
    for i, group in enumerate(items):
        rows = evenly(group, _asked(len(points)))
        ranks = rank_rows(points, rows)
        for j, others in enumerate(items):
            seen = ranks[:, others]
            seen = seen[seen > 0]
            found[i, j] = np.median(seen) if len(seen) else np.nan
    return found


def _asked(n: int) -> int:
    return int(np.clip(_RANKS // n, _FEWEST, _ASKED))


def evenly(items: np.ndarray, most: int) -> np.ndarray:
    """At most so many of some items, evenly taken."""
    return items[np.linspace(0, len(items) - 1, min(len(items), most)).astype(int)]
