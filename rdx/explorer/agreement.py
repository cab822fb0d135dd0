"""How far two representations agree, in numbers that need no test: an effect size beside what stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdx.explorer.content import A, B, Content
from rdx.method.neighborhoods import Points, neighborhood_ranks
from rdx.metrics.attributes import Attribute

_ITEMS = 800  # among which the change of ranks is measured, evenly taken
_LEAST = 0.02  # a smaller difference between A and B is none worth a line
_MOST = 6  # lines


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


def agreement_payload(content: Content) -> dict[str, Any]:
    """What the page says of the comparison as a whole."""
    shared = [] if content.near is None else shared_attributes(content.near, content.attributes)
    common = None if content.near is None else common_neighbors(*content.near)
    return {
        "cka": content.cka,
        "common": common,
        "neighbors": None if content.near is None else content.near[0].shape[1],
        "shared": [[one.name, one.is_category, one.a, one.b] for one in shared],
    }


def common_neighbors(near_a: np.ndarray, near_b: np.ndarray) -> float:
    """The mean share of an item's nearest (n, k) that are the same in both."""
    same = (near_a[:, :, None] == near_b[:, None, :]).any(axis=2)
    return float(same.mean())


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
    items = np.linspace(0, n - 1, min(n, _ITEMS)).astype(np.int64)
    ranks = [neighborhood_ranks(views[side].subset(items)).astype(np.float64) for side in (A, B)]
    change = np.abs(np.log2((ranks[0] + 1) / (ranks[1] + 1)))
    inside = np.zeros(change.shape, dtype=bool)
    for members in groups:
        here = np.isin(items, members)
        inside |= here[:, None] & here
    np.fill_diagonal(inside, False)
    pairs = len(items) * (len(items) - 1)
    return [float(inside.sum() / pairs), float(change[inside].sum() / max(change.sum(), 1e-12))]
