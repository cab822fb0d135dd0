"""Two groups of items beside each other: does one have more of something, or have it more often?

Both tests look at the order of values or at counts alone. They are scipy.stats.mannwhitneyu (two-sided, by the normal
approximation, corrected for ties and for continuity) and scipy.stats.fisher_exact (one-sided: more often), without the
half second that importing scipy.stats takes.
"""

from __future__ import annotations

import math

import numpy as np


class Levels:
    """Numbers (n,), NaN for none, put in order once, for as many groups of them as are asked about."""

    def __init__(self, values: np.ndarray) -> None:
        there = ~np.isnan(values)
        self.distinct, code = np.unique(values[there], return_inverse=True)
        self.code = np.full(len(values), -1)
        self.code[there] = code

    def counts(self, items: np.ndarray) -> np.ndarray:
        """How many of some items have each of the distinct numbers, (l,)."""
        code = self.code[items]
        return np.bincount(code[code >= 0], minlength=len(self.distinct))

    def median(self, counts: np.ndarray) -> float:
        """Of a group with such counts (l,), not all 0."""
        total, up_to = int(counts.sum()), np.cumsum(counts)
        low, high = self.distinct[np.searchsorted(up_to, [(total - 1) // 2, total // 2], side="right")]
        return float((low + high) / 2)


def rank_sum(inside: np.ndarray, outside: np.ndarray) -> tuple[float, float]:
    """The AUC of two groups of numbers and the two-sided p-value of the rank-sum test.

    inside, outside (l,): how many of each have the lowest number, the next one …, not all 0. AUC: the chance that one
    drawn from the first is larger than one from the second, ties counting half; 0.5 where neither has more.
    """
    s, t = int(inside.sum()), int(outside.sum())
    counts = inside + outside
    mean_rank = np.cumsum(counts) - (counts - 1) / 2.0
    u = float((inside * mean_rank).sum()) - s * (s + 1) / 2.0
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


class Within:
    """Numbers (n,), NaN for none, ranked among those of the same stratum (n,) int, for as many groups as are asked."""

    def __init__(self, values: np.ndarray, strata: np.ndarray) -> None:
        self.there, self.strata = ~np.isnan(values), strata
        order, among = Levels(values).code[self.there], strata[self.there]
        self.sizes = np.bincount(among)
        self.ranks = np.zeros(len(values))
        # Items of earlier strata rank before all of this one.
        below = np.cumsum(self.sizes) - self.sizes
        self.ranks[self.there] = mean_ranks(among * (order.max(initial=0) + 1) + order) - below[among]

    def auc(self, items: np.ndarray) -> float | None:
        """The AUC of some items beside all others of the same stratum; None where no stratum has both."""
        items = items[self.there[items]]
        members = np.bincount(self.strata[items], minlength=len(self.sizes))
        pairs = float((members * (self.sizes - members)).sum())
        u = float(self.ranks[items].sum() - (members * (members + 1) / 2.0).sum())
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
