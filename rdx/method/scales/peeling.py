"""Round by round: the groups that stand out from chance, then the same question of the items that are left.

A group of items that moves changes everybody's ranks, and what is large shows that most: so in one round a second group
counts only if it does not follow from the first ones, and everything else is looked at again without them, with ranks,
noise and chance of the items that are left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from rdx.compute.threads import map_ordered, one_thread_each
from rdx.method.concepts import DIRECTIONS
from rdx.method.scales.chance import ALPHA, GAMMAS, SCALES, Chance, chance, unrelated
from rdx.method.scales.findings import distinct, findings
from rdx.method.scales.group import Group, taken_by
from rdx.method.scales.plan import DRAWS, LEAST_ITEMS
from rdx.method.scales.strays import without_strays
from rdx.method.scales.strongest import LEAST, density, gain, rests_on_few
from rdx.method.scales.weights import Weights

SLIGHT = 0.01  # of their ranks: pairs that differ by less on average are no difference, however evenly they do
HELD = 0.3  # of what noise has among all items, at least, has a group of those that are left, or these alone made it
MOVED = 2  # items: what these do to all ranks by moving is no difference of the others


@dataclass(frozen=True)
class Peeled:
    """What was found, what may be chance, and why it ended."""

    groups: list[Group]  # those that stand out, the rounds in order, in each the strongest first
    chance: list[Group]  # the strongest of the last round
    ending: str
    draws: int  # of the first round; 0 where none was needed
    identical: bool = False  # both representations rank every item's neighbours alike
    unrelated: bool = False  # they agree on no more than one of them and a shuffled other


def peel(weights: Weights, most: int, random_state: int = 0, spread: Callable = map_ordered) -> Peeled:
    """The groups of both directions that stand out from noise; rounds go on until a direction has ``most``."""
    found: list[Group] = []
    left, number, draws = np.ones(len(weights), dtype=bool), 0, 0
    of_all: Chance | None = None
    if weights.equal:
        return Peeled([], [], "both representations rank every item's neighbours alike", 0, identical=True)
    if unrelated(weights, random_state):
        ending = "the two agree on nothing: neighbours in one are strangers in the other"
        return Peeled([], [], ending, 0, unrelated=True)
    while True:
        number += 1
        if left.sum() < LEAST_ITEMS:
            return Peeled(found, [], f"fewer than {LEAST_ITEMS} items are left", draws)
        here = left.copy()
        if weights.constant(np.flatnonzero(left)):
            return Peeled(found, [], f"the {left.sum()} items left are all the same to one of the two", draws)
        some = weights if left.all() else weights.subset(np.flatnonzero(left))
        if some.equal:
            return Peeled(found, [], f"the {left.sum()} items left have the same neighbours in both", draws)
        candidates = _candidates(some)
        if not left.all():
            candidates = _holding(weights, candidates, left, of_all)
        drawn = chance(some, [(one.scale, one.gain) for one in candidates], DRAWS, random_state, spread)
        of_all = of_all or drawn
        draws = of_all.draws
        candidates = _scored(candidates, drawn)
        first = 1 + max((group.finding or 0 for group in found), default=0)
        room = {direction: most - sum(one.direction == direction for one in found) for direction in DIRECTIONS}
        with one_thread_each():
            candidates = without_strays(some, candidates)
            kept = findings(some, [one for one in candidates if one.p_value <= ALPHA], first, drawn, room)
            if not left.all():  # further faces have not been asked yet
                kept = [one for one in kept if not one.further or _holding(weights, [one], left, of_all)]
        placed = [_placed(group, left, number) for group in kept]
        if not kept:
            rest = [_placed(one, left, number) for one in _apart(distinct(candidates), most)]
            least = min((one.p_value for one in candidates), default=1.0)
            return Peeled(found, rest, f"nothing more stands out (p = {least:.2g})", draws)
        found += placed
        for group in placed:
            left &= ~group.members
        for one in candidates:  # a group's stragglers at other scales go with it, or they would be the next round's
            if one.p_value <= ALPHA and any(one.direction == each.direction and one.same_as(each) for each in kept):
                left &= ~_placed(one, here, number).members
        full = [direction for direction in DIRECTIONS if sum(one.direction == direction for one in found) >= most]
        if full:
            have = f"{' and '.join(full)} {'has' if len(full) == 1 else 'have'}"
            return Peeled(found, [], f"{have} the {most} concepts that were asked for at most", draws)


def _candidates(weights: Weights) -> list[Group]:
    """Every group of every scale, without the faintest of all and those that a few items make up."""
    everything = np.ones(len(weights), dtype=bool)
    with one_thread_each():
        plain = weights.both(1.0)  # where a weight is about the share by which ranks differ
        # An item that goes shifts ranks r by 1, which is 1 / r of them: log(n) / n over all r.
        slight = max(SLIGHT, MOVED * math.log(len(weights)) / len(weights))
        return [
            Group((direction, gamma), members, everything, strength, 0.0, 1.0, 0)
            for gamma in GAMMAS
            for direction, strongest in weights.strongest(gamma).items()
            for members, strength in strongest
            if density(plain[direction], members) >= slight and not rests_on_few(weights.at(direction, gamma), members)
        ]


def _scored(groups: list[Group], drawn: Chance) -> list[Group]:
    """The groups with their scores and p, the largest score first."""
    found = [
        replace(one, score=drawn.score(one.scale, one.gain), p_value=drawn.p_value(one.scale, one.gain))
        for one in groups
    ]
    order = {scale: position for position, scale in enumerate(SCALES)}
    return sorted(found, key=lambda group: (-group.score, order[group.scale]))


def _holding(weights: Weights, groups: list[Group], left: np.ndarray, drawn: Chance) -> list[Group]:
    """Of groups of the items that are left, those that are something in the ranks among all items too.

    drawn: the noise of all items.
    """
    matrices = {scale: weights.at(*scale) for scale in {group.scale for group in groups}}
    strength = [gain(matrices[group.scale], _placed(group, left, 0).members) for group in groups]
    return [group for group, one in zip(groups, strength, strict=True) if drawn.score(group.scale, one) >= HELD]


def _apart(groups: list[Group], most: int) -> list[Group]:
    """The strongest of each direction, ``most`` at most, every item in the strongest of its groups."""
    found: list[Group] = []
    for one in groups:
        taken = taken_by(found, one.direction)
        members = one.members if taken is None else one.members & ~taken
        if sum(other.direction == one.direction for other in found) < most and members.sum() >= LEAST:
            found.append(replace(one, members=members))
    return found


def _placed(group: Group, left: np.ndarray, number: int) -> Group:
    """A group of a round among all items."""
    members = np.zeros(len(left), dtype=bool)
    members[np.flatnonzero(left)[group.members]] = True
    return replace(group, members=members, among=left.copy(), round=number)
