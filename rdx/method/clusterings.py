"""The other clusterings: centralities, and affinity propagation."""

from __future__ import annotations

import warnings

import numpy as np

from rdx.compute.threads import one_thread_each
from rdx.errors import unknown
from rdx.method.numerics.lanczos import leading_eigenvectors
from rdx.method.spectral import Adjacency, as_adjacency

CENTRALITIES = ("eigenvector_centrality", "pagerank")
DAMPING = 0.85  # PageRank's usual value (Brin and Page, 1998)


def centrality_scores(graph: np.ndarray | Adjacency, centrality: str, random_state: int = 0) -> np.ndarray:
    """Scores (n,), positive, summing to 1, of a symmetric affinity (n, n) or Adjacency; its diagonal does not count."""
    multiply = as_adjacency(graph).multiply
    if centrality == "pagerank":
        scores = _pagerank(multiply, len(graph))
    elif centrality == "eigenvector_centrality":
        start = np.ones(len(graph))
        vectors = leading_eigenvectors(multiply, len(graph), 1, random_state, start, tolerance=1e-7)[1]
        scores = np.abs(vectors[:, 0])
    else:
        raise unknown("centrality", centrality, CENTRALITIES)
    return scores / scores.sum()


def _pagerank(multiply, n: int, tolerance: float = 1e-10) -> np.ndarray:
    """Power iteration on the random walk whose steps follow the affinities."""
    degree = multiply(np.ones((n, 1)))[:, 0]
    lonely = degree <= 0
    degree = np.where(lonely, 1.0, degree)
    scores = np.full(n, 1.0 / n)
    for _ in range(200):
        walked = multiply((scores / degree)[:, None])[:, 0]
        walked += scores[lonely].sum() / n  # a node without edges jumps anywhere
        new = DAMPING * walked + (1 - DAMPING) / n
        new /= new.sum()
        change = np.abs(new - scores).sum()
        scores = new
        if change < tolerance:
            break
    return scores


def pick_clusters(scores: np.ndarray, affinity_row, n_clusters: int, cluster_size: int) -> np.ndarray:
    """Labels (n,): 0 … for the clusters in the order they were picked, −1 for the rest.

    Each is the best-scored free node with its ``cluster_size − 1`` strongest free neighbours;
    ``affinity_row(i)`` gives a node's affinities to all, (n,). Ties go to the lower index.
    """
    labels = np.full(len(scores), -1, dtype=np.int64)
    for cluster in range(n_clusters):
        free = np.flatnonzero(labels < 0)
        if not len(free):
            break
        centre = free[np.argmax(scores[free])]
        labels[centre] = cluster
        free = free[free != centre]
        nearest = np.argsort(-affinity_row(centre)[free], kind="stable")[: cluster_size - 1]
        labels[free[nearest]] = cluster
    return labels


def affinity_propagation(graph: np.ndarray, random_state: int = 0) -> tuple[np.ndarray, str | None]:
    """Labels (n,) from a symmetric affinity (n, n), −1 where it did not converge, and a note on that."""
    from sklearn.cluster import AffinityPropagation
    from sklearn.exceptions import ConvergenceWarning

    with one_thread_each(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Equal affinities make scikit-learn warn that all is arbitrary: the labels say so already.
        warnings.simplefilter("ignore", UserWarning)
        model = AffinityPropagation(affinity="precomputed", random_state=random_state)
        labels = model.fit_predict(graph.astype(np.float64))
    note = "affinity propagation did not converge: no concepts" if (labels < 0).all() else None
    return labels.astype(np.int64), note
