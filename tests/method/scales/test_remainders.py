"""What is no concept though it stands out: the rest of what moved, and what only the absence of others makes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.method.scales import findings, peeling, remainders
from rdx.method.scales.chance import SCALES, Chance
from rdx.method.scales.group import Group
from rdx.method.scales.strongest import density, gain
from rdx.method.scales.weights import Weights


def classes_of_which_one_moves():
    """Four classes of 25 far apart; in A the first one lies by a third of the way nearer to the second one."""
    rng = np.random.default_rng(3)
    label, centres = np.repeat(np.arange(4), 25), 12 * np.eye(8)[:4]
    B = centres[label] + rng.standard_normal((100, 8))
    A = B.copy()
    A[label == 0] += (centres[1] - centres[0]) / 3
    return Weights({"A": A, "B": B}), label


def test_a_remainder_gives_way_to_what_left_it():
    weights, label = classes_of_which_one_moves()
    left = remainders.leavers(weights, B_NOT_A, 1.0, label != 0)
    assert (left & (label == 0)).sum() >= 24 and not (left & (label != 0)).any()
    around, strength = remainders.group_around(weights.at(A_NOT_B, 1.0), left, ~left)
    assert np.unique(label[around]).tolist() == [0, 1] and strength > 0
    assert (around & (label == 0)).sum() >= 24
    one = Group((B_NOT_A, 1.0), ~left, None, 1.0, 1.5, 0.025, 1)
    found = findings._around(weights, one, left, Chance((np.ones((9, len(SCALES))),) * 2))
    assert found.direction == A_NOT_B and found.p_value == 0.025 and (found.members & left).sum() >= 24
    strong = replace(one, score=2 * found.score / findings.OTHER_SIDE)  # then those that left are a counterpart
    assert findings._around(weights, strong, left, Chance((np.ones((9, len(SCALES))),) * 2)) is strong


def test_a_group_that_only_the_absence_of_others_makes_does_not_hold():
    rng = np.random.default_rng(4)
    group, others, rest = np.repeat(np.eye(3, dtype=bool), (10, 60, 30), axis=1)
    A, B = rng.standard_normal((2, 100, 4))
    A[rest, 0] += 50  # among the others in A, among the rest in B
    B[others, 0] += 50
    weights = Weights({"A": A, "B": B})
    for left, direction, holds in ((~others, A_NOT_B, False), (group | others | rest, B_NOT_A, True)):
        some = weights.subset(np.flatnonzero(left))
        strength = gain(some.at(direction, 1.0), group[left])
        one = Group((direction, 1.0), group[left], None, strength, 1.0, 0.025, 2)
        noise = Chance((np.full((9, len(SCALES)), strength),) * 2)  # as strong, everywhere
        assert peeling._holding(weights, [one], left, noise) == [one][: int(holds)]
        louder = Chance((np.full((9, len(SCALES)), 4 * strength),) * 2)
        assert peeling._holding(weights, [one], left, louder) == []  # next to nothing among all


def test_a_remainder_goes_where_what_left_it_is_found():
    gone, rest, nothing = np.arange(40) < 10, np.arange(40) >= 10, np.zeros(40, dtype=bool)
    remainder = Group((B_NOT_A, 1.0), rest, ~nothing, 1.0, 1.5, 0.025, 1)
    for direction, members, explained in ((A_NOT_B, gone, True), (B_NOT_A, gone, False), (A_NOT_B, nothing, False)):
        other = Group((direction, 1.0), members, ~nothing, 1.0, 1.5, 0.025, 1)
        assert findings._explained(remainder, gone, [remainder, other]) is explained


def test_a_group_and_its_counterpart_are_no_remainders():
    rng = np.random.default_rng(2)
    side = np.repeat([0, 1], 40)
    A = rng.standard_normal((80, 6))
    weights = Weights({"A": A, "B": np.column_stack([A, 5 * side])})
    for value in (0, 1):
        assert remainders.leavers(weights, B_NOT_A, 1.0, side == value) is None


def test_a_group_that_keeps_most_without_those_that_left_is_a_concept():
    """The odd half of each of eight classes comes together in B."""
    rng = np.random.default_rng(1)
    label, odd, centres = np.tile(np.arange(8), 20), np.arange(160) // 8 % 2 == 1, 6 * np.eye(9)[:8]
    A = centres[label] + rng.standard_normal((160, 9))
    B = A - 0.7 * odd[:, None] * centres[label]
    B[odd, 8] += 4
    weights = Weights({"A": A, "B": B})
    away = weights.at(A_NOT_B, 1.0)[:, odd].mean(axis=1)
    left = ~odd & (away >= remainders._AWAY * density(weights.at(B_NOT_A, 1.0), odd))
    assert 10 < left.sum() < 0.5 * odd.sum()  # as many as a remainder's
    assert remainders._LEANS < remainders.share_without(weights, (B_NOT_A, 1.0), odd, left) < remainders.ALONE
    assert remainders.leavers(weights, B_NOT_A, 1.0, odd) is None


def test_half_of_a_group_twice_as_large_is_another_group():
    """Two groups that lie together at one scale are not what each of them is, or one would go with the other."""
    nothing, pair = np.zeros(60, dtype=bool), np.arange(60) < 40
    one, both, most = (
        Group((A_NOT_B, 0.1), pair & (np.arange(60) >= begin), ~nothing, 1.0, 1.5, 0.025, 1)
        for begin in (20, 0, 19)
    )  # fmt: skip
    assert not one.same_as(both) and most.same_as(both) and one.same_as(one)
