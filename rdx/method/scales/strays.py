"""What items that moved on their own do to everybody's ranks is no difference of the others.

Fewer than five items are no group, however far they moved: of many items, small groups leave two or three each among
those that are looked at. Whole clusters change a little where they came from and where they went, and evenly enough to
stand out from noise, which has nobody who moves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rdx.method.scales.chance import ALPHA
from rdx.method.scales.group import Group
from rdx.method.scales.strongest import LEAST, density
from rdx.method.scales.weights import Weights

_STRAYS = 0.02  # share of the items that moved most, without whom a group is asked again


def without_strays(weights: Weights, groups: Sequence[Group]) -> list[Group]:
    """The groups, of those with p up to ALPHA such as would stand out if the items that moved most were not there.

    Those that these items make up stay: there has to be something left to ask. The rest of a group is ranked anew among
    the rest of the items, and its density there, over that before, is what its score loses: 1, which is what noise has,
    has to be left. What single items make among 1,000 has up to 0.97 left; merges of a tenth of a class, 1.1.
    """
    made: set[int] = set()
    asked = [group for group in groups if group.p_value <= ALPHA]
    for direction in sorted({group.direction for group in asked}):
        moved = np.abs(weights.at(direction, 1.0)).mean(axis=1)
        rest = np.sort(np.argsort(moved, kind="stable")[: len(weights) - math.ceil(_STRAYS * len(weights))])
        alone = weights.subset(rest)
        for scale in sorted({group.scale for group in asked if group.direction == direction}):
            before, after = weights.at(*scale), alone.at(*scale)
            made |= {
                id(group) for group in asked
                if group.scale == scale and (members := group.members[rest]).sum() >= LEAST
                and group.score * density(after, members) < density(before, group.members)
            }  # fmt: skip
    return [group for group in groups if id(group) not in made]
