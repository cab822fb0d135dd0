"""What noise has: scores, p-values, and when draws end."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.method.scales import chance, peeling
from rdx.method.scales.chance import SCALES, Chance
from rdx.method.scales.weights import Weights


def noisy() -> Weights:
    rng = np.random.default_rng(0)
    A = rng.standard_normal((60, 4))
    return Weights({"A": A, "B": A + 0.3 * rng.standard_normal(A.shape)})


def test_scores_and_p_values_are_those_of_the_side_that_explains_more():
    drawn = np.ones((9, len(SCALES)))
    both = Chance((drawn, 2 * drawn))
    assert both.score(SCALES[0], 6.0) == 3.0
    assert both.p_value(SCALES[0], 6.0) == 0.1 and both.p_value(SCALES[0], 2.0) == 1.0


@pytest.mark.parametrize(("as_strong", "stands_out"), [(1, True), (2, False)])
def test_of_39_noise_pairs_one_may_be_as_strong(monkeypatch, as_strong, stands_out):
    """p = 2 / 40: no more than 5 % of pairs without a difference have one as small."""
    gains = np.full((39, len(SCALES)), 1e-3)
    gains[:as_strong] = 1e6
    monkeypatch.setattr(peeling, "chance", lambda *_: Chance((gains, np.full_like(gains, 1e-3))))
    B = np.random.default_rng(0).standard_normal((60, 4))
    A = B.copy()
    A[:12] = 9 + 0.1 * A[:12]  # these alone are packed together in A
    found = peeling.peel(Weights({"A": A, "B": B}), 5)
    assert bool(found.groups) is stands_out
    assert {one.p_value for one in (found.groups or found.chance)} == {(1 + as_strong) / 40}


def test_draws_end_once_nothing_can_stand_out():
    assert chance.chance(noisy(), [(SCALES[0], 0.0)], 39, 0).draws == chance._FIRST


@pytest.mark.parametrize(("as_strong", "draws", "p_value"), [(1, 39, 0.05), (2, 9, 0.3)])
def test_draws_go_on_as_long_as_one_alone_is_as_strong(monkeypatch, as_strong, draws, p_value):
    drawn = lambda number, *_: [[9.0 if number < as_strong else 1.0] * len(SCALES)] * 2  # noqa: E731
    monkeypatch.setattr(chance, "_draw", drawn)
    found = chance.chance(noisy(), [(SCALES[0], 5.0)], 39, 0)
    assert (found.draws, found.p_value(SCALES[0], 5.0)) == (draws, pytest.approx(p_value))
