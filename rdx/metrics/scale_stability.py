"""Does a concept at its own scale come back when fewer items are looked at?

On each subsample, of the items that were left in the concept's round, the strongest groups at its γ are found again;
its stability is its Jaccard index with the most similar of them and of their parts, which is settled as it was, with
its fringe or without, and the mean of that over the subsamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from rdx.compute.threads import map_ordered, one_thread_each
from rdx.method.concepts import Concept, Explanations
from rdx.method.scales.fringe import without_fringe
from rdx.method.scales.plan import looked_at
from rdx.method.scales.reach import settle
from rdx.method.scales.strongest import parts, strongest_groups
from rdx.method.scales.weights import Weights
from rdx.metrics.refits import GROUPS, Refits
from rdx.metrics.stability import subsample


def scale_stability(
    refits: Refits, explanations: Mapping[str, Explanations], count: int, random_state: int = 0,
    spread: Callable = map_ordered,
) -> dict[str, np.ndarray]:  # fmt: skip
    """The stability (c,) of the concepts of both directions over ``count`` subsamples; NaN where none has an item.

    ``explanations`` are what an RDX with ``scale="auto"`` and this ``random_state`` found in ``refits``' features.
    """
    concepts = {direction: found.concepts for direction, found in explanations.items()}
    shared = (refits, concepts, random_state)
    drawn = list(spread(_overlaps, range(count), shared))
    found = {direction: np.full(len(each), np.nan) for direction, each in concepts.items()}
    for direction, values in found.items():
        for position in range(len(values)):
            known = [one[direction][position] for one in drawn if not np.isnan(one[direction][position])]
            values[position] = np.mean(known) if known else np.nan
    return found


def _overlaps(
    draw: int, refits: Refits, concepts: Mapping[str, list[Concept]], random_state: int
) -> dict[str, list[float]]:
    """The best Jaccard index of every concept on one subsample."""
    n = len(refits)
    looked = looked_at(n, refits.estimator)
    chosen = looked[subsample(len(looked), draw, random_state)]
    found = {direction: [np.nan] * len(each) for direction, each in concepts.items()}
    with one_thread_each():
        for number in sorted({one.evidence.round for each in concepts.values() for one in each}):
            left = left_for(chosen, concepts, number)
            features = {name: values[left] for name, values in refits.features.items()}
            if any((values == values[:1]).all() for values in features.values()):
                continue  # nobody has neighbours there
            groups = {name: refits.groups[key][left] for name, key in GROUPS.items() if key in refits.groups}
            weights = Weights(features, groups, refits.estimator.guidance_rule)
            again: dict[tuple[str, float], list[np.ndarray]] = {}
            for direction, each in concepts.items():
                for position, one in enumerate(each):
                    if one.evidence.round != number:
                        continue
                    scale = direction, one.evidence.gamma
                    if scale not in again:
                        again[scale] = _groups(weights.at(*scale))
                    members = np.isin(left, one.members)
                    if members.any():
                        group = _most_like(members, again[scale])
                        if one.evidence.stands_out and group.any():
                            group = settle(weights, scale, group, np.ones(len(left), dtype=bool))
                            group = _most_like(members, [group, without_fringe(weights, direction, group)])
                        found[direction][position] = _jaccard(members, group)
    return found


def left_for(items: np.ndarray, concepts: Mapping[str, list[Concept]], number: int) -> np.ndarray:
    """Of some items, those that no concept of an earlier round has."""
    earlier = [one.members for each in concepts.values() for one in each if one.evidence.round < number]
    return np.setdiff1d(items, np.concatenate(earlier)) if earlier else items


def _groups(weights: np.ndarray) -> list[np.ndarray]:
    """The strongest groups (n,) bool of weights (n, n), and what they fall into."""
    found = [group for group, _ in strongest_groups(weights)]
    return found + [part for group in found for part in parts(weights, group)]


def _most_like(members: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """The group (n,) bool with the best Jaccard index with members (n,) bool; an empty one where there is none."""
    return max(groups, key=partial(_jaccard, members), default=np.zeros_like(members))


def _jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """The Jaccard index of two groups (n,) bool."""
    return np.count_nonzero(one & other) / max(np.count_nonzero(one | other), 1)
