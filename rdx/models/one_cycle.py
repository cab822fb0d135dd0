"""Adam (Kingma & Ba, 2015) under one cycle of its learning rate and momentum (Smith & Topin, 2018).

To the bit what ``torch.optim.Adam`` and ``OneCycleLR`` make of their defaults. Those import torch's compiler, which
takes as long as training a small net.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch

WARM_UP = 0.3  # share of the steps in which the rate rises
_FIRST, _LAST = 25, 1e4  # the largest rate over the first one, and that over the last one
_MOMENTUM = (0.95, 0.85)  # away from the largest rate, and at it
_SECOND, _EPSILON = 0.999, 1e-8  # decay of the second moment; what keeps a quotient finite


class OneCycleAdam:
    """Changes parameters by their gradients, ``total`` times."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], rate: float, total: int) -> None:
        self.parameters = list(parameters)
        self.rate, self.total = rate, total
        self.steps = 0
        self.moments = [(torch.zeros_like(each), torch.zeros_like(each)) for each in self.parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Apply the gradients, and forget them."""
        rate, momentum = cycle(self.steps, self.total, self.rate)
        self.steps += 1
        size = rate / (1 - momentum**self.steps)
        spread = (1 - _SECOND**self.steps) ** 0.5
        for each, (first, second) in zip(self.parameters, self.moments, strict=True):
            first.lerp_(each.grad, 1 - momentum)
            second.mul_(_SECOND).addcmul_(each.grad, each.grad, value=1 - _SECOND)
            each.addcdiv_(first, (second.sqrt() / spread).add_(_EPSILON), value=-size)
            each.grad = None


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
