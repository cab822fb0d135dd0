"""How many findings there are: counted in one way, wherever a run or a page says it.

A finding is what one sentence says, of one group of items or of several; only findings are counted, never groups. Those
that are small, or whose borders are unsure, stand out from chance as others do, but are not to be read first: they come
last, and are counted by themselves.
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
    """"1 finding stands out from chance, and 3 small or unsure ones": of each finding the cautions of its groups."""
    count = _main(findings)
    return f"{_number(count)} stand{'s' * (count == 1)} out from {against}{_care(findings)}"


def count_text(findings: Sequence[Sequence[Cautions]]) -> str:
    """The same for a badge: "1 finding, and 3 small or unsure ones"."""
    return _number(_main(findings)) + _care(findings)


def _main(findings: Sequence[Sequence[Cautions]]) -> int:
    """How many are no minor ones; all, where all are minor."""
    return len(findings) - sum(map(is_minor, findings)) or len(findings)


def _number(count: int) -> str:
    return f"{count} finding{'s' * (count > 1)}"


def _care(findings: Sequence[Sequence[Cautions]]) -> str:
    minor = sum(map(is_minor, findings))
    if not minor:
        return ""
    if minor == len(findings):
        return ", small or unsure" if minor == 1 else ", all small or unsure"
    return f", and {minor} small or unsure one{'s' * (minor > 1)}"
