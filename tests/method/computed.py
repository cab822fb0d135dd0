"""What the package computes, in the shape in which the oracle states it."""

from __future__ import annotations

import numpy as np

from rdx.method.difference import compute_distances


def neighborhood_distances(features, distance: str = "neighborhood", **settings) -> np.ndarray:
    """The neighbourhood distances (n, n) of features (n, d), as seen from each row's item."""
    return compute_distances(features, distance, symmetric=False, **settings).matrix()
