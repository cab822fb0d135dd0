"""Further faces of a finding: what the other model holds together across the border of a group.

Where one model keeps a half of the items apart, by an attribute that the other one does not know, the other one has
both halves of every class together. Each class is a face of that one difference, however faint it is by itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rdx.method.concepts import OPPOSITE
from rdx.method.scales.chance import GAMMAS, Chance
from rdx.method.scales.faces import EVEN
from rdx.method.scales.group import Group, taken_by
from rdx.method.scales.reach import neighbors, settle
from rdx.method.scales.strongest import LEAST, strongest_groups
from rdx.method.scales.weights import Weights

_MIXED = 0.3  # share of an item's neighbours from across a border, at least, where a model mixes the two sides
_MOST = 0.5  # of whom a model has among a group, those that the group's own keeps apart; of a face, who is mixed
_FAINT = 0.3  # of what the strongest group in noise has


def with_further_faces(weights: Weights, found: list[Group], drawn: Chance) -> list[Group]:
    """The groups of a round, and those that lie across their borders and bring items that their finding lacks.

    A finding of its own that lies across a border is the same finding.
    """
    kept = list(found)
    for place in range(len(found)):
        border = kept[place]
        mixed = mixed_across(weights, border)
        if mixed is None:
            continue
        same = {border.finding} | {
            one.finding for one in kept if one.direction != border.direction and _lies_across(one, border, mixed)
        }
        kept = [replace(one, finding=min(same)) if one.finding in same - {min(same)} else one for one in kept]
        while (face := _next_face(weights, kept[place], mixed, kept, drawn)) is not None:
            kept.append(face)
        kept = _with_mixed(weights, kept[place], mixed, kept)
    return kept


def mixed_across(weights: Weights, border: Group) -> np.ndarray | None:
    """The items (n,) bool that the other model has across a border, and that the group's own model keeps on a side.

    None where those outside are not most of whom the other model has among the members: what left a group and lies
    anywhere there has no other side.
    """
    inside = border.members
    near_own, near = (neighbors(weights, name) for name in weights.compared[border.direction])
    crossed_own, crossed = ((inside[each] != inside[:, None]).mean(axis=1) for each in (near_own, near))
    mixed = (crossed >= _MIXED) & (crossed_own <= crossed / 2)
    met = near[inside][~inside[near[inside]]]
    return mixed if len(met) and mixed[met].mean() >= _MOST else None


def _next_face(
    weights: Weights, border: Group, mixed: np.ndarray, kept: list[Group], drawn: Chance
) -> Group | None:  # fmt: skip
    """The strongest group of the other direction across a border, of items that no group of it has; None for none.

    It has the p of the group whose other side it is.
    """
    opposite = OPPOSITE[border.direction]
    taken = taken_by(kept, opposite)
    free = np.ones(len(mixed), dtype=bool) if taken is None else ~taken
    items = np.flatnonzero(free)
    if len(items) < 2 * LEAST:
        return None
    found = []
    for scale in ((opposite, gamma) for gamma in GAMMAS):
        for some, strength in strongest_groups(weights.at(*scale)[np.ix_(items, items)]):
            members = np.isin(np.arange(len(mixed)), items[some])
            score = drawn.score(scale, strength)
            found.append(replace(border, scale=scale, members=members, gain=strength, score=score, further=True))
    across = [one for one in found if one.score >= _FAINT and _lies_across(one, border, mixed)]
    if not across:
        return None
    best = max(across, key=lambda one: one.score)
    best = replace(best, members=settle(weights, best.scale, best.members, free))
    known = np.any([one.members for one in kept if one.finding == border.finding], axis=0)
    beyond = best.members & ~border.members
    brings = beyond.any() and np.count_nonzero(beyond & ~known) >= _MOST * beyond.sum()
    return best if brings else None


def _with_mixed(weights: Weights, border: Group, mixed: np.ndarray, kept: list[Group]) -> list[Group]:
    """The groups with the mixed items that none has: each joins the face across the border that it lies most among.

    Being mixed speaks for an item, so it need not lie among a face's members as others do (see `reach.settle`): as much
    as by chance is enough, if the models differ over it that way.
    """
    opposite = OPPOSITE[border.direction]
    faces = [one for one in kept if one.finding == border.finding and one.direction == opposite]
    known = [one.members for one in kept if one.finding == border.finding or one.direction == opposite]
    items = np.flatnonzero(mixed & ~np.any(known, axis=0))
    if not (faces and len(items)):
        return kept
    near = neighbors(weights, weights.compared[border.direction][1])[items]
    among = np.array([one.members[near].mean(axis=1) - one.members.mean() for one in faces])  # (faces, items)
    for face, share in zip(faces, among, strict=True):
        differ = weights.at(*face.scale)[np.ix_(items, face.members)].mean(axis=1) > 0
        share[~differ] = -1.0
    joins = np.where(among.max(axis=0) >= 0, among.argmax(axis=0), -1)
    found = []
    for number, face in enumerate(faces):
        members = face.members.copy()
        members[items[joins == number]] = True
        found.append(replace(face, members=members))
    return [next((new for old, new in zip(faces, found, strict=True) if old is one), one) for one in kept]


def _lies_across(one: Group, border: Group, mixed: np.ndarray) -> bool:
    """Whether a group has two parts, on either side of a border, and most of it is mixed there."""
    inside = border.members[one.members].mean()
    return EVEN <= inside <= 1 - EVEN and mixed[one.members].mean() >= _MOST
