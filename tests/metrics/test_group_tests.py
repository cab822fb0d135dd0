"""Group tests against SciPy's exact hypergeometric tail, literal random groups, and what they must not do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom

from rdx.errors import InputError
from rdx.metrics.group_tests import class_tests, share_test
from rdx.metrics.significance import benjamini_hochberg

N, MANY = 300, 40_000


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(1)
    return [rng.choice(N, size, replace=False) for size in (5, 20, 60, 150, 299)]


def close(p: float, exact: float) -> bool:
    """Within five standard errors of a Monte Carlo p-value, which is one of 1/(1+N), 2/(1+N), …"""
    return abs(p - exact) <= 5 * np.sqrt(exact * (1 - exact) / MANY) + 2 / MANY


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_share_against_the_exact_tail(groups, share):
    marked = np.random.default_rng(2).random(N) < share
    marked[groups[1][:8]] = True
    for group, test in zip(groups, share_test(marked, groups, n_random=MANY), strict=True):
        exact = hypergeom(N, marked.sum(), len(group))
        assert test.observed == marked[group].mean()
        assert test.random_mean == pytest.approx(exact.mean() / len(group), rel=0.02)
        assert close(test.p_value, exact.sf(marked[group].sum() - 1))
        assert test.ratio == pytest.approx(test.observed / marked.mean(), rel=0.02)


def test_classes_against_the_exact_tail_and_literal_groups(groups):
    rng = np.random.default_rng(3)
    labels = rng.choice([2, 5, 7], size=N, p=[0.5, 0.3, 0.2])
    literal = np.array([rng.permutation(N)[:60] for _ in range(4000)])
    purity_of = np.array([np.bincount(labels[g]).max() for g in literal]) / 60
    for group, (label, share, purity) in zip(groups, class_tests(labels, groups, n_random=MANY), strict=True):
        count = int((labels[group] == label).sum())
        assert count == np.bincount(labels[group]).max()
        assert share.observed == purity.observed == count / len(group)
        assert close(share.p_value, hypergeom(N, (labels == label).sum(), len(group)).sf(count - 1))
        assert purity.p_value >= share.p_value  # any class may be the majority of a random group
        if len(group) == 60:
            assert purity.random_mean == pytest.approx(purity_of.mean(), abs=0.01)
            assert purity.p_value == pytest.approx((purity_of >= count / 60).mean(), abs=0.04)


def test_p_values_of_random_groups_are_no_smaller_than_uniform():
    rng = np.random.default_rng(4)
    marked, labels = rng.random(N) < 0.4, rng.integers(0, 2, N)
    chance = [rng.choice(N, 40, replace=False) for _ in range(400)]
    p_share = np.array([test.p_value for test in share_test(marked, chance)])
    tests = class_tests(labels, chance)
    p_purity = np.array([purity.p_value for _, _, purity in tests])
    p_class = np.array([share.p_value for _, share, _ in tests])
    for level in (0.05, 0.2, 0.5):
        allowed = level + 4 * np.sqrt(level * (1 - level) / len(chance))
        assert (p_share <= level).mean() <= allowed and (p_purity <= level).mean() <= allowed
    assert (p_class <= 0.2).mean() > (p_purity <= 0.2).mean()  # why purity is reported beside it


def test_a_planted_group_is_found_and_nothing_gives_p_one():
    marked = np.zeros(N, dtype=bool)
    marked[:30] = True
    planted, nothing = share_test(marked, [np.arange(30), np.arange(100, 130)])
    assert planted.p_value == 1 / 1001 and planted.ratio > 8
    assert nothing.observed == 0 and nothing.p_value == 1
    (none,) = share_test(np.zeros(N), [np.arange(9)])
    assert none.p_value == 1 and np.isnan(none.ratio)


def test_same_seed_same_numbers(groups):
    marked = np.arange(N) % 3 == 0
    assert share_test(marked, groups) == share_test(marked, groups)
    assert share_test(marked, groups) != share_test(marked, groups, seed=43)


def test_benjamini_hochberg_by_hand():
    p = np.array([0.03, 0.005, 0.2, 0.011])
    # sorted 0.005, 0.011, 0.03, 0.2: times 4/1, 4/2, 4/3, 4/4, then the smallest from the right
    np.testing.assert_allclose(benjamini_hochberg(p), [0.04, 0.02, 0.2, 0.022])
    assert benjamini_hochberg([]).shape == (0,) and share_test(np.zeros(4), []) == []


@pytest.mark.parametrize(
    ("group", "message"), [([], "group 1 is empty"), ([0, N], "0 … 299"), ([1, 1], "distinct"), ([-1], "0 … 299")]
)
def test_groups_that_are_none(group, message):
    with pytest.raises(InputError, match=message):
        share_test(np.zeros(N), [np.array(group, dtype=int)])
    with pytest.raises(InputError, match="n_random"):
        class_tests(np.zeros(N), [np.arange(3)], n_random=0)
