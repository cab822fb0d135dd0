"""scale="auto" on pairs whose difference is planted, and its parts against plain versions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from made_groups import SIZE, N, groups
from numpy.testing import assert_allclose, assert_array_equal

from rdx import RDX
from rdx.errors import InputError
from rdx.method.concepts import A_NOT_B, B_NOT_A, DIRECTIONS
from rdx.method.scales import (
    explained,
    faces,
    growing,
    peeling,
    plan,
    rank_weights,
    spectrum,
    strongest,
)
from rdx.method.scales.chance import SCALES, Chance
from rdx.method.scales.group import Group
from rdx.method.scales.weights import Weights

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.fixture(scope="module")
def pair():
    A, B, truth = groups()
    return A, B, truth, RDX(scale="auto").fit(A, B)


def test_planted_groups_are_found_and_nothing_else(pair):
    _, _, truth, fitted = pair
    for direction in DIRECTIONS:
        concepts = getattr(fitted, f"{direction}_").concepts
        found = [concept for concept in concepts if concept.evidence.stands_out]
        assert len(found) == 1
        assert np.isin(truth[direction][0], found[0].members).sum() >= SIZE - 2
        assert np.isin(found[0].members, truth[direction][0]).all()
        assert set(found[0].indices.tolist()) <= set(found[0].members.tolist())
        assert found[0].evidence.p_value < 0.05 and found[0].evidence.score > 1.5
    assert fitted.peeled_.ending and not fitted.identical_


def test_labels_are_the_concepts_members(pair):
    fitted = pair[3]
    for direction in DIRECTIONS:
        explanations = getattr(fitted, f"{direction}_")
        for concept in explanations.concepts:
            assert_array_equal(np.flatnonzero(explanations.labels == concept.number), concept.members)
            assert_allclose(explanations.item_affinity[concept.members].mean(), concept.mean_affinity, rtol=1e-5)


def test_exchanging_a_and_b_exchanges_the_directions(pair):
    A, B, _, fitted = pair
    again = RDX(scale="auto").fit(B, A)
    for direction, other in (DIRECTIONS, DIRECTIONS[::-1]):
        sizes = [
            [concept.size for concept in explanations.concepts if concept.evidence.stands_out]
            for explanations in (getattr(fitted, f"{direction}_"), getattr(again, f"{other}_"))
        ]
        assert sizes[0] == sizes[1]


def test_the_largest_difference_comes_first(pair, monkeypatch):
    weights = Weights({"A": pair[0], "B": pair[1]})
    place, everyone = np.arange(N), np.ones(N, dtype=bool)
    found = [
        Group((A_NOT_B, 0.1), members, everyone, 1.0, score, 0.025, 1, number)
        for number, (members, score) in enumerate(
            [(np.isin(place, pair[2][A_NOT_B][0][:5]), 9.0), (np.isin(place, pair[2][A_NOT_B][0]), 2.0)], start=1
        )
    ]
    monkeypatch.setattr(explained, "peel", lambda *_, **__: peeling.Peeled(found, [], "", 39))
    fitted = RDX(scale="auto").fit(*pair[:2])
    assert [one.evidence.score for one in fitted.a_not_b_.concepts] == [2.0, 9.0]
    assert [one.number for one in fitted.a_not_b_.concepts] == [1, 2]
    expected = [float(weights.at(A_NOT_B, 1.0)[np.ix_(one, one)].sum() / len(one))
                for one in (np.flatnonzero(each.members) for each in found[::-1])]  # fmt: skip
    assert [one.evidence.effect for one in fitted.a_not_b_.concepts] == pytest.approx(expected)


def test_noise_alone_does_not_stand_out():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((120, 8)) + 4 * np.eye(8)[rng.integers(3, size=120)]
    fitted = RDX(scale="auto").fit(A, A + 0.2 * rng.standard_normal(A.shape))
    concepts = fitted.a_not_b_.concepts + fitted.b_not_a_.concepts
    assert concepts and not any(concept.evidence.stands_out for concept in concepts)
    assert min(concept.evidence.p_value for concept in concepts) >= 0.05


@pytest.mark.parametrize("change", ["equal", "rotated", "scaled and shifted"])
def test_equal_representations_have_no_concept(change):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((60, 5)).astype(np.float32)
    turned = A @ np.linalg.qr(rng.standard_normal((5, 5)))[0].astype(np.float32)
    B = {"equal": A, "rotated": turned, "scaled and shifted": 3 * A - 2}[change]
    fitted = RDX(scale="auto").fit(A, B)
    assert not fitted.a_not_b_.concepts and not fitted.b_not_a_.concepts
    assert fitted.peeled_.draws == 0 and "alike" in fitted.peeled_.ending


def test_unrelated_representations_are_said_to_be():
    A, B = np.random.default_rng(0).standard_normal((2, 100, 6))
    fitted = RDX(scale="auto").fit(A, B)
    assert not fitted.a_not_b_.concepts and fitted.peeled_.ending.startswith("the two agree on nothing")


def test_an_attribute_that_one_model_folds_is_one_finding_with_two_faces():
    rng = np.random.default_rng(0)
    shared, flag = rng.standard_normal((140, 6)), rng.integers(2, size=140)
    B = np.column_stack([shared, 5 * flag])
    fitted = RDX(scale="auto").fit(shared + 0.05 * rng.standard_normal(shared.shape), B)
    found = [concept for concept in fitted.b_not_a_.concepts if concept.evidence.stands_out]
    assert len(found) == 2 and len({concept.evidence.finding for concept in found}) == 1
    for concept in found:
        assert len(set(flag[concept.members].tolist())) == 1 and concept.size > 50


def test_few_items_are_compared_at_the_scale_that_is_set():
    A, B = np.random.default_rng(0).standard_normal((2, plan.LEAST_ITEMS - 1, 4))
    fitted, plain = RDX(scale="auto").fit(A, B), RDX().fit(A, B)
    said = "fewer than 40 items: compared at one scale, as without scale='auto'"
    for direction in DIRECTIONS:
        found, expected = getattr(fitted, f"{direction}_"), getattr(plain, f"{direction}_")
        assert_array_equal(found.labels, expected.labels)
        assert found.notes == [said, *expected.notes]
    for n, begins in ((39, said), (40, "each concept at its own scale")):
        assert RDX(scale="auto").plan(n, (4, 4)).reason.startswith(begins)
    assert RDX().plan(39, (4, 4)).reason == "exact up to 20,000 items"


@pytest.mark.parametrize("given", [
    {"gamma": 0.2}, {"beta": 1.0}, {"version": "v1"}, {"distance": "local_scaling"}, {"keep_matrices": True},
    {"solver": "sparse"}, {"solver": "approximate"}, {"pairs_per_item": 100}, {"null_threshold": 1.2},
    {"min_concept_size": 3},
])  # fmt: skip
def test_what_does_not_go_with_it_is_refused(given):
    with pytest.raises(InputError, match=f"scale='auto' .* {next(iter(given))}="):
        RDX(scale="auto", **given).check_parameters()


def test_as_many_concepts_as_items_may_be_asked_for():
    A = np.random.default_rng(3).standard_normal((50, 4))
    assert RDX(200, scale="auto").fit(A, A).identical_
    with pytest.raises(InputError, match="n_clusters=200 asks for 201 clusters"):
        RDX(200, scale="auto").fit(A[:39], A[:39])


def test_another_scale_is_refused():
    with pytest.raises(InputError, match="scale 'automatic'.*auto"):
        RDX(scale="automatic").check_parameters()


def test_guidance_and_alignment(pair):
    A, B, truth, _ = pair
    half = np.arange(N) % 2
    guided = RDX(scale="auto").fit(A, B, groups_a=half, groups_b=half)
    for direction in DIRECTIONS:
        for concept in getattr(guided, f"{direction}_").concepts:
            assert len(set(half[concept.members].tolist())) == 1
    aligned = RDX(scale="auto").fit(A, B, a_to_b=A, b_to_a=B)  # maps that change nothing
    (found,) = [one for one in aligned.a_not_b_.concepts if one.evidence.stands_out]
    assert np.isin(truth[A_NOT_B][0], found.members).sum() >= SIZE - 2


# The parts.


def weights_of(n=12, seed=0):
    matrix = np.random.default_rng(seed).uniform(-1, 1, (n, n)).astype(np.float32)
    matrix = (matrix + matrix.T) / 2
    np.fill_diagonal(matrix, 0)
    return matrix


def plain_gain(matrix, members):
    return sum(float(matrix[i, j]) for i in members for j in members) / len(members)


@pytest.mark.parametrize("seed", range(5))
def test_the_strongest_group_is_the_best_of_all(seed):
    matrix = weights_of(seed=seed)
    sets = [[i for i in range(12) if number >> i & 1] for number in range(1, 1 << 12)]
    best = max(plain_gain(matrix, members) for members in sets if len(members) >= strongest.LEAST)
    found = strongest.strongest_groups(matrix)
    assert_allclose(found[0][1], best, rtol=1e-5)
    for group, value in found:
        assert_allclose(value, plain_gain(matrix, np.flatnonzero(group)), rtol=1e-5)
    assert all(one[1] >= other[1] for one, other in pairwise(found))


@pytest.mark.parametrize("seed", range(3))
def test_growing_is_what_it_says_step_by_step(seed):
    matrix, rng = weights_of(n=60, seed=seed), np.random.default_rng(seed)
    starts = rng.random((8, 60)) < np.linspace(0.1, 0.9, 8)[:, None]
    groups, gains = growing.grow(matrix, starts)
    for start, group, value in zip(starts, groups, gains, strict=True):
        current, best = start, -np.inf
        while (now := plain_gain(matrix, np.flatnonzero(current))) > best + 1e-6 * abs(now):
            kept, best = current, now
            current = matrix.astype(np.float64)[:, current].sum(axis=1) > now / 2
        assert_array_equal(group, kept)
        assert_allclose(value, best, rtol=1e-5)


@pytest.mark.parametrize("n", [8, 19, 20, 60, 150])
def test_the_ends_of_a_spectrum_are_its_eigenvectors(n):
    matrix, first = weights_of(n), np.random.default_rng(1).standard_normal(n)
    top, bottom = spectrum.both_ends(matrix, 3, first, 1e-6)
    vectors = np.linalg.eigh(matrix.astype(np.float64))[1]
    assert_allclose(np.abs(np.diag(top @ vectors[:, -3:])), 1, atol=1e-3)
    assert_allclose(np.abs(np.diag(bottom @ vectors[:, :3])), 1, atol=1e-3)


def test_both_signs_at_once_are_one_after_the_other():
    matrix = weights_of(n=80)
    for found, alone in zip(strongest.strongest_of_both(matrix), (matrix, -matrix), strict=True):
        for (group, value), (other, same) in zip(found, strongest.strongest_groups(alone), strict=True):
            assert_array_equal(group, other)
            assert_allclose(value, same, rtol=1e-6)


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
@pytest.mark.parametrize("gamma", [1e-6, 0.03, 1.0, 1e6])
def test_weights_in_one_pass_are_those_step_by_step(kind, gamma):
    ranks = np.random.default_rng(0).integers(1, 200, (2, 70, 70))
    own, other = (ranks + ranks.transpose(0, 2, 1)).astype(kind)
    exact = np.tanh(gamma * (other - own.astype(float)) / (np.minimum(own, other) + 2.0))
    np.fill_diagonal(exact, 0)
    found = rank_weights.rank_weights(own, other, gamma)
    assert_allclose(found, exact, rtol=1e-6, atol=0)
    assert_array_equal(found, found.T)


def test_two_groups_that_nothing_joins_are_parts():
    matrix = np.full((20, 20), 0.01, np.float32)
    matrix[:10, :10] = matrix[10:, 10:] = 1
    np.fill_diagonal(matrix, 0)
    found = strongest.parts(matrix, np.ones(20, bool))
    assert sorted(np.flatnonzero(part).tolist() for part in found) == [list(range(10)), list(range(10, 20))]
    matrix[:] = 1 - np.eye(20)
    assert len(strongest.parts(matrix, np.ones(20, bool))) == 1


def test_one_item_among_its_neighbours_is_no_group():
    matrix = np.zeros((20, 20), np.float32)
    matrix[0, 1:] = matrix[1:, 0] = 1
    assert strongest.rests_on_few(matrix, np.ones(20, bool))
    assert not strongest.rests_on_few(1 - np.eye(20, dtype=np.float32), np.ones(20, bool))


def test_weights_are_minus_the_difference_of_v2(pair):
    A, B = pair[:2]
    plain = RDX(keep_matrices=True, gamma=0.3).fit(A, B)
    for direction, found in Weights({"A": A, "B": B}).both(0.3).items():
        expected = -getattr(plain, f"{direction}_").difference
        assert_allclose(found, expected - np.diag(np.diag(expected)), atol=1e-6)


def test_what_is_left_beside_a_group_that_moved_is_no_concept():
    rng = np.random.default_rng(1)
    B = rng.standard_normal((90, 6))
    A = B.copy()
    A[:18] = 6 * np.eye(6)[0] + 0.1 * rng.standard_normal((18, 6))
    fitted = RDX(scale="auto").fit(A, B)
    found = [one for one in fitted.a_not_b_.concepts + fitted.b_not_a_.concepts if one.evidence.stands_out]
    assert len(found) == 1 and set(found[0].members.tolist()) <= set(range(18))


def test_items_that_are_all_the_same_to_one_model_end_the_rounds(pair, monkeypatch):
    A, B, truth = pair[0].copy(), pair[1], pair[2]
    rest = np.setdiff1d(np.arange(N), np.concatenate([*truth[A_NOT_B], *truth[B_NOT_A]]))
    A[rest] = A[rest[0]]
    weights = Weights({"A": A, "B": B})
    assert weights.constant(rest) and not weights.constant(np.arange(N))
    monkeypatch.setattr(peeling, "unrelated", lambda *_: False)
    planted = [np.isin(np.arange(N), truth[direction][0]) for direction in truth]
    groups = [Group((A_NOT_B, 0.1), members, None, 1.0, 2.0, 0.01, 0) for members in planted]
    monkeypatch.setattr(peeling, "_candidates", lambda *_: groups)
    monkeypatch.setattr(peeling, "chance", lambda *_: Chance((np.full((39, len(SCALES)), 0.5),) * 2))  # p 0.025
    monkeypatch.setattr(peeling, "without_strays", lambda weights, found: found)
    monkeypatch.setattr(peeling, "findings", lambda weights, found, *_: found)
    assert peeling.peel(weights, 5).ending == f"the {len(rest)} items left are all the same to one of the two"
    assert faces.share_left(weights, groups[0], [groups[1]]) > 0
    same = np.isin(np.arange(N), rest)
    alone, others = replace(groups[0], members=same), replace(groups[1], members=~same)
    assert faces.share_left(weights, alone, [others]) == 0
