"""Which pairs are kept: as likely as is said, independently of each other, and never without their chance."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import oracle
import pytest

from rdx.method.many import pair_choice
from rdx.method.many.pair_choice import CLASSES, NEAR, choose_pairs, fitted_chances, rank_classes, strengths
from rdx.method.many.pair_sample import make_choice, sample_pairs
from rdx.method.many.pair_tiles import PairTiles
from rdx.method.neighborhoods import as_points

N = 300


@cache
def representations(n=N):
    rng = np.random.default_rng(5)
    A = rng.normal(size=(n, 6))
    return as_points(A), as_points(A[:, :4] + 0.5 * rng.normal(size=(n, 4)))


def choice_of(n=N, pairs=60, gamma=0.1, both=True, seed=0):
    return make_choice(
        *representations(n), pairs_per_item=pairs, gamma=gamma, beta=5.0, both_directions=both, seed=seed
    )


def stated_chances(choice, a, b):
    """The chance of every pair (n, n), from sorted rows alone: certain where near, by the classes elsewhere."""
    classes = []
    near = np.zeros((len(a), len(a)), bool)
    for points in (a, b):
        squared = oracle.whole_squared(points).astype(float)
        ends = np.sort(squared[:, choice.columns], axis=1)[:, choice.positions]
        classes.append((ends[:, None, :] <= squared[:, :, None]).sum(axis=2))
        near |= oracle.whole_ranks(points) <= NEAR
    chances = choice.chances[tuple(classes)].astype(float)
    chances[near] = 1.0
    np.fill_diagonal(chances, 0.0)
    return chances


def kept(sample):
    """Row and item of every pair of a sample."""
    return np.repeat(np.arange(len(sample)), np.diff(sample.starts)), sample.items


@pytest.mark.parametrize("gamma", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("pairs", [40, 150, 400])
def test_about_as_many_are_kept_as_asked_for(pairs, gamma):
    n = 1500
    sample = sample_pairs(*representations(n), choice_of(n, pairs, gamma), both_ways=False)
    assert 0.9 * pairs <= sample.n_pairs / n <= 1.1 * pairs + 2 * NEAR


def test_each_is_kept_as_often_as_its_chance_says():
    a, b = representations()
    choice = choice_of()
    chances = stated_chances(choice, a, b)
    rows, seeds = range(100, 132), 500
    counts = np.zeros((len(rows), N))
    for seed in range(seeds):
        starts, found, _ = PairTiles(a, b, replace(choice, seed=seed)).choose(rows, ranked=True)
        counts[np.repeat(np.arange(len(rows)), np.diff(starts)), found["items"]] += 1
    p = chances[rows.start : rows.stop]
    np.testing.assert_array_equal(counts[p == 1], seeds)
    assert not counts[p == 0].any()
    drawn = (p > 0.02) & (p < 0.98)
    z = (counts[drawn] - seeds * p[drawn]) / np.sqrt(seeds * p[drawn] * (1 - p[drawn]))
    assert drawn.sum() > 4000
    assert abs(z.mean()) < 5 / np.sqrt(z.size) and abs(np.mean(z**2) - 1) < 5 * np.sqrt(2 / z.size)
    assert np.abs(z).max() < 6


def test_kept_pairs_carry_the_chance_they_had_from_either_end():
    a, b = representations()
    choice = choice_of()
    sample = sample_pairs(a, b, choice, both_ways=True)
    chances = stated_chances(choice, a, b)
    i, j = kept(sample)
    np.testing.assert_allclose(sample.seen.chances, chances[i, j], rtol=1e-6)
    np.testing.assert_allclose(sample.back.chances, chances[j, i], rtol=1e-6)


def test_the_chances_found_are_those_that_were_used():
    a, b = representations()
    choice = choice_of()
    sample = sample_pairs(a, b, choice, both_ways=True)
    forth = dict(zip(zip(*map(np.ndarray.tolist, kept(sample)), strict=True), sample.seen.chances, strict=True))
    checked = 0
    for i, j, chance in zip(*map(np.ndarray.tolist, kept(sample)), sample.back.chances, strict=True):
        if (j, i) in forth:
            assert forth[j, i] == chance
            checked += 1
    assert checked > 1000
    none = np.zeros(N + 1, np.int64), np.empty(0, np.int32)
    *_, found = PairTiles(a, b, choice).rank(range(N), *none, sample.starts, sample.items, list(sample.near))
    np.testing.assert_array_equal(found, sample.seen.chances)


def test_the_nearest_are_certain():
    a, b = representations()
    sample = sample_pairs(a, b, choice_of(pairs=20), both_ways=False)
    i, j = kept(sample)
    for points, near in zip((a, b), sample.near, strict=True):
        order = np.argsort(oracle.whole_ranks(points), axis=1)
        np.testing.assert_array_equal(near, order[:, 1 : NEAR + 1])
        certain = np.zeros((N, N), bool)
        certain[i[sample.seen.chances == 1], j[sample.seen.chances == 1]] = True
        assert np.take_along_axis(certain, near, axis=1).all()


def test_fewer_items_than_are_near():
    a, b = (as_points(points.grid[:9]) for points in representations())
    choice = make_choice(a, b, pairs_per_item=3, gamma=0.1, beta=5.0, both_directions=True, seed=0)
    sample = sample_pairs(a, b, choice, both_ways=False)
    np.testing.assert_array_equal(np.diff(sample.starts), 8)
    assert (sample.near[:, :, 8:] == -1).all() and (sample.near[:, :, :8] >= 0).all()


@pytest.mark.parametrize("kind", ["normal", "duplicates"])
@pytest.mark.parametrize("pairs", [N - 1, N, 10 * N])
def test_all_pairs_are_kept_where_as_many_are_asked_for(kind, pairs):
    a, b = representations()
    if kind == "duplicates":
        a, b = (as_points(np.repeat(points.grid[: N // 4], 4, axis=0)) for points in (a, b))
    choice = make_choice(a, b, pairs_per_item=pairs, gamma=0.1, beta=5.0, both_directions=True, seed=0)
    assert (choice.chances == 1).all()
    sample = sample_pairs(a, b, choice, both_ways=True)
    np.testing.assert_array_equal(np.diff(sample.starts), N - 1)
    assert (sample.seen.chances == 1).all() and (sample.back.chances == 1).all()


@pytest.mark.parametrize("pairs", [5, 60, 250])
def test_none_twice_and_none_with_itself(pairs):
    sample = sample_pairs(*representations(), choice_of(pairs=pairs), both_ways=False)
    i, j = kept(sample)
    assert (i != j).all() and (j >= 0).all() and (j < N).all()
    assert len(np.unique(i * N + j)) == sample.n_pairs


# ---- random numbers ------------------------------------------------------------------------------


def coin_tosses(p, n=1000, seed=0, first=0):
    """Pairs (n, n) kept where each has the chance ``p``, and nothing is near."""
    rows = np.arange(first, first + n)
    squared, bounds = np.zeros((n, n)), np.full((n, CLASSES - 1), np.inf)
    thresholds = np.full((CLASSES, CLASSES), np.uint32(p * 2**32))
    starts, near = np.empty(n + 1, np.int64), np.empty((2, n, 0), np.int32)
    items, chances = np.empty(n * n + 4096, np.int32), np.empty(n * n + 4096, np.float32)
    own = np.full(n, -1)
    assert choose_pairs(squared, squared, rows, own, bounds, bounds, thresholds, seed, near, items, chances, starts)
    assert np.allclose(chances[: starts[-1]], p, rtol=1e-6)
    tossed = np.zeros((n, n), bool)
    tossed[np.repeat(np.arange(n), np.diff(starts)), items[: starts[-1]]] = True
    return tossed


@pytest.mark.parametrize("p", [0.002, 0.1, 0.5, 0.93])
@pytest.mark.parametrize("first", [0, 987_000])
def test_numbers_are_uniform_in_every_row_and_column(p, first):
    tossed = coin_tosses(p, first=first)
    n = len(tossed)
    assert abs(tossed.mean() - p) < 5 * np.sqrt(p * (1 - p)) / n
    for axis in (0, 1):
        z = (tossed.sum(axis=axis) - n * p) / np.sqrt(n * p * (1 - p))
        assert np.abs(z).max() < 7 and abs(z.var() - 1) < 6 * np.sqrt(2 / n)


def test_numbers_are_unrelated_between_rows_columns_seeds_and_ends():
    tossed = coin_tosses(0.5)
    n = len(tossed)
    upper = np.triu_indices(n, 1)
    for matrix in (tossed, tossed.T):
        correlation = np.corrcoef(matrix)[upper]
        assert abs(correlation.std() * np.sqrt(n) - 1) < 0.02 and np.abs(correlation).max() < 6.5 / np.sqrt(n)
    others = {
        "the other end": (tossed[upper], tossed.T[upper]),
        "the next seed": (tossed.ravel(), coin_tosses(0.5, seed=1).ravel()),
        "the next column": (tossed[:, 1:].ravel(), tossed[:, :-1].ravel()),
        "the next row": (tossed[1:].ravel(), tossed[:-1].ravel()),
        "the next of both": (tossed[1:, 1:].ravel(), tossed[:-1, :-1].ravel()),
    }
    for name, (one, other) in others.items():
        assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(one.size), name


# ---- how chances are made ------------------------------------------------------------------------


@pytest.mark.parametrize("both", [False, True])
def test_strengths_are_the_largest_excess_in_reach(both):
    _, ranks = rank_classes(10_000, 512)
    found = strengths(ranks, 0.1, 5.0, both)
    k = len(ranks)
    T = np.expm1(-5.0 * oracle.locally_biased(ranks[:, None], ranks[None, :], 0.1))
    excess = np.maximum(np.abs(T), np.abs(T.T)) if both else np.abs(T)
    for x, y in np.ndindex(k, k):
        around = excess[max(0, x - 1) : x + 2, max(0, y - 1) : y + 2].max() / np.expm1(5.0)
        assert found[x, y] == pytest.approx(around, rel=1e-3)
    assert found.max() <= 1 and (np.allclose(found, found.T) or not both)


@pytest.mark.parametrize("pairs", [1, 30, 300, 999])
def test_chances_follow_the_strengths_and_add_up(pairs):
    rng = np.random.default_rng(0)
    counts, strength = rng.random((32, 32)), rng.random((32, 32)) ** 3 + 1e-6
    counts *= 1000 / counts.sum()
    chances = fitted_chances(counts, strength, pairs)
    assert (counts * chances).sum() == pytest.approx(pairs, rel=1e-4)
    assert chances.max() <= 1 and chances.min() > 0
    ratio = (chances / strength)[chances < 1]
    assert np.ptp(ratio) <= 1e-4 * ratio.max()
    assert (strength[chances == 1] >= strength[chances < 1].max() * (1 - 1e-4)).all()


@pytest.mark.parametrize(("n", "size"), [(4, 4), (9, 9), (100, 100), (512, 512), (10_000, 512), (10**6, 512)])
def test_rank_classes_cover_all_ranks(n, size):
    positions, ranks = rank_classes(n, size)
    assert 1 <= len(positions) <= CLASSES - 1 and len(ranks) == len(positions) + 1
    assert (np.diff(positions) > 0).all() and positions.min() >= 1 and positions.max() <= size - 1
    assert (np.diff(ranks) > 0).all() and ranks[0] > 0 and ranks[-1] < n


def test_a_choice_repeats_and_its_seed_matters():
    one, same, other = (choice_of(seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.chances, same.chances)
    a, b = representations()
    samples = [sample_pairs(a, b, each, both_ways=False) for each in (one, same, other)]
    first, again, different = (set(zip(*kept(sample), strict=True)) for sample in samples)
    assert first == again != different
    assert pair_choice.SAMPLE >= N and len(one.columns) == N
