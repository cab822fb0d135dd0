"""What a caption says of a concept on a map is what lies there."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.explorer.lying import AMONG, SEVERAL, SPREAD, TOGETHER, lying

RNG = np.random.default_rng(0)
CENTRES = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
BLOBS = np.concatenate([RNG.normal(centre, 1, (60, 2)) for centre in CENTRES])
EVENLY = RNG.uniform(0, 10, (240, 2))


@pytest.mark.parametrize(
    ("plane", "members", "expected"),
    [
        (BLOBS, np.arange(60), (TOGETHER, 1)),
        (BLOBS, np.arange(120), (SEVERAL, 2)),
        (BLOBS, np.arange(0, 60, 2), (AMONG, 1)),
        (EVENLY, np.arange(8), (SPREAD, None)),
        (EVENLY, np.arange(120), (AMONG, None)),  # as many members near one as by chance
        (BLOBS, np.arange(2), (SPREAD, 0)),
        (np.zeros((50, 2)), np.arange(50), (TOGETHER, 1)),
    ],
    ids=["together", "two groups", "among others", "spread out", "half of all", "two items", "one spot"],
)
def test_how_a_concept_lies_is_measured(plane, members, expected):
    word, pieces = lying(plane, members)
    assert word == expected[0] and expected[1] in (pieces, None)
