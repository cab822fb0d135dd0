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
from rdx.method.concepts import DIRECTIONS, OPPOSITE
from rdx.method.scales.chance import ALPHA, GAMMAS, SCALES, Chance, Scale, chance, unrelated
from rdx.method.scales.plan import DRAWS, LEAST_ITEMS
from rdx.method.scales.remainders import ALONE, group_around, leavers, share_without
from rdx.method.scales.strongest import LEAST, SAME, density, gain, parts, rests_on_few
from rdx.method.scales.weights import Weights

OVERLAP = 0.2  # share of the smaller one from which two groups of a direction are one, at two scales
FACES = 0.5  # two groups neither of which keeps this share of its density without the other are one finding
FAINT = 0.25  # of the strongest score above 1: what is fainter waits for the next round
WIDE = 0.5  # of its score above 1, at least, a group has at another scale whose items it has, too
OTHER_SIDE = 0.8  # of a remainder's score, at least, has the group around what left it
SLIGHT = 0.01  # of their ranks: pairs that differ by less on average are no difference, however evenly they do
HELD = 0.5  # of its density among the items that are left, a group has this among all, or their ranks alone made it
MOVED = 2  # items: what these do to all ranks by moving is no difference of the others


@dataclass(frozen=True)
class Group:
    """A concept before its images are chosen; n items are all that were looked at."""

    scale: Scale
    members: np.ndarray  # (n,) bool
    among: np.ndarray  # (n,) bool: the items that were left in its round
    gain: float
    score: float  # the gain over what noise has at this scale
    p_value: float
    round: int
    finding: int | None = None  # groups with the same number are faces of one finding; None: may be chance

    @property
    def direction(self) -> str:
        return self.scale[0]

    @property
    def gamma(self) -> float:
        return self.scale[1]


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
        candidates, drawn = _candidates(some, random_state, spread)
        if not left.all():
            candidates = _holding(weights, some, candidates, left)
        draws = draws or drawn.draws
        first = 1 + max((group.finding or 0 for group in found), default=0)
        kept = _kept(some, [one for one in candidates if one.p_value < ALPHA], first, drawn)
        placed = [_placed(group, left, number) for group in kept]
        if not kept:
            rest = [_placed(one, left, number) for one in _apart(_distinct(candidates), most)]
            least = min((one.p_value for one in candidates), default=1.0)
            return Peeled(found, rest, f"nothing more stands out (p = {least:.2g})", draws)
        found += placed
        for group in placed:
            left &= ~group.members
        for one in candidates:  # a group's stragglers at other scales go with it, or they would be the next round's
            if one.p_value < ALPHA and any(one.direction == each.direction and _same(one, each) for each in kept):
                left &= ~_placed(one, here, number).members
        if max(sum(group.direction == direction for group in found) for direction in DIRECTIONS) >= most:
            return Peeled(found, [], f"{most} concepts were asked for at most", draws)


def _candidates(weights: Weights, random_state: int, spread: Callable) -> tuple[list[Group], Chance]:
    """Every group of every scale with its score and p, the largest score first; without the faintest of all."""
    everything = np.ones(len(weights), dtype=bool)
    with one_thread_each():
        plain = weights.both(1.0)  # where a weight is about the share by which ranks differ
        # An item that goes shifts ranks r by 1, which is 1 / r of them: log(n) / n over all r.
        slight = max(SLIGHT, MOVED * math.log(len(weights)) / len(weights))
        groups = [
            ((direction, gamma), members, strength)
            for gamma in GAMMAS
            for direction, strongest in weights.strongest(gamma).items()
            for members, strength in strongest
            if density(plain[direction], members) >= slight and not rests_on_few(weights.at(direction, gamma), members)
        ]
    drawn = chance(weights, [(scale, strength) for scale, _, strength in groups], DRAWS, random_state, spread)
    found = [
        Group(scale, members, everything, strength, drawn.score(scale, strength), drawn.p_value(scale, strength), 0)
        for scale, members, strength in groups
    ]
    order = {scale: position for position, scale in enumerate(SCALES)}
    return sorted(found, key=lambda group: (-group.score, order[group.scale])), drawn


def _holding(weights: Weights, some: Weights, groups: list[Group], left: np.ndarray) -> list[Group]:
    """Of groups of the items that are left, ``some``, those that differ in the ranks among all items too."""
    matrices = {scale: (weights.at(*scale), some.at(*scale)) for scale in {group.scale for group in groups}}
    found = []
    for group in groups:
        among_all, among_left = matrices[group.scale]
        if density(among_all, _placed(group, left, 0).members) >= HELD * density(among_left, group.members):
            found.append(group)
    return found


def _distinct(groups: list[Group]) -> list[Group]:
    """Of groups of one direction that overlap the first, each at the scale at which it stands out most."""
    found: list[Group] = []
    for one in groups:
        if not any(other.direction == one.direction and _overlap(one, other) > OVERLAP for other in found):
            found.append(one)
    return found


def _apart(groups: list[Group], most: int) -> list[Group]:
    """The strongest of each direction, ``most`` at most, every item in the strongest of its groups."""
    found: list[Group] = []
    for one in groups:
        taken = _taken(found, one.direction)
        members = one.members if taken is None else one.members & ~taken
        if sum(other.direction == one.direction for other in found) < most and members.sum() >= LEAST:
            found.append(replace(one, members=members))
    return found


def _same(one: Group, other: Group) -> bool:
    return np.count_nonzero(one.members & other.members) >= SAME * np.count_nonzero(one.members | other.members)


def _overlap(one: Group, other: Group) -> float:
    smaller = min(one.members.sum(), other.members.sum())
    return np.count_nonzero(one.members & other.members) / smaller


def _kept(weights: Weights, groups: list[Group], first: int, drawn: Chance) -> list[Group]:
    """Of the groups that stand out in a round, those that do not follow from stronger ones, numbered as findings.

    A remainder gives way to the group around what left it, or goes where that is found by itself.
    """
    split = []
    for one in _distinct(groups):
        matrix = weights.at(*one.scale)
        split += [replace(one, members=part, gain=gain(matrix, part)) for part in parts(matrix, one.members)]
    kept: list[Group] = []
    left_by: list[np.ndarray | None] = []
    for one in split:
        if kept and one.score - 1 < FAINT * (kept[0].score - 1):
            continue
        if (left := leavers(weights, one.direction, one.gamma, one.members)) is not None:
            remainder, one = one, _around(weights, one, left, drawn)
            left = left if one is remainder else None
        if one is None or any(each.direction == one.direction and _overlap(each, one) > OVERLAP for each in kept):
            continue
        faces = [other for other in kept if _are_faces(weights, one, other)]
        strangers = [other for other in kept if other not in faces]
        if strangers and _share(weights, one, strangers) < ALONE:
            continue
        finding = min((face.finding for face in faces), default=first + len({group.finding for group in kept}))
        taken = _taken(kept, one.direction)
        members = one.members if taken is None else one.members & ~taken
        if members.sum() >= LEAST:
            kept.append(replace(one, members=members, finding=finding))
            left_by.append(left)
    standing = [one for one, left in zip(kept, left_by, strict=True) if left is None or not _explained(one, left, kept)]
    return _widened(weights, standing, groups)


def _explained(remainder: Group, left: np.ndarray, kept: list[Group]) -> bool:
    """Whether most of those that left (n,) bool are in a group of the other direction."""
    return any(other.direction != remainder.direction and other.members[left].mean() > 0.5 for other in kept)


def _widened(weights: Weights, kept: list[Group], groups: list[Group]) -> list[Group]:
    """The groups that are kept, each with the items that it has at other scales where it stands out nearly as much.

    It stands out most where it is tightest, and the same difference reaches further.
    """
    wider = list(kept)
    for place, one in enumerate(kept):
        others = [each for each in wider if each is not one and each.direction == one.direction]
        members = one.members.copy()
        for each in groups:
            if each.direction != one.direction or each.score - 1 < WIDE * (one.score - 1):
                continue
            for part in parts(weights.at(*each.scale), each.members):
                found = replace(each, members=part)
                if _same(found, one) and not any(_overlap(found, other) > OVERLAP for other in others):
                    members |= part
        taken = _taken(others, one.direction)
        wider[place] = replace(one, members=members if taken is None else members & ~taken)
    return wider


def _are_faces(weights: Weights, one: Group, other: Group) -> bool:
    """Whether neither is there without the other, and both differ alike; the rest beside what moved differs less."""
    differ = [density(weights.at(group.direction, 1.0), group.members) for group in (one, other)]
    if min(differ) < FACES * max(differ):
        return False
    return _share(weights, one, [other]) < FACES > _share(weights, other, [one])


def _around(weights: Weights, remainder: Group, left: np.ndarray, drawn: Chance) -> Group | None:
    """What those that left a remainder, (n,) bool, came to lie with in the other representation; None for nothing.

    Its p is that of the remainder, whose other side it is. Where it stands out clearly less there is no remainder:
    those that left are the other half of what one model tells apart.
    """
    direction = OPPOSITE[remainder.direction]
    found = []
    for gamma in GAMMAS:
        members, strength = group_around(weights.at(direction, gamma), left, remainder.members)
        if strength > 0 and members.sum() >= LEAST:
            found.append((drawn.score((direction, gamma), strength), (direction, gamma), members, strength))
    if not found:
        return None
    score, scale, members, strength = max(found, key=lambda one: one[0])
    if score < OTHER_SIDE * remainder.score:
        return remainder
    return replace(remainder, scale=scale, members=members, gain=strength, score=score)


def _taken(groups: list[Group], direction: str) -> np.ndarray | None:
    """Items that groups of this direction have, (n,): an item belongs to one concept of a direction."""
    same = [group.members for group in groups if group.direction == direction]
    return np.any(same, axis=0) if same else None


def _share(weights: Weights, group: Group, others: list[Group]) -> float:
    """What a group keeps of its density once the items of others are gone, and ranks are those of the rest."""
    return share_without(weights, group.scale, group.members, np.any([other.members for other in others], axis=0))


def _placed(group: Group, left: np.ndarray, number: int) -> Group:
    """A group of a round among all items."""
    members = np.zeros(len(left), dtype=bool)
    members[np.flatnonzero(left)[group.members]] = True
    return replace(group, members=members, among=left.copy(), round=number)
