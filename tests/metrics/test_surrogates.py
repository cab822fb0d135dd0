"""Refits against the estimator itself, and surrogates against what they are to be."""

from __future__ import annotations

import numpy as np
import pytest

from rdx import RDX
from rdx.method.neighborhoods import as_points, neighborhood_ranks
from rdx.method.scales.noise import noise_level, rank_change, spread, with_noise
from rdx.metrics import refits as refits_module
from rdx.metrics.refits import Refits, concept_gains
from rdx.metrics.surrogates import NoiseSurrogates, ReferencePairs

N = 120
SETTINGS = [
    {"version": "v1"}, {"version": "v2"}, {"version": "v2", "gamma": "auto", "min_concept_size": 3},
    {"version": "v1", "distance": "max_normalized", "gamma": 1.0},
    {"version": "v1", "distance": "local_scaling", "difference": "plain", "normalize_difference": True},
    {"version": "v1", "clustering": "pagerank"}, {"version": "v2", "clustering": "affinity_propagation"},
]  # fmt: skip


@pytest.fixture(scope="module")
def pair() -> dict[str, np.ndarray]:
    """Four classes in A, of which B merges two; different dimensions."""
    rng = np.random.default_rng(0)
    label, noise = rng.integers(0, 4, N), rng.normal(size=(N, 6))
    centres = 3 * rng.normal(size=(4, 6))
    A = noise + centres[label]
    B = np.c_[noise + centres[np.minimum(label, 2)], 0.1 * rng.normal(size=(N, 3))]
    return {"A": A, "B": B}


def labels_of(estimator):
    return {direction: getattr(estimator, f"{direction}_").labels for direction in ("a_not_b", "b_not_a")}


def same_labels(found, expected):
    assert found.keys() == expected.keys()
    for direction, labels in expected.items():
        np.testing.assert_array_equal(found[direction], labels)


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_refit_finds_what_the_estimator_finds(pair, settings):
    estimator = RDX(3, **settings)
    refits = Refits(estimator, pair)
    same_labels(refits.run().labels, labels_of(estimator.fit(**pair)))
    other = pair["A"] + np.random.default_rng(1).normal(size=pair["A"].shape)
    same_labels(refits.run({"B": other}).labels, labels_of(estimator.fit(pair["A"], other)))
    some = np.arange(0, N, 2)
    fewer = {name: values[some] for name, values in pair.items()}
    same_labels(refits.subset(some).run().labels, labels_of(estimator.fit(**fewer)))


@pytest.mark.parametrize("rule", ["own", "paper"])
def test_aligned_and_guided_refits(pair, rule):
    rng = np.random.default_rng(2)
    mapped = {"a_to_b": pair["B"] + rng.normal(size=pair["B"].shape), "b_to_a": pair["A"] + rng.normal(size=(N, 6))}
    groups = {f"groups_{name}": rng.integers(0, 3, N) for name in ("a", "b", "a_to_b", "b_to_a")}
    estimator = RDX(3, guidance_rule=rule)
    same_labels(Refits(estimator, {**pair, **mapped}).run().labels, labels_of(estimator.fit(**pair, **mapped)))
    found = Refits(estimator, {**pair, **mapped}, groups).run()
    same_labels(found.labels, labels_of(estimator.fit(**pair, **mapped, **groups)))


def test_gain_is_the_plain_sum_over_ordered_pairs(pair):
    estimator = RDX(3, version="v1", keep_matrices=True).fit(**pair)
    refits = Refits(RDX(3, version="v1"), pair)
    for direction, labels in labels_of(estimator).items():
        difference = getattr(estimator, f"{direction}_").difference.astype(float)
        expected = [
            -sum(difference[i, j] for i in members for j in members) / len(members)
            for members in (np.flatnonzero(labels == number) for number in range(1, labels.max() + 1))
        ]
        np.testing.assert_allclose(concept_gains(refits.unchanged[direction], labels), expected, rtol=1e-5)


def test_guidance_changes_no_gain(pair):
    groups = {"groups_a": np.arange(N) % 2, "groups_b": np.arange(N) % 3}
    labels = np.arange(N) % 4
    free, guided = Refits(RDX(3), pair), Refits(RDX(3), pair, groups)
    for direction in ("a_not_b", "b_not_a"):
        gains = [concept_gains(one.unchanged[direction], labels) for one in (free, guided)]
        np.testing.assert_array_equal(*gains)
        assert not np.array_equal(free.unchanged[direction].matrix(), guided.unchanged[direction].matrix())


def test_distances_of_what_stays_are_computed_once(pair, monkeypatch):
    calls = []
    compute = refits_module.compute_distances
    monkeypatch.setattr(refits_module, "compute_distances", lambda *a, **k: calls.append(1) or compute(*a, **k))
    refits = Refits(RDX(2, version="v1"), pair)
    for seed in range(3):
        refits.run({"B": with_noise(pair["A"], 0.3, np.random.default_rng(seed))})
    assert len(calls) == 2 + 3


def test_rank_change_in_octaves():
    first = np.array([[0, 1, 2], [1, 0, 2], [2, 1, 0]])
    second = np.array([[0, 2, 1], [1, 0, 2], [2, 1, 0]])
    expected = sum(abs(np.log2((a + 1) / (b + 1))) for a, b in zip(first.ravel(), second.ravel(), strict=True)) / 6
    assert rank_change(first, second) == pytest.approx(expected)
    assert rank_change(first, first) == 0


@pytest.mark.parametrize("level", [0.02, 0.2, 0.6])
def test_the_level_of_noise_is_found_again(pair, level):
    noisy = with_noise(pair["A"], level, np.random.default_rng(7))
    ranks = [neighborhood_ranks(as_points(X)) for X in (pair["A"], noisy)]
    change = rank_change(*ranks)
    found = noise_level(pair["A"], change, random_state=3)
    assert found == pytest.approx(level, rel=0.15)
    again = with_noise(pair["A"], found, np.random.default_rng(3))  # the noise that it was fitted with
    assert rank_change(ranks[0], neighborhood_ranks(as_points(again))) == pytest.approx(change, rel=0.02)


def test_features_made_with_the_same_seed_are_not_taken_for_their_own_noise():
    X = np.random.default_rng(0).standard_normal((60, 4))  # what noise of seed 0 would be: ranks would never change
    ranks = neighborhood_ranks(as_points(X))
    change = rank_change(ranks, neighborhood_ranks(as_points(with_noise(X, 0.5, np.random.default_rng(9)))))
    assert noise_level(X, change, random_state=0) == pytest.approx(0.5, rel=0.3)


def test_levels_at_the_ends(pair):
    assert noise_level(pair["A"], 0.0) == 0.0
    assert noise_level(pair["A"], 100.0) == 2.0**6
    assert with_noise(pair["A"], 1.0, np.random.default_rng(0)).std() > spread(pair["A"])


def test_surrogates_take_one_side_each_and_depend_on_their_number_alone(pair):
    drawn = NoiseSurrogates(Refits(RDX(2, version="v1"), pair), random_state=4)
    assert drawn.levels.keys() == {"a", "b"} and drawn.rank_change[0] > 0
    assert drawn.draw(5) == drawn.draw(5) != drawn.draw(6)
    rng = np.random.default_rng([4, 0, 5])
    noisy = with_noise(pair["A"], drawn.levels["a"][0], rng)
    estimator = RDX(2, version="v1", keep_matrices=True).fit(pair["A"], noisy)
    gains = []
    for direction, labels in labels_of(estimator).items():
        nearer = -getattr(estimator, f"{direction}_").difference.astype(float)
        gains += [nearer[np.ix_(labels == c, labels == c)].sum() / (labels == c).sum() for c in (1, 2)]
    assert drawn.draw(5)[0] == pytest.approx(max(gains), rel=1e-5)


def test_rotation_offset_scale_and_order_of_the_sides_change_nothing(pair):
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(9, 9)))[0]
    turned = {"A": pair["A"], "B": pair["B"] @ rotation * 3 + 1}
    first, second = (NoiseSurrogates(Refits(RDX(2), features)) for features in (pair, turned))
    assert second.rank_change == pytest.approx(first.rank_change, rel=1e-6)
    assert second.levels["a"] == pytest.approx(first.levels["a"], rel=1e-6)


def test_aligned_surrogates_replace_each_side_of_each_pair(pair):
    features = {**pair, "a_to_b": pair["B"][:, :6] + 0.3, "b_to_a": pair["A"] * 1.1}
    drawn = NoiseSurrogates(Refits(RDX(2, version="v1"), features))
    assert [len(levels) for levels in drawn.levels.values()] == [2, 2]
    assert drawn.rank_change[0] < 0.01  # b_to_a is A but for its scale
    assert all(np.isfinite(drawn.draw(0)))


def test_reference_pairs_take_turns_on_subsamples(pair):
    first = Refits(RDX(2, version="v1"), pair)
    second = Refits(RDX(2, version="v1"), {"A": pair["A"], "B": pair["A"] * 2})  # no difference at all
    drawn = ReferencePairs([first, second], random_state=1, margin=2.0)
    assert drawn.draw(1) == (0.0,)
    assert drawn.draw(0)[0] == 2 * ReferencePairs([first], random_state=1).draw(0)[0] > 0
