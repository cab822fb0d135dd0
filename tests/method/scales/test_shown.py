"""The images that show a concept, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rdx.method.neighborhoods import as_points, neighborhood_ranks
from rdx.method.scales.shown import representatives


def plainly(weights, ranks, m):
    """One after the other: who makes everyone stood for best, with 0.2 of the weight among those shown."""
    n = len(weights)

    def near(one, other):
        places = [sorted(range(n), key=lambda each: ranks[a, each]).index(b) for a, b in ((one, other), (other, one))]
        return sum(np.exp(-place * m / n) for place in places) / 2

    stands = np.array([[near(one, other) for other in range(n)] for one in range(n)])

    def worth(one, chosen):
        stood = [max(stands[each, other] for each in [*chosen, one]) for other in range(n)]
        among = [0 if one == other else weights[one, other] for other in chosen or range(n)]
        return np.mean(stood) + 0.2 * np.mean(among)

    chosen = []
    while len(chosen) < min(m, n):
        chosen.append(max((one for one in range(n) if one not in chosen), key=lambda one: worth(one, chosen)))
    return chosen


def symmetrised(values):
    ranks = neighborhood_ranks(as_points(values)).astype(np.int64)
    return ranks + ranks.T


@pytest.mark.parametrize("m", [1, 2, 5, 9, 40])
def test_those_shown_are_those_of_plain_loops(m):
    rng = np.random.default_rng(m)
    weights, ranks = rng.normal(size=(30, 30)), symmetrised(rng.normal(size=(30, 3)))
    assert_array_equal(representatives(weights + weights.T, ranks, m), plainly(weights + weights.T, ranks, m))


def test_each_kind_is_shown_as_often_as_it_is_there():
    """Two clusters, 40 and 20 items, held together: more strongly the first than the second, and least across."""
    rng, kind = np.random.default_rng(0), np.repeat([0, 1], [40, 20])
    ranks = symmetrised(rng.normal(size=(60, 3)) + 10 * kind[:, None])
    weights = np.where(kind[:, None] == kind, np.where(kind == 0, 0.9, 0.8), 0.7)
    shown = kind[representatives(weights, ranks, 9)]
    assert 2 <= shown.sum() <= 4


def test_the_images_shown_differ_though_most_members_do_not():
    """Of 20 items that lie alike, six differ among themselves, and the others are near in both models."""
    weights = np.zeros((20, 20), dtype=np.float32)
    some = np.array([3, 4, 8, 11, 15, 19])
    weights[np.ix_(some, some)] = 0.9
    before = weights.copy()
    ranks = np.ones((20, 20)) - np.eye(20)
    assert np.isin(representatives(weights, ranks, 6), some).sum() >= 5
    assert_array_equal(weights, before)  # the group's own weights are left as they are
