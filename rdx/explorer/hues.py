"""Which colour each concept has, of both directions at once: one colour is one concept, or two faces of one finding."""

from __future__ import annotations

from collections.abc import Sequence

from rdx.explorer.standing import Standing
from rdx.method.concepts import A_NOT_B


def hues(standing: Sequence[Standing]) -> dict[tuple[str, int], int]:
    """A place in the palette, from 0, by direction and number.

    A's concepts have those of the run's figures, B's the ones that are left; but the first face that B has of one of
    A's findings has the colour of A's: the same difference as the other model sees it. No two of a direction are alike.
    """
    found = {(one.direction, one.number): one.number - 1 for one in standing if one.direction == A_NOT_B}
    ours = {one.finding: one.number - 1 for one in reversed(standing) if one.direction == A_NOT_B}
    unused = max(found.values(), default=-1) + 1
    for one in standing:
        if one.direction == A_NOT_B:
            continue
        color = ours.pop(one.finding, None) if one.finding is not None else None
        if color is None:
            color, unused = unused, unused + 1
        found[one.direction, one.number] = color
    return found
