"""How large a difference is, in a word: that something stands out from chance does not say that it is much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rdx.metrics.attribute_words import percent

SMALL, EVEN, CLEAR = "small", "spread out", "clear"
_AGREE = 0.85  # of neighbours that are the same: the models differ little
_DENSE = 1.5  # times as much change inside what was found as its share of pairs, or most of it lies everywhere


@dataclass(frozen=True)
class Size:
    """Of one comparison as one method sees it."""

    word: str
    sentence: str  # why; empty where it is clear


def size_of(common: float | None, explained: Sequence[float] | None) -> Size | None:
    """common: share of neighbours that are the same in both; explained: of pairs inside what stands out, their share of
    all pairs and of all change. None where neither is known."""
    if common is not None and common >= _AGREE:
        return Size(SMALL, f"The difference is small: {percent(common)} of neighbours are the same in both.")
    if explained is None:
        return None
    pairs, change = explained
    if change < _DENSE * pairs:
        return Size(
            EVEN,
            f"Most of the difference lies elsewhere, spread over everything: what stands out has {percent(change)} of "
            f"all change and {percent(pairs)} of the pairs. Two trainings with different seeds look like that, too.",
        )
    return Size(CLEAR, "")
