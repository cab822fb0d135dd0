"""What the page says of a comparison beside its reference, such as two seeds of one training."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_comparison import made_content, with_evidence

from rdx.explorer.content import Reference
from rdx.explorer.payload import make_payload

CONTENT = made_content(images=False)
SEEDS = Reference(("seed 2", "seed 3"), 0.8, 0.97)


def payload_with(p_reference: dict[str, list[float | None]], references=(SEEDS,)):
    method = with_evidence(CONTENT.methods[0], {"a_not_b": [1, 2], "b_not_a": [1, None]})
    rows = {
        direction: [{**row, "p_reference": p} for row, p in zip(method.rows[direction], values, strict=True)]
        for direction, values in p_reference.items()
    }
    method = replace(method, rows=rows, references=references, margin=1.5)
    payload, _ = make_payload(replace(CONTENT, methods=[method]), None)
    return payload["methods"][0]


@pytest.mark.parametrize(
    ("a", "b", "badge", "said"),
    [
        ([0.5, 1.0], [0.3, None], "none beyond the reference", "None of 2 findings is"),
        ([0.5, 0.02], [0.3, None], "1 beyond the reference", "1 of 2 findings is"),
        ([0.5, 0.02], [0.02, None], "2 beyond the reference", "2 of 2 findings are"),
    ],
)  # fmt: skip
def test_badge_headline_and_cards_say_which_findings_are_more_than_the_reference(a, b, badge, said):
    p_values = {"a_not_b": a, "b_not_a": b}
    found = payload_with(p_values)
    story = found["story"]
    assert story["badge"].endswith(f"2 findings, {badge}") and (story["care"] or "none" not in badge)
    assert f" {said} more than 1.5 times what the reference shows." in story["headline"]
    agree = "80 % of neighbours are the same, between A and B 50 % (CKA 0.97 and 0.801)."
    assert f"Between “seed 2” and “seed 3”, the reference, {agree}" in story["headline"]
    for direction, values in p_values.items():
        shown = {one["number"]: one["beyond"] for one in found["directions"][direction]["concepts"]}
        assert shown == {i + 1: None if p is None else p < 0.05 for i, p in enumerate(values)}


def test_without_a_reference_nothing_is_said_of_one():
    found = payload_with({"a_not_b": [None, None], "b_not_a": [None, None]}, ())
    assert "reference" not in found["story"]["headline"] and "reference" not in found["story"]["badge"]


def test_where_concepts_were_tested_against_the_reference_alone_the_page_says_so():
    found = payload_with({"a_not_b": [None, None], "b_not_a": [None, None]})
    assert "What stands out is more than 1.5 times what the reference shows." in found["story"]["headline"]
    assert "beyond" not in found["story"]["badge"]
