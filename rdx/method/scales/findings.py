"""Which groups of a round are findings: those that do not follow from stronger ones, and how far each reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from rdx.method.concepts import OPPOSITE
from rdx.method.scales.across import with_further_faces
from rdx.method.scales.bound import at_most
from rdx.method.scales.chance import GAMMAS, Chance
from rdx.method.scales.faces import are_faces, is_other_side, share_left
from rdx.method.scales.fringe import trimmed
from rdx.method.scales.group import Group, taken_by
from rdx.method.scales.reach import settled
from rdx.method.scales.remainders import ALONE, group_around, leavers
from rdx.method.scales.strongest import LEAST, gain, parts
from rdx.method.scales.weights import Weights

OVERLAP = 0.2  # share of the smaller one from which two groups of a direction are one, at two scales
FAINT = 0.25  # of the strongest score above 1: what is fainter waits for the next round
OTHER_SIDE = 0.8  # of a remainder's score, at least, has the group around what left it


def distinct(groups: list[Group]) -> list[Group]:
    """Of groups of one direction that overlap the first, each at the scale at which it stands out most."""
    found: list[Group] = []
    for one in groups:
        if not any(other.direction == one.direction and one.overlap(other) > OVERLAP for other in found):
            found.append(one)
    return found


def findings(
    weights: Weights, groups: list[Group], first: int, drawn: Chance, room: Mapping[str, int]
) -> list[Group]:  # fmt: skip
    """Of the groups that stand out in a round, those that do not follow from stronger ones, numbered as findings.

    first: their first number. room: how many a direction may have.

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
        numbers = {face.finding for face in kept if are_faces(weights, one, face)}
        strangers = [other for other in kept if other.finding not in numbers]
        if strangers and share_left(weights, one, strangers) < ALONE:
            continue
        taken = taken_by(kept, one.direction)
        members = one.members if taken is None else one.members & ~taken
        if members.sum() < LEAST:
            continue
        numbers |= {other.finding for other in strangers if is_other_side(weights, other, one)}
        finding = min(numbers, default=len(kept))
        kept = [replace(other, finding=finding) if other.finding in numbers else other for other in kept]
        kept.append(replace(one, members=members, finding=finding))
        left_by.append(left)
    standing = [one for one, left in zip(kept, left_by, strict=True) if left is None or not _explained(one, left, kept)]
    found = trimmed(weights, with_further_faces(weights, settled(weights, standing), drawn))
    found = at_most(weights, found, room, drawn)
    numbers = sorted({one.finding for one in found})
    return [replace(one, finding=first + numbers.index(one.finding)) for one in found]


def _explained(remainder: Group, left: np.ndarray, kept: list[Group]) -> bool:
    """Whether most of those that left (n,) bool are in a group of the other direction."""
    return any(other.direction != remainder.direction and other.members[left].mean() > 0.5 for other in kept)


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
