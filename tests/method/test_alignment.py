"""Linear maps between representations: the loss, what they undo, and what they must leave."""

from __future__ import annotations

from functools import cache

import numpy as np
import oracle
import pytest

from rdx import RDX
from rdx.errors import InputError
from rdx.method.alignment import LinearMap, learn_map, learn_maps

HELD_OUT = slice(600, None)


@cache
def linear_image(n=800, d=32):
    """X (n, d) and a linear image of it with condition number 3."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    left, right = (np.linalg.qr(rng.normal(size=(d, d)))[0] for _ in range(2))
    return X, X @ (left * np.linspace(1, 3, d)) @ right


@cache
def map_back(kind):
    """The map from the image to its origin, of the first 600 items, with default settings."""
    X, Y = linear_image()
    return learn_map(Y[:600], X[:600], kind)


def held_out_loss(linear_map, X, Y):
    return 1 - oracle.debiased_cka(linear_map.apply(X[HELD_OUT]), Y[HELD_OUT])


@pytest.mark.parametrize("kind", ["cka", "ridge"])
def test_a_linear_image_is_undone_with_default_settings(kind):
    X, Y = linear_image()
    assert 1 - oracle.debiased_cka(X[HELD_OUT], Y[HELD_OUT]) > 0.03
    assert held_out_loss(map_back(kind), Y, X) < 0.01
    if kind == "cka":
        assert min(map_back(kind).history["held_out_loss"]) < 0.01


@pytest.mark.parametrize("kind", ["cka", "ridge"])
def test_the_strongest_concept_falls_when_a_linear_map_undoes_the_difference(kind):
    X, Y = (Z[:600] for Z in linear_image())
    before = RDX(n_clusters=3).fit(X, Y).a_not_b_.concepts
    after = RDX(n_clusters=3).fit(X, Y, a_to_b=X, b_to_a=map_back(kind).apply(Y)).a_not_b_.concepts
    assert before[0].mean_affinity > 1.5
    strength = after[0].mean_affinity if after else 1.0
    assert strength < 0.8 * before[0].mean_affinity


@pytest.mark.parametrize("kind", ["cka", "ridge"])
def test_a_difference_that_no_linear_map_can_undo_survives(kind):
    A, B, truth_a, truth_b = oracle.planted_pair(n=400, size=40, groups=2, seed=2)
    rdx = RDX(n_clusters=2, alignment=kind).fit(A, B)
    for explanations, truth in ((rdx.a_not_b_, truth_a), (rdx.b_not_a_, truth_b)):
        for members in truth:
            scores = [oracle.jaccard(concept.members, members) for concept in explanations.concepts]
            assert max(scores, default=0) >= 0.8
            assert explanations.concepts[int(np.argmax(scores))].mean_affinity > 5


def test_the_map_is_one_linear_layer():
    X, Y = (Z[:100] for Z in linear_image())
    learnt = learn_map(X, Y[:, :20], "ridge")
    assert isinstance(learnt, LinearMap)
    assert learnt.weight.shape == (32, 20) and learnt.bias.shape == (20,)
    np.testing.assert_allclose(learnt.apply(X), X @ learnt.weight + learnt.bias, rtol=1e-4, atol=1e-5)
    learnt = learn_map(X, Y[:, :20], "cka", steps=5)
    assert learnt.weight.shape == (32, 32) and learnt.bias.shape == (32,)
    np.testing.assert_allclose(learnt.apply(X), X @ learnt.weight + learnt.bias, rtol=1e-4, atol=1e-5)


def test_ridge_recovers_an_affine_map_between_different_widths():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 6))
    Y = X @ rng.normal(size=(6, 9)) + rng.normal(size=9)
    learnt = learn_map(X[:200], Y[:200], "ridge")
    residual = learnt.apply(X[200:]) - Y[200:]
    assert (residual**2).mean() < 1e-3 * Y.var()


def test_training_starts_at_the_identity_and_improves_on_it():
    X, Y = (Z[:200] for Z in linear_image())
    start = 1 - oracle.debiased_cka(X, Y)
    learnt = learn_map(X, Y, "cka", steps=20)
    assert learnt.history["held_out_loss"][0] == pytest.approx(start, abs=0.05)
    assert 1 - oracle.debiased_cka(learnt.apply(X), Y) < start
    # Adam moves a weight by about its learning rate, 1e-3, a step
    assert np.abs(learnt.weight - np.eye(32)).max() < 2 * 20 * 1e-3


def test_the_papers_setting_starts_at_random_and_takes_100_steps():
    X, Y = (Z[:150] for Z in linear_image())
    first = learn_map(X, Y, "cka", steps=100, start="random", random_state=1)
    again = learn_map(X, Y, "cka", steps=100, start="random", random_state=1)
    other = learn_map(X, Y, "cka", steps=100, start="random", random_state=2)
    np.testing.assert_array_equal(first.weight, again.weight)
    assert not np.allclose(first.weight, other.weight)
    assert {len(curve) for curve in first.history.values()} <= {100, 101}


def test_the_weights_with_the_best_held_out_loss_are_kept():
    """Few items, many features: training overfits, and longer training must not change the map."""
    rng = np.random.default_rng(5)
    X, Y = rng.normal(size=(40, 30)), rng.normal(size=(40, 30))
    Y[:, :5] += 2 * X[:, :5]
    long = learn_map(X, Y, "cka", steps=300, start="random")
    curve = long.history["held_out_loss"]
    best = int(np.argmin(curve))
    assert 0 < best < 250 and curve[-1] > curve[best] + 1e-3
    short = learn_map(X, Y, "cka", steps=best + 5, start="random")
    np.testing.assert_allclose(short.weight, long.weight, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(short.bias, long.bias, rtol=1e-5, atol=1e-7)
    stopped = learn_map(X, Y, "cka", steps=max(best // 2, 1), start="random")
    assert not np.allclose(stopped.weight, long.weight, rtol=1e-5, atol=1e-7)


def test_the_held_out_items_are_not_trained_on():
    """Two unrelated representations: the loss falls where the map is trained, and nowhere else."""
    rng = np.random.default_rng(6)
    X, Y = rng.normal(size=(60, 60)), rng.normal(size=(60, 60))
    learnt = learn_map(X, Y, "cka", steps=300)
    assert learnt.history["train_loss"][-1] < 0.3 < 0.8 < learnt.history["held_out_loss"][-1]


@pytest.mark.parametrize("kind", ["cka", "ridge"])
def test_two_maps_at_once_are_those_learnt_one_after_the_other(kind, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    X, Y = linear_image(120)
    both = learn_maps(X, Y[:, :20], kind=kind, steps=20)
    for found, pair in zip(both, ((X, Y[:, :20]), (Y[:, :20], X)), strict=True):
        alone = learn_map(*pair, kind, steps=20)
        assert found.weight.tobytes() == alone.weight.tobytes() and found.bias.tobytes() == alone.bias.tobytes()
        assert found.history == alone.history


def test_inputs_and_the_global_random_state_stay_as_they_are():
    X, Y = (Z[:60].copy() for Z in linear_image())
    X.setflags(write=False)
    Y.setflags(write=False)
    np.random.seed(0)  # noqa: NPY002
    learn_map(X, Y, "cka", steps=3, start="random")
    learn_map(X, Y, "ridge")
    after = np.random.random()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    assert after == np.random.random()  # noqa: NPY002


def test_the_estimators_alignment_is_the_same_as_maps_learnt_before():
    A, B, _, _ = oracle.planted_pair(n=200, size=20, groups=2)
    inside = RDX(n_clusters=2, alignment="ridge", random_state=4).fit(A, B)
    a_to_b = learn_map(A, B, "ridge", random_state=4).apply(A)
    b_to_a = learn_map(B, A, "ridge", random_state=4).apply(B)
    outside = RDX(n_clusters=2, random_state=4).fit(A, B, a_to_b=a_to_b, b_to_a=b_to_a)
    np.testing.assert_array_equal(inside.a_not_b_.labels, outside.a_not_b_.labels)
    np.testing.assert_array_equal(inside.b_not_a_.labels, outside.b_not_a_.labels)


@pytest.mark.parametrize("kind", ["cka", "ridge"])
def test_fewer_than_14_items_are_refused(kind):
    X, Y = (Z[:13] for Z in linear_image())
    with pytest.raises(InputError, match="14"):
        learn_map(X, Y, kind)
    with pytest.raises(InputError, match="14"):
        RDX(n_clusters=2, alignment=kind).fit(X, Y)


def test_misspelt_kinds_get_the_nearest():
    X, Y = (Z[:20] for Z in linear_image())
    with pytest.raises(InputError, match="ridge"):
        learn_map(X, Y, "rigde")
    with pytest.raises(InputError, match="random"):
        learn_map(X, Y, "cka", start="randon")
