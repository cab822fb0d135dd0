"""The groups of `peeling` as concepts of all items, with the images of their grids."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from rdx.method.scales.plan import SEARCHED, looked_at
from rdx.method.scales.shown import GAMMA, densest
from rdx.method.scales.weights import Weights

BETAS = dict(zip(GAMMAS, (5.0, 5.0, 2.5, 1.0), strict=True))  # of the affinities that are shown


def explain_scales(
    chosen, points: Mapping[str, Points], groups: Mapping[str, np.ndarray], spread: Callable
) -> tuple[dict[str, Explanations], Peeled]:
    """Both directions' concepts: those that stand out, round by round, the largest first, then what may be chance.

    All that stand out do so with p up to ALPHA; the score would put five items before a hundred. What a later round
    finds is a difference of the rest: items that were not looked at join what was found before. Faces that do not stand
    out by themselves come after those that do.

    ``chosen``: an RDX, of which only parameters are read. ``points``: "A" and "B", aligned also "a_to_b" and "b_to_a".
    """
    n = len(points["A"])
    items = looked_at(n, chosen.random_state)
    with one_thread_each():
        weights = Weights(
            {name: found.grid[items] for name, found in points.items()},
            {name: labels[items] for name, labels in groups.items()}, chosen.guidance_rule,
        )  # fmt: skip
    with freed_memory_kept():  # or every draw would ask the system for its matrices anew
        found = peel(weights, chosen.n_clusters, chosen.random_state, spread=spread)
    ordered = (*sorted(found.groups, key=lambda one: (one.round, one.further, -one.members.sum())), *found.chance)
    explanations = {
        direction: _explanations(
            direction, [one for one in ordered if one.direction == direction], found.ending,
            chosen, points, weights, items,
        )
        for direction in DIRECTIONS
    }  # fmt: skip
    return explanations, found


def _explanations(
    direction: str, groups: list[Group], ending: str, chosen, points: Mapping[str, Points], weights: Weights,
    items: np.ndarray,
) -> Explanations:  # fmt: skip
    n = len(points["A"])
    labels, affinity = np.full(n, NULL), np.full(n, np.nan)
    concepts = []
    for number, group in enumerate(groups, start=1):
        among = np.flatnonzero(group.among)
        some = weights if len(among) == len(weights) else weights.subset(among)
        inside = np.flatnonzero(group.members[among])
        graph = some.graph(direction, group.gamma, BETAS[group.gamma])
        grid = inside[densest(some.at(direction, GAMMA)[np.ix_(inside, inside)], chosen.images_per_concept)]
        strength = graph.mean_affinity(inside)
        members = items[among[inside]]
        affinity[members] = strength
        if n > len(items):
            members = np.union1d(members, _joining(group, items[among], points, weights, labels))
        labels[members] = number
        numbers = (float(value) for value in (group.gamma, group.gain, group.score, group.p_value))
        evidence = Evidence(*numbers, group.round, group.finding)
        indices = items[among[grid]]
        concepts.append(Concept(number, indices, members, float(strength.mean()), evidence))
    return Explanations(direction, labels, concepts, affinity, notes=_notes(ending, n))


def _joining(
    group: Group, among: np.ndarray, points: Mapping[str, Points], weights: Weights, labels: np.ndarray
) -> np.ndarray:
    """Of the items that were not looked at, those without a concept that lie among the members of this one."""
    looked = np.zeros(len(labels), dtype=bool)
    looked[among] = True
    others = np.flatnonzero(~looked & (labels == NULL))
    own, other = (points[name] for name in weights.compared[group.direction])
    inside = group.members[np.flatnonzero(group.among)]
    return others[joining(own, other, others, among, inside, group.gamma)]


def _notes(ending: str, n: int) -> list[str]:
    looked = f"{SEARCHED:,} of {n:,} items were looked at, the others joined what was found; " if n > SEARCHED else ""
    return [f"{looked}{ending}"]
