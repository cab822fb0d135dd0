"""Who joins and leaves a group, against plain loops and on clusters that are known."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.method.neighborhoods import as_points
from rdx.method.scales import reach
from rdx.method.scales.extension import joining
from rdx.method.scales.group import Group
from rdx.method.scales.weights import Weights


def group(items, n, direction=A_NOT_B, gamma=0.3):
    members = np.isin(np.arange(n), items)
    return Group((direction, gamma), members, np.ones(n, dtype=bool), 1.0, 1.5, 0.025, 1)


def moved(seed: int = 0):
    """A has four clusters of 30, and in B the items of the first one lie anywhere."""
    rng = np.random.default_rng(seed)
    B = 8 * np.eye(6)[np.repeat(np.arange(4), 30)] + rng.standard_normal((120, 6))
    A = B.copy()
    B[:30] = 8 * np.eye(6)[rng.integers(0, 4, 30)] + rng.standard_normal((30, 6))
    return A, B


def plain(A, B, members, gamma, free):
    """The definition, item by item."""
    n = len(A)
    weights = Weights({"A": A, "B": B}).at(A_NOT_B, gamma)
    squared = ((A[:, None] - A[None]) ** 2).sum(axis=2)
    rank = np.array([[sum(row < row[j]) for j in range(n)] for row in squared])
    neighbours = []
    for i in range(n):
        others = sorted((j for j in range(n) if j != i), key=lambda j: (rank[i, j] + rank[j, i], j))
        neighbours.append(others[: min(15, sum(members) - 1)])
    while True:
        now, chance = [], sum(members) / n
        for i in range(n):
            share = sum(members[j] for j in neighbours[i]) / len(neighbours[i])
            differs = sum(weights[i, j] for j in range(n) if members[j]) > 0
            stays = members[i] or (share >= (1 + chance) / 2 and differs and free[i])
            now.append(bool(stays and share >= chance / 2))
        if now == list(members):
            return np.array(now)
        members = now


def test_a_group_is_settled_as_defined():
    A, B = moved()
    one = group([*range(18), 40, 70], 120)
    (found,) = reach.settled(Weights({"A": A, "B": B}), [one])
    assert (found.members == plain(A, B, one.members, 0.3, np.ones(120, dtype=bool))).all()
    assert (found.members == (np.arange(120) < 30)).all()  # all of the cluster, and no stranger
    assert (found.scale, found.gain, found.score) == (one.scale, one.gain, one.score)


@pytest.mark.parametrize("seed", range(4))
def test_of_items_that_lie_anywhere_those_join_that_the_definition_names(seed):
    A, B = np.random.default_rng(seed).standard_normal((2, 60, 3))
    one = group(np.argsort(((A - A[0]) ** 2).sum(axis=1))[:20], 60)
    (found,) = reach.settled(Weights({"A": A, "B": B}), [one])
    assert (found.members == plain(A, B, one.members, 0.3, np.ones(60, dtype=bool))).all()


def test_what_lies_alike_in_both_does_not_join():
    A, _ = moved()
    weights = Weights({"A": A, "B": A.copy()})
    assert (weights.at(A_NOT_B, 0.3) == 0).all()
    (found,) = reach.settled(weights, [group(range(18), 120)])
    assert np.flatnonzero(found.members).tolist() == [*range(18)]


def test_an_item_joins_no_second_group_of_its_direction():
    A, B = moved()
    weights = Weights({"A": A, "B": B})
    halves = group(range(18), 120), group(range(20, 30), 120)
    found = reach.settled(weights, list(halves))
    assert not (found[0].members & found[1].members).any()
    assert set(range(18)) <= set(np.flatnonzero(found[0].members)) and found[1].members[20:30].all()
    other = group(range(20, 30), 120, direction=B_NOT_A)  # of the other direction: it takes nothing
    assert reach.settled(weights, [halves[0], other])[0].members[:30].all()


def test_a_group_never_falls_below_five_items():
    A, B = moved()
    strangers = group([0, 31, 62, 93, 1, 32, 63, 94], 120)
    (found,) = reach.settled(Weights({"A": A, "B": B}), [strangers])
    assert found.members.sum() >= 5


@pytest.mark.parametrize("item", [0, 5, 29, 40, 70, 100])
def test_an_item_that_was_not_looked_at_joins_as_if_it_had_been(item):
    A, B = moved()
    among = np.delete(np.arange(120), item)
    members = np.isin(among, range(30))
    (joins,) = joining(as_points(A), as_points(B), np.array([item]), among, members, 0.3)
    assert joins == (item < 30)
