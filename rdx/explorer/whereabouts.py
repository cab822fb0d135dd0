"""Where the neighbours of a concept's members are: in the model that holds it together, and in the other.

Neighbours are as many as a member could have among its own, so that a group of 300 is asked about 299.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdx.explorer.content import A, B, Content, Method
from rdx.method.neighborhoods import Points, rank_rows

_ASKED, _FEWEST = 150, 30  # members, or items of a label, that are asked: fewer among many items
_RANKS = 2_000_000  # of one group, about
_NAMED = 3  # labels that come near, at most,
_COME = 0.05  # and how much larger their share of the neighbours must be than in the other model
_LEAST = 0.1  # share of a group that a label has that the group is made of
_SEEN = 40  # items of a label whose ranks are looked at
# How far two models hold a group together: by the shares of members' neighbours that are members.
TOGETHER, SPLIT, CLOSER, LITTLE = "together", "split", "closer", "a little closer"
_HOLDS = 0.5  # of what is left above chance, a model that holds it together has at least
_SCATTERS = 0.3  # one that scatters it has at most, chance included: as the card says it
_LITTLE = 0.1  # above chance: by less they differ a little


@dataclass(frozen=True)
class Whereabouts:
    """Of one concept in one model."""

    inside: float  # share of the members' neighbours that are members
    rank: float  # of one member as seen from another, the median
    labels: Mapping[int, float]  # of neighbours that are no members: label and share of all neighbours


def whereabouts(points: Points, members: np.ndarray, labels: np.ndarray | None) -> Whereabouts:
    """Of members (s,), two or more, among points of n items; labels (n,) int."""
    k = max(1, len(members) - 1)
    ranks = rank_rows(points, evenly(members, _asked(len(points))))
    near = (ranks > 0) & (ranks <= k)
    is_member = np.zeros(len(points), dtype=bool)
    is_member[members] = True
    share = float(near[:, is_member].sum() / near.sum())
    others = ranks[:, is_member]
    rank = float(np.median(others[others > 0]))
    if labels is None:
        return Whereabouts(share, rank, {})
    outside = near.sum(axis=0) * ~is_member
    counts = {int(label): float(outside[labels == label].sum() / near.sum()) for label in np.unique(labels)}
    return Whereabouts(share, rank, counts)


Where = Mapping[tuple[str, int], Mapping[str, Whereabouts]]  # direction and number → A and B → where its members are


def whereabouts_of(content: Content, method: Method, views: Mapping[str, Points]) -> Where:
    """Of every concept of two items or more; nothing for baselines, which ask nothing of the other model."""
    if not method.is_rdx:
        return {}
    return {
        (direction, one.number): {side: whereabouts(views[side], one.members, content.items.labels) for side in (A, B)}
        for direction, found in method.explanations.items()
        for one in found.concepts
        if one.size > 1
    }


def coming(there: Whereabouts, own: Whereabouts) -> list[tuple[int, float, float]]:
    """Labels whose items are nearer to the members in the other model than in their own: (label, share there, share in
    the own), the largest difference first."""
    found = [(label, share, own.labels[label]) for label, share in there.labels.items()]
    found = sorted(found, key=lambda one: one[2] - one[1])[:_NAMED]
    return [one for one in found if one[1] - one[2] >= _COME]


def held(own: float, other: float, chance: float, split: bool = False) -> str:
    """How much closer members are to each other in the model that holds them together than in the other.

    own, other: the share of members' neighbours that are members; chance: of all items; split: whether the other model
    has them in two groups. Scattered they are where few of their neighbours are members.
    """
    here, there = ((share - chance) / max(1 - chance, 1e-9) for share in (own, other))
    if here >= _HOLDS and (split or other <= _SCATTERS):
        return SPLIT if split else TOGETHER
    return CLOSER if here - there >= _LITTLE else LITTLE


def held_words(how: str, own: str, other: str) -> str:
    """In which model's neighbourhoods a group lies together: said of each, wherever it is shown."""
    if how in (TOGETHER, SPLIT):
        return f"Together in {own.upper()}, {'scattered' if how == TOGETHER else 'split in two'} in {other.upper()}"
    return f"{how.capitalize()} together in {own.upper()} than in {other.upper()}"


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
