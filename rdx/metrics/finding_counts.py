"""How many findings there are: counted in one way, wherever a run or a page says it.

A finding is what one sentence says, of one group of items or of several; only findings are counted, never groups. Those
that are small, or whose borders are unsure, stand out from chance as others do, but are not to be read first: they come
last, and beside the number it is said how many they are.
"""

from __future__ import annotations

from collections.abc import Sequence

_SMALL = 12  # a group of fewer is small
_UNSURE = 0.5  # of a lower stability, the borders are unsure

Cautions = tuple[str, ...]


def cautions(size: int, stability: float | None) -> Cautions:
    """What speaks for reading a group with care; a stability that is None or NaN is not known."""
    unsure = stability is not None and stability < _UNSURE
    return tuple(word for word, holds in (("small group", size < _SMALL), ("borders unsure", unsure)) if holds)


def is_minor(faces: Sequence[Cautions]) -> bool:
    """Whether a finding comes last: there is a caution for each of its groups."""
    return all(faces)


def standing_out(findings: Sequence[Sequence[Cautions]], against: str) -> str:
    """"4 findings stand out from chance, 3 of them small or unsure": of each finding the cautions of its groups."""
    return f"{_number(findings)} stand{'s' * (len(findings) == 1)} out from {against}{_care(findings)}"


def count_text(findings: Sequence[Sequence[Cautions]]) -> str:
    """The same for a badge: "4 findings, 3 of them small or unsure"."""
    return _number(findings) + _care(findings)


def _number(findings: Sequence) -> str:
    return f"{len(findings)} finding{'s' * (len(findings) > 1)}"


def _care(findings: Sequence[Sequence[Cautions]]) -> str:
    minor = sum(map(is_minor, findings))
    which = "" if len(findings) == 1 else "all " if minor == len(findings) else f"{minor} of them "
    return f", {which}small or unsure" if minor else ""
