"""Whose view the pictures are is said over them, as far as it is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_comparison import made_content

from rdx.explorer.pictures import whose_pictures


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ({"a": True, "b": True}, "for both models, and what both were given, each in"),
        ({"a": True, "b": False}, "What B saw of each is not known here: the vectors came ready-made"),
        ({}, "What A and B saw of each is not known here: the vectors came ready-made"),
    ],
)
def test_what_each_model_saw_is_said_as_far_as_it_is_known(given, ends):
    told = whose_pictures(replace(made_content(), given=given))
    assert told.startswith("Pictures are the items' own, the same for both models") and ends in told
    assert "each card says in whose neighbourhoods its images lie together" in told
    told = whose_pictures(replace(made_content(texts=True), given=given))
    assert told.startswith("Texts are the items' own") and ends in told


def test_where_nothing_is_shown_nothing_is_said():
    assert whose_pictures(made_content(images=False)) is None
