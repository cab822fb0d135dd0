"""A representation as a plane: its first two principal components, and how such a map is drawn."""

from __future__ import annotations

import numpy as np

from rdx.figures import style
from rdx.method.numerics.eigenpairs import largest_eigenpairs


def pca_map(X) -> np.ndarray:
    """The first two principal components of X (n, d) as a map (n, 2) float64.

    Each axis points where the item farthest along it is positive, so that the same features always
    give the same map. An axis without variance is 0.
    """
    X = np.asarray(X, dtype=np.float64)
    X = X - X.mean(axis=0)
    n, d = X.shape
    smaller = min(n, d)
    kept = min(2, smaller)
    if d <= n:
        _, axes = largest_eigenpairs(X.T @ X, kept)  # (d, kept), ascending variance
        scores = X @ axes
    else:
        variances, items = largest_eigenpairs(X @ X.T, kept)  # (n, kept)
        scores = items * np.sqrt(np.maximum(variances, 0))
    plane = np.zeros((n, 2))
    plane[:, :kept] = scores[:, ::-1]
    farthest = plane[np.abs(plane).argmax(axis=0), [0, 1]]
    return plane * np.where(farthest < 0, -1.0, 1.0)


def draw_map(axes, plane, labels: np.ndarray) -> None:
    """Items as points: null in grey below, the strongest concept on top."""
    plane = np.asarray(plane, dtype=np.float64)
    size = float(np.clip(24_000 / max(len(plane), 1), 3, 30))
    for number in sorted(np.unique(labels), key=lambda label: (label != 0, -label)):
        chosen = plane[labels == number]
        axes.scatter(
            chosen[:, 0], chosen[:, 1], s=size if number else 0.7 * size, color=style.concept_color(number),
            marker=style.concept_marker(number), linewidths=0, alpha=0.85 if number else 0.7,
        )  # fmt: skip
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.04)
