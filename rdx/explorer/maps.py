"""Both representations as planes: principal components, and one UMAP of both."""

from __future__ import annotations

import warnings

import numpy as np

from rdx.figures.maps import pca_map

NEIGHBORS, MIN_DIST = 15, 0.1
LEAST = 100  # fewer items have no neighbourhoods of 15 worth a map of their own


def pca_maps(A: np.ndarray, B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two principal components of A (n, d_a) and of B (n, d_b): two maps (n, 2).

    Both have a root mean square distance of 1 from their centre. B's is turned, or mirrored, to lie as near
    to A's as it can: orthogonal Procrustes, which changes no distance.
    """
    from scipy.linalg import orthogonal_procrustes

    first, second = (_unit_spread(pca_map(X)) for X in (A, B))
    turn, _ = orthogonal_procrustes(second, first)
    return first, second @ turn


def joint_maps(A: np.ndarray, B: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """UMAP of A (n, d_a) and B (n, d_b) at once: two maps (n, 2) float32.

    An item keeps its place where its neighbours are the same in both, so what moves between the two maps is
    what the models disagree on (umap.AlignedUMAP, 15 neighbours, min_dist 0.1, one thread).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # umap and numba on their own versions and threads
        import umap

        every = {i: i for i in range(len(A))}
        model = umap.AlignedUMAP(n_neighbors=NEIGHBORS, min_dist=MIN_DIST, random_state=seed)
        first, second = model.fit_transform([A, B], relations=[every])
    return np.asarray(first, dtype=np.float32), np.asarray(second, dtype=np.float32)


def _unit_spread(plane: np.ndarray) -> np.ndarray:
    plane = plane - plane.mean(axis=0)
    spread = np.sqrt((plane**2).sum(axis=1).mean())
    return plane / spread if spread > 0 else plane
