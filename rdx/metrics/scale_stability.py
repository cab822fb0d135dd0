"""Does a concept at its own scale come back when fewer items are looked at?

On each subsample, of the items that were left in the concept's round, the strongest groups at its γ are found again;
its stability is its best Jaccard index with one of them or of their parts, and the mean of that over the subsamples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from rdx.compute.threads import map_ordered, one_thread_each
from rdx.method.concepts import Concept, Explanations
from rdx.method.scales.plan import looked_at
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
    looked = looked_at(n, refits.estimator.random_state)
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
                    found[direction][position] = _best(np.isin(left, one.members), again[scale])
    return found


def left_for(items: np.ndarray, concepts: Mapping[str, list[Concept]], number: int) -> np.ndarray:
    """Of some items, those that no concept of an earlier round has."""
    earlier = [one.members for each in concepts.values() for one in each if one.evidence.round < number]
    return np.setdiff1d(items, np.concatenate(earlier)) if earlier else items


def _groups(weights: np.ndarray) -> list[np.ndarray]:
    """The strongest groups (n,) bool of weights (n, n), and what they fall into."""
    found = [group for group, _ in strongest_groups(weights)]
    return found + [part for group in found for part in parts(weights, group)]


def _best(members: np.ndarray, groups: list[np.ndarray]) -> float:
    """The best Jaccard index of members (n,) bool with a group; NaN without members."""
    if not members.any():
        return float("nan")
    shared = [np.count_nonzero(members & group) / np.count_nonzero(members | group) for group in groups]
    return max(shared, default=0.0)
