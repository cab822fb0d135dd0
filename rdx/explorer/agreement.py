"""How far two representations agree, in numbers that need no test: an effect size beside what stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdx.explorer.content import A, B, Content
from rdx.explorer.whereabouts import evenly, label_ranks
from rdx.method.neighborhoods import Points, neighborhood_ranks
from rdx.metrics.attributes import Attribute

_ITEMS = 800  # among which the change of ranks is measured, evenly taken
_LEAST = 0.02  # a smaller difference between A and B is none worth a line
_MOST = 6  # lines
_OF_LABEL, _LABELS, _SEEN = 5, 20, 40  # items that a label must have; labels, and items of each, that are looked at
_PAIRS = 3  # of labels that are named, where their ranks differ by a factor of two


@dataclass(frozen=True)
class Shared:
    """How well an item's neighbours share an attribute with it, in A and in B.

    Of categories the share of neighbours with the same value. Of numbers 1 − how far neighbours differ / how far any
    two items do: 0 as any two, 1 the same.
    """

    name: str
    is_category: bool
    a: float
    b: float


def agreement_payload(content: Content, views: Mapping[str, Points]) -> dict[str, Any]:
    """What the page says of the comparison as a whole; ``views``: the points of A and B."""
    shared = [] if content.near is None else shared_attributes(content.near, content.attributes)
    change = content.moves.get("change")
    return {
        "cka": content.cka,
        "common": None if change is None else 1.0 - float(np.mean(change)),
        "neighbors": None if content.near is None else content.near[0].shape[1],
        "labels": _placed(content, views),
        "shared": [[one.name, one.is_category, one.a, one.b] for one in shared],
    }


def _placed(content: Content, views: Mapping[str, Points]) -> list[list]:
    labels = content.items.labels
    found = [] if labels is None else labels_placed([views[side] for side in (A, B)], labels)
    return [[content.items.label_names.get(x, str(x)), content.items.label_names.get(y, str(y)), a, b]
            for x, y, a, b in found]  # fmt: skip


def labels_placed(views: Sequence[Points], labels: np.ndarray) -> list[tuple[int, int, float, float]]:
    """The pairs of labels that lie most differently far from each other: (label, label, rank in A, rank in B).

    A rank is the median one of one label's items as seen from the other's. labels: (n,) int.
    """
    values, counts = np.unique(labels, return_counts=True)
    values = values[counts >= _OF_LABEL]
    values = values[np.argsort(-counts[counts >= _OF_LABEL], kind="stable")[:_LABELS]]
    if len(values) < 3:  # of two labels that make up everything, each is the other's rest
        return []
    groups = [evenly(np.flatnonzero(labels == value), _SEEN) for value in values]
    a, b = (label_ranks(points, groups) for points in views)
    a, b = (a + a.T) / 2, (b + b.T) / 2
    apart = np.abs(np.log2(a / b))
    first, second = np.triu_indices(len(values), 1)
    order = np.argsort(-apart[first, second], kind="stable")[:_PAIRS]
    pairs = [(first[i], second[i]) for i in order if apart[first[i], second[i]] >= 1]
    return [(int(values[i]), int(values[j]), float(a[i, j]), float(b[i, j])) for i, j in pairs]


def shared_attributes(near: tuple[np.ndarray, np.ndarray], attributes: Sequence[Attribute]) -> list[Shared]:
    """The label, then those that A's and B's neighbours share most differently."""
    found = [Shared(one.name, one.is_category, *(_shared(one, side) for side in near)) for one in attributes]
    found = [one for one in found if np.isfinite([one.a, one.b]).all()]
    label = [one for one in found if one.name == "label"]
    others = [one for one in found if one.name != "label" and abs(one.a - one.b) >= _LEAST]
    return label + sorted(others, key=lambda one: -abs(one.a - one.b))[: _MOST - len(label)]


def _shared(attribute: Attribute, near: np.ndarray) -> float:
    """Of items' nearest (n, k)."""
    values = attribute.values
    if attribute.is_category:
        own = values[:, None]
        return float(((values[near] == own) & (own >= 0)).mean())
    known = ~np.isnan(values)
    if known.sum() < 2:
        return float("nan")
    apart = np.abs(values[near] - values[:, None])
    some = np.sort(values[known])
    weights = 2 * np.arange(1, len(some) + 1) - len(some) - 1
    any_two = 2 * float((weights * some).sum()) / (len(some) * (len(some) - 1))  # mean |x − y| over pairs
    return float(1 - np.nanmean(apart) / any_two) if any_two > 0 and np.isfinite(apart).any() else float("nan")


def explained_change(views: Mapping[str, Points], groups: Sequence[np.ndarray]) -> list[float]:
    """Of pairs inside any of the groups: their share of all pairs, and of all change of ranks.

    The change of a pair is |log2 (r_A + 1) / (r_B + 1)|.
    """
    n = len(views[A])
    items = evenly(np.arange(n), _ITEMS)
    ranks = [neighborhood_ranks(views[side].subset(items)).astype(np.float64) for side in (A, B)]
    change = np.abs(np.log2((ranks[0] + 1) / (ranks[1] + 1)))
    inside = np.zeros(change.shape, dtype=bool)
    for members in groups:
        here = np.isin(items, members)
        inside |= here[:, None] & here
    np.fill_diagonal(inside, False)
    pairs = len(items) * (len(items) - 1)
    return [float(inside.sum() / pairs), float(change[inside].sum() / max(change.sum(), 1e-12))]
