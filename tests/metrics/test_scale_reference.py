"""Is a concept more than a reference shows? Held against plain counts, and pairs as different as the comparison."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rdx import RDX
from rdx.method.concepts import DIRECTIONS
from rdx.method.scales.chance import GAMMAS
from rdx.method.scales.weights import Weights
from rdx.metrics.refits import Refits
from rdx.metrics.scale_reference import reference_p
from rdx.metrics.stability import subsample

N, GROUP = 90, 18
RNG = np.random.default_rng(1)
B = RNG.standard_normal((N, 6))
A = B.copy()
A[:GROUP] = [6, 0, 0, 0, 0, 0] + 0.1 * RNG.standard_normal((GROUP, 6))
CALM = {"A": B, "B": B + 0.05 * RNG.standard_normal((N, 6))}


@pytest.fixture(scope="module")
def fitted():
    estimator = RDX(3, scale="auto", random_state=0).fit(A, B)
    explanations = {direction: getattr(estimator, f"{direction}_") for direction in DIRECTIONS}
    return Refits(estimator, {"A": A, "B": B}), explanations


def p_of(fitted, features, margin=1.0, draws=20):
    refits, explanations = fitted
    found = reference_p(refits, explanations, [Refits(refits.estimator, one) for one in features], margin, draws, 4)
    (out,) = (
        found[direction][one.number - 1]
        for direction in DIRECTIONS for one in explanations[direction].concepts if one.evidence.stands_out
    )  # fmt: skip
    quiet = [
        found[direction][one.number - 1]
        for direction in DIRECTIONS for one in explanations[direction].concepts if not one.evidence.stands_out
    ]  # fmt: skip
    assert np.isnan(quiet).all()
    return out


def test_a_calm_reference_leaves_the_difference_and_one_as_different_explains_it(fitted):
    assert p_of(fitted, [CALM]) == pytest.approx(1 / 21)
    assert p_of(fitted, [{"A": A, "B": B}]) > 0.2
    assert p_of(fitted, [{"A": B, "B": A}]) > 0.2  # a reference has no order
    assert p_of(fitted, [{"A": A, "B": B}], margin=1.5) == 1.0
    assert p_of(fitted, [CALM, {"A": A, "B": B}], margin=1.5) == pytest.approx(11 / 21)  # they take turns


def test_p_against_plain_counts(fitted):
    refits, explanations = fitted
    (one,) = (one for one in explanations["a_not_b"].concepts if one.evidence.stands_out)
    draws, largest, gains = 12, [], []
    for draw in range(draws):
        items = subsample(N, draw, 0)
        weights = Weights({"A": A[items], "B": B[items]})
        largest.append([
            max(float(weights.at(d, gamma)[np.ix_(group, group)].sum()) / len(group)
                for d in DIRECTIONS for group in [np.flatnonzero(weights.strongest(gamma, most=1)[d][0][0])])
            for gamma in GAMMAS
        ])  # fmt: skip
        members = np.flatnonzero(np.isin(items, one.members))
        gains.append(weights.at("a_not_b", one.evidence.gamma)[np.ix_(members, members)].sum() / len(members))
    median = np.median(largest, axis=0)
    tops = (np.array(largest) / median).max(axis=1)
    score = np.mean(gains[:4]) / median[GAMMAS.index(one.evidence.gamma)]
    expected = (1 + np.count_nonzero(tops >= score)) / (1 + draws)
    assert p_of(fitted, [{"A": A, "B": B}], draws=draws) == pytest.approx(expected)


def test_nothing_is_drawn_where_nothing_stands_out(fitted):
    refits, explanations = fitted
    quiet = {
        direction: replace(found, concepts=[one for one in found.concepts if not one.evidence.stands_out])
        for direction, found in explanations.items()
    }
    found = reference_p(refits, quiet, [], 1.0, 20, 4, spread=None)  # which would fail if it were used
    assert {d: len(p) for d, p in found.items()} == {d: len(one.concepts) for d, one in quiet.items()}
    assert np.isnan(np.concatenate(list(found.values()))).all()
