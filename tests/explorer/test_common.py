"""What a concept's items share, and what those that are shown share besides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_comparison import N, made_content

from rdx.explorer.common import commons
from rdx.explorer.payload import make_payload
from rdx.method.concepts import Explanations
from rdx.metrics.attributes import Attribute

CONTENT = made_content(images=False)
MEMBERS = np.arange(60)
CHANCE = np.random.default_rng(0).random(N)


def told(spots: np.ndarray, words=("with a spot", "without a spot")):
    """Of one concept of MEMBERS, of which the first nine are shown."""
    explained = CONTENT.methods[0].explanations["a_not_b"]
    concept = replace(explained.concepts[0], members=MEMBERS, indices=MEMBERS[:9])
    labels = np.where(np.arange(N) < 60, 1, 0)
    nothing = Explanations("b_not_a", np.zeros(N, dtype=int), [])
    found = {"a_not_b": Explanations("a_not_b", labels, [concept]), "b_not_a": nothing}
    known = [*CONTENT.attributes, Attribute("spot", spots, None, words), Attribute("chance", CHANCE)]
    content = replace(CONTENT, attributes=known)
    return commons(content, replace(CONTENT.methods[0], explanations=found))["a_not_b", 1]


def test_what_only_the_images_shown_share_is_said_of_them():
    common = told(CHANCE[::-1] + 9 * (np.arange(N) < 9))
    assert "spot" not in common.shares and not common.explains
    assert common.shown == (
        "The 9 items shown: with a spot than the rest (AUC 1.00)."
    )


def test_what_all_members_share_is_not_said_twice():
    common = told(CHANCE[::-1] + 9 * (np.arange(N) < 60))
    assert common.shares.startswith("with a spot than the rest (AUC 1.00)") and common.shown is None
    assert common.explains and common.seen


def test_what_is_hardly_seen_is_said_of_the_group_alone():
    common = told(CHANCE[::-1] + 0.15 * (np.arange(N) < 60))
    assert common.shares.startswith("with a spot than the rest (AUC 0.6") and common.explains and not common.seen


@pytest.mark.parametrize("values", [CHANCE[::-1], np.arange(N) % 2.0])
def test_chance_is_not_said(values):
    assert told(values).shown is None


def test_nothing_is_said_where_neighbours_are_not_known():
    assert commons(replace(CONTENT, near=None), CONTENT.methods[0]) == {}
    payload, _ = make_payload(replace(CONTENT, near=None), None)
    assert payload["methods"][0]["directions"]["a_not_b"]["concepts"][0]["shares"] is None
