"""Concepts against a known difference."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.metrics.truth import shows_difference


@pytest.mark.parametrize(
    ("labels", "own", "other", "right"),
    [
        ([3] * 5 + [5] * 5, [[3, 5]], [], True),  # the model that merges 3 and 5 mixes them
        ([3] * 8 + [5] * 2, [[3, 5]], [], True),
        ([3] * 9 + [5], [[3, 5]], [], False),  # hardly a mixture
        ([3] * 3 + [5] + [7] * 6, [[3, 5]], [], False),
        ([4] * 5 + [9] * 5, [[3, 5], [4, 9]], [], True),  # any of the pairs
        ([3] * 5 + [9] * 5, [[3, 5], [4, 9]], [], False),  # one label of each is none
        ([3] * 8 + [5] * 2, [], [[3, 5]], True),  # the one that keeps them apart holds one alone
        ([3] * 7 + [5] * 3, [], [[3, 5]], False),
        ([7] * 10, [], [[3, 5]], False),
        ([4] * 10, [[3, 5]], [[4, 9]], True),
        ([], [[3, 5]], [[4, 9]], False),
    ],
)
def test_a_concept_shows_what_was_planted(labels, own, other, right):
    assert shows_difference(np.array(labels, dtype=np.int64), own, other) is right
