"""One attribute may stand behind several findings: said, or one cause is counted as many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rdx.explorer.sharing import axis
from rdx.explorer.standing import Standing
from rdx.metrics.attribute_words import SEEN, go_together
from rdx.metrics.attributes import Finding

_SHARE = 0.5  # of the findings, at least


def shared_cause(
    findings: Sequence[Sequence[Standing]], apart: Mapping[tuple[str, int], Sequence[Finding]]
) -> str | None:
    """"4 of the 6 findings share one attribute: …", where at least two, and half of them, do, so that one sees it.

    findings: their faces; apart: by direction and number, what sets a concept's items apart from others, or its halves
    from each other.
    """
    seen = {place: [one for one in found if one.strength >= SEEN] for place, found in apart.items()}
    by_finding = [[one for face in faces for one in seen.get((face.direction, face.number), ())] for faces in findings]
    every = [one for here in by_finding for one in here]
    counts = [sum(any(_same(one, other) for other in here) for here in by_finding) for one in every]
    most = max(counts, default=0)
    if most < max(2, _SHARE * len(findings)):
        return None
    shared = [one for one, count in zip(every, counts, strict=True) if count == most]
    clearest = max(shared, key=lambda one: one.strength)
    which = f"{most} of the {len(findings)}" if most < len(findings) else "Both" if most == 2 else f"All {most}"
    return f"{which} findings share one attribute: {axis(clearest.attribute)}."


def _same(one: Finding, other: Finding) -> bool:
    first, second = one.attribute, other.attribute
    apart = any(each.is_category or each.signed for each in (first, second))  # a signed one differs from group to group
    return first.name == second.name or (not apart and go_together(first, second))
