"""Binary success rate against a plain loop over pairs, and the properties it must have."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rdx.errors import InputError
from rdx.method.concepts import Concept, Explanations
from rdx.metrics import bsr as module
from rdx.metrics.bsr import SuccessMeter, binary_success_rate

DISTANCES = ("neighborhood", "local_scaling", "max_normalized")


def plain_distances(X: np.ndarray, distance: str) -> np.ndarray:
    """The three distances written out from their definitions, (n, n) float64."""
    n = len(X)
    D = np.sqrt(((X[:, None, :].astype(float) - X[None, :, :]) ** 2).sum(axis=2))
    if distance == "max_normalized":
        return D / D.max()
    if distance == "local_scaling":
        sigma = np.sort(D, axis=1)[:, min(7, n - 1)]
        return D**2 / np.outer(sigma, sigma)
    ranks = np.empty((n, n))
    for i in range(n):
        others = sorted((j for j in range(n) if j != i), key=lambda j: (D[i, j], j))
        ranks[i, [i, *others]] = np.arange(n)
    return ranks


def plain_rate(grids, A, B, direction, distance):
    """(bsr, tie rate, pairs, mean signed difference) by a loop over ordered pairs."""
    d_a, d_b = plain_distances(A, distance), plain_distances(B, distance)
    signed = [
        d_b[i, j] - d_a[i, j] if direction == "a_not_b" else d_a[i, j] - d_b[i, j]
        for grid in grids
        for i in grid
        for j in grid
        if i != j
    ]
    signed = np.array(signed)
    return (signed > 0).mean(), (signed == 0).mean(), len(signed), signed.mean()


@pytest.fixture
def pair():
    rng = np.random.default_rng(3)
    return rng.normal(size=(60, 5)), rng.normal(size=(60, 8))


@pytest.mark.parametrize("distance", DISTANCES)
@pytest.mark.parametrize("direction", ["a_not_b", "b_not_a"])
def test_equals_a_plain_loop(pair, direction, distance):
    grids = [[4, 1, 9, 33], [7, 8], [9, 4, 20, 50, 59], [5], []]
    got = binary_success_rate(grids, *pair, direction=direction, distance=distance)
    expected = plain_rate(grids, *pair, direction, distance)
    assert got.n_pairs == expected[2] == 12 + 2 + 20
    assert (got.bsr, got.tie_rate) == pytest.approx(expected[:2])
    assert got.mean_signed_difference == pytest.approx(expected[3], rel=1e-6)


def test_ranks_count_ties_and_duplicates_as_the_definition_does():
    rng = np.random.default_rng(0)
    A = rng.integers(0, 3, size=(30, 2)).astype(float)  # many duplicates and equal distances
    B = rng.integers(0, 3, size=(30, 2)).astype(float)
    grids = [np.arange(9), np.arange(5, 20)]
    got = binary_success_rate(grids, A, B)
    expected = plain_rate(grids, A, B, "a_not_b", "neighborhood")
    assert (got.bsr, got.tie_rate, got.n_pairs) == pytest.approx(expected[:3])
    assert got.mean_signed_difference == pytest.approx(expected[3])
    assert got.tie_rate > 0


@pytest.mark.parametrize("distance", DISTANCES)
def test_the_block_size_changes_nothing(pair, distance, monkeypatch):
    grids = [np.arange(0, 30), np.arange(10, 55), np.array([3, 58, 12])]
    whole = binary_success_rate(grids, *pair, distance=distance)
    monkeypatch.setattr(module, "_BLOCK", 60 * 4)
    tiled = binary_success_rate(grids, *pair, distance=distance)
    assert (tiled.bsr, tiled.tie_rate, tiled.n_pairs) == (whole.bsr, whole.tie_rate, whole.n_pairs)
    assert tiled.mean_signed_difference == pytest.approx(whole.mean_signed_difference)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(4, 25),
    coarse=st.booleans(),
    distance=st.sampled_from(DISTANCES),
)
def test_both_directions_of_the_same_grids_and_the_ties_add_up_to_one(seed, n, coarse, distance):
    rng = np.random.default_rng(seed)
    A, B = rng.normal(size=(n, 3)), rng.normal(size=(n, 2))
    if coarse:  # duplicates: local scaling then has infinite distances
        A, B = np.rint(A / 2), np.rint(B)
        A[0, 0] += 9
        B[0, 0] += 9
    grids = [rng.permutation(n)[: rng.integers(2, n + 1)] for _ in range(3)]
    forth = binary_success_rate(grids, A, B, "a_not_b", distance)
    back = binary_success_rate(grids, A, B, "b_not_a", distance)
    assert 0 <= forth.bsr <= 1
    assert forth.tie_rate == back.tie_rate
    assert forth.bsr + back.bsr == pytest.approx(1 - forth.tie_rate)
    swapped = binary_success_rate(grids, B, A, "b_not_a", distance)
    assert swapped == forth


def test_near_in_a_and_far_in_b_is_success():
    rng = np.random.default_rng(1)
    A, B = rng.normal(size=(200, 6)), rng.normal(size=(200, 6))
    A[:20] = 8 + 0.1 * rng.normal(size=(20, 6))
    rate = binary_success_rate([np.arange(9)], A, B)
    assert rate.bsr > 0.85  # ranks 1 … 19 in A against any of 1 … 199 in B
    assert rate.mean_signed_difference > 0
    assert binary_success_rate([np.arange(9)], A, A).tie_rate == 1.0


def test_concepts_explanations_and_arrays_are_the_same_grids(pair):
    grids = [np.array([3, 1, 7]), np.array([9, 8])]
    concepts = [Concept(i + 1, grid, np.sort(grid)) for i, grid in enumerate(grids)]
    explanations = Explanations("a_not_b", np.zeros(60, dtype=int), concepts)
    expected = binary_success_rate(grids, *pair)
    assert binary_success_rate(concepts, *pair) == expected
    assert binary_success_rate(explanations, *pair) == expected


def test_no_pairs_is_an_empty_answer(pair):
    for grids in ([], [[3]], [np.array([])]):
        rate = binary_success_rate(grids, *pair)
        assert (rate.bsr, rate.tie_rate, rate.n_pairs, rate.mean_signed_difference) == (None, None, 0, None)


def test_all_rates_at_once_equal_one_at_a_time(pair, monkeypatch):
    conversions = []
    real = module.as_points
    monkeypatch.setattr(module, "as_points", lambda X, name: conversions.append(name) or real(X, name))
    grids = {"a_not_b": [[1, 2, 3]], "b_not_a": [[9, 4, 5, 6]]}
    meter = SuccessMeter(*pair)
    rates = {direction: meter.rates(shown, direction) for direction, shown in grids.items()}
    assert len(conversions) == 2
    for direction, shown in grids.items():
        assert len(rates[direction]) == 3
        for distance, rate in rates[direction].items():
            assert rate == binary_success_rate(shown, *pair, direction=direction, distance=distance)


def test_only_max_normalized_passes_over_all_rows(pair, monkeypatch):
    monkeypatch.setattr(module, "max_distance", lambda points: pytest.fail("all rows were computed"))
    meter = SuccessMeter(*pair)
    assert meter.rates([[1, 2, 3]], distances=("neighborhood", "local_scaling"))
    with pytest.raises(pytest.fail.Exception):
        meter.rate([[1, 2, 3]], distance="max_normalized")


def test_wrong_input_is_named(pair):
    A, B = pair
    with pytest.raises(InputError, match="A has 60 items, B has 59"):
        binary_success_rate([[1, 2]], A, B[:-1])
    for bad in (60, -1):
        with pytest.raises(InputError, match=rf"grid 2: index {bad} is outside 0 … 59"):
            binary_success_rate([[1, 2], [3, bad]], A, B)
    with pytest.raises(InputError, match="grid 1 holds an item more than once"):
        binary_success_rate([[1, 2, 1]], A, B)
    with pytest.raises(InputError, match="expected item indices"):
        binary_success_rate([[0.5, 2.0]], A, B)
    with pytest.raises(InputError, match="neighborhood"):
        binary_success_rate([[1, 2]], A, B, distance="neighbourhood")
    with pytest.raises(InputError, match="a_not_b"):
        binary_success_rate([[1, 2]], A, B, direction="a_notb")


def test_many_items_have_no_rate_by_max_normalized(pair, monkeypatch):
    grids = [[4, 1, 9], [7, 8]]
    before = SuccessMeter(*pair).rates(grids)
    monkeypatch.setattr(module, "ALL_PAIRS", 59)
    monkeypatch.setattr(module, "max_distance", None)  # no pass over all rows
    after = SuccessMeter(*pair).rates(grids)
    assert after["max_normalized"] == module.SuccessRate(None, None, 8, None)
    for distance in ("neighborhood", "local_scaling"):
        assert after[distance] == before[distance]
