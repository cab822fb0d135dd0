"""The approximate path: how far its ranks are off, what it finds, and that it repeats itself."""

from __future__ import annotations

from functools import cache

import numpy as np
import oracle
import pytest
from sklearn.metrics import adjusted_rand_score

from rdx import RDX
from rdx.compute.threads import one_thread_each
from rdx.method.many import near_items, rank_profiles
from rdx.method.many.near_items import nearest_in_cells
from rdx.method.many.pair_choice import NEAR
from rdx.method.many.rank_profiles import make_profile
from rdx.method.neighborhoods import as_points, rank_rows, squared_distance_rows


@cache
def clustered(n, d=8, classes=40, seed=0):
    rng = np.random.default_rng(seed)
    centres = 3 * rng.normal(size=(classes, d))
    return as_points(centres[rng.integers(0, classes, n)] + rng.normal(size=(n, d)))


@pytest.fixture(autouse=True)
def one_thread():
    """As in a fit, where BLAS and OpenMP have one thread each."""
    with one_thread_each():
        yield


def estimated_and_exact(points, profile, rows):
    """Ranks (rows, n − 1) of all but the item itself, in float64."""
    n = len(points)
    squared, exact = squared_distance_rows(points, rows), rank_rows(points, rows).astype(float)
    flat = profile.ranks(np.repeat(rows, n), squared.ravel()).astype(float).reshape(len(rows), n)
    others = np.arange(n)[None, :] != rows[:, None]
    return flat[others].reshape(len(rows), n - 1), exact[others].reshape(len(rows), n - 1)


def octaves(estimated, exact):
    return np.abs(np.log2((estimated + 1) / (exact + 1)))


# ---- ranks ---------------------------------------------------------------------------------------


def test_ranks_are_nearly_exact_where_all_columns_are_looked_at():
    points = clustered(1500)
    errors = octaves(*estimated_and_exact(points, make_profile(points, 0, 1), np.arange(0, 1500, 25)))
    assert np.median(errors) < 0.05 and np.quantile(errors, 0.99) < 0.25 and errors.max() < 1


def test_ranks_from_a_sample_of_columns_are_off_by_what_the_sample_lacks(monkeypatch):
    """A class that ends at the k-th of the sampled columns has a relative error of about 1 / √k."""
    monkeypatch.setattr(rank_profiles, "COLUMNS", 500)
    points = clustered(4000)
    estimated, exact = estimated_and_exact(points, make_profile(points, 0, 1), np.arange(0, 4000, 50))
    for low, high in ((400, 800), (800, 1600), (1600, 4000)):
        inside = (exact >= low) & (exact < high)
        bound = 3 / np.sqrt(low * 500 / 4000) / np.log(2)
        error = octaves(estimated[inside], exact[inside])
        assert np.quantile(error, 0.95) < bound
        assert abs(np.log2(estimated[inside] / exact[inside]).mean()) < bound / 4  # no side is favoured


def test_the_nearest_have_their_own_ranks():
    points = clustered(1500)
    rows = np.arange(0, 1500, 25)
    estimated, exact = estimated_and_exact(points, make_profile(points, 0, 1), rows)
    near = exact <= NEAR
    np.testing.assert_array_equal(estimated[near], exact[near])


@pytest.mark.parametrize("columns", [300, 8192])
def test_ranks_never_fall_with_the_distance(columns, monkeypatch):
    monkeypatch.setattr(rank_profiles, "COLUMNS", columns)
    X = np.random.default_rng(2).integers(0, 4, (900, 3)).astype(float)  # many copies and ties
    X[:30] *= 1e4
    points = as_points(X)
    profile = make_profile(points, 0, 1)
    for row in range(0, 900, 10):
        squared = np.unique(squared_distance_rows(points, [row]))
        squared = np.unique(np.concatenate([squared, (squared[1:] + squared[:-1]) / 2, squared * 1.5]))
        ranks = profile.ranks(np.full(len(squared), row), squared)
        assert np.isfinite(ranks).all() and (np.diff(ranks) >= 0).all()
        assert ranks.min() >= 1 and ranks.max() <= 900


@pytest.mark.parametrize("columns", [300, 8192])
def test_many_copies_come_before_what_lies_beyond_them(columns, monkeypatch):
    """Their distance is the end of several rank classes, of which the last counts."""
    monkeypatch.setattr(rank_profiles, "COLUMNS", columns)
    X = np.random.default_rng(3).normal(size=(900, 3))
    X[:400] = X[0]
    points = as_points(X)
    estimated, exact = estimated_and_exact(points, make_profile(points, 0, 1), np.arange(0, 400, 40))
    beyond = exact >= 400
    assert octaves(estimated[beyond], exact[beyond]).max() < 0.5


# ---- neighbours ----------------------------------------------------------------------------------


def test_nearly_all_nearest_items_are_found_in_the_nearest_cells():
    points = clustered(5000)
    near, squared = nearest_in_cells(points, NEAR, 0, 1)
    rows = np.arange(0, 5000, 20)
    order = np.argsort(rank_rows(points, rows), axis=1)[:, 1 : NEAR + 1]
    recall = np.mean([len(np.intersect1d(one, other)) for one, other in zip(near[rows], order, strict=True)]) / NEAR
    assert recall >= 0.97
    assert (near != np.arange(5000)[:, None]).all()
    assert all(len(set(row)) == NEAR for row in near.tolist())
    exact = squared_distance_rows(points, rows)
    np.testing.assert_allclose(squared[rows], np.take_along_axis(exact, near[rows].astype(int), axis=1), rtol=1e-6)
    assert (np.diff(squared, axis=1) >= 0).all()


def test_fewer_candidates_find_fewer(monkeypatch):
    monkeypatch.setattr(near_items, "CELL_ITEMS", 100)
    points = as_points(np.random.default_rng(4).normal(size=(3000, 6)))  # cells do not end where clusters do
    rows, recalls = np.arange(0, 3000, 20), []
    order = np.argsort(rank_rows(points, rows), axis=1)[:, 1 : NEAR + 1]
    for candidates in (1, 600, 3000):
        monkeypatch.setattr(near_items, "CANDIDATES", candidates)
        near, _ = nearest_in_cells(points, NEAR, 0, 1)
        recalls.append(np.mean([len(np.intersect1d(a, b)) for a, b in zip(near[rows], order, strict=True)]) / NEAR)
    assert recalls == sorted(recalls) and recalls[0] < 0.95 and recalls[-1] == 1


def test_fewer_items_than_are_near():
    near, squared = nearest_in_cells(as_points(np.arange(9.0)[:, None] ** 2), NEAR, 0, 1)
    assert [set(row[row >= 0]) | {i} for i, row in enumerate(near)] == [set(range(9))] * 9
    assert np.isinf(squared[:, 8:]).all() and np.isfinite(squared[:, :8]).all()


def test_columns_are_each_tiles_own():
    tiles = rank_profiles.tiles(1000)
    np.testing.assert_array_equal(np.concatenate(tiles), np.arange(1000))
    one, other = (rank_profiles.columns_of(tile, 10**5, 3) for tile in tiles[:2])
    assert len(one) == len(np.unique(one)) == rank_profiles.COLUMNS and (np.diff(one) > 0).all()
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, rank_profiles.columns_of(tiles[0], 10**5, 3))
    np.testing.assert_array_equal(rank_profiles.columns_of(tiles[0], 500, 3), np.arange(500))


# ---- concepts ------------------------------------------------------------------------------------


def both(rdx):
    return rdx.a_not_b_, rdx.b_not_a_


def fitted(A, B, beside=None, solver="approximate", **settings):
    rdx = RDX(**{"n_clusters": 2, "pairs_per_item": 150, **settings}, solver=solver).fit(A, B, **(beside or {}))
    assert rdx.solver_ == solver
    return rdx


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_merged_classes_are_found(version, monkeypatch):
    monkeypatch.setattr(rank_profiles, "COLUMNS", 600)
    A, B, labels = oracle.merged_classes(n=1200)
    rdx = fitted(A, B, version=version)
    for explanations, merged in ((rdx.a_not_b_, ((0, 1), (2, 3))), (rdx.b_not_a_, ((4, 5), (6, 7)))):
        for classes in merged:
            members = np.flatnonzero(np.isin(labels, classes))
            assert max(oracle.jaccard(concept.members, members) for concept in explanations.concepts) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_labels_agree_with_the_sparse_path_where_half_of_the_columns_are_looked_at(version, monkeypatch):
    monkeypatch.setattr(rank_profiles, "COLUMNS", 3000)
    A, B, _ = oracle.merged_classes(n=6000)
    settings = {"version": version, "pairs_per_item": RDX().pairs_per_item}
    for a, b in zip(*(both(fitted(A, B, solver=s, **settings)) for s in ("approximate", "sparse")), strict=True):
        assert adjusted_rand_score(a.labels, b.labels) >= 0.85
        for mine, theirs in zip(a.concepts, b.concepts, strict=True):
            assert mine.mean_affinity == pytest.approx(theirs.mean_affinity, rel=0.05)


def test_aligned_and_guided():
    A, B, truth_a, _ = oracle.planted_pair(n=600, size=40, groups=2)
    groups = np.zeros(len(A), int)
    groups[truth_a[0][::2]] = 1
    rng = np.random.default_rng(0)
    beside = {"a_to_b": A + 0.01 * rng.normal(size=A.shape), "b_to_a": B + 0.01 * rng.normal(size=B.shape)}
    aligned = fitted(A, B, beside)
    for members in truth_a:
        assert max(oracle.jaccard(concept.members, members) for concept in aligned.a_not_b_.concepts) >= 0.9
    guided = fitted(A, B, beside | {"groups_a": groups, "groups_b": groups}, n_clusters=3)
    assert not any(np.ptp(groups[concept.members]) for concept in guided.a_not_b_.concepts)


def test_the_same_for_any_thread_count(monkeypatch):
    A, B, _ = oracle.merged_classes(n=1200)
    results = []
    for threads in (1, 3):
        monkeypatch.setattr("rdx.compute.threads.default_threads", lambda: threads)  # noqa: B023
        results.append(fitted(A, B, pairs_per_item=40, random_state=2))
    assert results[0].rank_errors_ == results[1].rank_errors_
    for a, b in zip(*map(both, results), strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)
        np.testing.assert_array_equal(a.item_affinity, b.item_affinity)
        for mine, theirs in zip(a.concepts, b.concepts, strict=True):
            np.testing.assert_array_equal(mine.indices, theirs.indices)


def test_rank_errors_are_reported_and_grow_with_fewer_columns(monkeypatch):
    A, B, _ = oracle.merged_classes(n=1200)
    errors = []
    for columns in (100, 1200):
        monkeypatch.setattr(rank_profiles, "COLUMNS", columns)
        errors.append(fitted(A, B, pairs_per_item=40).rank_errors_)
    assert all(0 <= each["median"] <= each["90th percentile"] for each in errors)
    assert errors[1]["90th percentile"] < 0.2 < errors[0]["90th percentile"]
    assert getattr(fitted(A, B, solver="sparse", pairs_per_item=40), "rank_errors_", None) is None


@pytest.mark.parametrize("n", [12, 60])
def test_few_items_are_no_problem(n):
    rng = np.random.default_rng(1)
    rdx = fitted(rng.normal(size=(n, 4)), rng.normal(size=(n, 3)), version="v1")
    assert len(rdx.a_not_b_.labels) == n and set(rdx.rank_errors_) == {"median", "90th percentile"}


def test_two_equal_representations_have_no_concepts():
    A = oracle.merged_classes(n=600)[0]
    rdx = fitted(A, A)
    assert rdx.identical_ is True
    assert not any(explanations.concepts for explanations in both(rdx))
