"""The steps between a clustering and its concepts, by hand."""

from __future__ import annotations

import numpy as np

from rdx.method.pipeline import drop_small


def test_only_clusters_below_the_least_size_go_to_null():
    labels, dropped = drop_small(np.array([0, 0, 0, 1, 1, 2, -1, 4, 4]), 2)
    assert labels.tolist() == [0, 0, 0, 1, 1, -1, -1, 4, 4] and dropped == 1
    labels, dropped = drop_small(np.array([0, 0, 0, 1, 1, 2]), 3)
    assert labels.tolist() == [0, 0, 0, -1, -1, -1] and dropped == 2
