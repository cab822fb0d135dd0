"""Whose view the pictures are is said over them, as far as it is known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_comparison import made_content

from rdx.explorer.pictures import whose_pictures


@pytest.mark.parametrize(
    ("given", "ends"),
    [
        ({"a": True, "b": True}, ", which were given just these, each in the size and crop it takes."),
        ({"a": True, "b": False}, "; B may have been given others, as its vectors came ready-made."),
        ({}, "; A and B may have been given others, as their vectors came ready-made."),
    ],
)
def test_what_each_model_saw_is_said_as_far_as_it_is_known(given, ends):
    told = whose_pictures(replace(made_content(), given=given))
    assert told == f"One set of pictures stands for both models{ends}"
    told = whose_pictures(replace(made_content(texts=True), given=given))
    assert told == f"One set of texts stands for both models{ends}"


def test_where_nothing_is_shown_nothing_is_said():
    assert whose_pictures(made_content(images=False)) is None
