"""The images that show a concept, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rdx.method.scales.shown import densest


def plainly(weights, m):
    """Every item in turn begins a set; the set with the largest sum, its items by their sum to the others."""

    def of(one, others):
        return sum(weights[one, other] for other in others if other != one)

    sets = []
    for start in range(len(weights)):
        chosen = [start]
        while len(chosen) < min(m, len(weights)):
            rest = [one for one in range(len(weights)) if one not in chosen]
            chosen.append(max(rest, key=lambda one: of(one, chosen)))
        sets.append(chosen)
    best = max(sets, key=lambda chosen: sum(of(one, chosen) for one in chosen))
    return sorted(best, key=lambda one: -of(one, best))


@pytest.mark.parametrize("m", [1, 2, 5, 9, 40])
def test_the_densest_set_is_that_of_plain_loops(m):
    weights = np.random.default_rng(m).normal(size=(30, 30))
    assert_array_equal(densest(weights + weights.T, m), plainly(weights + weights.T, m))


def test_the_images_shown_differ_though_most_members_do_not():
    """Twenty items of which six differ among themselves, and the others are near in both models."""
    weights = np.zeros((20, 20), dtype=np.float32)
    some = np.array([3, 4, 8, 11, 15, 19])
    weights[np.ix_(some, some)] = 0.9
    before = weights.copy()
    assert set(densest(weights, 6)) == set(some)
    assert_array_equal(weights, before)  # the group's own weights are left as they are
