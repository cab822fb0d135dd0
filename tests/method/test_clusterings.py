"""The other three clusterings: centralities and affinity propagation."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from sklearn.metrics import adjusted_rand_score

from rdx import RDX
from rdx.method.clusterings import centrality_scores

CENTRALITIES = ("pagerank", "eigenvector_centrality")


def real_affinity(version="v1", n=120):
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(n, 5)), rng.normal(size=(n, 4))
    return oracle.pair_matrices(A, B, version=version)[3]


@pytest.mark.parametrize("kind", CENTRALITIES)
def test_scores_equal_networkx(kind):
    W = oracle.symmetric(real_affinity())
    got = centrality_scores(W, kind)
    assert got.shape == (len(W),)
    np.testing.assert_allclose(got / got.sum(), oracle.centrality_scores(W, kind), rtol=1e-5)


@pytest.mark.parametrize("kind", CENTRALITIES)
def test_self_loops_do_not_count(kind):
    W = oracle.symmetric(real_affinity())
    heavy = W + np.diag(np.random.default_rng(1).uniform(0, 1e3, len(W)))
    got, expected = centrality_scores(heavy, kind), centrality_scores(W, kind)
    np.testing.assert_allclose(got / got.sum(), expected / expected.sum(), rtol=1e-6)


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("cluster_size", [9, 4])
@pytest.mark.parametrize("kind", CENTRALITIES)
def test_concepts_are_a_centre_and_its_strongest_free_neighbours(kind, cluster_size, version):
    rng = np.random.default_rng(2)
    A, B = rng.normal(size=(150, 5)), rng.normal(size=(150, 4))
    rdx = RDX(n_clusters=4, version=version, clustering=kind, cluster_size=cluster_size,
              min_concept_size=1, keep_matrices=True).fit(A, B)  # fmt: skip
    for explanations in (rdx.a_not_b_, rdx.b_not_a_):
        W = np.asarray(explanations.affinity, dtype=float)
        groups = oracle.centrality_groups(W, oracle.centrality_scores(W, kind), 4, cluster_size)
        if version == "v2":
            groups = [members for members in groups if oracle.mean_affinity(W, members) >= 1.1]
        assert [set(c.members) for c in explanations.concepts] == [set(members) for members in groups]
        assert [c.number for c in explanations.concepts] == list(range(1, len(groups) + 1))
        assert explanations.null_size == 150 - sum(map(len, groups))


@pytest.mark.parametrize("kind", CENTRALITIES)
def test_v1_keeps_every_centre_also_without_a_difference(kind):
    A = np.random.default_rng(3).normal(size=(60, 4))
    assert len(RDX(n_clusters=3, version="v1", clustering=kind).fit(A, A).a_not_b_.concepts) == 3
    assert not RDX(n_clusters=3, version="v2", clustering=kind).fit(A, A).a_not_b_.concepts


@pytest.mark.parametrize("kind", CENTRALITIES)
def test_the_centres_lie_in_the_planted_groups(kind):
    A, B, truth_a, truth_b = oracle.planted_pair(n=300, size=30, groups=2)
    rdx = RDX(n_clusters=2, clustering=kind, min_concept_size=1).fit(A, B)
    for explanations, truth in ((rdx.a_not_b_, truth_a), (rdx.b_not_a_, truth_b)):
        assert explanations.concepts
        for concept in explanations.concepts:
            assert len(concept.members) == 9
            assert any(np.isin(concept.members, members).all() for members in truth)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_affinity_propagation_equals_scikit_learn_in_the_order_of_strength(version):
    A, B, _, _ = oracle.planted_pair(n=180, size=30, seed=1)
    rdx = RDX(n_clusters=2, version=version, clustering="affinity_propagation", min_concept_size=1,
              keep_matrices=True).fit(A, B)  # fmt: skip
    for explanations in (rdx.a_not_b_, rdx.b_not_a_):
        W = np.asarray(explanations.affinity, dtype=float)
        expected = oracle.number_clusters(W, oracle.affinity_propagation_labels(W), version, has_null=False)
        assert adjusted_rand_score(explanations.labels, expected) >= 0.95
        strengths = [concept.mean_affinity for concept in explanations.concepts]
        assert strengths == sorted(strengths, reverse=True)
        if version == "v1":
            assert explanations.null_size == 0


def test_affinity_propagation_mixes_planted_items_with_no_others():
    A, B, truth_a, truth_b = oracle.planted_pair(n=180, size=30, seed=1)
    rdx = RDX(n_clusters=3, clustering="affinity_propagation", min_concept_size=1).fit(A, B)
    for explanations, truth in ((rdx.a_not_b_, truth_a), (rdx.b_not_a_, truth_b)):
        for members in truth:
            concepts = [c for c in explanations.concepts if np.isin(c.members, members).any()]
            assert sum(c.size for c in concepts) <= 1.1 * len(members)
            assert sum(np.isin(c.members, members).sum() for c in concepts) >= 0.9 * len(members)
