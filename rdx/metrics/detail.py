"""Does one representation go by finer structure of the images than the other?

A model that sees less sharply, or was made for smaller images, still tells how much fine structure there is, for most
of it goes with what is shown. But beside the other model it does better on what is coarse. So the question is of both:
how much better A predicts coarse structure than B does, less the same of fine structure, each item predicted from all
others (see attribute_probes). The difference is a mean over items, and is held against its standard error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rdx.metrics.attribute_probes import asked, left_out
from rdx.metrics.two_samples import mean_ranks

A, B = "a", "b"
_LEAST, _SURE = 0.05, 0.01  # R², and p


@dataclass(frozen=True)
class Detail:
    """R² of fine and of coarse structure, in A and in B."""

    fine: dict[str, float]
    coarse: dict[str, float]
    error: float  # standard error of the contrast
    p_value: float

    @property
    def contrast(self) -> float:
        """By how much more A is ahead in coarse structure than in fine."""
        return (self.coarse[A] - self.coarse[B]) - (self.fine[A] - self.fine[B])

    @property
    def coarser(self) -> str | None:
        """The one that goes by coarser structure than the other; None where that is not sure, or little."""
        if abs(self.contrast) < _LEAST or self.p_value > _SURE:
            return None
        return A if self.contrast > 0 else B


def detail(views: Mapping[str, np.ndarray], fine: np.ndarray, coarse: np.ndarray) -> Detail | None:
    """Of A and B (n, d_a), (n, d_b), and how much structure images have (n,), NaN for none; None where few have any."""
    items = asked(~np.isnan(fine) & ~np.isnan(coarse))
    if not len(items):
        return None
    wanted = np.stack([mean_ranks(fine[items]), mean_ranks(coarse[items])], axis=1)
    wanted = wanted - wanted.mean(axis=0)
    total = (wanted**2).mean(axis=0)
    if not total.all():
        return None
    errors = {side: left_out(views[side][items], wanted) / total for side in (A, B)}
    ahead = errors[B] - errors[A]  # of A, by item
    apart = ahead[:, 1] - ahead[:, 0]
    error = float(apart.std(ddof=1)) / math.sqrt(len(apart))
    p_value = math.erfc(abs(float(apart.mean())) / error / math.sqrt(2)) if error > 0 else 1.0
    told = [{side: 1 - float(errors[side][:, which].mean()) for side in (A, B)} for which in (0, 1)]
    return Detail(*told, error, p_value)
