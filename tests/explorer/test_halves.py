"""A concept as the other model divides it."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.explorer.halves import Halves, dividing, halves
from rdx.method.neighborhoods import as_points
from rdx.metrics.attributes import Attribute

RNG = np.random.default_rng(0)


def test_two_groups_of_the_other_model_are_the_halves():
    members = np.arange(10, 60)
    apart = np.where(np.arange(80) < 40, 0.0, 20.0)[:, None] * np.ones(3)
    own, other = RNG.normal(size=(80, 3)), RNG.normal(size=(80, 3)) + apart
    found = halves(as_points(own), as_points(other), members)
    assert found.members[0].tolist() == list(range(10, 40)) and found.members[1].tolist() == list(range(40, 60))
    assert set(found.shown[1]) <= set(range(40, 60)) and len(found.shown[0]) == 9
    assert found.mixed_other == 0.0
    assert found.mixed_own == pytest.approx(0.48, abs=0.12)  # 2 · 0.6 · 0.4 of pairs are of both halves


def test_what_tells_the_halves_apart_is_said_where_only_one_model_tells_them():
    size = Attribute("size", np.arange(50.0), None, ("larger", "smaller"))
    noise = Attribute("noise", RNG.random(50), None, ("more", "less"))
    parts = np.arange(30), np.arange(30, 50)
    told = dividing([Halves(parts, parts, 0.4, 0.1), None, Halves(parts, parts, 0.4, 0.4)], [size, noise])
    assert [one.parts for one in told] == [["smaller than the others (AUC 1.00)"], [], []]
    assert [[test.attribute.name for test in one.by] for one in told] == [["size"], [], []]
    label = Attribute("label", (np.arange(50) < 30).astype(np.int64), ("cat", "dog"))
    (said,) = dividing([Halves(parts, parts, 0.4, 0.1)], [size, label])
    assert said.parts == ["label “dog” 100 % (0 % of the others)"]  # dogs are smaller, which is not said again
    assert said.by == []


@pytest.mark.parametrize(("values", "size"), [(RNG.normal(size=(40, 2)), 11), (np.zeros((40, 2)), 20)])
def test_few_or_equal_items_have_no_halves(values, size):
    points = as_points(np.concatenate([values, [[5.0, 5.0]]]))
    assert halves(points, points, np.arange(size)) is None
