"""The two tests give what SciPy's give."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from rdx.metrics.two_samples import Levels, Within, more_often, rank_sum


def compared(inside, outside):
    levels = Levels(np.concatenate([inside, outside]))
    first = np.arange(len(inside))
    return rank_sum(levels.counts(first), levels.counts(np.arange(len(inside), len(levels.code))))


@pytest.mark.parametrize("values", [50, 4, 2])  # distinct ones: many ties
@pytest.mark.parametrize("sizes", [(3, 40), (30, 20), (1, 2)])
def test_rank_sum_is_scipys(values, sizes):
    rng = np.random.default_rng(values)
    inside, outside = rng.integers(0, values, sizes[0]) + 1.0, rng.integers(0, values, sizes[1]) / 1.0
    expected = stats.mannwhitneyu(inside, outside, method="asymptotic")
    auc, p = compared(inside, outside)
    assert auc == pytest.approx(expected.statistic / (sizes[0] * sizes[1]), abs=1e-12)
    assert p == pytest.approx(expected.pvalue, rel=1e-9)


def test_equal_numbers_have_no_order():
    assert compared(np.ones(4), np.ones(7)) == (0.5, 1.0)


def test_a_larger_group_has_an_auc_of_one():
    assert compared(np.array([8.0, 9.0]), np.array([1.0, 2.0, 3.0]))[0] == 1.0


@pytest.mark.parametrize(("size", "other_size"), [(10, 30), (30, 10), (5, 500)])
def test_fisher_is_scipys(size, other_size):
    inside, outside = np.array([0, 1, 3, 5, 5]), np.array([4, 2, 0, 10, 1])
    expected = [
        stats.fisher_exact([[a, size - a], [b, other_size - b]], alternative="greater").pvalue
        for a, b in zip(inside, outside, strict=True)
    ]
    np.testing.assert_allclose(more_often(inside, size, outside, other_size), expected, rtol=1e-9)


def test_auc_within_strata_is_that_of_all_pairs_inside_them():
    rng = np.random.default_rng(0)
    values, inside, strata = rng.integers(0, 6, 40).astype(float), rng.random(40) < 0.4, rng.integers(0, 4, 40)
    values[3] = np.nan
    pairs = [
        (values[i] > values[j]) + 0.5 * (values[i] == values[j])
        for i in np.flatnonzero(inside) for j in np.flatnonzero(~inside)
        if strata[i] == strata[j] and not np.isnan(values[[i, j]]).any()
    ]  # fmt: skip
    assert Within(values, strata).auc(np.flatnonzero(inside)) == pytest.approx(np.mean(pairs))
    assert Within(values, inside.astype(int)).auc(np.flatnonzero(inside)) is None


@pytest.mark.parametrize("size", [1, 2, 7, 8])
def test_medians_are_numpys(size):
    values = np.random.default_rng(size).integers(0, 5, 30) / 3.0
    values[[2, 9]] = np.nan
    levels, items = Levels(values), np.flatnonzero(~np.isnan(values))[:size]
    assert levels.median(levels.counts(np.append(items, 2))) == np.median(values[items])
