"""How a comparison looks beside its reference: two representations that may differ, such as two seeds of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rdx.explorer.content import Method, Reference
from rdx.explorer.findings import Finding
from rdx.explorer.standing import Standing
from rdx.metrics.attribute_words import percent
from rdx.metrics.significance import ALPHA


@dataclass(frozen=True)
class Beside:
    """What is said of it."""

    sentence: str
    beyond: int | None  # findings that are more than the reference shows; None where each was tested against it alone
    of: int  # findings

    @property
    def short(self) -> str | None:
        if self.beyond is None:
            return None
        count = ("" if self.beyond else "not ") if self.of == 1 else f"{self.beyond or 'none'} "
        return f"{count}beyond the reference"


def beyond(method: Method, one: Standing) -> bool | None:
    """Whether a concept is more than the reference shows; None where it was not held against one besides noise."""
    row = next((row for row in method.rows.get(one.direction, ()) if row["concept"] == one.number), {})
    p = row.get("p_reference")
    return None if p is None else p < ALPHA


def beside_reference(method: Method, agreement: Mapping[str, Any], findings: Sequence[Finding]) -> Beside | None:
    """None where no reference was named. ``findings``: those that stand out."""
    if not method.references:
        return None
    faces = [[beyond(method, face) for face in finding.faces] for finding in findings]
    texts = [_agrees(one, agreement) for one in method.references]
    margin = f"more than {method.margin:g} times what the reference shows"
    if not any(one is not None for each in faces for one in each):
        texts += [f"What stands out is {margin}."] * bool(findings)
        return Beside(" ".join(texts), None, len(faces))
    count = sum(any(each) for each in faces)
    which = f"{count or 'None'} of {len(faces)} findings {'is' if count < 2 else 'are'}"
    if len(faces) == 1:
        which = "The finding is" if count else "The finding is not"
    return Beside(" ".join([*texts, f"{which} {margin}."]), count, len(faces))


def _agrees(one: Reference, agreement: Mapping[str, Any]) -> str:
    first, second = one.titles
    cka = "" if one.cka is None or agreement["cka"] is None else f" (CKA {one.cka:.3g} and {agreement['cka']:.3g})"
    ours = "" if agreement["common"] is None else f", between A and B {percent(agreement['common'])}"
    theirs = f"Between “{first}” and “{second}”, the reference, {percent(one.common)} of neighbours are the same"
    return f"{theirs}{ours}{cka}."
