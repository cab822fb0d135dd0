"""Both representations as planes: principal components, and neighbourhoods of both on one plane."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from rdx.compute.threads import one_thread_each
from rdx.explorer.forces import gradient
from rdx.figures.maps import pca_map

if TYPE_CHECKING:
    from openTSNE.affinity import PerplexityBasedNN

NEIGHBORS, MIN_DIST = 15, 0.1  # of UMAP
PERPLEXITY = 30  # of t-SNE: about as many neighbours pull at an item
PAIRWISE = 10_000  # items up to which t-SNE's forces are summed over all pairs; above, on a grid
LEAST = 100  # fewer items have no neighbourhoods worth a map of their own


def pca_maps(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two principal components of A (n, d_a) and of B (n, d_b): two maps (n, 2).

    Both have a root mean square distance of 1 from their centre. B's is turned, or mirrored, to lie as near
    to A's as it can: orthogonal Procrustes, which changes no distance.
    """
    from scipy.linalg import orthogonal_procrustes

    first, second = (_unit_spread(pca_map(X)) for X in (A, B))
    turn, _ = orthogonal_procrustes(second, first)
    return first, second @ turn


def joint_maps(A: np.ndarray, B: np.ndarray, seed: int, kind: str = "tsne") -> tuple[np.ndarray, np.ndarray]:
    """A (n, d_a) and B (n, d_b) drawn by their neighbourhoods on one plane: two maps (n, 2) float32.

    An item keeps its place where its neighbours are the same in both, so what moves between the two maps is
    what the models disagree on. kind: "tsne", or "umap" (which compiles for half a minute first).
    """
    with one_thread_each(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries on their own versions and threads
        first, second = {"tsne": _tsne, "umap": _umap}[kind](A, B, seed)
    return np.asarray(first, dtype=np.float32), np.asarray(second, dtype=np.float32)


def _tsne(A: np.ndarray, B: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """t-SNE (van der Maaten & Hinton, 2008) of both representations side by side, from which each goes on alone.

    The common start is the t-SNE of all columns of A and B, both scaled to the same spread; as neither is exaggerated
    again, what its own neighbours do not pull away stays where it was.
    """
    from openTSNE import initialization

    both = np.hstack([_unit_spread(np.asarray(X, dtype=np.float64)) for X in (A, B)])
    pull = _affinities(both, seed)
    start = initialization.pca(both, random_state=seed)
    start = _optimized(pull, _optimized(pull, start, seed, 150, exaggeration=12, momentum=0.5), seed, 300)
    return tuple(_optimized(_affinities(X, seed), start, seed, 110) for X in (A, B))


def _affinities(X: np.ndarray, seed: int) -> PerplexityBasedNN:
    """How strongly the items of X (n, d) pull at each other."""
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import Sklearn

    shared = {"n_jobs": 1, "random_state": seed}
    perplexity = min(PERPLEXITY, (len(X) - 1) / 3)
    # An index of our own: to choose one by itself openTSNE imports pynndescent, which costs more than a small map.
    neighbors = Sklearn(X, k=min(len(X) - 1, int(3 * perplexity)), metric="euclidean", **shared)
    return PerplexityBasedNN(knn_index=neighbors, perplexity=perplexity, **shared)


def _optimized(
    pull: PerplexityBasedNN, start: np.ndarray, seed: int, steps: int, *, exaggeration: float = 1, momentum: float = 0.8
) -> np.ndarray:
    """The map (n, 2) after so many steps of gradient descent from `start`."""
    from openTSNE import TSNEEmbedding

    push = gradient if len(start) <= PAIRWISE else "fft"
    found = TSNEEmbedding(start.copy(), pull, negative_gradient_method=push, n_jobs=1, random_state=seed)
    found.optimize(n_iter=steps, exaggeration=exaggeration, momentum=momentum, inplace=True)
    return np.asarray(found)


def _umap(A: np.ndarray, B: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Aligned UMAP (McInnes et al., 2018): both graphs at once, with every item tied to itself."""
    import umap

    every = {i: i for i in range(len(A))}
    model = umap.AlignedUMAP(n_neighbors=NEIGHBORS, min_dist=MIN_DIST, random_state=seed)
    return model.fit_transform([A, B], relations=[every])


def _unit_spread(plane: np.ndarray) -> np.ndarray:
    plane = plane - plane.mean(axis=0)
    spread = np.sqrt((plane**2).sum(axis=1).mean())
    return plane / spread if spread > 0 else plane
