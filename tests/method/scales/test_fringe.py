"""Who leaves a group as its fringe, against a plain loop and on clusters that are known."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import numpy as np
import pytest

from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.method.scales.fringe import trimmed
from rdx.method.scales.group import Group
from rdx.method.scales.weights import Weights

N, SIZE = 120, 30


def group(items, direction=A_NOT_B, finding=0):
    members = np.isin(np.arange(N), items)
    return Group((direction, 0.3), members, np.ones(N, dtype=bool), 1.0, 1.5, 0.025, 1, finding)


@pytest.fixture(scope="module")
def clusters():
    """Values of four clusters of 30, far apart."""
    return 8 * np.eye(6)[np.repeat(np.arange(4), SIZE)] + np.random.default_rng(0).standard_normal((N, 6))


def plain(values, members):
    """The definition, item by item."""
    squared = ((values[:, None] - values[None]) ** 2).sum(axis=2)
    rank = np.array([[sum(row < row[j]) for j in range(N)] for row in squared])
    members = set(np.flatnonzero(members).tolist())
    while True:
        share = {}
        for i in members:
            near = sorted((j for j in range(N) if j != i), key=lambda j: (rank[i, j] + rank[j, i], j))
            near = near[: min(15, len(members) - 1)]
            share[i] = len(members & set(near)) / len(near)
        usual = median(share.values())
        spread = median(abs(one - usual) for one in share.values()) / 0.6744897501960817  # of a normal distribution
        stay = {i for i in members if share[i] >= min(usual / 2, usual - 5 * spread)}
        if len(stay) < 5 or stay == members:
            return sorted(members)
        members = stay


def of(values):
    return Weights({"A": values, "B": values[::-1].copy()})


def test_a_third_of_another_cluster_leaves(clusters):
    one = group([*range(SIZE), *range(SIZE, SIZE + 10)])
    (found,) = trimmed(of(clusters), [one])
    assert np.flatnonzero(found.members).tolist() == [*range(SIZE)] == plain(clusters, one.members)
    assert (found.scale, found.gain, found.score) == (one.scale, one.gain, one.score)


def test_most_of_another_cluster_stays(clusters):
    one = group([*range(SIZE), *range(SIZE, SIZE + 24)])
    (found,) = trimmed(of(clusters), [one])
    assert found.members[:SIZE].all() and found.members.sum() == len(plain(clusters, one.members)) >= SIZE + 20


@pytest.mark.parametrize("seed", range(6))
def test_of_items_that_lie_anywhere_those_leave_that_the_definition_names(seed):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((N, 2))
    near = np.argsort(((values - values[0]) ** 2).sum(axis=1))
    one = group([*near[:25], *rng.choice(near[25:], 12, replace=False)])
    (found,) = trimmed(of(values), [one])
    assert np.flatnonzero(found.members).tolist() == plain(values, one.members)


def test_a_group_whose_members_all_lie_among_others_keeps_them():
    values = np.random.default_rng(1).standard_normal((N, 8))
    one = group(range(0, N, 2))  # the share of members differs from item to item anyway
    (found,) = trimmed(of(values), [one])
    assert (found.members == one.members).all()


def test_a_finding_with_further_faces_stays_as_it_is(clusters):
    cut = group([*range(SIZE), *range(SIZE, SIZE + 10)])
    further = replace(group(range(60, 75), B_NOT_A), further=True)
    stays = trimmed(of(clusters), [cut, further])
    assert [one.members.sum() for one in stays] == [SIZE + 10, 15]
    alone = trimmed(of(clusters), [cut, replace(further, finding=1)])  # further face of another finding
    assert alone[0].members.sum() == SIZE


def test_a_group_never_falls_below_five_items(clusters):
    (found,) = trimmed(of(clusters), [group([0, 1, 2, 31, 62, 93])])
    assert found.members.sum() >= 5
