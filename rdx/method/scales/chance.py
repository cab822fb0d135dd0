"""How strong the strongest group is where there is nothing but noise: at every γ, in each direction.

Two explanations that ask for no structure are tried: B is A and noise, or A is B and noise, as much as changes ranks by
what is seen. Noise on a side brings that side's own clusters out, and those of the other side less: so a gain is
divided by the median of its γ, its direction and its explanation before gains are compared, and what stands out must do
so from both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rdx.compute.threads import map_ordered, one_thread_each
from rdx.method.concepts import DIRECTIONS
from rdx.method.neighborhoods import as_points, neighborhood_ranks
from rdx.method.scales.noise import noise_level, rank_change, with_noise
from rdx.method.scales.weights import Weights

GAMMAS = (0.03, 0.1, 0.3, 1.0)  # where ranks differ by a factor of 30, 10, 3 and 2, a pair counts most of what it can
ALPHA = 0.05  # no larger p stands out: with 39 draws, one of them may be as strong
SIDES = (0, 1)  # of a pair: which one noise is added to, in the place of its partner
_FIRST = 9  # draws before the first look at what they say
_FIT_ITEMS = 400  # the noise is fitted on so many

Scale = tuple[str, float]  # a direction and a γ
SCALES: tuple[Scale, ...] = tuple((direction, gamma) for gamma in GAMMAS for direction in DIRECTIONS)


@dataclass(frozen=True)
class Chance:
    """The largest gains of surrogate runs, by side (draws, scales) in the order of `SCALES`."""

    drawn: tuple[np.ndarray, ...]

    @property
    def draws(self) -> int:
        return len(self.drawn[0])

    def score(self, scale: Scale, gain: float) -> float:
        """A gain over the median of its scale: that of the side which leaves less of it. 1 is what noise has."""
        return min(self._scores(scale, gain))

    def p_value(self, scale: Scale, gain: float) -> float:
        """(1 + #{draws with a score as large, at any scale}) / (1 + draws), of the side that explains it better."""
        scores = self._scores(scale, gain)
        larger = [np.count_nonzero(top >= score) for top, score in zip(self._tops, scores, strict=True)]
        return (1 + max(larger)) / (1 + self.draws)

    def _scores(self, scale: Scale, gain: float) -> list[float]:
        return [gain / median[SCALES.index(scale)] for median in self._medians]

    @cached_property
    def _medians(self) -> list[np.ndarray]:
        return [np.maximum(np.median(gains, axis=0), 1e-9) for gains in self.drawn]

    @cached_property
    def _tops(self) -> list[np.ndarray]:
        return [(gains / median).max(axis=1) for gains, median in zip(self.drawn, self._medians, strict=True)]


def chance(
    weights: Weights, observed: list[tuple[Scale, float]], count: int, random_state: int,
    spread: Callable = map_ordered,
) -> Chance:  # fmt: skip
    """Draws of both sides' noise, ``count`` or, once no observed gain can stand out any more, fewer.

    A p after fewer draws is a valid one (Besag and Clifford, 1991). ``spread``: see `rdx.compute.engine.Engine.map`.
    """
    levels = noise_levels(weights, random_state)
    drawn: list[list[list[float]]] = []
    for gains in spread(_draw, range(count), (weights, levels, random_state)):
        drawn.append(gains)
        if len(drawn) < _FIRST:
            continue
        found = Chance(tuple(np.array(drawn)[:, side] for side in SIDES))
        least = min((found.p_value(*one) * (1 + found.draws) for one in observed), default=np.inf)  # 1 + larger ones
        if least > ALPHA * (1 + count):
            break
    return Chance(tuple(np.array(drawn)[:, side] for side in SIDES))


def noise_levels(weights: Weights, random_state: int) -> list[list[float]]:
    """By side, then by pair: the noise that changes a representation's ranks as much as its partner's differ."""
    rng = np.random.default_rng(random_state)
    items = np.sort(rng.choice(len(weights), min(len(weights), _FIT_ITEMS), replace=False))
    change = [_change(weights.features[a][items], weights.features[b][items]) for a, b in weights.pairs]
    return [
        [
            noise_level(weights.features[pair[side]][items], amount, random_state)
            for pair, amount in zip(weights.pairs, change, strict=True)
        ]
        for side in SIDES
    ]


def unrelated(weights: Weights, random_state: int, share: float = 0.97) -> bool:
    """Whether the representations agree on hardly more than one of them and a shuffled other."""
    rng = np.random.default_rng(random_state)
    items = rng.choice(len(weights), min(len(weights), _FIT_ITEMS), replace=False)
    a, b = (weights.features[name][items] for name in ("A", "B"))
    return _change(a, b) > share * _change(a, rng.permutation(b))


def _change(a: np.ndarray, b: np.ndarray) -> float:
    return rank_change(*(neighborhood_ranks(as_points(values), threads=1) for values in (a, b)))


def _draw(number: int, weights: Weights, levels: list[list[float]], random_state: int) -> list[list[float]]:
    """The largest gain at every scale, from either side's noise."""
    with one_thread_each():
        return [_largest(_noisy(weights, levels[side], side, [random_state, side, number])) for side in SIDES]


def _noisy(weights: Weights, levels: list[float], side: int, seed: list[int]) -> Weights:
    rng = np.random.default_rng(seed)
    return weights.replaced({
        pair[1 - side]: with_noise(weights.features[pair[side]], level, rng)
        for pair, level in zip(weights.pairs, levels, strict=True)
    })  # fmt: skip


def _largest(weights: Weights) -> list[float]:
    found: dict[Scale, float] = {}
    for gamma in GAMMAS:
        for direction, groups in weights.strongest(gamma, most=1).items():
            found[direction, gamma] = groups[0][1] if groups else 0.0
    return [found[scale] for scale in SCALES]
