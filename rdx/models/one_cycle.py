"""One cycle of learning rate and momentum (Smith & Topin, 2018): to the bit torch's ``OneCycleLR``."""

from __future__ import annotations

import math

WARM_UP = 0.3  # share of the steps in which the rate rises
_FIRST, _LAST = 25, 1e4  # the largest rate over the first one, and that over the last one
_MOMENTUM = (0.95, 0.85)  # away from the largest rate, and at it


def cycle(step: int, total: int, largest: float) -> tuple[float, float]:
    """The learning rate and the momentum of a step, 0 … total − 1: half a cosine up, and half a cosine down."""
    slow, fast = _MOMENTUM
    peak, last = WARM_UP * total - 1, total - 1
    first = largest / _FIRST
    if step <= peak:
        return _between(first, largest, step / peak), _between(slow, fast, step / peak)
    share = (step - peak) / (last - peak)
    return _between(largest, first / _LAST, share), _between(fast, slow, share)


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (math.cos(math.pi * share) + 1)
