"""No more concepts in a direction than were asked for: faces of one finding are joined before a finding goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from operator import attrgetter

from rdx.method.scales.chance import Chance
from rdx.method.scales.group import Group
from rdx.method.scales.strongest import gain
from rdx.method.scales.weights import Weights


def at_most(weights: Weights, groups: list[Group], room: Mapping[str, int], drawn: Chance) -> list[Group]:
    """The groups of a round, of each direction as many as there is ``room`` for.

    The weakest one that is not alone joins the next weakest of its finding; where all are alone, the weakest goes.
    """
    weakest_first = partial(sorted, key=attrgetter("score"))
    for direction, most in room.items():
        while len(here := weakest_first(one for one in groups if one.direction == direction)) > most:
            fellows = {one.finding: [each for each in here if each.finding == one.finding] for one in here}
            goes, host = next((found[:2] for found in fellows.values() if len(found) > 1), (here[0], None))
            joined = {id(host): _joined(weights, host, goes, drawn)} if host is not None else {}
            groups = [joined.get(id(one), one) for one in groups if one is not goes]
    return groups


def _joined(weights: Weights, host: Group, other: Group, drawn: Chance) -> Group:
    members = host.members | other.members
    strength = gain(weights.at(*host.scale), members)
    further = host.further or other.further
    return replace(host, members=members, gain=strength, score=drawn.score(host.scale, strength), further=further)
