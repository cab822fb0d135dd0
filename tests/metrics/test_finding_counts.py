"""Findings are counted in one way."""

from __future__ import annotations

import math

import pytest

from rdx.metrics.finding_counts import cautions, count_text, standing_out

SURE, SMALL = cautions(300, 0.9), cautions(5, 0.9)


def test_small_groups_and_unsure_borders_are_read_with_care():
    assert (SURE, SMALL) == ((), ("small group",))
    assert cautions(300, 0.49) == ("borders unsure",) and cautions(11, 0.1) == ("small group", "borders unsure")
    assert cautions(12, 0.5) == cautions(300, None) == cautions(300, math.nan) == ()


@pytest.mark.parametrize(
    ("findings", "count", "care"),
    [
        ([[SURE]], "1 finding", ""),
        ([[SURE, SURE], [SURE, SMALL]], "2 findings", ""),  # whatever number of groups they are
        ([[SURE], [SMALL], [SMALL, SMALL]], "1 finding", ", and 2 small or unsure ones"),
        ([[SURE], [SURE], [SMALL]], "2 findings", ", and 1 small or unsure one"),
        ([[SMALL]], "1 finding", ", small or unsure"),
        ([[SMALL], [SMALL]], "2 findings", ", all small or unsure"),
    ],
)
def test_badge_and_sentence_have_one_number(findings, count, care):
    assert count_text(findings) == count + care
    verb = "stands" if count == "1 finding" else "stand"
    assert standing_out(findings, "chance") == f"{count} {verb} out from chance{care}"
