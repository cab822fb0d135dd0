"""Which concepts stand out from chance, in which order concepts come, and which of them are one finding.

All that the page says about chance (badge, headline, cards, keys, matrix) comes from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from rdx.explorer.content import Method
from rdx.method.concepts import DIRECTIONS
from rdx.metrics import finding_counts
from rdx.metrics.significance import stands_out

OUT, CHANCE, UNTESTED = "out", "chance", "untested"


@dataclass(frozen=True)
class Standing:
    """One concept's."""

    direction: str
    number: int
    word: str  # OUT, CHANCE or UNTESTED
    finding: int | None  # concepts with one number are faces of one finding; None: it stands alone
    order: tuple[float, ...]  # less comes first
    cautions: finding_counts.Cautions = ()


def standings(method: Method) -> list[Standing]:
    """Every concept of both directions: what stands out first, then by p; of one p the largest effect first.

    Faces that need not stand out by themselves come after those that do.

    With a scale for each concept it is those with a finding; else, where the method was tested, those with p < 0.05. A
    concept without a p of its own (too few of its items were in the sample) may be chance.
    """
    tested = is_tested(method)
    found = [
        _standing(method, direction, concept, tested)
        for direction in DIRECTIONS
        for concept in method.explanations[direction].concepts
    ]
    return sorted(found, key=lambda one: one.order)


def is_tested(method: Method) -> bool:
    concepts = [one for found in method.explanations.values() for one in found.concepts]
    rows = [row for rows in method.rows.values() for row in rows]
    return any(one.evidence for one in concepts) or any(row.get("p_value") is not None for row in rows)


def _standing(method: Method, direction: str, concept, tested: bool) -> Standing:
    number, evidence = concept.number, concept.evidence
    row = next((row for row in method.rows.get(direction, ()) if row["concept"] == number), {})
    cautions = finding_counts.cautions(concept.size, row.get("stability"))
    if not tested:
        return Standing(direction, number, UNTESTED, None, (0, number, DIRECTIONS.index(direction)), cautions)
    if evidence is not None:
        out, p, further = evidence.stands_out, evidence.p_value, evidence.further
        strength = evidence.effect if out else evidence.score
    else:
        p, strength = row.get("p_value"), row.get("gain") or 0.0
        out, p, further = stands_out(p), 1.0 if p is None else p, False
    finding = evidence.finding if evidence else None
    order = (not out, p, further, -strength, number)
    return Standing(direction, number, OUT if out else CHANCE, finding, order, cautions)


def findings(standing: list[Standing]) -> list[list[Standing]]:
    """What is shown first, as faces of findings: the strongest first, and so its faces; minor ones last."""
    groups: dict[object, list[Standing]] = {}
    for one in standing:
        if one.word == CHANCE:
            continue
        groups.setdefault((one.direction, one.number) if one.finding is None else one.finding, []).append(one)
    return sorted(groups.values(), key=lambda faces: finding_counts.is_minor([face.cautions for face in faces]))
