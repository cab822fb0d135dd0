"""Which groups of a round are findings: those that do not follow from stronger ones, and how far each reaches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rdx.method.concepts import OPPOSITE
from rdx.method.scales.chance import GAMMAS, Chance, Scale
from rdx.method.scales.remainders import ALONE, group_around, leavers, share_without
from rdx.method.scales.strongest import LEAST, SAME, density, gain, parts
from rdx.method.scales.weights import Weights

OVERLAP = 0.2  # share of the smaller one from which two groups of a direction are one, at two scales
FACES = 0.5  # two groups neither of which keeps this share of its density without the other are one finding
FAINT = 0.25  # of the strongest score above 1: what is fainter waits for the next round
WIDE = 0.5  # of its score above 1, at least, a group has at another scale whose items it has, too
OTHER_SIDE = 0.8  # of a remainder's score, at least, has the group around what left it


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

    def same_as(self, other: Group) -> bool:
        """Whether two groups share most of their items; half of a group twice as large is not that group."""
        return np.count_nonzero(self.members & other.members) > SAME * np.count_nonzero(self.members | other.members)

    def overlap(self, other: Group) -> float:
        """The share of the smaller one's items that both have."""
        return np.count_nonzero(self.members & other.members) / min(self.members.sum(), other.members.sum())


def distinct(groups: list[Group]) -> list[Group]:
    """Of groups of one direction that overlap the first, each at the scale at which it stands out most."""
    found: list[Group] = []
    for one in groups:
        if not any(other.direction == one.direction and one.overlap(other) > OVERLAP for other in found):
            found.append(one)
    return found


def findings(weights: Weights, groups: list[Group], first: int, drawn: Chance) -> list[Group]:
    """Of the groups that stand out in a round, those that do not follow from stronger ones, numbered as findings.

    A remainder gives way to the group around what left it, or goes where that is found by itself.
    """
    split = []
    for one in distinct(groups):
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
        if one is None or any(each.direction == one.direction and each.overlap(one) > OVERLAP for each in kept):
            continue
        faces = [other for other in kept if _are_faces(weights, one, other)]
        strangers = [other for other in kept if other not in faces]
        if strangers and _share(weights, one, strangers) < ALONE:
            continue
        finding = min((face.finding for face in faces), default=first + len({group.finding for group in kept}))
        taken = taken_by(kept, one.direction)
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
                if found.same_as(one) and not any(found.overlap(other) > OVERLAP for other in others):
                    members |= part
        taken = taken_by(others, one.direction)
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


def taken_by(groups: list[Group], direction: str) -> np.ndarray | None:
    """Items that groups of this direction have, (n,): an item belongs to one concept of a direction."""
    same = [group.members for group in groups if group.direction == direction]
    return np.any(same, axis=0) if same else None


def _share(weights: Weights, group: Group, others: list[Group]) -> float:
    """What a group keeps of its density once the items of others are gone, and ranks are those of the rest."""
    return share_without(weights, group.scale, group.members, np.any([other.members for other in others], axis=0))
