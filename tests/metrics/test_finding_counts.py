"""Findings are counted in one way."""

from __future__ import annotations

import math

import pytest

from rdx.metrics.finding_counts import cautions, count_text, short_count_text, stand

SURE, SMALL = cautions(300, 0.9), cautions(5, 0.9)


def test_small_groups_and_unsure_borders_are_read_with_care():
    assert (SURE, SMALL) == ((), ("small group",))
    assert cautions(300, 0.49) == ("borders unsure",) and cautions(11, 0.1) == ("small group", "borders unsure")
    assert cautions(12, 0.5) == cautions(300, None) == cautions(300, math.nan) == ()


@pytest.mark.parametrize(
    ("findings", "count", "short"),
    [
        ([[SURE]], "1 finding stands", "1 finding"),
        ([[SURE, SURE], [SURE, SMALL]], "2 findings (4 groups of images) stand", "2 findings"),
        ([[SURE], [SMALL], [SMALL, SMALL]], "1 finding and 2 small or unsure groups stand", "1 finding"),
        ([[SMALL]], "1 small or unsure group stands", "1 small or unsure group"),
    ],
)
def test_they_are_counted_apart(findings, count, short):
    assert f"{count_text(findings, 'images')} {stand(findings)}" == count
    assert short_count_text(findings) == short
