"""Stability against a plain count of sets, and on data whose groups are known."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdx import RDX
from rdx.compute.threads import map_ordered
from rdx.errors import InputError
from rdx.method.concepts import A_NOT_B, DIRECTIONS
from rdx.metrics import scale_stability
from rdx.metrics.refits import Refits
from rdx.metrics.stability import best_jaccard, check_varied, concept_stability, subsample


def plain_best_jaccard(labels, again, count):
    scores = []
    for number in range(1, count + 1):
        mine = {i for i, label in enumerate(labels) if label == number}
        others = [{i for i, label in enumerate(again) if label == other} for other in set(again) - {0}]
        best = max((len(mine & other) / len(mine | other) for other in others), default=0.0)
        scores.append(best if mine else np.nan)
    return scores


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=40), st.integers(0, 2))
def test_best_jaccard_is_that_of_sets(pairs, more):
    labels, again = np.array(pairs).T
    count = int(labels.max()) + more
    found = best_jaccard(labels, again, count)
    np.testing.assert_allclose(found, plain_best_jaccard(labels.tolist(), again.tolist(), count))


def test_the_same_concepts_under_other_numbers_are_perfectly_stable():
    labels = np.array([0, 1, 1, 2, 2, 2, 3])
    again = np.array([0, 3, 3, 1, 1, 1, 2])
    np.testing.assert_array_equal(best_jaccard(labels, again), [1, 1, 1])
    np.testing.assert_array_equal(best_jaccard(labels, np.zeros(7, int)), [0, 0, 0])
    assert len(best_jaccard(np.zeros(7, int), labels)) == 0


def test_subsamples_are_without_replacement_and_independent_of_each_other():
    first, again, other = subsample(101, 0, 5), subsample(101, 0, 5), subsample(101, 1, 5)
    np.testing.assert_array_equal(first, again)
    assert len(first) == 80 == len(np.unique(first)) and (np.diff(first) > 0).all()
    assert not np.array_equal(first, other)


@pytest.fixture(scope="module")
def planted():
    """Two groups of 30 among 150 items: one that only A holds together, and a cloud that both share."""
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(150, 6))
    A, B = np.c_[cloud, np.zeros((150, 2))], np.c_[cloud, np.zeros((150, 2))]
    for X, group, axis in ((A, slice(0, 30), 6), (B, slice(30, 60), 7)):
        X[group] = 0.1 * rng.normal(size=(30, 8))
        X[group, axis] += 6
    return A, B


def test_concept_stability_is_a_mean_over_plain_refits(planted):
    estimator = RDX(2, version="v1").fit(*planted)
    labels = {direction: getattr(estimator, f"{direction}_").labels for direction in ("a_not_b", "b_not_a")}
    refits = Refits(estimator, dict(zip("AB", planted, strict=True)))
    found = concept_stability(refits, labels, count=4, random_state=3, spread=partial(map_ordered, threads=2))
    for direction, own in labels.items():
        scores = []
        for draw in range(4):
            items = subsample(150, draw, 3)
            again = getattr(RDX(2, version="v1").fit(planted[0][items], planted[1][items]), f"{direction}_").labels
            scores.append(plain_best_jaccard(own[items].tolist(), again.tolist(), int(own.max())))
        np.testing.assert_allclose(found[direction], np.nanmean(scores, axis=0))
        assert found[direction][0] > 0.9  # the planted group


def test_concepts_of_nothing_have_no_stability(planted):
    none = {direction: np.zeros(150, dtype=int) for direction in ("a_not_b", "b_not_a")}
    found = concept_stability(Refits(RDX(2), dict(zip("AB", planted, strict=True))), none, count=2)
    assert all(len(scores) == 0 for scores in found.values())


@pytest.mark.parametrize(("n", "others"), [(24, 1), (24, 5), (1000, 15)])
def test_nearly_equal_rows_have_no_subsamples(n, others):
    features = np.zeros((n, 2))
    features[n - others :, 1] = np.arange(others) + 1
    with pytest.raises(InputError, match=f"A: only {others} of {n} rows differ from row 0"):
        check_varied(features, "A")
    features[: len(features) // 2, 0] = np.arange(len(features) // 2)
    check_varied(features, "A")


def test_what_is_found_again_at_its_own_scale_is_settled_before_it_is_compared(monkeypatch):
    """In each subsample the strongest group is the core of two merged classes; settled, it is both of them."""
    rng = np.random.default_rng(7)
    label, noise = rng.integers(0, 6, 240), rng.normal(size=(240, 16))
    apart = 2.1 * rng.normal(size=(6, 16))
    near = apart.copy()
    near[1] = near[0]
    A, B = noise + near[label], noise + apart[label] + 0.3 * rng.normal(size=(240, 16))
    auto = RDX(scale="auto")
    fitted = auto.fit(A, B)
    found = {direction: getattr(fitted, f"{direction}_") for direction in DIRECTIONS}
    assert (found[A_NOT_B].concepts[0].members == np.flatnonzero(label <= 1)).all()
    refits = Refits(auto, {"A": A, "B": B})
    assert scale_stability.scale_stability(refits, found, 4)[A_NOT_B][0] == 1.0
    monkeypatch.setattr(scale_stability, "settle", lambda weights, scale, members, free: members)
    assert scale_stability.scale_stability(refits, found, 4)[A_NOT_B][0] < 1.0
