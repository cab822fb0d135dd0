"""What speaks for a concept that was found at a scale of its own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """At which scale a concept stands out from noise, and how far; see `rdx.method.scales`."""

    gamma: float  # γ at which its score is largest
    gain: float  # Σ −difference over ordered pairs of members / members, among the items of its round
    score: float  # the gain over what noise has at this γ in this direction
    p_value: float  # the share of noise pairs with a score as large, at any γ, in either direction
    round: int
    finding: int | None  # concepts with one number are faces of one finding; None: it may be chance
    effect: float = 0.0  # the gain at γ = 1 among all items: how large a difference is, whatever its own scale
    further: bool = False  # another side of a face, however faint it is by itself: p is that face's

    @property
    def stands_out(self) -> bool:
        return self.finding is not None
