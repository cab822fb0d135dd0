"""How a sampled result is held against the exact one, on a subsample."""

from __future__ import annotations

from functools import cache

import numpy as np
import oracle
import pytest
from sklearn.metrics import adjusted_rand_score

from rdx import RDX
from rdx.method.concepts import DIRECTIONS
from rdx.method.many import agreement
from rdx.method.many.agreement import dense_agreement


@cache
def unrelated(n=400):
    rng = np.random.default_rng(21)
    return rng.normal(size=(n, 6)), rng.normal(size=(n, 5))


def test_all_pairs_agree_wholly_and_few_do_not():
    A, B = unrelated()
    scores = {}
    for pairs in (len(A), 30):
        fitted = RDX(3, solver="sparse", pairs_per_item=pairs).fit(A, B)
        scores[pairs] = dense_agreement(fitted, A, B)
        assert set(scores[pairs]) == {"n", "exact", *DIRECTIONS} and scores[pairs]["n"] == len(A)
    for direction in DIRECTIONS:
        assert scores[len(A)][direction] == 1.0
        assert -0.1 < scores[30][direction] < 0.95


@pytest.mark.parametrize("solver", ["sparse", "approximate"])
def test_it_is_the_index_of_two_fits_to_the_same_items(solver, monkeypatch):
    monkeypatch.setitem(agreement.ITEMS, solver, 250)
    A, B = unrelated()
    settings = {"n_clusters": 3, "pairs_per_item": 40, "gamma": 0.05, "version": "v1", "random_state": 7}
    told = dense_agreement(RDX(**settings, solver=solver).fit(A, B), A, B)
    items = np.sort(np.random.default_rng(7).permutation(len(A))[:250])
    fits = [RDX(**settings, solver=each).fit(A[items], B[items]) for each in (solver, "dense")]
    assert told["n"] == 250
    fewer = np.sort(kept_of(7, len(A), 250))
    again = RDX(**settings, solver="dense").fit(A[items[fewer]], B[items[fewer]])
    for direction in DIRECTIONS:
        labels = [getattr(each, f"{direction}_").labels for each in fits]
        assert told[direction] == pytest.approx(adjusted_rand_score(*labels))
        stable = adjusted_rand_score(labels[1][fewer], getattr(again, f"{direction}_").labels)
        assert told["exact"][direction] == pytest.approx(stable)


def kept_of(seed, n, size):
    """The second draw of the generator that chose ``size`` of n items: 80 % of these."""
    rng = np.random.default_rng(seed)
    rng.permutation(n)
    return rng.permutation(size)[: int(0.8 * size)]


def test_maps_and_groups_go_with_the_items(monkeypatch):
    monkeypatch.setitem(agreement.ITEMS, "sparse", 200)
    A, B, truth_a, _ = oracle.planted_pair(n=300, size=30, groups=2)
    groups = np.zeros(len(A), int)
    groups[truth_a[0]] = 1
    beside = {"a_to_b": A + 0.1, "b_to_a": B - 0.1, "groups_a": groups, "groups_b": groups, "groups_a_to_b": None}
    fitted = RDX(2, solver="sparse", pairs_per_item=300).fit(A, B, **beside)
    labels = fitted.a_not_b_.labels.copy()
    told = dense_agreement(fitted, A, B, **beside)
    assert (told["n"], told["a_not_b"], told["b_not_a"]) == (200, 1.0, 1.0)
    np.testing.assert_array_equal(fitted.a_not_b_.labels, labels)  # what was fitted stays as it is
    assert fitted.solver == "sparse"


def test_the_exact_path_has_nothing_to_agree_with():
    A, B = unrelated()
    assert dense_agreement(RDX(3).fit(A, B), A, B) == {}
