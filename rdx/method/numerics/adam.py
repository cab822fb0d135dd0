"""Adam (Kingma & Ba, 2015): to the bit what ``torch.optim.Adam`` makes of its defaults.

That one imports torch's compiler with the first optimizer, which takes as long as to train a small net.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

MOMENTUM = 0.9
_SECOND, _EPSILON = 0.999, 1e-8  # decay of the second moment; what keeps a quotient finite


class Adam:
    """Changes parameters by their gradients."""

    def __init__(self, parameters: Iterable[torch.Tensor]) -> None:
        self.parameters = list(parameters)
        self.moments = [(torch.zeros_like(each), torch.zeros_like(each)) for each in self.parameters]
        self.steps = 0

    @torch.no_grad()
    def step(self, rate: float, momentum: float = MOMENTUM) -> None:
        """Apply the gradients, and forget them."""
        self.steps += 1
        size = rate / (1 - momentum**self.steps)
        spread = (1 - _SECOND**self.steps) ** 0.5
        for each, (first, second) in zip(self.parameters, self.moments, strict=True):
            first.lerp_(each.grad, 1 - momentum)
            second.mul_(_SECOND).addcmul_(each.grad, each.grad, value=1 - _SECOND)
            each.addcdiv_(first, (second.sqrt() / spread).add_(_EPSILON), value=-size)
            each.grad = None
