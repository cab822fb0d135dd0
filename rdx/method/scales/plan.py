"""What `scale="auto"` goes with, and what it takes: known before anything is computed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from rdx.compute.memory import in_words, memory_limit
from rdx.compute.threads import default_threads
from rdx.errors import InputError, unknown
from rdx.method.many.solver import OVERHEAD, FitPlan

SEARCHED = 1000  # items: of more, so many drawn at random are looked at, and the others join what is found
DRAWS = 39  # noise pairs: p is 0.025 at best
LEAST_ITEMS = 40  # with fewer, no group of five stands out from noise: they are compared at one scale
FEW = f"fewer than {LEAST_ITEMS} items: compared at one scale, as without scale='auto'"
# What concepts at their own scales are defined with, or have no use for.
DEFAULTS = {
    "version": "v2", "distance": "neighborhood", "difference": "locally_biased", "gamma": 0.1, "beta": 5.0,
    "normalize_difference": False, "clustering": "spectral",
    "selection": "max_total_affinity", "keep_matrices": False,
    "pairs_per_item": 600, "null_threshold": 1.1, "min_concept_size": "auto",
}  # fmt: skip
_FEATURE = 8 * 3  # bytes an entry: on the grid, as noise, and as a copy of some items
_PAIR = 48  # bytes a pair of items and thread: ranks, weights of both directions, and what they are made of


def own_scales(scale: str | None, n: int) -> bool:
    """Whether each concept of n items is found at a scale of its own: fewer are too few to tell scales apart."""
    return scale == "auto" and n >= LEAST_ITEMS


def searched(n: int, solver: str) -> int:
    """How many of n items are looked at: SEARCHED at most, or all with the dense solver."""
    return n if solver == "dense" else min(n, SEARCHED)


def looked_at(n: int, chosen) -> np.ndarray:
    """The items that are looked at, of n, ascending. ``chosen``: an RDX."""
    some = searched(n, chosen.solver)
    if some == n:
        return np.arange(n)
    return np.sort(np.random.default_rng(chosen.random_state).permutation(n)[:some])


def check_scale(chosen, given: Collection[str] = ()) -> None:
    """Raises InputError for an unknown scale, and for settings that a scale of its own has no use for.

    ``given``: names that somebody wrote down, which are refused whatever their value is; a value alone does not tell
    whether it was meant.
    """
    if chosen.scale not in (None, "auto"):
        raise unknown("scale", chosen.scale, ("auto",))
    if chosen.scale is None:
        return
    wrong = [name for name, value in DEFAULTS.items() if name in given or getattr(chosen, name) != value]
    if chosen.solver in ("sparse", "approximate"):
        wrong.append("solver")
    if wrong:
        names = ", ".join(f"{name}={getattr(chosen, name)!r}" for name in wrong)
        raise InputError(f"scale='auto' finds the scale of each concept and does not go with {names}")


def plan_scales(
    n: int, widths: Sequence[int], *, solver: str, aligned: bool, limit=None, libraries: float
) -> FitPlan:
    """How n items with representations of ``widths`` (d_a, d_b) are compared, with the memory that takes."""
    looked = searched(n, solver)
    columns = sum(widths) * (2 if aligned else 1)
    memory = libraries + OVERHEAD + _FEATURE * n * columns + _PAIR * (1 + default_threads()) * looked**2
    bound = memory_limit(limit)
    if bound is not None and memory > bound:
        instead = "take fewer items" + (f", or solver='auto', which looks at {SEARCHED:,}" if looked > SEARCHED else "")
        raise InputError(f"{n:,} items need {in_words(memory)}, the limit is {in_words(bound)}: {instead}")
    reason = f"each concept at its own scale; {looked:,} items are looked at"
    return FitPlan("dense", n, memory, None, reason)
