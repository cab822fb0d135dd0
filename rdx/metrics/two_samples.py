"""Two groups of items beside each other: does one have more of something, or have it more often?

Both tests look at the order of values or at counts alone. They are scipy.stats.mannwhitneyu (two-sided, by the normal
approximation, corrected for ties and for continuity) and scipy.stats.fisher_exact (one-sided: more often), without the
half second that importing scipy.stats takes.
"""

from __future__ import annotations

import math

import numpy as np


def rank_sum(inside: np.ndarray, outside: np.ndarray) -> tuple[float, float]:
    """The AUC of two groups of numbers (s,) and (t,), neither empty, and the two-sided p-value of the rank-sum test.

    AUC: the chance that one drawn from the first is larger than one from the second, ties counting half; 0.5 where
    neither has more.
    """
    s, t = len(inside), len(outside)
    _, position, counts = np.unique(np.concatenate([inside, outside]), return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2.0
    u = float(mean_rank[position[:s]].sum()) - s * (s + 1) / 2.0
    n = s + t
    ties = float((counts.astype(np.float64) ** 3 - counts).sum())
    variance = s * t / 12.0 * (n + 1 - ties / (n * (n - 1)))
    if variance <= 0.0:  # all are equal
        return 0.5, 1.0
    z = (abs(u - s * t / 2.0) - 0.5) / math.sqrt(variance)
    return u / (s * t), min(1.0, math.erfc(z / math.sqrt(2.0)))


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (n,) from 1, equal values with the mean of theirs; no value is NaN."""
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[position]


def auc_within(values: np.ndarray, inside: np.ndarray, strata: np.ndarray) -> float | None:
    """The AUC of values (n,), NaN for none, of the items that are ``inside`` (n,) bool beside those of the same stratum
    (n,) int that are not; None where no stratum has both."""
    there = ~np.isnan(values)
    values, inside, strata = values[there], inside[there], strata[there]
    _, order = np.unique(values, return_inverse=True)
    key = strata * (order.max(initial=0) + 1) + order
    mean_rank = mean_ranks(key)
    sizes, members = np.bincount(strata), np.bincount(strata, inside)
    pairs = float((members * (sizes - members)).sum())
    below = np.cumsum(sizes) - sizes  # items of earlier strata, which rank before all of this one
    u = float((mean_rank - below[strata])[inside].sum() - (members * (members + 1) / 2.0).sum())
    return u / pairs if pairs else None


def more_often(inside: np.ndarray, size: int, outside: np.ndarray, other_size: int) -> np.ndarray:
    """Fisher's one-sided p (c,): would as many of ``size`` items have each of c things by chance?

    inside, outside (c,) int: how many of the ``size`` items of the one group, and of the ``other_size`` of the other,
    have it.
    """
    n = size + other_size
    factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])  # of whole numbers, its logarithm

    def choose(of: int, some: np.ndarray) -> np.ndarray:
        return factorial[of] - factorial[some] - factorial[of - some]

    p_values = np.ones(len(inside))
    for i, (here, there) in enumerate(zip(inside.tolist(), outside.tolist(), strict=True)):
        if here:  # at least none is certain
            having = here + there
            counts = np.arange(here, min(having, size) + 1)
            counts = counts[having - counts <= other_size]
            chances = choose(size, counts) + choose(other_size, having - counts) - choose(n, np.array(having))
            p_values[i] = min(1.0, float(np.exp(chances).sum()))
    return p_values
