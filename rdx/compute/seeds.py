"""Every global generator of random numbers, set at once."""

from __future__ import annotations

import random

import numpy as np


def seed_everything(seed: int) -> None:
    """Set every global generator, so that the order of steps changes nothing."""
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
