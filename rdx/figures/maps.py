"""A representation as a plane: its first two principal components, and how such a map is drawn."""

from __future__ import annotations

import numpy as np

from rdx.figures import style
from rdx.method.numerics.eigenpairs import largest_eigenpairs

_MARGIN = 0.04  # around the items, as a share of their spread


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


def draw_map(figure, plane, labels: np.ndarray, left: float, top: float, side: float) -> None:
    """Items as points in a square of so many pixels: null in grey below, the strongest concept on top."""
    from matplotlib.collections import PathCollection
    from matplotlib.markers import MarkerStyle
    from matplotlib.patches import Rectangle
    from matplotlib.transforms import IdentityTransform

    place = style.from_pixels(figure)
    figure.add_artist(Rectangle((left, top), side, side, fill=False, edgecolor=style.QUIET, linewidth=0.6,
                                transform=place))  # fmt: skip
    plane = np.asarray(plane, dtype=np.float64) * (1, -1)  # upwards is less in pixels
    low, high = plane.min(axis=0), plane.max(axis=0)
    scale = side / ((1 + 2 * _MARGIN) * (high - low).max() or 1.0)  # the same along both axes
    points = (plane - (low + high) / 2) * scale + (left + side / 2, top + side / 2)
    size = float(np.clip(24_000 / max(len(plane), 1), 3, 30))
    for number in sorted(np.unique(labels), key=lambda label: (label != 0, -label)):
        marker = MarkerStyle(style.concept_marker(number))
        figure.add_artist(PathCollection(
            [marker.get_path().transformed(marker.get_transform())], [size if number else 0.7 * size],
            offsets=points[labels == number], offset_transform=place, transform=IdentityTransform(),
            facecolor=style.concept_color(number), linewidth=0, alpha=0.85 if number else 0.7,
        ))  # fmt: skip
