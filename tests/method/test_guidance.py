"""Groups for guidance, and both rules for using them."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from sklearn.metrics import adjusted_rand_score

from rdx import RDX
from rdx.errors import InputError
from rdx.method.guidance import MODES, make_groups

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("mode", ["classifier", "ground_truth", "tpfp", "true_pos"])
@pytest.mark.parametrize("classes", [2, 5])
def test_groups_of_every_mode(mode, classes):
    labels, predictions = RNG.integers(0, classes, 200), RNG.integers(0, classes, 200)
    got = make_groups(mode, predictions, labels)
    assert got.shape == (200,) and got.dtype == np.int64
    expected = oracle.group_names(mode, predictions, labels, positive=classes - 1)
    assert oracle.same_partition(got, expected)


@pytest.mark.parametrize("positive", [None, 3, 7])
def test_two_class_modes_know_the_positive_class(positive):
    labels, predictions = RNG.choice([3, 7], 100), RNG.choice([3, 7], 100)
    for mode in ("tpnfpn", "true_pos"):
        got = make_groups(mode, predictions, labels, positive_class=positive)
        expected = oracle.group_names(mode, predictions, labels, positive=positive or 7)
        assert oracle.same_partition(got, expected)


def test_modes_are_listed_and_misspelt_ones_get_the_nearest():
    assert set(MODES) == {"classifier", "ground_truth", "tpfp", "tpnfpn", "true_pos"}
    with pytest.raises(InputError, match="classifier"):
        make_groups("clasifier", np.zeros(4, int), np.zeros(4, int))


def test_four_groups_need_two_classes():
    with pytest.raises(InputError, match="two"):
        make_groups("tpnfpn", np.array([0, 1, 2]), np.array([0, 1, 2]))


def test_predictions_and_labels_must_belong_together():
    with pytest.raises(InputError):
        make_groups("tpfp", np.zeros(4, int), np.zeros(5, int))
    with pytest.raises(InputError):
        make_groups("true_pos", np.array([0, 1]), np.array([0, 1]), positive_class=9)


# ---- the rules -----------------------------------------------------------------------------------


def guided_pair():
    """Planted groups, each cut into halves by its own model's labels; the other model's are random."""
    A, B, truth_a, truth_b = oracle.planted_pair(n=300, size=40, groups=2)
    rng = np.random.default_rng(1)
    groups_a, groups_b = np.zeros(300, int), rng.integers(0, 2, 300)
    for members in truth_a:
        groups_a[members[::2]] = 1
    for members in truth_b:
        groups_b[members] = np.arange(len(members)) % 2
    return A, B, truth_a, groups_a, groups_b


def test_own_rule_equals_the_oracle():
    A, B, _, groups_a, groups_b = guided_pair()
    rdx = RDX(n_clusters=3, keep_matrices=True).fit(A, B, groups_a=groups_a, groups_b=groups_b)
    for explanations, X, Y, groups in ((rdx.a_not_b_, A, B, groups_a), (rdx.b_not_a_, B, A, groups_b)):
        W = oracle.pair_matrices(X, Y)[3]
        guided = oracle.own_guidance(W, groups, 5.0)
        expected = oracle.number_clusters(W, oracle.spectral_labels(guided, 4), "v2")
        assert adjusted_rand_score(explanations.labels, expected) >= 0.95


def test_own_rule_keeps_concepts_inside_the_groups_of_their_own_model():
    A, B, truth, groups_a, groups_b = guided_pair()
    free = RDX(n_clusters=2).fit(A, B).a_not_b_
    assert any(len(np.unique(groups_a[c.members])) == 2 for c in free.concepts)
    guided = RDX(n_clusters=5).fit(A, B, groups_a=groups_a, groups_b=groups_b).a_not_b_
    halves = [half for members in truth for half in (members[::2], members[1::2])]
    for half in halves:
        assert max(oracle.jaccard(c.members, half) for c in guided.concepts) >= 0.9
    for concept in guided.concepts:
        if concept.mean_affinity > 10:
            assert len(np.unique(groups_a[concept.members])) == 1


def test_own_rule_does_not_look_at_the_other_models_groups():
    A, B, _, groups_a, groups_b = guided_pair()
    one = RDX(n_clusters=3).fit(A, B, groups_a=groups_a, groups_b=groups_b)
    other = RDX(n_clusters=3).fit(A, B, groups_a=groups_a, groups_b=np.arange(300) % 7)
    np.testing.assert_array_equal(one.a_not_b_.labels, other.a_not_b_.labels)


def test_paper_rule_equals_the_oracle():
    A, B, _, groups_a, groups_b = guided_pair()
    rdx = RDX(n_clusters=3, guidance_rule="paper")
    rdx.fit(A, B, groups_a=groups_a, groups_b=groups_b)
    pairs = ((rdx.a_not_b_, A, B, groups_a, groups_b), (rdx.b_not_a_, B, A, groups_b, groups_a))
    for explanations, X, Y, own, other in pairs:
        W = oracle.pair_matrices(X, Y)[3]
        guided = oracle.pair_matrices(X, Y, groups_a=own, groups_b=other)[3]
        expected = oracle.number_clusters(W, oracle.spectral_labels(guided, 4), "v2")
        assert adjusted_rand_score(explanations.labels, expected) >= 0.95


@pytest.mark.parametrize("rule", ["own", "paper"])
def test_mean_affinities_and_the_null_rule_are_those_without_guidance(rule):
    A, B, _, groups_a, groups_b = guided_pair()
    rdx = RDX(n_clusters=4, guidance_rule=rule)
    rdx.fit(A, B, groups_a=groups_a, groups_b=groups_b)
    for explanations, X, Y in ((rdx.a_not_b_, A, B), (rdx.b_not_a_, B, A)):
        W = oracle.pair_matrices(X, Y)[3]
        assert explanations.concepts
        for concept in explanations.concepts:
            expected = oracle.mean_affinity(W, concept.members)
            assert concept.mean_affinity == pytest.approx(expected, rel=1e-5)
            assert expected >= 1.1


@pytest.mark.parametrize("rule", ["own", "paper"])
def test_one_group_for_all_changes_nothing(rule):
    A, B, _, _, _ = guided_pair()
    same = np.zeros(300, int)
    guided = RDX(n_clusters=3, guidance_rule=rule).fit(A, B, groups_a=same, groups_b=same)
    free = RDX(n_clusters=3).fit(A, B)
    np.testing.assert_array_equal(guided.a_not_b_.labels, free.a_not_b_.labels)
    np.testing.assert_array_equal(guided.b_not_a_.labels, free.b_not_a_.labels)


def test_aligned_and_guided_uses_the_mapped_representations_groups():
    """Under the paper's rule direction a_not_b takes the groups of A and of the mapped B."""
    A, B, _, groups_a, groups_b = guided_pair()
    mapped_a, mapped_b = B + 0.01, A * 1.5 + 0.3 * RNG.normal(size=A.shape)
    a_to_b, b_to_a = RNG.integers(0, 2, 300), RNG.integers(0, 2, 300)
    rdx = RDX(n_clusters=3, guidance_rule="paper", null_threshold=0.0, min_concept_size=1)
    rdx.fit(A, B, a_to_b=mapped_a, b_to_a=B, groups_a=groups_a, groups_b=groups_b,
            groups_a_to_b=a_to_b, groups_b_to_a=groups_b)  # fmt: skip
    plain = RDX(n_clusters=3, guidance_rule="paper", null_threshold=0.0, min_concept_size=1)
    plain.fit(A, B, groups_a=groups_a, groups_b=groups_b)
    np.testing.assert_array_equal(rdx.a_not_b_.labels, plain.a_not_b_.labels)
    other = RDX(n_clusters=3, guidance_rule="paper", null_threshold=0.0, min_concept_size=1)
    other.fit(A, B, a_to_b=mapped_a, b_to_a=mapped_b, groups_a=groups_a, groups_b=groups_b,
              groups_a_to_b=a_to_b, groups_b_to_a=b_to_a)  # fmt: skip
    W = oracle.pair_matrices(A, mapped_b)[3]
    guided = oracle.pair_matrices(A, mapped_b, groups_a=groups_a, groups_b=b_to_a)[3]
    expected = oracle.number_clusters(W, oracle.spectral_labels(guided, 4), "v2", null_threshold=0.0)
    assert adjusted_rand_score(other.a_not_b_.labels, expected) >= 0.9


def test_groups_are_labels_of_any_kind_and_stay_unchanged():
    A, B, _, groups_a, groups_b = guided_pair()
    kept = groups_a.copy()
    ints = RDX(n_clusters=3).fit(A, B, groups_a=groups_a, groups_b=groups_b)
    np.testing.assert_array_equal(groups_a, kept)
    shifted = RDX(n_clusters=3).fit(A, B, groups_a=100 - 7 * groups_a, groups_b=groups_b)
    np.testing.assert_array_equal(ints.a_not_b_.labels, shifted.a_not_b_.labels)
