"""Pairs of representations without the difference in question: what a method finds there is chance.

Two kinds, with one draw after the other from either:

* ``NoiseSurrogates``: a representation against itself plus isotropic noise. Its level is fitted so that
  ranks change as much as they do between the two that are compared: the same amount of difference, but
  spread evenly. Once from A's side and once from B's, since either may be the noisier one.
* ``ReferencePairs``: two representations whose difference is the yardstick, such as two seeds of one
  training, on subsamples of the items.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rdx.method.neighborhoods import as_points, largest_exponent, neighborhood_ranks
from rdx.metrics.refits import Refits
from rdx.metrics.stability import subsample

SIDES = ("a", "b")
FIT_ITEMS = 500  # the level is fitted on so many; it differs by a few percent from that of all
LEVELS = (-20.0, 6.0)  # log2 of the range of levels, in units of a representation's spread
TOLERANCE = 0.01  # of log2 of the level: 0.7 %


def rank_change(first: np.ndarray, second: np.ndarray) -> float:
    """How far ranks lie apart, in octaves: the mean of |log2((r + 1) / (r' + 1))| over all pairs of items.

    first, second (n, n): ranks in two representations. Like the difference, it goes by the ratio of
    ranks, so that neighbours count as much as the many pairs that are far apart in both.
    """
    change = np.log2(first.astype(np.float32) + 1)
    change -= np.log2(second.astype(np.float32) + 1)
    n = len(change)
    return float(np.abs(change, out=change).sum(dtype=np.float64)) / (n * (n - 1))


def spread(features: np.ndarray) -> float:
    """Root mean square of the centred features: noise of level 1 is as large as the representation itself."""
    exponent = largest_exponent(features)  # squares of huge or denormal features leave float64's range
    scaled = np.ldexp(features.astype(np.float64), -exponent)
    return math.ldexp(float(np.sqrt(scaled.var(axis=0).mean())), exponent)


def with_noise(features: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """features (n, d) plus isotropic normal noise of ``level`` times their spread, float64."""
    return features + level * spread(features) * rng.standard_normal(features.shape)


def noise_level(features: np.ndarray, target: float, random_state: int = 0) -> float:
    """The level at which ``with_noise`` changes the ranks of features (n, d) by ``target`` octaves.

    Root finding with the same noise at every level. A target beyond what noise can do, such as ranks
    turned round, gets the highest level, where nothing of the representation is left.
    """
    from scipy.optimize import brentq

    noise = np.random.default_rng(random_state).standard_normal(features.shape) * spread(features)
    before = neighborhood_ranks(as_points(features), threads=1)

    def excess(log_level: float) -> float:
        return rank_change(before, neighborhood_ranks(as_points(features + 2.0**log_level * noise), threads=1)) - target

    low, high = LEVELS
    if target <= 0 or excess(low) >= 0:
        return 0.0 if target <= 0 else 2.0**low
    if excess(high) <= 0:
        return 2.0**high
    return 2.0 ** brentq(excess, low, high, xtol=TOLERANCE)


class NoiseSurrogates:
    """Draws of the largest gain where there is nothing but noise, one from A's side and one from B's.

    A's side: each of B's representations is replaced by a noisy copy of its partner; B's side the reverse.
    """

    sources = SIDES

    def __init__(self, refits: Refits, random_state: int = 0) -> None:
        self.refits, self.random_state = refits, random_state
        n = len(refits)
        rng = np.random.default_rng(random_state)
        items = np.sort(rng.choice(n, min(n, FIT_ITEMS), replace=False))
        features = {name: values[items] for name, values in refits.features.items()}
        ranks = {name: neighborhood_ranks(as_points(values), threads=1) for name, values in features.items()}
        self.rank_change = [rank_change(ranks[a], ranks[b]) for a, b in refits.pairs]  # octaves, by pair
        self.levels = {  # by side, then by pair
            side: [
                noise_level(features[pair[position]], change, random_state)
                for pair, change in zip(refits.pairs, self.rank_change, strict=True)
            ]
            for position, side in enumerate(SIDES)
        }

    def draw(self, number: int) -> tuple[float, ...]:
        """The largest gain of the run from A's side, and of that from B's."""
        return tuple(self._run(side, number).largest_gain() for side in SIDES)

    def _run(self, side: str, number: int):
        position = SIDES.index(side)
        rng = np.random.default_rng([self.random_state, position, number])
        replaced = {
            pair[1 - position]: with_noise(self.refits.features[pair[position]], level, rng)
            for pair, level in zip(self.refits.pairs, self.levels[side], strict=True)
        }
        return self.refits.run(replaced)


class ReferencePairs:
    """Draws of the largest gain between representations that differ as much as may be.

    Each draw is a run on a subsample; several pairs take turns. ``margin``: every gain counts for that
    many times as much, because few pairs do not show how much such pairs differ among themselves.
    """

    sources = ("reference",)

    def __init__(self, pairs: Sequence[Refits], random_state: int = 0, margin: float = 1.0) -> None:
        self.pairs, self.random_state, self.margin = list(pairs), random_state, margin

    def draw(self, number: int) -> tuple[float, ...]:
        """The largest gain of one run on a subsample of the items."""
        refits = self.pairs[number % len(self.pairs)]
        items = subsample(len(refits), number, self.random_state)
        return (self.margin * refits.subset(items).run().largest_gain(),)
