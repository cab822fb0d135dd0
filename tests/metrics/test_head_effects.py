"""What a patch does to neighbours, CKA and ranks, against plain double loops."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from rdx.errors import InputError
from rdx.method.cka import debiased_cka
from rdx.metrics.head_effects import HeadMeter

N = 60
CONCEPTS = [("b_not_a", np.arange(12)), ("a_not_b", np.arange(10, 30, 2)), ("b_not_a", np.array([5, 50, 59]))]


@pytest.fixture(scope="module")
def pair():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 7)).astype(np.float32)
    return X, X + rng.normal(size=(N, 7)).astype(np.float32) * 0.4


def ranks(X: np.ndarray) -> np.ndarray:
    distance = cdist(X.astype(np.float64), X.astype(np.float64))
    np.fill_diagonal(distance, -1)
    return np.argsort(np.argsort(distance, axis=1, kind="stable"), axis=1, kind="stable")


def test_against_double_loops(pair):
    X, Y = pair
    before, after = ranks(X), ranks(Y)
    effect = HeadMeter(X, CONCEPTS, k=6).effect(Y)
    kept = np.mean([len({*np.argsort(before[i])[1:7]} & {*np.argsort(after[i])[1:7]}) / 6 for i in range(N)])
    assert effect.neighbors_lost == pytest.approx(1 - kept) and 0.05 < effect.neighbors_lost < 0.95
    assert effect.cka_lost == pytest.approx(1 - debiased_cka(X, Y))
    for (direction, members), found in zip(CONCEPTS, effect.concepts, strict=True):
        sign = 1 if direction == "b_not_a" else -1
        rest = [j for j in range(N) if j not in members]
        inside = np.mean([int(after[i, j]) - int(before[i, j]) for i in members for j in members if i != j])
        outside = [int(after[i, j]) - int(before[i, j]) for i in members for j in rest]
        outside += [int(after[j, i]) - int(before[j, i]) for i in members for j in rest]
        assert found.undone == pytest.approx(sign * inside)
        assert found.undone_beyond == pytest.approx(sign * (inside - np.mean(outside)))


def test_nothing_changed(pair):
    X, _ = pair
    for same in (X, 2 * X + 1):
        effect = HeadMeter(X, CONCEPTS, k=6).effect(same)
        assert effect.neighbors_lost == 0 and abs(effect.cka_lost) < 1e-6
        assert all(found.undone == found.undone_beyond == 0 for found in effect.concepts)


def test_signs():
    """A tight concept that is scattered is undone where the deeper layer made it, made where that spread it."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, 4))
    tight = X.copy()
    tight[:15] = 5 + 0.01 * tight[:15]
    concept = np.arange(15)
    scattered = HeadMeter(tight, [("b_not_a", concept), ("a_not_b", concept)]).effect(X).concepts
    gathered = HeadMeter(X, [("b_not_a", concept), ("a_not_b", concept)]).effect(tight).concepts
    assert scattered[0].undone > 10 and scattered[0].undone_beyond > 10
    assert gathered[1].undone > 10 and gathered[1].undone_beyond > 10
    assert scattered[1].undone == -scattered[0].undone and gathered[0].undone == -gathered[1].undone


def test_odd_concepts_and_a_constant_patch(pair):
    X, Y = pair
    meter = HeadMeter(X, [("b_not_a", np.array([3])), ("a_not_b", np.arange(N))], k=6)
    single, everything = meter.effect(Y).concepts
    assert single.undone is None and single.undone_beyond is None
    assert everything.undone == 0 and everything.undone_beyond is None  # all ranks are always there
    constant = meter.effect(np.ones((N, 7)))
    assert np.isnan(constant.neighbors_lost) and np.isnan(constant.cka_lost)
    assert [found.undone for found in constant.concepts] == [None, None]
    assert HeadMeter(X, []).effect(Y).concepts == ()


def test_more_neighbours_than_items(pair):
    with pytest.raises(InputError, match="60 nearest neighbours need more than 60 items"):
        HeadMeter(pair[0], CONCEPTS, k=N)
    with pytest.raises(InputError, match="k must be"):
        HeadMeter(pair[0], CONCEPTS, k=0)
