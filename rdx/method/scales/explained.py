"""The groups of `peeling` as concepts of all items, with the images of their grids."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from operator import attrgetter

import numpy as np

from rdx.compute.allocator import freed_memory_kept
from rdx.compute.threads import one_thread_each
from rdx.method.concepts import DIRECTIONS, NULL, Concept, Explanations
from rdx.method.neighborhoods import Points
from rdx.method.scales.chance import GAMMAS
from rdx.method.scales.evidence import Evidence
from rdx.method.scales.extension import joining
from rdx.method.scales.group import Group
from rdx.method.scales.peeling import Peeled, peel
from rdx.method.scales.plan import looked_at
from rdx.method.scales.shown import GAMMA, representatives
from rdx.method.scales.strongest import gain
from rdx.method.scales.weights import Weights

BETAS = dict(zip(GAMMAS, (5.0, 5.0, 2.5, 1.0), strict=True))  # of the affinities that are shown


def explain_scales(
    chosen, points: Mapping[str, Points], groups: Mapping[str, np.ndarray], spread: Callable
) -> tuple[dict[str, Explanations], Peeled]:
    """Both directions' concepts: those that stand out, by p and then the largest difference, then what may be chance.

    What a later round finds is a difference of the rest: items that were not looked at join what was found before, the
    largest first. Faces that need not stand out by themselves come after those that do.

    ``chosen``: an RDX, of which only parameters are read. ``points``: "A" and "B", aligned also "a_to_b" and "b_to_a".
    """
    n = len(points["A"])
    items = looked_at(n, chosen)
    with one_thread_each():
        weights = Weights(
            {name: found.grid[items] for name, found in points.items()},
            {name: labels[items] for name, labels in groups.items()}, chosen.guidance_rule,
        )  # fmt: skip
    with freed_memory_kept():  # or every draw would ask the system for its matrices anew
        found = peel(weights, chosen.n_clusters, chosen.random_state, spread=spread)
    with one_thread_each():
        out, rest = (_with_effects(weights, each) for each in (found.groups, found.chance))
    ordered = (*sorted(out, key=lambda one: (one.p_value, one.further, -one.effect)), *rest)
    explanations = {
        direction: _explanations(
            direction, [one for one in ordered if one.direction == direction], found.ending,
            chosen, points, groups, weights, items,
        )
        for direction in DIRECTIONS
    }  # fmt: skip
    return explanations, found


def _with_effects(weights: Weights, groups: list[Group]) -> list[Group]:
    """The groups with how large a difference they are, at one γ for all: the score would put five items before a
    hundred."""
    matrices = {direction: weights.at(direction, GAMMA) for direction in {one.direction for one in groups}}
    return [replace(one, effect=gain(matrices[one.direction], one.members)) for one in groups]


def _explanations(
    direction: str, found: list[Group], ending: str, chosen, points: Mapping[str, Points],
    guidance: Mapping[str, np.ndarray], weights: Weights, items: np.ndarray,
) -> Explanations:  # fmt: skip
    n = len(points["A"])
    labels, affinity = np.full(n, NULL), np.full(n, np.nan)
    concepts = []
    guide = weights.guide(direction, guidance)
    for number, group in sorted(enumerate(found, start=1), key=lambda one: _first_to_join(one[1])):
        among = np.flatnonzero(group.among)
        some = weights if len(among) == len(weights) else weights.subset(among)
        inside = np.flatnonzero(group.members[among])
        graph = some.graph(direction, group.gamma, BETAS[group.gamma])
        pairs = np.ix_(inside, inside)
        ranks = some.distances[some.compared[direction][0]].values[pairs]
        grid = inside[representatives(some.at(direction, GAMMA)[pairs], ranks, chosen.images_per_concept)]
        strength = graph.mean_affinity(inside)
        members = items[among[inside]]
        affinity[members] = strength
        if n > len(items):
            members = np.union1d(members, _joining(group, items[among], points, weights, labels, guide))
        labels[members] = number
        numbers = (float(value) for value in (group.gamma, group.gain, group.score, group.p_value))
        evidence = Evidence(*numbers, group.round, group.finding, float(group.effect), group.further)
        indices = items[among[grid]]
        concepts.append(Concept(number, indices, members, float(strength.mean()), evidence))
    concepts.sort(key=attrgetter("number"))
    return Explanations(direction, labels, concepts, affinity, notes=_notes(ending, len(items), n))


def _first_to_join(group: Group) -> tuple[float, bool, int]:
    return math.inf if group.finding is None else group.round, group.further, -int(group.members.sum())


def _joining(
    group: Group, among: np.ndarray, points: Mapping[str, Points], weights: Weights, labels: np.ndarray, guide
) -> np.ndarray:
    """Of the items that were not looked at, those without a concept that lie among the members of this one."""
    looked = np.zeros(len(labels), dtype=bool)
    looked[among] = True
    others = np.flatnonzero(~looked & (labels == NULL))
    own, other = (points[name] for name in weights.compared[group.direction])
    inside = group.members[np.flatnonzero(group.among)]
    return others[joining(own, other, others, among, inside, group.gamma, guide)]


def _notes(ending: str, some: int, n: int) -> list[str]:
    looked = f"{some:,} of {n:,} items were looked at, the others joined what was found; " if some < n else ""
    return [f"{looked}{ending}"]
