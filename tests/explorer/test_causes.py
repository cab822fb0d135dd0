"""One attribute behind several findings is said once, before they are counted as many causes."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.explorer.causes import shared_cause
from rdx.explorer.standing import OUT, Standing
from rdx.metrics.attributes import Attribute, Finding

VALUES = np.random.default_rng(0).normal(size=(5, 60))
BRIGHT = Attribute("brightness", VALUES[0], None, ("brighter", "darker"))
TOP = Attribute("top, brightness", VALUES[0] + 0.2 * VALUES[1], None, ("brighter at the top", "darker at the top"))
WIDE = Attribute("aspect ratio", VALUES[2], None, ("wider", "taller"))
PATCH = Attribute("red patch", (VALUES[3] > 0).astype(np.int64), ("no", "yes"), ("no red patch", "a red patch"))
UP = [Attribute("way up", values, None, ("", "upside down"), signed=True) for values in VALUES[:2]]


def faces(*numbers: int, cautions=()) -> list[Standing]:
    return [Standing("b_not_a", number, OUT, None, (), cautions) for number in numbers]


def told(*findings, **apart) -> str | None:
    """Of findings, and what sets their groups apart, by number: attributes and how clear they are."""
    tests = {
        ("b_not_a", int(name[1:])): [Finding(one, None, False, 0.5 - clear, 0.0, 1.0, 0.0) for one, clear in here]
        for name, here in apart.items()
    }
    return shared_cause(findings, tests)


def test_findings_of_one_attribute_are_counted():
    groups = [faces(1), faces(2), faces(3), faces(4, 5)]
    assert told(*groups, c1=[(BRIGHT, 0.2)], c2=[(BRIGHT, 0.4)], c5=[(WIDE, 0.3), (BRIGHT, 0.3)]) == (
        "3 of the 4 findings share one attribute: brighter or darker."
    )
    everything = [(PATCH, 0.2)]
    assert told(*groups, c1=everything, c2=everything, c3=everything, c4=everything) == (
        "All 4 findings share one attribute: a red patch."
    )
    assert told(*groups[:2], c1=everything, c2=everything).startswith("Both findings share")


def test_attributes_that_go_together_are_one_and_the_clearest_is_named():
    assert told(faces(1), faces(2), c1=[(TOP, 0.2)], c2=[(BRIGHT, 0.3)]).endswith(": brighter or darker.")
    assert told(faces(1), faces(2), c1=[(TOP, 0.4)], c2=[(BRIGHT, 0.3)]).endswith(": brighter or darker at the top.")


def test_what_is_measured_beside_each_group_is_one_by_its_name():
    """Its values are others in each group, and may go with anything."""
    both = told(faces(1), faces(2), c1=[(UP[0], 0.2)], c2=[(UP[1], 0.3)])
    assert both == "Both findings share one attribute: images upside down relative to others."
    assert told(faces(1), faces(2), c1=[(UP[0], 0.2)], c2=[(BRIGHT, 0.3)]) is None


@pytest.mark.parametrize(
    "apart", [{}, {"c1": [(BRIGHT, 0.3)]}, {"c1": [(BRIGHT, 0.3), (WIDE, 0.3)], "c2": [(PATCH, 0.3)]}], ids=str
)
def test_of_different_findings_nothing_is_said(apart):
    assert told(faces(1), faces(2), faces(3), **apart) is None


def test_what_one_does_not_see_in_a_group_is_no_cause():
    assert told(faces(1), faces(2), c1=[(BRIGHT, 0.34)], c2=[(BRIGHT, 0.19)]) is None  # AUC 0.84 and 0.69


def test_less_than_half_is_no_cause_of_all():
    two = {"c1": [(BRIGHT, 0.3)], "c2": [(BRIGHT, 0.3)]}
    assert told(*[faces(number) for number in range(1, 6)], **two) is None
    small = faces(3, cautions=("small group",))  # counts, as it does wherever findings are counted
    assert told(faces(1), faces(2), small, **two).startswith("2 of the 3 findings share")
    assert told(faces(1), small, **two) is None
