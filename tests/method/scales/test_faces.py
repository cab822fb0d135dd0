"""One finding with several faces: what one model tells apart, the other holds together."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rdx.method.concepts import A_NOT_B, B_NOT_A, DIRECTIONS
from rdx.method.scales import faces, findings
from rdx.method.scales.chance import SCALES, Chance
from rdx.method.scales.group import Group
from rdx.method.scales.weights import Weights

NOISE = Chance((np.ones((9, len(SCALES))),) * 2)
ROOM = dict.fromkeys(DIRECTIONS, 9)
CLASSES = 4


def group(members, direction, gamma=0.3, score=2.0):
    return Group((direction, gamma), members, np.ones(len(members), dtype=bool), 1.0, score, 0.025, 0)


@pytest.fixture(scope="module")
def halves():
    """Four classes of 30 far apart; B alone tells half of each from the other, along one direction for all classes."""
    rng = np.random.default_rng(0)
    label, half = np.repeat(np.arange(CLASSES), 30), np.tile([False, True], 60)
    A = 8 * np.eye(6)[label] + rng.standard_normal((len(label), 6))
    B = np.column_stack([A, 40 * half])
    return Weights({"A": A, "B": B}), label, half


def test_what_is_held_together_across_the_border_of_a_group_is_its_other_side(halves):
    weights, label, half = halves
    told = group(half, B_NOT_A)
    for number in range(CLASSES):
        held = group(label == number, A_NOT_B)
        assert faces.is_other_side(weights, held, told)
        assert faces.are_faces(weights, held, told)
        assert not faces.is_other_side(weights, told, held)  # a half reaches beyond a class, and is not cut by it
    assert not faces.is_other_side(weights, group(label == 0, A_NOT_B), replace(told, scale=(A_NOT_B, 0.3)))


def test_a_half_and_the_classes_that_it_cuts_are_one_finding_in_either_order(halves):
    weights, label, half = halves
    told = group(half, B_NOT_A)
    held = [group(label == number, A_NOT_B) for number in range(CLASSES)]
    for found in ([told, *held], [*held[:2], told, *held[2:]]):
        kept = findings.findings(weights, found, 4, NOISE, ROOM)
        assert {one.finding for one in kept} == {4}
        assert {one.direction for one in kept} == {A_NOT_B, B_NOT_A} and len(kept) == 1 + CLASSES


def test_two_classes_and_what_they_are_merged_to_are_one_finding():
    rng = np.random.default_rng(1)
    label = np.repeat(np.arange(5), 30)
    B = 8 * np.eye(6)[label] + rng.standard_normal((len(label), 6))
    A = B.copy()
    A[label == 1] += 8 * (np.eye(6)[0] - np.eye(6)[1])
    weights = Weights({"A": A, "B": B})
    merged = group(label <= 1, A_NOT_B, score=4.0)
    one, other = (group(label == number, B_NOT_A) for number in (0, 1))
    assert faces.is_other_side(weights, one, merged) and faces.is_other_side(weights, other, merged)
    assert not faces.is_other_side(weights, group(label >= 2, B_NOT_A), merged)  # the rest, which has not moved
    assert {each.finding for each in findings.findings(weights, [merged, one], 1, NOISE, ROOM)} == {1}


def blocks(inside, outside, across, sizes=(20, 20)):
    """Weights of a group of two parts: their densities, and that between them."""
    side = np.repeat([0, 1], sizes)
    matrix = np.array([[inside, across], [across, outside]], dtype=np.float32)[np.ix_(side, side)]
    np.fill_diagonal(matrix, 0.0)
    return SimpleNamespace(at=lambda *_: matrix), group(np.ones(len(side), dtype=bool), A_NOT_B), side == 0


@pytest.mark.parametrize(
    ("inside", "outside", "across", "sizes", "expected"),
    [
        (0.0, 0.5, 1.0, (20, 20), True),
        (0.0, 0.7, 1.0, (20, 20), False),  # one side is held on its own
        (1.0, 1.0, 1.0, (20, 20), False),
        (0.0, 0.0, 1.0, (8, 32), False),  # a few that went away from the others
        (0.0, 0.0, 1.0, (13, 27), True),
        (0.0, 0.0, 1.0, (4, 4), False),
    ],
)
def test_a_group_is_cut_where_it_holds_together_across_only(inside, outside, across, sizes, expected):
    weights, one, border = blocks(inside, outside, across, sizes)
    assert faces._cut(weights, one, border) is expected


def test_findings_are_numbered_without_gaps(monkeypatch):
    """The third group says the same as the first one, which then are one finding; the last one is another."""
    found = [
        group(np.arange(80) // 20 == number, direction)
        for number, direction in enumerate((A_NOT_B, B_NOT_A, B_NOT_A, A_NOT_B))
    ]
    first, third = found[0].members, found[2].members
    together = {(tuple(first), tuple(third))}
    monkeypatch.setattr(findings, "parts", lambda _, members: [members])
    monkeypatch.setattr(findings, "leavers", lambda *_: None)
    monkeypatch.setattr(findings, "share_left", lambda *_: 1.0)
    monkeypatch.setattr(findings, "settled", lambda _, kept: kept)
    monkeypatch.setattr(findings, "with_further_faces", lambda _, kept, __: kept)
    monkeypatch.setattr(findings, "trimmed", lambda _, kept: kept)
    monkeypatch.setattr(findings, "are_faces", lambda *_: False)
    monkeypatch.setattr(
        findings, "is_other_side", lambda _, one, other: (tuple(one.members), tuple(other.members)) in together
    )
    alike = SimpleNamespace(at=lambda *_: np.ones((80, 80), dtype=np.float32))
    assert [one.finding for one in findings.findings(alike, found, 7, NOISE, ROOM)] == [7, 8, 7, 9]
