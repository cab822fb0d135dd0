"""A group of items that was found, with what speaks for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdx.method.scales.chance import Scale
from rdx.method.scales.strongest import SAME

MOSTLY = 0.6  # share of a group that lies in another one, of which it is a part


@dataclass(frozen=True)
class Group:
    """A concept before its images are chosen; n items are all that were looked at."""

    scale: Scale
    members: np.ndarray  # (n,) bool
    among: np.ndarray  # (n,) bool: the items that were left in its round
    gain: float
    score: float  # the gain over what noise has at this scale
    p_value: float
    round: int
    finding: int | None = None  # groups with the same number are faces of one finding; None: may be chance
    effect: float = 0.0  # the gain at γ = 1 among all items, once everything is found
    further: bool = False  # found across the border of another one, whose p it has; or joined with such a one

    @property
    def direction(self) -> str:
        return self.scale[0]

    @property
    def gamma(self) -> float:
        return self.scale[1]

    def same_as(self, other: Group) -> bool:
        """Whether two groups share most of their items; half of a group twice as large is not that group."""
        return np.count_nonzero(self.members & other.members) > SAME * np.count_nonzero(self.members | other.members)

    def overlap(self, other: Group) -> float:
        """The share of the smaller one's items that both have."""
        return np.count_nonzero(self.members & other.members) / min(self.members.sum(), other.members.sum())

    def mostly_in(self, other: Group) -> bool:
        """Whether most of its items are the other one's, too."""
        return bool(np.count_nonzero(self.members & other.members) >= MOSTLY * self.members.sum())


def taken_by(groups: list[Group], direction: str) -> np.ndarray | None:
    """Items that groups of this direction have, (n,): an item belongs to one concept of a direction."""
    same = [group.members for group in groups if group.direction == direction]
    return np.any(same, axis=0) if same else None
