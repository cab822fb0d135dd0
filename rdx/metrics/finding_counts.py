"""How many findings there are: counted in one way, wherever a run or a page says it.

A finding is what one sentence says, of one group of items or of several. Groups that are small, or whose borders are
unsure, stand out from chance as others do, but are no findings to read first: they are counted apart.
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
    """Whether a finding is counted apart: there is a caution for each of its groups."""
    return all(faces)


def count_text(findings: Sequence[Sequence[Cautions]], things: str) -> str:
    """"2 findings (3 groups of images) and 1 small or unsure group": of each finding the cautions of its groups."""
    main = [faces for faces in findings if not is_minor(faces)]
    groups, minor = sum(map(len, main)), len(findings) - len(main)
    parts = [_counted(len(main), "finding") + f" ({groups} groups of {things})" * (groups > len(main))] if main else []
    return " and ".join(parts + [_counted(minor, "small or unsure group")] * (minor > 0))


def short_count_text(findings: Sequence[Sequence[Cautions]]) -> str:
    """The same for a badge: small and unsure groups are there where there is nothing else."""
    main = sum(not is_minor(faces) for faces in findings)
    return _counted(main, "finding") if main else _counted(len(findings), "small or unsure group")


def stand(findings: Sequence) -> str:
    return "stands" if len(findings) == 1 else "stand"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count > 1)}"
