"""A representation as a plane: its first two principal components."""

from __future__ import annotations

import numpy as np


def pca_map(X) -> np.ndarray:
    """The first two principal components of X (n, d) as a map (n, 2) float64.

    Each axis points where the item farthest along it is positive, so that the same features always
    give the same map. An axis without variance is 0.
    """
    from scipy.linalg import eigh

    X = np.asarray(X, dtype=np.float64)
    X = X - X.mean(axis=0)
    n, d = X.shape
    smaller = min(n, d)
    kept = min(2, smaller)
    chosen = (smaller - kept, smaller - 1)
    if d <= n:
        _, axes = eigh(X.T @ X, subset_by_index=chosen)  # (d, kept), ascending variance
        scores = X @ axes
    else:
        variances, items = eigh(X @ X.T, subset_by_index=chosen)  # (n, kept)
        scores = items * np.sqrt(np.maximum(variances, 0))
    plane = np.zeros((n, 2))
    plane[:, :kept] = scores[:, ::-1]
    farthest = plane[np.abs(plane).argmax(axis=0), [0, 1]]
    return plane * np.where(farthest < 0, -1.0, 1.0)
