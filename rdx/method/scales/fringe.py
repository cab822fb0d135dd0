"""The fringe of a group: members that lie far more among others than its members do.

A class that moves comes nearer to several others at once, and noise lets some items of the farther ones pass for
members while their own class stays outside.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import median_abs_deviation

from rdx.method.scales.group import Group
from rdx.method.scales.reach import share_of_members
from rdx.method.scales.strongest import LEAST
from rdx.method.scales.weights import Weights

_HALF = 0.5  # of the members' median share of members among their neighbours, at least, has a member that stays,
_UNUSUAL = 5  # or it is no more than so many standard deviations below it, as the median absolute deviation has them
_ROUNDS = 20  # of leaving, until nobody does; far more than are needed


def trimmed(weights: Weights, groups: list[Group]) -> list[Group]:
    """The groups of a round without their fringe.

    Those of a finding with further faces stay as they are: there its border has told who belongs.
    """
    bordered = {one.finding for one in groups if one.further}
    return [
        one if one.finding in bordered else replace(one, members=without_fringe(weights, one.direction, one.members))
        for one in groups
    ]


def without_fringe(weights: Weights, direction: str, members: np.ndarray) -> np.ndarray:
    """Of the members (n,) bool of a group, those that stay, (n,) bool."""
    for _ in range(_ROUNDS):
        share = share_of_members(weights, weights.compared[direction][0], members)
        usual = np.median(share[members])
        spread = median_abs_deviation(share[members], scale="normal")
        now = members & (share >= min(_HALF * usual, usual - _UNUSUAL * spread))
        if now.sum() < LEAST or (now == members).all():
            break
        members = now
    return members
