"""What neighbours share in one model and not in the other, and what sets those apart that moved most."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.explorer.sharing import axis, moved_sentence, shared_attributes, table_rows
from rdx.features.pixels import MEASURES
from rdx.metrics.attributes import Attribute
from rdx.metrics.counterparts import WAYS

NEAR_A = np.array([[1, 2], [0, 2], [3, 1], [2, 1]])
NEAR_B = np.array([[2, 1], [0, 3], [0, 1], [0, 1]])


def test_neighbours_share_categories_and_numbers():
    label = Attribute("label", np.array([0, 0, 1, 1]), ("x", "y"))
    lonely = Attribute("camera", np.array([0, -1, 0, -1]), ("x",))  # −1: a value that nothing else has
    size = Attribute("size", np.array([0.0, 1.0, 400.0, np.nan]))
    same = Attribute("same", np.array([5.0, 5.0, 5.0, 5.0]))
    found = {one.name: one for one in shared_attributes((NEAR_A, NEAR_B), [lonely, same, size, label])}
    assert "same" not in found
    assert (found["label"].a, found["label"].b) == (pytest.approx(4 / 8), pytest.approx(2 / 8))
    assert (found["camera"].a, found["camera"].b) == (pytest.approx(1 / 8), pytest.approx(2 / 8))
    assert found["size"].a == pytest.approx(1 - np.mean([1.5, 1, 1]) / (4 / 3))  # of ranks 1, 2, 3
    apart = [abs(one.apart) for one in found.values()]
    assert apart == sorted(apart, reverse=True)


def test_what_moved_is_told_where_something_known_tells_it():
    rng = np.random.default_rng(0)
    bright = rng.random(200)
    known = [Attribute("brightness", bright, None, ("brighter", "darker"))]
    text = moved_sentence(bright, known, None, "images")
    assert text.startswith("The 50 images that moved most (91 % of their neighbours are others, of all 5")
    assert "brighter than the rest" in text
    assert moved_sentence(rng.random(200), known, None, "images") is None


def test_what_attributes_hardly_differ_in_has_no_line():
    equal = Attribute("site", np.array([0, 0, 1, 1]), ("x", "y"))
    assert table_rows(shared_attributes((NEAR_A, NEAR_A), [equal])) == []
    label = Attribute("label", np.array([0, 0, 1, 1]), ("x", "y"))
    found = shared_attributes((NEAR_A, NEAR_B), [label])
    assert table_rows(found) == [] and found  # the page has a line of its own for labels


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("brightness", "brighter or darker"), ("contrast", "richer or poorer in contrast"),
        ("symmetry", "more or less alike left and right"),
        ("most saturated spot", "with a more or less colourful spot somewhere"),
        ("left half, edges", "busier on the left or right"),
        ("upper half, brightness", "brighter in the upper or lower half"),
        ("lower left, brightness", "brighter or darker at the lower left"),
    ],
)  # fmt: skip
def test_an_axis_is_named_by_both_of_its_ends(name, words):
    assert axis(Attribute(name, np.zeros(1), None, MEASURES[name])) == words
    assert axis(Attribute("age", np.zeros(1), None, ("higher age", "lower age"))) == "“age”"
    assert axis(Attribute("camera", np.zeros(1), ("x",))) == "“camera”"
    assert axis(Attribute("red patch", np.zeros(1), ("no", "yes"), ("no red patch", "a red patch"))) == "a red patch"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("upside-down counterparts", "images upside down relative to others"),
        ("mirrored counterparts", "images mirrored relative to others"),
    ],
)
def test_what_images_are_beside_others_is_named_plainly(name, words):
    assert axis(Attribute(name, np.zeros(1), None, WAYS[name][1], signed=True)) == words
