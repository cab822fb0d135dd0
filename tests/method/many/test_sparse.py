"""RDX from sampled pairs: the dense result where all pairs are kept, and close to it where not."""

from __future__ import annotations

from functools import cache

import numpy as np
import oracle
import pytest
from sklearn.metrics import adjusted_rand_score

from rdx import RDX
from rdx.errors import InputError
from rdx.method.rdx import RDXPaper

VERSIONS = ("v1", "v2")


@cache
def planted():
    return oracle.planted_pair(n=300, size=30, groups=2)


def both(rdx):
    return rdx.a_not_b_, rdx.b_not_a_


def fitted(solver, A, B, beside=None, **settings):
    rdx = RDX(**{"n_clusters": 2, "pairs_per_item": len(A), **settings}, solver=solver).fit(A, B, **(beside or {}))
    assert rdx.solver_ == solver and rdx.n_items_ == len(A)
    return rdx


def check_equal(one, other):
    """The same labels and grids, and the same numbers but for the order of float32 sums."""
    for a, b in zip(both(one), both(other), strict=True):
        np.testing.assert_array_equal(a.labels, b.labels)
        np.testing.assert_allclose(a.item_affinity, b.item_affinity, rtol=1e-4)
        assert (a.null_affinity or 0) == pytest.approx(b.null_affinity or 0, rel=1e-4)  # None: nothing is null
        for mine, theirs in zip(a.concepts, b.concepts, strict=True):
            assert mine.mean_affinity == pytest.approx(theirs.mean_affinity, rel=1e-4)
            np.testing.assert_array_equal(np.sort(mine.indices), np.sort(theirs.indices))


# ---- all pairs kept ------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("gamma", [0.05, "auto"])
def test_with_all_pairs_it_is_the_dense_result(version, gamma, monkeypatch):
    monkeypatch.setattr("rdx.method.many.sparse_graph.SHORTLIST", 300)  # all members are tried as a grid's centre
    A, B, truth_a, _ = planted()
    sparse, dense = (fitted(solver, A, B, version=version, gamma=gamma) for solver in ("sparse", "dense"))
    check_equal(sparse, dense)
    assert sparse.identical_ is False and len(sparse.a_not_b_.concepts) >= len(truth_a)


@pytest.mark.parametrize("selection", ["random", "max_affinity", "max_affinity_neighborhood", "cluster_centroid"])
def test_grids_of_other_selections(selection):
    A, B, _, _ = planted()
    check_equal(*(fitted(solver, A, B, selection=selection) for solver in ("sparse", "dense")))


@pytest.mark.parametrize("version", VERSIONS)
def test_aligned_with_maps_given(version):
    """Each direction has a pair, a sample and concepts of its own."""
    A, B, truth_a, _ = planted()
    rng = np.random.default_rng(4)
    rotation = np.linalg.qr(rng.normal(size=(A.shape[1],) * 2))[0]
    beside = {"a_to_b": A @ rotation, "b_to_a": B @ rotation + 0.01 * rng.normal(size=B.shape)}
    sparse, dense = (fitted(solver, A, B, beside, version=version) for solver in ("sparse", "dense"))
    check_equal(sparse, dense)
    for members in truth_a:
        assert max(oracle.jaccard(concept.members, members) for concept in sparse.a_not_b_.concepts) >= 0.9


def test_aligned_with_maps_learnt():
    A, B, _, _ = planted()
    sparse, dense = (fitted(solver, A, B, alignment="ridge") for solver in ("sparse", "dense"))
    np.testing.assert_array_equal(sparse.map_a_to_b_.weight, dense.map_a_to_b_.weight)
    check_equal(sparse, dense)


@pytest.mark.parametrize("aligned", [False, True])
def test_guided_by_our_own_rule(aligned):
    A, B, truth_a, _ = planted()
    groups = np.zeros(len(A), int)
    groups[truth_a[0][::2]] = 1  # through the middle of a concept
    beside = {"groups_a": groups, "groups_b": groups}
    if aligned:
        beside |= {"a_to_b": A + 0.1, "b_to_a": B - 0.1}
    sparse, dense = (fitted(solver, A, B, beside, n_clusters=3) for solver in ("sparse", "dense"))
    check_equal(sparse, dense)
    free = fitted("sparse", A, B, n_clusters=3)
    assert not np.array_equal(free.a_not_b_.labels, sparse.a_not_b_.labels)
    crossing = [np.ptp(groups[concept.members]) for concept in sparse.a_not_b_.concepts]
    assert crossing and not any(crossing)


@pytest.mark.parametrize("clustering", ["pagerank", "eigenvector_centrality"])
@pytest.mark.parametrize("version", VERSIONS)
def test_centralities(version, clustering):
    A, B, _, _ = planted()
    settings = {"version": version, "clustering": clustering, "cluster_size": 20}
    sparse, dense = (fitted(solver, A, B, **settings) for solver in ("sparse", "dense"))
    for a, b in zip(both(sparse), both(dense), strict=True):
        assert [c.size for c in a.concepts] == [c.size for c in b.concepts]
        assert adjusted_rand_score(a.labels, b.labels) >= 0.95  # scores that are nearly equal may change places
        for mine, theirs in zip(a.concepts, b.concepts, strict=True):
            assert mine.mean_affinity == pytest.approx(theirs.mean_affinity, rel=0.05)


def test_points_of_many_comparisons():
    from rdx.method.neighborhoods import as_points

    A, B, _, _ = planted()
    settings = {"n_clusters": 2, "solver": "sparse", "pairs_per_item": 60}
    points = RDX(**settings).fit_points({"A": as_points(A), "B": as_points(B)})
    assert points.solver_ == "sparse"
    check_equal(points, RDX(**settings).fit(A, B))


# ---- some pairs kept -----------------------------------------------------------------------------


def check_close(sparse, dense):
    """What the method promises of the default settings where the dense result is stable."""
    for found, expected in zip(both(sparse), both(dense), strict=True):
        assert adjusted_rand_score(found.labels, expected.labels) >= 0.9
        assert len(found.concepts) == len(expected.concepts) > 0
        scores, places = oracle.matched_jaccards(
            [concept.members for concept in found.concepts], [concept.members for concept in expected.concepts]
        )
        assert scores.min() >= 0.8
        for place, concept in zip(places, expected.concepts, strict=True):
            assert found.concepts[place].mean_affinity == pytest.approx(concept.mean_affinity, rel=0.05)


@pytest.mark.parametrize("version", VERSIONS)
def test_merged_classes_are_found_from_few_pairs(version):
    """A concept of A is made of the two classes that A alone cannot tell apart."""
    A, B, labels = oracle.merged_classes(n=1200)
    sparse, dense = (
        fitted(solver, A, B, version=version, pairs_per_item=150, n_clusters=2) for solver in ("sparse", "dense")
    )
    check_close(sparse, dense)
    for explanations, merged in ((sparse.a_not_b_, ((0, 1), (2, 3))), (sparse.b_not_a_, ((4, 5), (6, 7)))):
        for classes in merged:
            members = np.flatnonzero(np.isin(labels, classes))
            assert max(oracle.jaccard(concept.members, members) for concept in explanations.concepts) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("gamma", [0.05, 0.1])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_default_agrees_with_the_dense_result(version, gamma, seed):
    A, B, _ = oracle.merged_classes(n=3000, seed=seed)
    settings = {"version": version, "gamma": gamma, "n_clusters": 2, "pairs_per_item": RDX().pairs_per_item}
    check_close(*(fitted(solver, A, B, **settings) for solver in ("sparse", "dense")))


def test_planted_groups_are_found_from_few_pairs():
    A, B, truth_a, truth_b = oracle.planted_pair(n=1500, size=60, groups=3)
    rdx = fitted("sparse", A, B, n_clusters=3, pairs_per_item=100)
    for explanations, truth in ((rdx.a_not_b_, truth_a), (rdx.b_not_a_, truth_b)):
        for members in truth:
            assert max(oracle.jaccard(concept.members, members) for concept in explanations.concepts) >= 0.9


def test_mean_affinities_tell_the_truth_about_the_labels():
    """Estimated from the sample; held against all pairs of the clusters found."""
    A, B, _ = oracle.merged_classes(n=1200)
    rdx = fitted("sparse", A, B, pairs_per_item=100)
    for explanations, pair in zip(both(rdx), ((A, B), (B, A)), strict=True):
        W = oracle.pair_matrices(*pair)[3]
        for concept in explanations.concepts:
            expected = W[np.ix_(concept.members, concept.members)].mean()
            assert concept.mean_affinity == pytest.approx(expected, rel=0.05)


# ---- repeatability, nothing found, refusals -------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_twice_and_for_any_thread_count(version, monkeypatch):
    A, B, _, _ = planted()
    results = []
    for threads in (1, 1, 3):
        monkeypatch.setattr("rdx.compute.threads.default_threads", lambda: threads)  # noqa: B023
        results.append(fitted("sparse", A, B, version=version, pairs_per_item=40, random_state=5))
    for other in results[1:]:
        for a, b in zip(both(results[0]), both(other), strict=True):
            np.testing.assert_array_equal(a.labels, b.labels)
            np.testing.assert_array_equal(a.item_affinity, b.item_affinity)
            assert [c.mean_affinity for c in a.concepts] == [c.mean_affinity for c in b.concepts]
            for mine, theirs in zip(a.concepts, b.concepts, strict=True):
                np.testing.assert_array_equal(mine.indices, theirs.indices)


@pytest.mark.parametrize("pairs", [20, 300])
def test_two_views_of_the_same_neighbourhoods_have_no_concepts(pairs):
    A = planted()[0]
    rdx = fitted("sparse", A, 4 * A, pairs_per_item=pairs)
    assert rdx.identical_ is True
    for explanations in both(rdx):
        assert not explanations.concepts and not explanations.labels.any()
        assert explanations.null_affinity == pytest.approx(1.0)


def test_the_paper_estimator_takes_it_too():
    A, B, _, _ = planted()
    paper = RDXPaper(n_clusters=2, solver="sparse", pairs_per_item=50).fit(A, B)
    assert paper.solver_ == "sparse"
    check_equal(paper, fitted("sparse", A, B, version="v1", pairs_per_item=50))


@pytest.mark.parametrize("solver", ["sparse", "approximate"])
@pytest.mark.parametrize(
    "setting",
    [
        {"distance": "max_normalized"}, {"distance": "local_scaling"},
        {"difference": "plain", "normalize_difference": True}, {"normalize_difference": True},
        {"keep_matrices": True}, {"clustering": "affinity_propagation"}, {"selection": "spectral_centrality"},
        {"guidance_rule": "paper"},
    ],
    ids=lambda setting: next(iter(setting)),
)  # fmt: skip
def test_what_has_no_sparse_structure_is_refused_in_one_line(setting, solver):
    A, B, _, _ = planted()
    groups = np.arange(len(A)) % 2
    guided = {"groups_a": groups, "groups_b": groups} if "guidance_rule" in setting else {}
    with pytest.raises(InputError) as caught:
        RDX(2, solver=solver, **setting).fit(A, B, **guided)
    message, parameter = str(caught.value), next(iter(setting))
    assert f"solver='{solver}'" in message and f"{parameter}=" in message and "solver='dense'" in message
    assert "\n" not in message


@pytest.mark.parametrize("pairs", [0, -5, 0.5, np.nan, "many", None])
def test_pairs_per_item_out_of_range(pairs):
    A, B, _, _ = planted()
    with pytest.raises(InputError, match="pairs_per_item"):
        RDX(2, solver="sparse", pairs_per_item=pairs).fit(A, B)
