"""Does a concept come back when the method sees fewer items?

The method is run again on subsamples; a concept's stability is its best Jaccard index with a concept of
the same direction there, counted among the subsample's items, and the mean of that over the subsamples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

import numpy as np

from rdx.compute.threads import map_ordered
from rdx.errors import InputError
from rdx.method.concepts import DIRECTIONS, NULL
from rdx.metrics.refits import Refits

SHARE = 0.8  # of the items in a subsample
LEAST_OTHERS = 15  # items: the chance that a subsample misses as many is below 1e-10


def best_jaccard(labels: np.ndarray, again: np.ndarray, n_concepts: int | None = None) -> np.ndarray:
    """The best Jaccard index of each concept of ``labels`` with one of ``again``, (c,) float64.

    labels, again (n,): two labellings of the same items, 0 = null. The concepts are 1 … ``n_concepts``,
    by default the highest label. One without an item has no index (NaN), one without a partner 0.
    """
    count = int(labels.max(initial=NULL)) if n_concepts is None else n_concepts
    others = int(again.max(initial=NULL))
    table = np.bincount(labels * (others + 1) + again, minlength=(count + 1) * (others + 1))
    table = table.reshape(count + 1, others + 1).astype(np.float64)
    size, size_again = table.sum(axis=1)[1:, None], table.sum(axis=0)[None, 1:]
    both = table[1:, 1:]
    union = size + size_again - both
    jaccard = np.divide(both, union, out=np.zeros_like(both), where=union > 0)
    return np.where(size[:, 0] > 0, jaccard.max(axis=1, initial=0.0), np.nan)


def subsample(n: int, draw: int, random_state: int, share: float = SHARE) -> np.ndarray:
    """The items (⌊share · n⌋,) of one subsample without replacement, ascending; draws do not depend on each other."""
    rng = np.random.default_rng([random_state, draw])
    return np.sort(rng.choice(n, int(share * n), replace=False))


def check_varied(features: np.ndarray, name: str) -> None:
    """Raises InputError where a subsample of features (n, d) might well hold nothing but equal rows."""
    rows = [row.tobytes() for row in features]
    commonest, count = Counter(rows).most_common(1)[0]
    others, left_out = len(rows) - count, len(rows) - int(SHARE * len(rows))
    if others <= min(LEAST_OTHERS, left_out):
        raise InputError(
            f"{name}: only {others} of {len(features)} rows differ from row {rows.index(commonest)}, too few for "
            "statistics, which look at subsamples: set 'statistics' to off"
        )


def concept_stability(
    refits: Refits, labels: Mapping[str, np.ndarray], count: int = 20, random_state: int = 0,
    spread: Callable = map_ordered,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Mean best Jaccard (c,) of the concepts of both directions over ``count`` subsamples.

    ``labels`` (n,) by direction are the concepts that ``refits``' settings, or a run on more items, found.
    NaN for a concept that no subsample has an item of. ``spread``: see `rdx.compute.engine`.
    """
    found: dict[str, list[np.ndarray]] = {direction: [] for direction in DIRECTIONS}
    for scores in spread(_overlaps, range(count), (refits, dict(labels), random_state)):
        for direction, values in scores.items():
            found[direction].append(values)
    return {direction: _mean(np.array(values)) for direction, values in found.items()}


def _overlaps(
    draw: int, refits: Refits, labels: Mapping[str, np.ndarray], random_state: int
) -> dict[str, np.ndarray]:
    """The best Jaccard index (c,) of every concept with one of a run on a subsample, by direction."""
    items = subsample(len(refits), draw, random_state)
    again = refits.subset(items).run()
    return {
        direction: best_jaccard(labels[direction][items], again.labels[direction], int(labels[direction].max()))
        for direction in DIRECTIONS
    }


def _mean(scores: np.ndarray) -> np.ndarray:
    """Column means of (draws, c) that pass over NaN; NaN where there is nothing else."""
    known = ~np.isnan(scores)
    total, count = np.where(known, scores, 0.0).sum(axis=0), known.sum(axis=0)
    return np.divide(total, count, out=np.full(scores.shape[1], np.nan), where=count > 0)
