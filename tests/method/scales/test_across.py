"""Further faces of a finding, on halves that one model alone keeps apart, and the bound on their number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from rdx import RDX
from rdx.compute.threads import library_threads
from rdx.method.concepts import A_NOT_B, B_NOT_A, DIRECTIONS
from rdx.method.scales import across, explained
from rdx.method.scales.across import mixed_across, with_further_faces
from rdx.method.scales.bound import at_most
from rdx.method.scales.chance import SCALES, Chance
from rdx.method.scales.group import Group
from rdx.method.scales.peeling import Peeled
from rdx.method.scales.strongest import gain
from rdx.method.scales.weights import Weights

NOISE = Chance((np.ones((9, len(SCALES))),) * 2)
CLASSES = 4


def group(members, direction, gamma=0.3, score=2.0, finding=0):
    return Group((direction, gamma), members, np.ones(len(members), dtype=bool), 1.0, score, 0.025, 1, finding)


@pytest.fixture(scope="module")
def halves():
    """Four classes of 30 far apart; B alone keeps half of each from the other, along one direction for all classes."""
    rng = np.random.default_rng(0)
    label, half = np.repeat(np.arange(CLASSES), 30), np.tile([False, True], 60)
    A = 8 * np.eye(6)[label] + rng.standard_normal((len(label), 6))
    return Weights({"A": A, "B": np.column_stack([A, 40 * half])}), label, half


def plain_mixed(A, B, members):
    """The definition, item by item: A has an item among the other side, B does not."""

    def crossing(values):
        n = len(values)
        squared = ((values[:, None] - values[None]) ** 2).sum(axis=2)
        rank = np.array([[sum(row < row[j]) for j in range(n)] for row in squared])
        found = []
        for i in range(n):
            near = sorted((j for j in range(n) if j != i), key=lambda j: (rank[i, j] + rank[j, i], j))[:15]
            found.append((near, sum(members[j] != members[i] for j in near) / 15))
        return found

    in_a, in_b = crossing(A), crossing(B)
    mixed = [a >= 0.3 and b <= a / 2 for (_, a), (_, b) in zip(in_a, in_b, strict=True)]
    met = [mixed[j] for i in np.flatnonzero(members) for j in in_a[i][0] if not members[j]]
    return np.array(mixed) if met and np.mean(met) >= 0.5 else None


def test_who_is_mixed_across_a_border_is_as_defined(halves):
    weights, _, half = halves
    rng = np.random.default_rng(1)
    some = half ^ (rng.random(len(half)) < 0.1)  # a border that is not quite that of the halves
    for members in (half, some):
        expected = plain_mixed(weights.features["A"], weights.features["B"], members)
        assert expected is not None and 0 < expected.mean() < 1 or members is half
        assert (mixed_across(weights, group(members, B_NOT_A)) == expected).all()


def test_the_classes_that_a_border_cuts_are_faces_of_its_finding(halves):
    weights, label, half = halves
    told = group(half, B_NOT_A, finding=7)
    kept = with_further_faces(weights, [told], NOISE)
    assert kept[0] is told
    faces = {tuple(np.flatnonzero(one.members)) for one in kept[1:]}
    assert faces == {tuple(np.flatnonzero(label == number)) for number in range(CLASSES)}
    for one in kept[1:]:
        assert (one.direction, one.finding, one.p_value, one.round) == (A_NOT_B, 7, told.p_value, told.round)
        assert one.gain > 0 and one.score == pytest.approx(one.gain)  # over noise of 1
        assert one.further and not told.further


def test_what_brings_no_new_items_and_what_is_fainter_than_noise_is_no_face(halves):
    weights, _, half = halves
    both = [group(half, B_NOT_A), group(~half, B_NOT_A)]
    assert with_further_faces(weights, both, NOISE) == both
    loud = Chance(tuple(1000 * gains for gains in NOISE.drawn))
    assert len(with_further_faces(weights, both[:1], loud)) == 1


def test_a_finding_that_lies_across_the_border_of_another_one_is_that_one(halves):
    weights, label, half = halves
    held = [group(label == number, A_NOT_B, finding=finding) for number, finding in ((0, 2), (3, 4))]
    found = [held[0], group(half, B_NOT_A, finding=3), held[1]]
    kept = with_further_faces(weights, found, NOISE)
    assert {one.finding for one in kept} == {2}
    assert len(kept) == 1 + CLASSES


def test_mixed_items_join_the_face_that_they_lie_among(halves, monkeypatch):
    weights, label, half = halves
    told, (part, whole) = group(half, B_NOT_A), ((label == number) for number in (0, 1))
    part = part & (np.arange(len(label)) >= 6)
    found = [told, group(part, A_NOT_B), group(whole, A_NOT_B), group(label == 2, A_NOT_B, finding=5)]
    monkeypatch.setattr(across, "_next_face", lambda *_: None)
    monkeypatch.setattr(across, "_lies_across", lambda *_: False)
    kept = with_further_faces(weights, found, NOISE)
    missing = ~half & ~part & (label == 0)  # the others of the class are the finding's already
    assert missing.sum() == 3
    assert (kept[1].members == part | missing).all()  # and nobody of class 3, which lies among none of them
    for one, before in zip(kept[2:], found[2:], strict=True):
        assert (one.members == before.members).all()

    monkeypatch.setattr(across, "mixed_across", lambda *_: np.zeros(len(label), dtype=bool))
    assert (with_further_faces(weights, found, NOISE)[1].members == part).all()


def test_what_lies_anywhere_in_the_other_model_has_no_other_side():
    """A has ten clusters of 30; in B the first one's items lie among the others."""
    rng = np.random.default_rng(0)
    B = 8 * np.eye(10)[np.repeat(np.arange(10), 30)] + rng.standard_normal((300, 10))
    A = B.copy()
    B[:30] = 8 * np.eye(10)[rng.integers(1, 10, 30)] + rng.standard_normal((30, 10))
    weights, moved = Weights({"A": A, "B": B}), np.arange(300) < 30
    assert mixed_across(weights, group(moved, A_NOT_B)) is None
    assert len(with_further_faces(weights, [group(moved, A_NOT_B)], NOISE)) == 1


def test_faces_are_joined_before_a_finding_goes(halves):
    weights, label, half = halves
    faces = [group(label == number, A_NOT_B, score=4.0 - number, finding=1) for number in range(3)]
    other = group(label == 3, A_NOT_B, score=3.5, finding=2)
    told = group(half, B_NOT_A, finding=1)
    found = [faces[0], other, *faces[1:], told]
    everything = at_most(weights, found, dict.fromkeys(DIRECTIONS, 4), NOISE)
    assert len(everything) == 5 and all(one is each for one, each in zip(everything, found, strict=True))

    three = at_most(weights, found, {A_NOT_B: 3, B_NOT_A: 1}, NOISE)
    assert [one.finding for one in three] == [1, 2, 1, 1] and three[-1] is told
    joined = three[2]
    assert (joined.members == np.isin(label, [1, 2])).all() and joined.p_value == faces[1].p_value
    assert joined.gain == pytest.approx(gain(weights.at(A_NOT_B, 0.3), joined.members))
    assert joined.score == pytest.approx(joined.gain) and not joined.further
    further = [replace(each, further=each is faces[2]) for each in found]
    assert at_most(weights, further, {A_NOT_B: 3, B_NOT_A: 1}, NOISE)[2].further

    faint = [*faces, replace(other, score=0.1)]  # fainter than all faces, and a finding of its own
    assert [each.finding for each in at_most(weights, faint, {A_NOT_B: 3, B_NOT_A: 1}, NOISE)] == [1, 1, 2]

    one = at_most(weights, found, {A_NOT_B: 1, B_NOT_A: 1}, NOISE)
    assert len(one) == 2 and one[0].direction == A_NOT_B

    strangers = [replace(each, finding=number) for number, each in enumerate(faces)]
    kept = at_most(weights, strangers, {A_NOT_B: 2, B_NOT_A: 2}, NOISE)
    assert [one.score for one in kept] == [4.0, 3.0]  # the weakest goes


@pytest.mark.parametrize(("most", "sizes"), [(1, [120]), (2, [60, 60])])
def test_there_are_no_more_concepts_than_were_asked_for(halves, most, sizes):
    weights = halves[0]
    found = RDX(scale="auto", n_clusters=most, device="cpu").fit(weights.features["A"], weights.features["B"])
    assert [one.size for one in found.b_not_a_.concepts] == sizes  # both halves, of one finding
    assert len(found.a_not_b_.concepts) <= most


def test_faces_that_do_not_stand_out_by_themselves_come_after_those_that_do(halves, monkeypatch):
    weights, label, _ = halves
    classes = [label == 0, np.isin(label, [1, 2]), label == 3]
    found = [replace(group(each, A_NOT_B, finding=1), further=number == 1) for number, each in enumerate(classes)]
    small = replace(found[2], members=found[2].members & (np.arange(len(label)) % 2 == 0))
    monkeypatch.setattr(explained, "peel", lambda *_, **__: Peeled([found[1], small, found[0]], [], "", 39))
    fitted = RDX(scale="auto", device="cpu").fit(weights.features["A"], weights.features["B"])
    assert [one.evidence.further for one in fitted.a_not_b_.concepts] == [False, False, True]


def test_faces_are_looked_for_on_one_thread(halves, monkeypatch):
    """Sums in another order would lead to other groups."""
    seen = []
    plain = across._next_face
    monkeypatch.setattr(across, "_next_face", lambda *given: seen.append(library_threads()["blas"]) or plain(*given))
    with threadpool_limits(limits=2):
        RDX(scale="auto", device="cpu").fit(halves[0].features["A"], halves[0].features["B"])
    assert set(seen) == {1}
