"""The sparse graph: equal to the dense one where all pairs are kept, and right on average where not."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial

import numpy as np
import oracle
import pytest

from rdx.compute.threads import map_ordered, one_thread_each
from rdx.method.many.pair_sample import make_choice, sample_pairs
from rdx.method.many.sparse_graph import LEAST_DEGREE, SparseGraph, excess
from rdx.method.neighborhoods import as_points

N = 170
BETA = 5.0
VERSIONS = ("v1", "v2")


@cache
def features():
    rng = np.random.default_rng(8)
    return rng.normal(size=(N, 6)), rng.normal(size=(N, 4))


GROUPS = np.random.default_rng(9).choice([3, 7, 12], N)  # names, not numbers


@cache
def choice_of(pairs):
    a, b = map(as_points, features())
    return make_choice(a, b, pairs_per_item=pairs, gamma=0.1, beta=BETA, both_directions=True, seed=0)


def graph_of(version="v2", pairs=N - 1, *, swapped=False, guided=False, seed=0, threads=None):
    a, b = map(as_points, features())
    spread = partial(map_ordered, threads=threads)
    sample = sample_pairs(a, b, replace(choice_of(pairs), seed=seed), both_ways=version == "v2", spread=spread)
    own, other = (b, a) if swapped else (a, b)
    return SparseGraph.of_sample(
        sample, own, other, swapped=swapped, gamma=0.1, beta=BETA, own_groups=GROUPS if guided else None,
        seed=seed, threads=threads,
    )  # fmt: skip


@cache
def dense(version="v2", swapped=False, guided=False):
    """W (n, n) in float64."""
    A, B = features()
    pair = (B, A) if swapped else (A, B)
    W = oracle.pair_matrices(*pair, version=version, gamma=0.1, beta=BETA)[3]
    return oracle.own_guidance(W, GROUPS, BETA) if guided else W


def without_loops(W):
    S = oracle.symmetric(W)
    np.fill_diagonal(S, 0.0)
    return S


ALL = [(version, swapped, guided) for version in VERSIONS for swapped in (False, True) for guided in (False, True)]
ALL = [case for case in ALL if case[0] == "v2" or not case[2]]  # guidance belongs to v2


@pytest.mark.parametrize(("version", "swapped", "guided"), ALL)
def test_with_all_pairs_it_is_the_dense_graph(version, swapped, guided):
    adjacency = graph_of(version, swapped=swapped, guided=guided).adjacency()
    S = without_loops(dense(version, swapped, guided))
    np.testing.assert_allclose(adjacency.multiply(np.eye(N)), S, atol=1e-3, rtol=1e-5)
    np.testing.assert_allclose(adjacency.degrees(), S.sum(axis=1), rtol=1e-5)
    rng = np.random.default_rng(0)
    for width in (1, 5, 8, 11, 17):
        vectors = rng.normal(size=(N, width))
        expected = S @ vectors
        np.testing.assert_allclose(adjacency.multiply(vectors), expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize(("version", "swapped", "guided"), ALL)
def test_with_all_pairs_sums_by_cluster_are_the_dense_ones(version, swapped, guided):
    """They leave guidance out."""
    graph, W = graph_of(version, swapped=swapped, guided=guided), dense(version, swapped)
    labels = np.random.default_rng(1).integers(0, 4, N)
    np.testing.assert_allclose(graph.affinity_to_clusters(labels, 5), W @ np.eye(5)[labels], rtol=1e-5, atol=1e-4)
    members = np.flatnonzero(labels == 2)
    expected = W[np.ix_(members, members)].mean(axis=1)
    np.testing.assert_allclose(graph.mean_affinity(members), expected, rtol=1e-5)


@pytest.mark.parametrize(("version", "swapped", "guided"), ALL)
def test_single_affinities_are_exact_whichever_pairs_are_kept(version, swapped, guided):
    graph = graph_of(version, pairs=4, swapped=swapped, guided=guided)
    W, plain = dense(version, swapped, guided), dense(version, swapped)
    rng = np.random.default_rng(2)
    rows, columns = rng.integers(0, N, (2, 40))
    rows[:3] = columns[:3]
    near = rng.integers(0, N, (6, 5))
    for first, second in (
        (rows, columns), (rows[:, None], columns[None, :]), (near[:, :, None], near[:, None, :]),
        (np.array([[3]]), np.arange(N)[None, :]), (np.arange(N)[:, None], np.array([3])), (rows[:1], rows[:1]),
    ):  # fmt: skip
        found = graph.affinity(first, second)
        assert found.dtype == np.float32 and found.shape == np.broadcast_shapes(first.shape, second.shape)
        np.testing.assert_allclose(found, W[first, second], rtol=1e-5)
        np.testing.assert_allclose(graph.affinity(first, second, guided=False), plain[first, second], rtol=1e-5)


@pytest.mark.parametrize(("version", "swapped", "guided"), ALL)
def test_products_are_right_on_average(version, swapped, guided):
    """Every entry of the mean of many samples' products lies within its standard error of the dense one."""
    vectors = np.random.default_rng(3).normal(size=(N, 3))
    seeds = 150
    products, sums = [], []
    labels = np.arange(N) % 3
    with one_thread_each():
        for seed in range(seeds):
            graph = graph_of(version, pairs=25, swapped=swapped, guided=guided, seed=seed)
            products.append(graph.adjacency().multiply(vectors))
            sums.append(graph.affinity_to_clusters(labels, 3))
    for found, expected in (
        (np.array(products), without_loops(dense(version, swapped, guided)) @ vectors),
        (np.array(sums), dense(version, swapped) @ np.eye(3)[labels]),
    ):
        error = found.std(axis=0) / np.sqrt(seeds)
        assert (error > 0).all()
        z = (found.mean(axis=0) - expected) / error
        assert np.sqrt(np.mean(z**2)) < 1.2 and abs(z.mean()) < 0.3


def test_a_pair_counts_for_its_chance_and_in_v2_for_both_of_them():
    """Of the two ends' estimates the mean, weighed so that a pair counts the same from either."""
    a, b = map(as_points, features())
    for both_ways, version in ((False, "v1"), (True, "v2")):
        sample = sample_pairs(a, b, choice_of(25), both_ways=both_ways)
        rows = np.repeat(np.arange(N), np.diff(sample.starts))
        chances = sample.seen.chances.astype(float)
        if both_ways:
            chances = (chances + sample.back.chances) / 2
        assert (chances < 0.5).sum() > N
        for swapped in (False, True):
            expected = (dense(version, swapped)[rows, sample.items] - 1) / chances
            found = excess(sample, 0.1, BETA, swapped)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_more_pairs_make_smaller_errors():
    S, vector = without_loops(dense()), np.ones((N, 1))
    errors = []
    for pairs in (10, 40, 120, N - 1):
        found = [graph_of(pairs=pairs, seed=seed).adjacency().multiply(vector) for seed in range(10)]
        errors.append(np.mean([np.linalg.norm(product - S @ vector) for product in found]))
    assert errors == sorted(errors, reverse=True) and errors[-1] < 1e-3 * errors[0]


def test_degrees_are_positive_even_where_the_sample_is_unlucky():
    graph = graph_of(pairs=10)
    graph.values = np.where(graph.items % 5 == 0, np.float32(-50), graph.values)
    adjacency = graph.adjacency()
    assert adjacency.multiply(np.ones((N, 1))).min() < 0
    assert adjacency.degrees().min() == LEAST_DEGREE * N


def test_guidance_takes_any_names_of_groups():
    words = np.array(["ash", "birch", "cedar"])[np.unique(GROUPS, return_inverse=True)[1]]
    one, other = graph_of(guided=True), graph_of(guided=True)
    other.groups = words
    vectors = np.random.default_rng(4).normal(size=(N, 2))
    np.testing.assert_array_equal(one.adjacency().multiply(vectors), other.adjacency().multiply(vectors))
    rows = np.arange(N)[:, None]
    np.testing.assert_array_equal(one.affinity(rows, rows.T), other.affinity(rows, rows.T))


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_for_any_thread_count(version):
    vectors = np.random.default_rng(5).normal(size=(N, 9))
    rows = np.arange(N)[:, None]
    results = []
    for threads in (1, 2, 5):
        graph = graph_of(version, pairs=30, threads=threads)
        adjacency = graph.adjacency()
        results.append((graph.values, adjacency.multiply(vectors), adjacency.degrees(), graph.affinity(rows, rows.T)))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_shortlist_of_centres_has_the_members_with_the_strongest_neighbourhoods(monkeypatch):
    graph, W = graph_of(), dense()
    members = np.sort(np.random.default_rng(6).permutation(N)[:90])
    assert np.array_equal(graph.likely_centres(members[:64], 5), np.arange(64))
    monkeypatch.setattr("rdx.method.many.sparse_graph.SHORTLIST", 20)
    m, expected = 5, []
    for i in members:
        near = [j for j in graph.near[i] if j in set(members.tolist())][: m - 1]
        expected.append(sum(W[i, j] - 1 for j in near))
    chosen = graph.likely_centres(members, m)
    assert len(chosen) == 20 and (np.diff(chosen) > 0).all()
    assert sorted(np.array(expected)[chosen]) == pytest.approx(sorted(expected)[-20:], rel=1e-4)
