"""What single items did by moving is no group of the others; what these do themselves is."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.method.concepts import A_NOT_B
from rdx.method.scales.group import Group
from rdx.method.scales.strays import without_strays
from rdx.method.scales.strongest import strongest_groups
from rdx.method.scales.weights import Weights

N, MOVED = 300, 6


def pair():
    """Three clusters of 100; in B two pairs of three items have left the first, each for a place of its own."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(N, 8)) + 8 * np.eye(8)[np.arange(N) // 100]
    B = A + 0.3 * rng.normal(size=A.shape)
    B[:3] = 30 * np.eye(8)[3] + 0.1 * rng.normal(size=(3, 8))
    B[3:MOVED] = 30 * np.eye(8)[4] + 0.1 * rng.normal(size=(3, 8))
    return A, B


def group(members, score=1.1, p_value=0.025, gamma=0.1):
    return Group((A_NOT_B, gamma), np.isin(np.arange(N), members), np.ones(N, bool), 1.0, score, p_value, 1)


def test_a_cluster_that_single_items_have_left_is_no_difference():
    A, B = pair()
    weights = Weights({"A": A, "B": B})
    strongest = strongest_groups(weights.at(A_NOT_B, 0.1))[0][0]
    assert strongest[:MOVED].all() and strongest.sum() > 5 * MOVED  # they, and those that they left
    left = group(np.flatnonzero(strongest))
    assert without_strays(weights, [left]) == []
    few = group(range(MOVED))
    chance = group(np.flatnonzero(strongest), p_value=0.1)
    assert without_strays(weights, [few, left, chance]) == [few, chance]  # nobody is left to ask, and not asked


@pytest.mark.parametrize("score", [1.05, 3.0])
def test_a_group_that_moved_as_one_stays(score):
    A, B = pair()
    half = np.arange(100, 150)
    B[half] += 8 * np.eye(8)[5]
    weights = Weights({"A": A, "B": B})
    one = group(range(100, 200), score)
    assert without_strays(weights, [one]) == [one]
