"""Pairs of representations without the difference in question: what a method finds there is chance.

Two kinds, with one draw after the other from either:

* ``NoiseSurrogates``: a representation against itself plus isotropic noise. Its level is fitted so that
  ranks change as much as they do between the two that are compared: the same amount of difference, but
  spread evenly. Once from A's side and once from B's, since either may be the noisier one.
* ``ReferencePairs``: two representations whose difference is the yardstick, such as two seeds of one
  training, on subsamples of the items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rdx.method.neighborhoods import as_points, neighborhood_ranks
from rdx.method.scales.noise import noise_level, rank_change, with_noise
from rdx.metrics.refits import Refits
from rdx.metrics.stability import subsample

SIDES = ("a", "b")
FIT_ITEMS = 500  # the level is fitted on so many; it differs by a few percent from that of all


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
