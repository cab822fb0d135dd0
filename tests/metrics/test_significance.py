"""p-values and q-values against SciPy, and what they say of pairs whose truth is known."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, monte_carlo_test

from rdx import RDX
from rdx.compute.threads import map_ordered
from rdx.method.concepts import DIRECTIONS
from rdx.method.scales.noise import with_noise
from rdx.metrics.refits import Refits
from rdx.metrics.significance import (
    ENOUGH,
    benjamini_hochberg,
    clear_after,
    concept_significance,
    gains_of,
    monte_carlo_p,
    nothing_found,
    random_group_p,
    subsampled_gains,
)
from rdx.metrics.stability import subsample
from rdx.metrics.surrogates import NoiseSurrogates, ReferencePairs

N = 100


def mixture(merged=0.0, seed=0, n=N):
    """Five classes in B; in A two of them are moved together by a share of their distance."""
    rng = np.random.default_rng(seed)
    centres = 2.5 * rng.normal(size=(5, 8))
    near = centres.copy()
    near[1] += merged * (centres[0] - centres[1])
    label, noise = rng.integers(0, 5, n), rng.normal(size=(n, 8))
    rotation = np.linalg.qr(rng.normal(size=(11, 8)))[0].T
    B = (noise + centres[label]) @ rotation  # in more dimensions than A
    return {"A": noise + near[label], "B": with_noise(B, 0.1, rng)}


def outcome(features, count=29, version="v1", seed=0, **more):
    estimator = RDX(3, version=version).fit(**features)
    labels = {direction: getattr(estimator, f"{direction}_").labels for direction in DIRECTIONS}
    refits = Refits(estimator, features)
    return concept_significance(gains_of(refits, labels), NoiseSurrogates(refits, seed), count, **more)


def smallest(found):
    return min(p.min(initial=1.0) for p in found.p_value.values())


def test_p_is_scipys_monte_carlo_p():
    rng = np.random.default_rng(0)
    null, observed = rng.integers(0, 20, 99).astype(float), rng.integers(-1, 22, 12).astype(float)  # with ties
    for value, p in zip(observed, monte_carlo_p(observed, null), strict=True):
        draws = iter([null])
        reference = monte_carlo_test(
            [value], lambda size, draws=draws: next(draws).reshape(size), lambda x, axis: x.max(axis=axis),
            n_resamples=99, alternative="greater", vectorized=True,
        )  # fmt: skip
        assert p == reference.pvalue


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=15))
def test_q_is_scipys_false_discovery_control(p_values):
    np.testing.assert_allclose(benjamini_hochberg(p_values), false_discovery_control(p_values), rtol=1e-12)


def test_no_concepts_have_no_q():
    assert benjamini_hochberg([]).shape == (0,)


def test_stopping_early_changes_no_verdict():
    rng = np.random.default_rng(1)
    for _ in range(300):
        null = rng.normal(size=(99, 2))
        strongest = rng.normal() + 1.0
        stop = clear_after(strongest, null)
        if stop is None:
            continue
        short, full = (max(monte_carlo_p(np.array([strongest]), side)[0] for side in part.T)
                       for part in (null[:stop], null))  # fmt: skip
        assert short >= (1 + ENOUGH) / (1 + 99) and full >= (1 + ENOUGH) / (1 + 99)
        assert clear_after(strongest, null[: stop - 1]) is None


def test_a_planted_difference_is_found_and_its_concept_is_the_merged_pair():
    found = outcome(mixture(merged=1.0))
    assert smallest(found) == pytest.approx(1 / 30) and found.draws == 29
    assert found.p_value["a_not_b"].min() == pytest.approx(1 / 30)
    for direction in DIRECTIONS:
        assert (found.q_value[direction] >= found.p_value[direction]).all()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_noise_alone_is_no_difference(version):
    found = [smallest(outcome(mixture(0.0, seed), 19, version)) for seed in range(3) if version == "v1" or seed < 1]
    assert np.median(found) > 0.05


def test_the_larger_of_both_sides_counts():
    class Sides:
        sources = ("a", "b")

        def draw(self, number):
            return (float(number), 100.0 + number)

    gains = {"a_not_b": np.array([50.5, 200.0]), "b_not_a": np.array([110.5])}
    found = concept_significance(gains, Sides(), 30, partial(map_ordered, threads=1))
    assert found.draws == 30
    np.testing.assert_allclose(found.p_value["a_not_b"], [1.0, 1 / 31])
    np.testing.assert_allclose(found.p_value["b_not_a"], [(1 + 19) / 31])
    np.testing.assert_allclose(found.q_value["a_not_b"], [1.0, 3 / 31])


def test_threads_and_repetition_change_nothing():
    features = mixture(0.5)
    first, second = (outcome(features, 6, spread=partial(map_ordered, threads=threads)) for threads in (1, 3))
    for side in ("a", "b"):
        np.testing.assert_array_equal(first.null[side], second.null[side])
    for direction in DIRECTIONS:
        np.testing.assert_array_equal(first.p_value[direction], second.p_value[direction])
    assert not np.array_equal(outcome(features, 6, seed=1).null["a"], first.null["a"])


def test_equal_representations_have_p_1():
    features = mixture()
    features["B"] = features["A"] @ np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    estimator = RDX(3, version="v1").fit(**features)
    labels = {direction: getattr(estimator, f"{direction}_").labels for direction in DIRECTIONS}
    refits = Refits(estimator, features)
    assert smallest(nothing_found(refits, labels)) == 1.0
    drawn = concept_significance(gains_of(refits, labels), NoiseSurrogates(refits), 20)
    assert smallest(drawn) > 0.05  # noise of the size of rounding


def test_random_groups_against_a_plain_loop():
    features = mixture(1.0, n=60)
    refits = Refits(RDX(2, version="v1"), features)
    rng = np.random.default_rng(3)
    labels = {"a_not_b": rng.integers(0, 3, 60), "b_not_a": np.zeros(60, dtype=int)}
    found = random_group_p(refits, labels, groups=4000, random_state=0)
    assert found["b_not_a"].shape == (0,)
    nearer = -refits.unchanged["a_not_b"].matrix("difference").astype(float)
    for number in (1, 2):
        members = np.flatnonzero(labels["a_not_b"] == number)
        gain = nearer[np.ix_(members, members)].sum() / len(members)
        null = []
        for _ in range(4000):
            group = rng.permutation(60)[: len(members)]
            null.append(nearer[np.ix_(group, group)].sum() / len(members))
        assert found["a_not_b"][number - 1] == pytest.approx(np.mean(np.array(null) >= gain), abs=0.03)


def test_even_noise_looks_significant_to_random_groups():
    """Why p_random is no test: the concepts were chosen for their affinity."""
    features = mixture(0.0)
    estimator = RDX(3, version="v1").fit(**features)
    labels = {direction: getattr(estimator, f"{direction}_").labels for direction in DIRECTIONS}
    found = random_group_p(Refits(estimator, features), labels)
    assert min(p.min() for p in found.values()) == pytest.approx(1 / 1001)


def test_a_reference_as_different_as_the_pair_itself_leaves_nothing():
    features = mixture(1.0)
    estimator = RDX(3, version="v1").fit(**features)
    labels = {direction: getattr(estimator, f"{direction}_").labels for direction in DIRECTIONS}
    refits = Refits(estimator, features)
    gains = subsampled_gains(refits, labels, 5, random_state=2)
    same = concept_significance(gains, ReferencePairs([refits], 2, margin=1.5), 20)
    assert smallest(same) > 0.5
    calm = Refits(estimator, mixture(0.0))
    assert smallest(concept_significance(gains, ReferencePairs([calm], 2, margin=1.5), 20)) == pytest.approx(1 / 21)


def test_gains_on_subsamples_against_a_plain_mean():
    features = mixture(1.0)
    labels = {direction: np.arange(N) % 3 for direction in DIRECTIONS}
    labels["a_not_b"][:] = 0
    labels["a_not_b"][:40] = 1
    labels["a_not_b"][40] = 2  # one item alone: in some subsamples there is none
    refits = Refits(RDX(2, version="v1"), features)
    found = subsampled_gains(refits, labels, 4, random_state=5)
    plain = []
    for draw in range(4):
        items = subsample(N, draw, 5)
        fewer = Refits(RDX(2, version="v1"), {name: values[items] for name, values in features.items()})
        members = np.flatnonzero(items < 40)
        nearer = -fewer.unchanged["a_not_b"].matrix("difference").astype(float)
        plain.append(nearer[np.ix_(members, members)].sum() / len(members))
    assert found["a_not_b"] == pytest.approx([np.mean(plain), 0.0], rel=1e-5)
