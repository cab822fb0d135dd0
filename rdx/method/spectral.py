"""Normalised-Laplacian spectral clustering of an affinity graph.

What scikit-learn's ``SpectralClustering(affinity="precomputed")`` computes, at a fraction of its
cost: that one factorises the full matrix, while only the few leading eigenvectors are needed.

With S the symmetric affinity without self-loops and D its degrees, the embedding are the leading
eigenvectors of D^−½ S D^−½, divided by √D; k-means clusters its rows (Shi and Malik, 2000;
von Luxburg, 2007).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from rdx.compute.threads import one_thread_each
from rdx.errors import InputError
from rdx.method.numerics.arpack import symmetric_product
from rdx.method.numerics.eigenpairs import largest_eigenpairs
from rdx.method.numerics.kmeans import kmeans
from rdx.method.numerics.krylov import leading_beside
from rdx.method.numerics.lanczos import TOLERANCE, leading_eigenvectors

_WHOLE = 100  # items up to which all eigenvectors cost no more than the leading ones


class Adjacency(Protocol):
    """A symmetric graph without negative entries; its diagonal does not count."""

    def __len__(self) -> int: ...

    def degrees(self) -> np.ndarray:
        """Row sums (n,) without the diagonal."""

    def multiply(self, vectors: np.ndarray) -> np.ndarray:
        """The graph without its diagonal times vectors (n, p), float64."""


class DenseAdjacency:
    """An affinity matrix (n, n) held in memory, of which products read one triangle."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix if matrix.dtype == np.float32 else matrix.astype(np.float64, copy=False)
        self.times = symmetric_product(self.matrix)
        self.loops = np.diagonal(matrix).astype(np.float64)
        self.has_loops = bool(self.loops.any())

    def __len__(self) -> int:
        return len(self.matrix)

    def degrees(self) -> np.ndarray:
        return self.multiply(np.ones((len(self), 1)))[:, 0]

    def multiply(self, vectors: np.ndarray) -> np.ndarray:
        with one_thread_each():
            return np.stack([self.product(vector) for vector in vectors.T], axis=1).astype(np.float64)

    def product(self, vector: np.ndarray) -> np.ndarray:
        """The graph without its diagonal times a vector (n,), in the matrix' precision."""
        product = self.times(vector)
        return (product - self.loops * vector).astype(product.dtype) if self.has_loops else product


def as_adjacency(graph: np.ndarray | Adjacency) -> Adjacency:
    return DenseAdjacency(graph) if isinstance(graph, np.ndarray) else graph


def spectral_clusters(
    graph: np.ndarray | Adjacency, n_clusters: int, random_state: int = 0, threads: int | None = None
) -> np.ndarray:
    """Clusters a symmetric affinity matrix (n, n), or an Adjacency of n items: labels (n,) from 0.

    The diagonal does not count. Raises InputError where there are fewer items than clusters.
    """
    if n_clusters > len(graph):
        raise InputError(f"{len(graph)} items can't make {n_clusters} clusters: lower n_clusters")
    return kmeans(spectral_embedding(graph, n_clusters, random_state, threads), n_clusters, random_state)


def spectral_embedding(
    graph: np.ndarray | Adjacency, dimension: int, random_state: int = 0, threads: int | None = None
) -> np.ndarray:
    """The leading eigenvectors of the normalised graph over √degree, (n, dimension) float64."""
    graph = as_adjacency(graph)
    degree = graph.degrees()
    root = np.sqrt(np.where(degree > 0, degree, 1.0))  # a node without edges stays where it is
    if isinstance(graph, DenseAdjacency):
        vectors = _of_matrix(graph, root, np.where(degree > 0, root, 0.0), dimension, random_state)
    else:
        _, vectors = leading_eigenvectors(
            lambda block: graph.multiply(block / root[:, None]) / root[:, None], len(graph), dimension, random_state,
            start=root, tolerance=getattr(graph, "tolerance", TOLERANCE), threads=threads,
        )  # fmt: skip
    return vectors / root[:, None]


def _of_matrix(graph: DenseAdjacency, root: np.ndarray, first: np.ndarray, count: int, random_state: int) -> np.ndarray:
    """The leading eigenvectors (n, count) of a matrix normalised by ``root`` (n,), of which ``first`` (n,) is one.

    A normalised graph without negative entries has no eigenvalue above 1, and the roots of the degrees are a vector of
    that one. Each vector's largest entry is positive.
    """
    n, kind = len(graph), graph.matrix.dtype
    with one_thread_each():
        if n <= max(_WHOLE, count):
            normalised = (graph.matrix - np.diag(graph.loops)) / np.outer(root, root)
            vectors = largest_eigenpairs(normalised, count)[1][:, ::-1]
        else:
            share, first = (1.0 / root).astype(kind), (first / max(np.linalg.norm(first), 1e-300)).astype(kind)
            multiply = lambda vector: graph.product(vector * share) * share  # noqa: E731
            rest = leading_beside(multiply, first, count - 1, random_state, TOLERANCE)
            if rest is None:
                beside = lambda vector: multiply(vector) - first * (first @ vector)  # noqa: E731
                rest = leading_eigenvectors(lambda block: np.apply_along_axis(beside, 0, block), n, count - 1)[1]
            vectors = np.column_stack([first, rest]).astype(np.float64)
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(count)]
    return vectors * np.where(largest < 0, -1.0, 1.0)
