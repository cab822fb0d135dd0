"""No more concepts in a direction than were asked for: faces of one finding are joined before a finding goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rdx.method.scales.chance import Chance
from rdx.method.scales.group import Group
from rdx.method.scales.strongest import gain
from rdx.method.scales.weights import Weights


def at_most(weights: Weights, groups: list[Group], room: Mapping[str, int], drawn: Chance) -> list[Group]:
    """The groups of a round, of each direction as many as there is ``room`` for.

    The weakest one joins the next weakest of its finding and direction; without such a one it goes.
    """
    for direction, most in room.items():
        while len(here := sorted((one for one in groups if one.direction == direction), key=_strength)) > most:
            weakest, *others = here
            host = next((one for one in others if one.finding == weakest.finding), None)
            joined = {id(host): _joined(weights, host, weakest, drawn)} if host is not None else {}
            groups = [joined.get(id(one), one) for one in groups if one is not weakest]
    return groups


def _strength(group: Group) -> float:
    return group.score


def _joined(weights: Weights, host: Group, other: Group, drawn: Chance) -> Group:
    members = host.members | other.members
    strength = gain(weights.at(*host.scale), members)
    further = host.further or other.further
    return replace(host, members=members, gain=strength, score=drawn.score(host.scale, strength), further=further)
