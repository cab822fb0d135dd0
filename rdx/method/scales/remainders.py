"""Groups that hold together only since others have left: the rest of the items, not a concept.

When a class moves in among the other ones in one representation, all others are, by ranks, nearer together in the
other representation, and they are many. What moved says more than what stayed: the group around those that left.
"""

from __future__ import annotations

import numpy as np

from rdx.method.concepts import OPPOSITE
from rdx.method.scales.growing import grow
from rdx.method.scales.strongest import density
from rdx.method.scales.weights import Weights

ALONE = 0.7  # a group that keeps this share of its density without others is there without them
_LEANS = 0.6  # a remainder keeps less of its density without those that left it
_FEW = 0.5  # of its items: what is left by more than that is no remainder, they are its counterpart
_AWAY = 0.5  # of a group's density: others that went away from it by as much are those that left
_NEAREST = 0.25  # of a remainder's items: where the group around those that left begins


def leavers(weights: Weights, direction: str, gamma: float, members: np.ndarray) -> np.ndarray | None:
    """The others (n,) bool whose going has made a group (n,) bool; None where it is there without them."""
    away = weights.at(OPPOSITE[direction], gamma)[:, members].mean(axis=1)
    left = ~members & (away >= _AWAY * density(weights.at(direction, gamma), members))
    if not 0 < left.sum() <= _FEW * members.sum():
        return None
    return left if share_without(weights, (direction, gamma), members, left) < _LEANS else None


def group_around(weights: np.ndarray, left: np.ndarray, remainder: np.ndarray) -> tuple[np.ndarray, float]:
    """The group (n,) bool that grows from those that left and what came nearest to them, and its gain.

    weights: (n, n) of the direction in which they are near to it.
    """
    near = weights[:, left].mean(axis=1)
    nearest = remainder & (near > 0) & (near >= np.quantile(near[remainder], 1 - _NEAREST))
    groups, gains = grow(weights, (left | nearest)[None])
    return groups[0], float(gains[0])


def share_without(weights: Weights, scale: tuple[str, float], members: np.ndarray, others: np.ndarray) -> float:
    """What a group keeps of its density once others are gone, both (n,) bool, and ranks are those of the rest."""
    rest = np.flatnonzero(~others)
    inside = members[rest]
    if inside.sum() < 3 or weights.constant(rest):
        return 0.0
    before = density(weights.at(*scale), members)
    return density(weights.subset(rest).at(*scale), inside) / before if before > 0 else 0.0
