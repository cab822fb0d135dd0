"""Is a concept at its own scale stronger than what two representations show that may differ, such as two seeds?

The search that found it is made on reference pairs, each time on another subsample of the items: the largest gain at
every γ, of either direction, since a reference has no order. A gain is divided by the median of its γ and the largest
quotient of a draw counts, as with noise (`rdx.method.scales.chance`). A concept's gain is its mean over subsamples of
the same share, among the items of its round, and p the share of draws that are as large when they count ``margin``
times: few pairs do not show how much such pairs differ among themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rdx.compute.threads import map_ordered, one_thread_each
from rdx.method.concepts import DIRECTIONS, Concept, Explanations
from rdx.method.scales.chance import GAMMAS
from rdx.method.scales.plan import looked_at
from rdx.method.scales.strongest import gain
from rdx.method.scales.weights import Weights
from rdx.metrics.refits import Refits
from rdx.metrics.scale_stability import left_for
from rdx.metrics.significance import monte_carlo_p
from rdx.metrics.stability import subsample


def reference_p(
    refits: Refits, explanations: Mapping[str, Explanations], pairs: Sequence[Refits], margin: float, draws: int,
    subsamples: int, random_state: int = 0, spread: Callable = map_ordered,
) -> dict[str, np.ndarray]:  # fmt: skip
    """p (c,) of the concepts of both directions; NaN for those that do not stand out from noise.

    ``explanations``: what an RDX with ``scale="auto"`` and this ``random_state`` found in ``refits``, unguided;
    ``pairs`` take turns in the draws.
    """
    concepts = {direction: found.concepts for direction, found in explanations.items()}
    found = {direction: np.full(len(each), np.nan) for direction, each in concepts.items()}
    if not any(one.evidence.stands_out for each in concepts.values() for one in each):
        return found
    null = np.array(list(spread(_strongest, range(draws), (list(pairs), random_state))))  # (draws, γ)
    median = np.maximum(np.median(null, axis=0), 1e-9)
    tops = margin * (null / median).max(axis=1)
    gains = list(spread(_gains, range(subsamples), (refits, concepts, random_state)))
    for direction, each in concepts.items():
        for position, one in enumerate(each):
            if one.evidence.stands_out:
                score = np.mean([run[direction][position] for run in gains]) / median[GAMMAS.index(one.evidence.gamma)]
                found[direction][position] = monte_carlo_p(np.array([score]), tops)[0]
    return found


def _strongest(draw: int, pairs: Sequence[Refits], random_state: int) -> list[float]:
    """The largest gain of either direction at every γ, on one subsample."""
    pair = pairs[draw % len(pairs)]
    with one_thread_each():
        weights = Weights(_features(pair, _some(pair, draw, random_state)))
        return [
            max((groups[0][1] for groups in weights.strongest(gamma, most=1).values() if groups), default=0.0)
            for gamma in GAMMAS
        ]


def _gains(
    draw: int, refits: Refits, concepts: Mapping[str, list[Concept]], random_state: int
) -> dict[str, list[float]]:
    """The gain of every concept on one subsample of the items of its round; 0 for what does not stand out."""
    chosen = _some(refits, draw, random_state)
    found = {direction: [0.0] * len(each) for direction, each in concepts.items()}
    out = [(d, i, one) for d in DIRECTIONS for i, one in enumerate(concepts[d]) if one.evidence.stands_out]
    with one_thread_each():
        for number in sorted({one.evidence.round for _, _, one in out}):
            left = left_for(chosen, concepts, number)
            weights = Weights(_features(refits, left))
            for direction, position, one in out:
                if one.evidence.round == number:
                    matrix = weights.at(direction, one.evidence.gamma)
                    found[direction][position] = gain(matrix, np.isin(left, one.members))
    return found


def _some(refits: Refits, draw: int, random_state: int) -> np.ndarray:
    """Of the items that are looked at, those of one subsample."""
    looked = looked_at(len(refits), refits.estimator)
    return looked[subsample(len(looked), draw, random_state)]


def _features(refits: Refits, items: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[items] for name, values in refits.features.items()}
