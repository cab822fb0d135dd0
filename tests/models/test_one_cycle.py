"""Adam and one cycle of its rate, against torch's own optimizer and schedule."""

from __future__ import annotations

import pytest
import torch

from rdx.method.numerics.adam import Adam
from rdx.models.one_cycle import cycle


def _net() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(27, 2)
    return torch.nn.Sequential(*layers)


def _steps(net: torch.nn.Module, total: int, after_gradients) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(total):
        net(torch.randn(6, 1, 5, 5, generator=generator)).square().mean().backward()
        after_gradients()
    return [each.detach() for each in net.parameters()]


@pytest.mark.parametrize("total", [1, 2, 3, 4, 10, 37])
@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_the_weights_are_those_of_torch_to_the_bit(total, rate):
    theirs, ours = _net(), _net()
    adam = torch.optim.Adam(theirs.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(adam, max_lr=rate, total_steps=total)
    rates = []

    def step():
        group = adam.param_groups[0]
        rates.append((group["lr"], group["betas"][0]))
        adam.step()
        adam.zero_grad()
        if len(rates) < total:
            schedule.step()

    expected = _steps(theirs, total, step)
    own, planned = Adam(ours.parameters()), [cycle(number, total, rate) for number in range(total)]
    found = _steps(ours, total, lambda: own.step(*planned[own.steps]))
    assert rates == planned
    for name, one, other in zip(dict(ours.named_parameters()), found, expected, strict=True):
        assert torch.equal(one, other), name
