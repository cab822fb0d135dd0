"""Adam, against torch's own to the bit."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import torch

from rdx.method.numerics.adam import Adam


def weights_after(optimizer: Callable[[torch.nn.Module], Callable[[], None]], steps: int = 20) -> list[torch.Tensor]:
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3), torch.nn.Flatten(), torch.nn.Linear(27, 2)
    net = torch.nn.Sequential(*layers)
    step, generator = optimizer(net), torch.Generator().manual_seed(1)
    for _ in range(steps):
        net(torch.randn(6, 1, 5, 5, generator=generator)).square().mean().backward()
        step()
    return [each.detach() for each in net.parameters()]


def test_weights_are_those_of_torch():
    def theirs(net):
        adam = torch.optim.Adam(net.parameters(), lr=0.01)
        return lambda: (adam.step(), adam.zero_grad())

    def ours(net):
        adam = Adam(net.parameters())
        return lambda: adam.step(0.01)

    assert all(map(torch.equal, weights_after(ours), weights_after(theirs)))


def test_no_compiler_is_imported():
    code = (
        "import sys, torch; from rdx.method.numerics.adam import Adam\n"
        "weight = torch.nn.Parameter(torch.ones(3)); adam = Adam([weight])\n"
        "for _ in range(2): weight.square().sum().backward(); adam.step(0.1)\n"
        "print('torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
