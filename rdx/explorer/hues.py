"""Which colour each concept has, of both directions at once: faces of one finding are shades of one hue."""

from __future__ import annotations

from collections.abc import Sequence

from rdx.explorer.standing import Standing
from rdx.method.concepts import A_NOT_B

SHADES = 3  # of each hue, which the page can tell apart: its own, and two more


def hues(standing: Sequence[Standing], palette: int) -> dict[tuple[str, int], int]:
    """By direction and number: a place in the palette of so many hues, from 0, and on through its further shades.

    A's concepts have the hues of the run's figures, B's the ones that are left; but those that B has of one of A's
    findings have other shades of A's hues: the same difference as the other model sees it. No two concepts are alike.
    """
    found = {(one.direction, one.number): one.number - 1 for one in standing if one.direction == A_NOT_B}
    ours: dict[int | None, list[int]] = {}
    for one in standing:
        if one.direction == A_NOT_B and one.finding is not None:
            ours.setdefault(one.finding, []).append(one.number - 1)
    shades = {
        finding: [color + palette * shade for shade in range(1, SHADES) for color in here]
        for finding, here in ours.items()
    }
    taken = set(found.values())
    for one in standing:
        if one.direction == A_NOT_B:
            continue
        left = [color for color in shades.get(one.finding, ()) if color not in taken]
        color = left[0] if left else next(free for free in range(max(taken, default=-1) + 2) if free not in taken)
        taken.add(color)
        found[one.direction, one.number] = color
    return found
