"""Is a concept above chance? p-values from refits, corrected for many concepts, and random groups beside them.

The statistic is the gain of a concept (see ``refits.concept_gains``), its null distribution the largest
gain of any concept, of either direction, in runs on pairs without the difference in question: so one
p-value below 0.05 anywhere in a run is a false alarm in at most 5 % of the runs without a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rdx.compute.threads import map_ordered
from rdx.method.concepts import DIRECTIONS
from rdx.metrics.refits import Refits, concept_gains
from rdx.metrics.stability import subsample
from rdx.metrics.surrogates import NoiseSurrogates, ReferencePairs

ALPHA = 0.05  # a smaller p is a difference
ENOUGH = 10  # null values above the strongest concept after which more draws could not change the verdict
GROUPS = 1000  # random groups


@dataclass(frozen=True)
class Significance:
    """What the surrogates say of the concepts; arrays (c,) by direction."""

    gain: dict[str, np.ndarray]
    p_value: dict[str, np.ndarray]
    q_value: dict[str, np.ndarray]
    null: dict[str, np.ndarray]  # (draws,) the largest gain of every surrogate run, by source
    draws: int  # fewer than asked for where the answer was clear before


def stands_out(p_value: float | None) -> bool:
    """Whether a concept is above chance; one without a p of its own (None or NaN) may be chance."""
    return p_value is not None and p_value < ALPHA


def monte_carlo_p(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """p = (1 + #{null ≥ observed}) / (1 + N) for observed (c,) and null (N,): (c,) float64."""
    larger = len(null) - np.searchsorted(np.sort(null), observed, side="left")
    return (1.0 + larger) / (1.0 + len(null))


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """q (c,): the smallest false discovery rate at which each of p (c,) is found (Benjamini, Hochberg 1995)."""
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(-p_values, kind="stable")
    rank = np.arange(len(order), 0, -1)
    q = np.empty(len(order))
    q[order] = np.minimum.accumulate(p_values[order] * len(order) / rank) if len(order) else 0.0
    return np.minimum(q, 1.0)


def clear_after(strongest: float, null: np.ndarray) -> int | None:
    """The number of draws after which some source has ``ENOUGH`` values ≥ ``strongest``; None where none has.

    null (draws, sources). From there on p stays above 0.09 for any number of draws that is not far
    larger, and (1 + ENOUGH) / (1 + draws) is itself a valid p (Besag and Clifford, 1991).
    """
    larger = np.cumsum(null >= strongest, axis=0)
    reached = np.flatnonzero((larger >= ENOUGH).any(axis=1))
    return int(reached[0]) + 1 if len(reached) else None


def concept_significance(
    gains: Mapping[str, np.ndarray], surrogates: NoiseSurrogates | ReferencePairs, count: int = 99,
    spread: Callable = map_ordered,
) -> Significance:  # fmt: skip
    """p and q of concepts with ``gains`` (c,) by direction, from ``count`` draws of surrogates or fewer.

    Where a draw has several sources, A's side and B's, each gives p-values, and the larger one counts:
    a concept stands out only if noise on neither side explains it. ``spread``: see `rdx.compute.engine`.
    """
    observed = np.concatenate([gains[direction] for direction in DIRECTIONS])
    drawn: list[tuple[float, ...]] = []
    for values in spread(_draw, range(count), (surrogates,)):
        drawn.append(values)
        if clear_after(observed.max(), np.array(drawn)):
            break
    null = np.array(drawn)
    p = np.max([monte_carlo_p(observed, source) for source in null.T], axis=0)
    q = benjamini_hochberg(p)
    cut = len(gains[DIRECTIONS[0]])
    halves = [dict(zip(DIRECTIONS, np.split(values, [cut]), strict=True)) for values in (p, q)]
    return Significance(dict(gains), *halves, dict(zip(surrogates.sources, null.T, strict=True)), len(null))


def nothing_found(refits: Refits, labels: Mapping[str, np.ndarray]) -> Significance:
    """p = q = 1 for every concept of labels (n,) by direction, where the representations do not differ."""
    gains = gains_of(refits, labels)
    ones = {direction: np.ones(len(values)) for direction, values in gains.items()}
    return Significance(gains, ones, dict(ones), {}, 0)


def gains_of(refits: Refits, labels: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The gains (c,) of given concepts, labels (n,) by direction, in the representations as they are."""
    return {direction: concept_gains(refits.unchanged[direction], labels[direction]) for direction in DIRECTIONS}


def subsampled_gains(
    refits: Refits, labels: Mapping[str, np.ndarray], count: int, random_state: int = 0,
    spread: Callable = map_ordered,
) -> dict[str, np.ndarray]:  # fmt: skip
    """The mean gain (c,) of given concepts on subsamples, as ``ReferencePairs`` draws them."""
    runs = list(spread(_gains_again, range(count), (refits, dict(labels), random_state)))
    return {direction: np.mean([run[i] for run in runs], axis=0) for i, direction in enumerate(DIRECTIONS)}


def random_group_p(
    refits: Refits, labels: Mapping[str, np.ndarray], groups: int = GROUPS, random_state: int = 0
) -> dict[str, np.ndarray]:
    """p_random (c,) by direction: the share of random groups of a concept's size with a gain as large.

    A description, no test: the concept was chosen for its affinity, and even noise has such groups.
    """
    found = {}
    for direction in DIRECTIONS:
        graph, own = refits.unchanged[direction], labels[direction]
        gains, n = concept_gains(graph, own), len(own)
        nearer = -graph.difference(slice(0, n), slice(0, n), guided=False) if len(gains) else None
        rng = np.random.default_rng(random_state)
        found[direction] = np.ones(len(gains))
        for i, gain in enumerate(gains):
            size = int(np.count_nonzero(own == i + 1))
            if size:
                chosen = np.argsort(rng.random((n, groups), dtype=np.float32), axis=0) < size  # (n, groups)
                members = chosen.astype(np.float32)
                null = np.einsum("ng,ng->g", nearer @ members, members, dtype=np.float64) / size
                found[direction][i] = monte_carlo_p(np.array([gain]), null)[0]
    return found


def _draw(number: int, surrogates: NoiseSurrogates | ReferencePairs) -> tuple[float, ...]:
    return surrogates.draw(number)


def _gains_again(draw: int, refits: Refits, labels: Mapping[str, np.ndarray], random_state: int) -> list[np.ndarray]:
    """The gains (c,) of given concepts on one subsample, by direction."""
    items = subsample(len(refits), draw, random_state)
    graphs = refits.subset(items).unchanged
    return [_padded(concept_gains(graphs[d], labels[d][items]), labels[d]) for d in DIRECTIONS]


def _padded(gains: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Gains (c,) with 0 for concepts that have no item in a subsample."""
    return np.pad(gains, (0, int(labels.max(initial=0)) - len(gains)))
