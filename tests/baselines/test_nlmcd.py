"""NLMCD: planted clusters come back, its distance is the written one, and every odd input has an outcome."""

from __future__ import annotations

import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import baselines
from baselines.nlmcd import NLMCD, Clustering, concept_distances
from rdx.errors import InputError

QUICK = dict(n_clusters=3, min_cluster_size=20, min_samples=5, n_components=8)
N, GROUPS = 210, 6
COMPILES = pytest.mark.slow  # umap compiles itself in every process, which takes longer than all other baselines' tests


def groups_in_space(groups: np.ndarray, d: int, seed: int) -> np.ndarray:
    """Well separated groups of normally distributed items (n, d)."""
    rng = np.random.default_rng(seed)
    centres = 12 * np.linalg.qr(rng.normal(size=(d, d)))[0][: groups.max() + 1]
    return centres[groups] + rng.normal(size=(len(groups), d))


@pytest.fixture(scope="module")
def pair():
    """A tells six groups apart; in B group 4 is part of group 5."""
    groups = np.random.default_rng(0).permutation(np.arange(N) % GROUPS)
    return groups_in_space(groups, 9, 1), groups_in_space(np.where(groups == 4, 5, groups), 7, 2), groups


@pytest.fixture(scope="module")
def fitted(pair):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # umap's are silenced or told in the notes
        return NLMCD(**QUICK).fit(*pair[:2])


@pytest.fixture
def plain_umap(monkeypatch):
    """In UMAP's place the first components, as many as it was asked for."""

    class Plain:
        def __init__(self, *, n_components, n_neighbors, precomputed_knn, **_):
            assert precomputed_knn[0].shape[1] == n_neighbors
            self.wanted = n_components

        def fit_transform(self, X):
            return np.pad(X, ((0, 0), (0, max(0, self.wanted - X.shape[1]))))[:, : self.wanted]

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Plain))


def plain_distances(U, V):
    """The definition, pair by pair."""
    found = np.zeros((U.shape[1], V.shape[1]))
    for a in range(U.shape[1]):
        for b in range(V.shape[1]):
            pairs = [abs(abs(U[i, a] - U[j, a]) - abs(V[i, b] - V[j, b])) / 2 for j in range(len(U)) for i in range(j)]
            found[a, b] = np.mean(pairs)
    return found


@pytest.mark.parametrize("n", [2, 3, 23])
def test_concept_distances_are_the_definition(n):
    rng = np.random.default_rng(n)
    U, V = rng.random((n, 3)), rng.random((n, 4)).round(1)  # one with ties
    V[:, 0] = 1 - U[:, 1]  # a concept and its complement tell items apart alike
    expected = plain_distances(U, V)
    np.testing.assert_allclose(concept_distances(U, V), expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(concept_distances(V, U), expected.T, rtol=1e-12, atol=1e-14)
    assert expected[1, 0] == pytest.approx(0)
    assert concept_distances(U, V[:, :0]).shape == (3, 0)


@COMPILES
def test_a_cluster_that_only_a_has_is_concept_1(pair, fitted):
    A, _, groups = pair
    found = fitted.a_not_b_
    assert set(found.concepts[0].members) <= set(np.flatnonzero((groups == 4) | (groups == 5)))
    only_a = [concept for concept in found.concepts if 4 in groups[concept.members]]
    assert only_a and only_a[0].number <= 2  # 4 and 5 are both unlike B's union of them
    assert set(groups[fitted.b_not_a_.concepts[0].members]) == {4, 5}
    assert fitted.a_not_b_.notes[0].startswith("nlmcd found 6 clusters")
    assert fitted.b_not_a_.notes[0].startswith("nlmcd found 5 clusters")


@COMPILES
def test_a_group_without_a_counterpart_is_concept_1():
    groups = np.arange(N) % 3
    A = groups_in_space(groups, 5, 3)
    B = groups_in_space(groups, 5, 4)
    # In B the items of group 2 lie with those of groups 0 and 1, half and half.
    B[groups == 2] = groups_in_space(np.arange(N) // 3 % 2, 5, 4)[groups == 2]
    first = NLMCD(**{**QUICK, "min_cluster_size": 40}).fit(A, B).a_not_b_.concepts[0]
    np.testing.assert_array_equal(first.members, np.flatnonzero(groups == 2))


@COMPILES
def test_grids_are_the_members_of_highest_membership(fitted):
    for found in (fitted.a_not_b_, fitted.b_not_a_):
        assert [concept.number for concept in found.concepts] == [1, 2, 3]
        assert found.coefficients.shape[0] == N and found.dictionary is None
        assert ((found.coefficients >= 0) & (found.coefficients <= 1)).all()
        for concept in found.concepts:
            np.testing.assert_array_equal(concept.members, np.flatnonzero(found.labels == concept.number))
            carried = found.coefficients[:, concept.number - 1]
            best = sorted(concept.members, key=lambda item: -carried[item])[:9]
            np.testing.assert_array_equal(concept.indices, best)


@COMPILES
def test_same_seed_same_bytes_and_swapping_swaps(pair, fitted):
    A, B, _ = pair
    before = A.tobytes(), B.tobytes()
    again, swapped = NLMCD(**QUICK).fit(A, B), NLMCD(**QUICK).fit(B, A)
    assert (A.tobytes(), B.tobytes()) == before
    twins = (
        (fitted.a_not_b_, again.a_not_b_), (fitted.b_not_a_, again.b_not_a_),
        (fitted.a_not_b_, swapped.b_not_a_), (fitted.b_not_a_, swapped.a_not_b_),
    )  # fmt: skip
    for one, other in twins:
        assert one.labels.tobytes() == other.labels.tobytes()
        assert one.coefficients.tobytes() == other.coefficients.tobytes()
        assert [grid.tolist() for grid in one.grids] == [grid.tolist() for grid in other.grids]
        assert one.notes == other.notes


def clustering(hard: list[int], count: int, seed: int = 0) -> Clustering:
    hard = np.array(hard)
    memberships = np.random.default_rng(seed).random((len(hard), count))
    return Clustering(hard, memberships, [])


def test_ties_small_clusters_noise_and_random_grids():
    own = clustering([0] * 3 + [1] * 14 + [2] * 12 + [-1] * 5, 3)
    distances = np.array([[0.4, 0.1], [0.1, 0.1], [0.3, 0.2]])
    method = NLMCD(n_clusters=3)
    found = method._explanations("a_not_b", own, distances)
    assert [concept.size for concept in found.concepts] == [12, 14, 3]  # 0.2 first, then the larger at 0.1
    assert [len(grid) for grid in found.grids] == [9, 9, 3]
    assert (found.labels[-5:] == 0).all() and "5 of 34 items are noise" in found.notes[0]
    np.testing.assert_array_equal(found.coefficients, own.memberships[:, [2, 1, 0]])
    random = NLMCD(n_clusters=3, random_grid=True)._explanations("a_not_b", own, distances)
    for drawn, best, concept in zip(random.grids, found.grids, found.concepts, strict=True):
        assert len(set(drawn)) == len(best) and set(drawn) <= set(concept.members)
    assert random.grids[0].tolist() != found.grids[0].tolist()
    two = NLMCD(n_clusters=1)._explanations("a_not_b", own, distances)
    assert np.count_nonzero(two.labels) == 12  # clusters that are not shown are null


@COMPILES
def test_noise_on_one_side_is_told_and_the_other_shows_its_largest():
    groups = np.repeat([0, 1], [115, 95])
    noise = np.random.default_rng(5).normal(size=(N, 9))
    fitted = NLMCD(**{**QUICK, "min_cluster_size": 85}).fit(groups_in_space(groups, 5, 6), noise)
    assert fitted.b_not_a_.concepts == [] and not fitted.b_not_a_.labels.any()
    assert f"nlmcd found 0 clusters; {N} of {N} items are noise" in fitted.b_not_a_.notes
    assert any(note.startswith("0 concepts instead of 3: HDBSCAN") for note in fitted.b_not_a_.notes)
    assert fitted.b_not_a_.coefficients is None
    assert [concept.size for concept in fitted.a_not_b_.concepts] == [115, 95]
    assert any("no clusters to compare with" in note for note in fitted.a_not_b_.notes)
    assert any(note.startswith("2 concepts instead of 3") for note in fitted.a_not_b_.notes)


@pytest.mark.parametrize("n", [4, 7, 40])
def test_few_items_shrink_what_umap_needs_and_say_so(n, plain_umap):
    rng = np.random.default_rng(n)
    A, B = rng.normal(size=(n, 3)), rng.normal(size=(n, 60))
    found = NLMCD(n_clusters=2, min_cluster_size=2, min_samples=1).fit(A, B).a_not_b_
    if n < 30:
        assert f"n_neighbors is {n - 1} instead of 30: there are only {n} items" in found.notes
    assert f"n_components is {n - 2} instead of 50: there are only {n} items" in found.notes
    nothing = NLMCD(n_clusters=2).fit(A, B).a_not_b_  # fewer items than one cluster needs
    assert nothing.concepts == [] and "0 concepts instead of 2" in nothing.notes[-1]


@COMPILES
def test_many_equal_items_have_memberships():
    A = np.repeat(np.eye(3, 4) * 5, 40, axis=0)
    found = NLMCD(**QUICK).fit(A, A[::-1]).a_not_b_
    assert np.isfinite(found.coefficients).all() and len(found.concepts) == 3


def test_wrong_parameters_are_named():
    wrong = [
        ("n_components", 0), ("n_neighbors", 1), ("min_cluster_size", 1), ("min_samples", 0), ("every", 0),
        ("min_dist", -0.1), ("min_dist", "low"), ("min_dist", True), ("min_dist", float("nan")),
    ]  # fmt: skip
    for key, value in wrong:
        with pytest.raises(InputError, match=key):
            baselines.create("nlmcd", **{key: value}).check_settings()


def test_a_run_without_any_concept_has_its_tables_and_figures(in_a_folder, plain_umap):
    import pandas as pd

    from rdx import compare

    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(40, 4)), rng.normal(size=(40, 3))  # fewer items than one cluster needs
    run = compare(A, B, methods=["nlmcd"], n_clusters=2, output_dir="run")
    assert run.metrics["bsr"].isna().all() and (run.metrics["n_pairs"] == 0).all()
    assert run.explanations["nlmcd"]["a_not_b"].concepts == []
    assert (run.folder / "nlmcd/overview_a_not_b.png").is_file()
    assert pd.read_csv("run/summary.csv")["nlmcd_a_not_b_concepts"].item() == 0
    assert "nlmcd found 0 clusters; 40 of 40 items are noise" in (run.run_folder / "run.log").read_text()
