"""Which groups are faces of one finding: the same difference, seen twice.

What one model tells apart are two groups of its direction, neither of which is there without the other. The other model
holds them together: groups of the opposite direction that the border of one of them cuts, and that hold together across
it. A rest that is nearer together only since others have left is no such group: it holds together everywhere.
"""

from __future__ import annotations

import numpy as np

from rdx.method.scales.group import Group
from rdx.method.scales.remainders import share_without
from rdx.method.scales.strongest import LEAST, density
from rdx.method.scales.weights import Weights

FACES = 0.5  # two groups neither of which keeps this share of its density without the other are one finding
EVEN = 0.3  # share of a group that lies on the lesser side of a border, at least: two parts, not a part and a few
_ACROSS = 0.6  # of the density across a border, at most, has a group on either side of it


def are_faces(weights: Weights, one: Group, other: Group) -> bool:
    """Whether a group that may not be there without another one says the same as that."""
    if is_other_side(weights, one, other):
        return True
    differ = [density(weights.at(group.direction, 1.0), group.members) for group in (one, other)]
    if min(differ) < FACES * max(differ):  # the rest beside what moved differs less
        return False
    return share_left(weights, one, [other]) < FACES > share_left(weights, other, [one])


def is_other_side(weights: Weights, one: Group, other: Group) -> bool:
    """Whether a group is what the other model makes of another one: it is cut by that one's border, or it cuts that."""
    if one.direction == other.direction:
        return False
    return _cut(weights, one, other.members) or (one.mostly_in(other) and _cut(weights, other, one.members))


def share_left(weights: Weights, group: Group, others: list[Group]) -> float:
    """What a group keeps of its density once the items of others are gone, and ranks are those of the rest."""
    return share_without(weights, group.scale, group.members, np.any([other.members for other in others], axis=0))


def _cut(weights: Weights, group: Group, border: np.ndarray) -> bool:
    """Whether a group holds together across the border of another one, (n,) bool, and hardly on either side of it."""
    inside, outside = group.members & border, group.members & ~border
    if min(inside.sum(), outside.sum()) < max(LEAST, EVEN * group.members.sum()):
        return False
    matrix = weights.at(*group.scale)
    across = float(matrix[np.ix_(inside, outside)].mean(dtype=np.float64))
    return max(density(matrix, inside), density(matrix, outside)) < _ACROSS * across
