"""The sweep over k, γ and β: the same as fitting each setting alone, and a suggestion one can follow."""

from __future__ import annotations

import numpy as np
import pytest

from rdx import RDX, binary_success_rate
from rdx.errors import InputError
from rdx.method.concepts import DIRECTIONS
from rdx.method.many import directions
from rdx.metrics.settings_sweep import Setting, suggest, sweep_settings

GRID = {"n_clusters": [2, 3], "gamma": [0.05, 0.2], "beta": [5.0]}


def pair(n=150, seed=0):
    """A cloud that both share, and two groups of 25 that only A, or only B, holds together."""
    rng = np.random.default_rng(seed)
    cloud = rng.normal(size=(n, 6))
    both = {}
    for name, group in (("A", slice(0, 25)), ("B", slice(25, 50))):
        both[name] = np.c_[cloud, np.zeros((n, 2))]
        both[name][group] = 0.1 * rng.normal(size=(25, 8))
        both[name][group, 6 if name == "A" else 7] += 6
    return both


def plain_stability(features, estimator, subsamples, seed):
    """Refits on 80 % of the items, with nothing shared: mean best Jaccard by direction."""
    A, B = features["A"], features["B"]
    n = len(A)
    whole = estimator.fit(A, B)
    labels = {direction: getattr(whole, f"{direction}_").labels for direction in DIRECTIONS}
    found = {direction: [] for direction in DIRECTIONS}
    for draw in range(subsamples):
        items = np.sort(np.random.default_rng([seed, draw]).choice(n, int(0.8 * n), replace=False))
        again = RDX(**estimator.get_params()).fit(A[items], B[items])
        for direction in DIRECTIONS:
            first, second = labels[direction][items], getattr(again, f"{direction}_").labels
            for number in range(1, labels[direction].max() + 1):
                mine = set(np.flatnonzero(first == number))
                others = [set(np.flatnonzero(second == other)) for other in range(1, second.max() + 1)]
                if mine:
                    found[direction].append(max((len(mine & o) / len(mine | o) for o in others), default=0.0))
    return {direction: np.mean(values) if values else None for direction, values in found.items()}


def test_each_setting_is_as_if_fitted_alone():
    features = pair()
    settings = sweep_settings(RDX(version="v1"), features, GRID, subsamples=3, random_state=4)
    assert [(s.n_clusters, s.gamma, s.beta) for s in settings] == [
        (2, 0.05, 5.0), (2, 0.2, 5.0), (3, 0.05, 5.0), (3, 0.2, 5.0)
    ]  # fmt: skip
    for setting in settings:
        alone = RDX(setting.n_clusters, version="v1", gamma=setting.gamma, beta=setting.beta)
        stability = plain_stability(features, alone, 3, 4)
        for direction in DIRECTIONS:
            found = getattr(alone, f"{direction}_")
            assert setting.concepts[direction] == len(found.concepts)
            assert setting.covered[direction] == np.mean(found.labels > 0)
            rate = binary_success_rate(found.grids, features["A"], features["B"], direction).bsr
            assert setting.bsr[direction] == pytest.approx(rate)
            # The subsample's items lie on the grid of all items, which can tell a hair's breadth more or less apart.
            assert setting.stability[direction] == pytest.approx(stability[direction], abs=0.02)


def test_distances_are_computed_once_for_the_whole_grid(monkeypatch):
    computed = []
    original = directions.compute_distances
    monkeypatch.setattr(directions, "compute_distances", lambda *a, **k: computed.append(1) or original(*a, **k))
    sweep_settings(RDX(), pair(), GRID, subsamples=2)
    assert len(computed) == 2 * (1 + 2)  # two representations, on all items and on two subsamples


def test_equal_representations_leave_nothing_to_choose():
    features = pair()
    settings = sweep_settings(RDX(), {"A": features["A"], "B": features["A"]}, GRID, subsamples=2)
    assert all(s.total == 0 and s.mean_bsr is None and s.mean_stability is None for s in settings)
    chosen, reason = suggest(settings)
    assert chosen is None and "no setting finds a concept" in reason


def made(k, bsr, stability, concepts):
    return Setting(k, 0.1, 5.0, {"a_not_b": concepts}, {"a_not_b": bsr}, {"a_not_b": 0.5}, {"a_not_b": stability})


def test_the_suggestion_is_stable_first_then_successful_then_rich():
    few, many, shaky, weak = (
        made(2, 0.90, 0.9, 2), made(5, 0.89, 0.8, 5), made(8, 0.95, 0.4, 8), made(10, 0.80, 0.9, 10)
    )  # fmt: skip
    chosen, reason = suggest([few, many, shaky, weak])
    assert chosen is many
    assert reason.startswith("of 3 settings with a stability of 0.75 or more, the most concepts (5 in both directions")
    chosen, reason = suggest([made(2, 0.9, 0.3, 2), made(3, 0.9, 0.6, 3)])
    assert chosen.n_clusters == 3 and reason.startswith("no setting has a stability of 0.75")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_clusters": []}, "needs a list of different values for 'n_clusters'"),
        ({"gamma": [0.1, 0.1]}, "needs a list of different values for 'gamma'"),
        ({"beta": [-1.0]}, "beta must be a number ≥ 1e-06 and ≤ 60"),
        ({"n_clusters": [200]}, "n_clusters=200 is too much for subsamples of 120 items"),
    ],
)
def test_wrong_grids_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        sweep_settings(RDX(), pair(), GRID | changes)
