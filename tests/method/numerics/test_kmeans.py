"""k-means: scikit-learn's clusters, in whatever order."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from rdx.method.numerics.kmeans import kmeans


def expected(points, k, seed):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return KMeans(k, n_init=10, random_state=seed).fit_predict(points)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n, e, k", [(40, 2, 2), (300, 6, 6), (300, 3, 14), (1000, 6, 6), (2500, 1, 4), (500, 11, 1)])
def test_clusters_are_scikit_learns(n, e, k, seed):
    """On clusters that touch and on noise without any; more items than one strip has."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(k, e))
    for spread in (0.3, 3.0):
        points = 1e-3 * (centres[rng.integers(0, k, n)] + spread * rng.normal(size=(n, e))) + 5.0
        assert adjusted_rand_score(kmeans(points, k, seed), expected(points, k, seed)) == 1.0


def test_a_cluster_that_loses_all_points_takes_the_farthest_one():
    """Starts that lie on copies of one point leave clusters empty."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = np.repeat(rng.normal(size=(6, 2)), rng.integers(1, 40, 6), axis=0)
        labels, others = kmeans(points, 6), expected(points, 6, 0)
        assert len(np.unique(labels)) == 6
        assert adjusted_rand_score(labels, others) == 1.0


def test_fewer_distinct_points_than_clusters():
    points = np.repeat([[0.0, 1.0], [2.0, 3.0], [5.0, 5.0]], 10, axis=0)
    labels = kmeans(points, 5)
    assert adjusted_rand_score(labels, np.repeat(range(3), 10)) == 1.0
