"""What `scale="auto"` goes with, and what it takes: known before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rdx.compute.memory import in_words, memory_limit
from rdx.compute.threads import default_threads
from rdx.errors import InputError, unknown
from rdx.method.many.solver import OVERHEAD, FitPlan

SEARCHED = 1000  # items: of more, so many drawn at random are looked at, and the others join what is found
DRAWS = 39  # noise pairs: p is 0.025 at best
LEAST_ITEMS = 40  # with fewer, no group of five stands out from noise: they are compared at the scale that is set
# What concepts at their own scales are defined with.
DEFAULTS = {
    "version": "v2", "distance": "neighborhood", "difference": "locally_biased", "gamma": 0.1, "beta": 5.0,
    "normalize_difference": False, "clustering": "spectral",
    "selection": "max_total_affinity", "keep_matrices": False,
}  # fmt: skip
_FEATURE = 8 * 3  # bytes an entry: on the grid, as noise, and as a copy of some items
_PAIR = 48  # bytes a pair of items and thread: ranks, weights of both directions, and what they are made of


def too_few(n: int) -> bool:
    """Whether n items are too few to tell scales apart."""
    return n < LEAST_ITEMS


def looked_at(n: int, random_state: int) -> np.ndarray:
    """The items that are looked at, of n, ascending."""
    if n <= SEARCHED:
        return np.arange(n)
    return np.sort(np.random.default_rng(random_state).permutation(n)[:SEARCHED])


def check_scale(chosen) -> None:
    """Raises InputError for an unknown scale, and for settings that a scale of its own has no use for."""
    if chosen.scale not in (None, "auto"):
        raise unknown("scale", chosen.scale, ("auto",))
    if chosen.scale is None:
        return
    wrong = [name for name, value in DEFAULTS.items() if getattr(chosen, name) != value]
    if wrong:
        names = ", ".join(f"{name}={getattr(chosen, name)!r}" for name in wrong)
        raise InputError(f"scale='auto' finds the scale of each concept and does not go with {names}")


def plan_scales(n: int, widths: Sequence[int], *, aligned: bool, limit=None, libraries: float) -> FitPlan:
    """How n items with representations of ``widths`` (d_a, d_b) are compared, with the memory that takes."""
    looked = min(n, SEARCHED)
    columns = sum(widths) * (2 if aligned else 1)
    memory = libraries + OVERHEAD + _FEATURE * n * columns + _PAIR * (1 + default_threads()) * looked**2
    bound = memory_limit(limit)
    if bound is not None and memory > bound:
        raise InputError(f"{n:,} items need {in_words(memory)}, the limit is {in_words(bound)}: take fewer items")
    reason = f"each concept at its own scale; {looked:,} items are looked at"
    return FitPlan("dense", n, memory, None, reason)
