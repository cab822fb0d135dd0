"""Planted truth: groups that only one of the two representations holds together."""

from __future__ import annotations

from functools import cache

import numpy as np
import oracle
import pytest

from rdx import RDX
from rdx.method.rdx import RDXPaper


@cache
def planted():
    """Six groups of 60 among 1,500 items: three tight in A and scattered in B, three the reverse."""
    return oracle.planted_pair(n=1500, size=60, groups=3)


def one_concept_each(explanations, truth):
    """The concept of every group, each with a Jaccard index of at least 0.95."""
    numbers = []
    for members in truth:
        scores = [oracle.jaccard(concept.members, members) for concept in explanations.concepts]
        assert max(scores, default=0) >= 0.95
        numbers.append(int(np.argmax(scores)) + 1)
    assert len(set(numbers)) == len(truth)
    return numbers


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("gamma", [0.05, 0.1])
def test_each_group_is_one_concept_of_its_direction(version, gamma):
    A, B, truth_a, truth_b = planted()
    estimator = RDXPaper if version == "v1" else RDX
    rdx = estimator(n_clusters=3, gamma=gamma).fit(A, B)
    rest = np.setdiff1d(np.arange(len(A)), np.concatenate(truth_a + truth_b))
    for explanations, truth in ((rdx.a_not_b_, truth_a), (rdx.b_not_a_, truth_b)):
        assert sorted(one_concept_each(explanations, truth)) == [1, 2, 3]
        assert all(np.isin(grid, explanations.concepts[i].members).all()
                   for i, grid in enumerate(explanations.grids))  # fmt: skip
        if version == "v1":
            assert len(explanations.concepts) == 3
            assert np.mean(explanations.labels[rest] == 0) >= 0.99


def test_the_truth_is_in_the_data_and_not_in_the_tests():
    """The oracle finds the same groups from the same matrices."""
    A, B, truth_a, _ = planted()
    labels, _ = oracle.spectral_concepts(A, B, 3, version="v2")
    for members in truth_a:
        assert max(oracle.jaccard(np.flatnonzero(labels == c), members) for c in (1, 2, 3)) >= 0.95


def test_max_normalized_ranks_planted_groups_above_the_rest():
    A, B, truth, _ = oracle.planted_pair(n=300, size=30, groups=2)
    settings = {"distance": "max_normalized", "gamma": 1.0, "keep_matrices": True}
    affinity = RDX(n_clusters=2, version="v1", **settings).fit(A, B).a_not_b_.affinity
    everything = oracle.mean_affinity(affinity, np.arange(300))
    assert all(oracle.mean_affinity(affinity, members) > 2 * everything for members in truth)
