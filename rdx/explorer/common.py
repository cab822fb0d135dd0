"""What a concept's items share, and what those that are shown share besides, in words.

Tested when the page is made: attributes.json says the same of all members, in the words of the version that wrote it.
The members in a grid can share what the group as a whole hardly does, and are what one sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdx.explorer.content import A, B, Content, Method, besides_labels, other_side
from rdx.metrics.attribute_words import clearest, in_common, is_seen, named, shares
from rdx.metrics.attributes import Finding, find_common, neighbors_outside


@dataclass(frozen=True)
class Common:
    """Of one concept."""

    shares: str
    explains: bool  # whether that sets its items apart from those beside them in the other model, too
    seen: bool  # and whether one sees it: only then is it said of the comparison as a whole
    shown: str | None  # the clearest that the items in its grid share, where all of its members share nothing
    apart: Sequence[Finding] = ()  # the clearest that sets its items apart, whether or not the other model goes by it


def commons(content: Content, method: Method) -> Mapping[tuple[str, int], Common]:
    """By direction and number; nothing where neighbours or attributes are not known, and of concepts without items."""
    if content.near is None or not content.attributes:
        return {}
    near = dict(zip((A, B), content.near, strict=True))
    concepts = [(d, one) for d, found in method.explanations.items() for one in found.concepts if one.size]
    beside = [(one.members, neighbors_outside(near[other_side(d)], one.members)) for d, one in concepts]
    of_all = find_common(content.attributes, beside, content.items.labels, content.relative)
    grids = [(np.unique(one.indices), one.indices[:0]) for _, one in concepts]
    of_grid = find_common(besides_labels(content.attributes), grids, content.items.labels, content.relative)
    result = {}
    for (d, one), found, here, (grid, _) in zip(concepts, of_all, of_grid, grids, strict=True):
        noun, explains = content.items.noun, bool(in_common(found))
        shown = None if explains else _shown(here, f"The {len(grid)} {noun} shown")
        said = shares(found, other_side(d).upper(), noun)
        result[d, one.number] = Common(said, explains, is_seen(found), shown, clearest(found))
    return result


def _shown(findings: Sequence[Finding], which: str) -> str | None:
    by_strength = sorted(named(findings)[0], key=lambda one: -one.strength)
    of_each = [next((one for one in by_strength if one.attribute.is_category == kind), None) for kind in (False, True)]
    parts = in_common([one for one in of_each if one])
    if not parts:
        return None
    return f"{which}: {'; '.join(parts)}."
