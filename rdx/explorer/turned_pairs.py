"""Images beside what they look like turned over: which way up an image is shows at a glance only beside another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rdx.explorer.content import Content
from rdx.explorer.halves import Halves
from rdx.explorer.whereabouts import evenly
from rdx.metrics.attributes import Finding

_PAIRS = 4
_MOST = 400  # of a group that are compared, evenly taken


def pairs_of(
    content: Content, members: np.ndarray, beside_rest: Sequence[Finding], found: Halves | None,
    between: Sequence[Finding],
) -> dict[str, Any] | None:  # fmt: skip
    """Pairs of items that look like each other turned over, and in words how: of a concept's two halves, else of its
    members and the rest; None where neither differs by that.

    ``beside_rest``, ``between``: what sets members apart from the rest, and the halves from each other.
    """
    rest = np.setdiff1d(np.arange(content.n), members)
    beside = "Beside {things} outside this group, {turned} relative to each other"
    within = "In pairs from this group, {turned} relative to each other"
    groups = [(within, between, found.members if found else ()), (beside, beside_rest, (members, rest))]
    for words, tests, sides in groups:
        names = [one.attribute.name for one in tests if one.attribute.signed]
        for relative in content.relative:
            if relative.name in names:
                pairs = relative.pairs(*[evenly(side, _MOST) for side in sides], _PAIRS)
                told = words.format(things=content.items.noun, turned=relative.words[1])
                return {"words": told, "items": pairs.tolist()}
    return None
