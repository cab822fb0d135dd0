"""The images that show a concept, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rdx.method.scales.shown import representatives


def plainly(weights, m):
    """One after the other: who makes everyone stood for best, with 0.2 of the weight among those shown."""
    n = len(weights)
    weights = np.where(np.eye(n, dtype=bool), 0, weights)

    def worth(one, chosen):
        stood = [max(0, *(weights[each, other] for each in [*chosen, one])) for other in range(n)]
        return np.mean(stood) + 0.2 * np.mean([weights[one, other] for other in chosen or range(n)])

    chosen = []
    while len(chosen) < min(m, n):
        chosen.append(max((one for one in range(n) if one not in chosen), key=lambda one: worth(one, chosen)))
    return chosen


@pytest.mark.parametrize("m", [1, 2, 5, 9, 40])
def test_those_shown_are_those_of_plain_loops(m):
    weights = np.random.default_rng(m).normal(size=(30, 30))
    assert_array_equal(representatives(weights + weights.T, m), plainly(weights + weights.T, m))


def test_the_smaller_kind_is_shown_too():
    """Two kinds, 40 and 20 items, held together: strongly the first, a little less the second, and least across."""
    kind = np.repeat([0, 1], [40, 20])
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (60, 60))
    weights = np.where(kind[:, None] == kind, np.where(kind == 0, 0.9, 0.8), 0.5) + (noise + noise.T) / 2
    shown = kind[representatives(weights, 9)]
    assert 0 < shown.sum() <= 4


def test_the_images_shown_differ_though_most_members_do_not():
    """Twenty items of which six differ among themselves, and the others are near in both models."""
    weights = np.zeros((20, 20), dtype=np.float32)
    some = np.array([3, 4, 8, 11, 15, 19])
    weights[np.ix_(some, some)] = 0.9
    before = weights.copy()
    assert set(representatives(weights, 6)) == set(some)
    assert_array_equal(weights, before)  # the group's own weights are left as they are
