"""The few nearest of rows of distances against a stable sort."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rdx.method.many.nearest import find_nearest, first_of_rows

RNG = np.random.default_rng(0)
KINDS = {
    "apart": RNG.permuted(np.tile(1.0 + np.arange(40), (40, 1)), axis=1),
    "ties": 1.0 + RNG.integers(0, 4, (40, 40)),
    "all equal": np.ones((40, 40)),
    "duplicates of the item itself": RNG.integers(0, 2, (40, 40)).astype(float),
    "ranks": RNG.permuted(np.tile(np.arange(40, dtype=np.uint16), (40, 1)), axis=1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("m", [1, 2, 9, 40, 50])
def test_the_first_are_those_of_a_stable_sort(kind, m):
    distances, rows = KINDS[kind].copy(), np.array([5, 0, 39, 7])
    some = distances[rows]
    expected = some.astype(float)
    expected[np.arange(4), rows] = -1
    assert_array_equal(first_of_rows(some, rows, m), np.argsort(expected, axis=1, kind="stable")[:, :m])


def test_where_there_are_fewer():
    found, values = np.full(4, 7, np.int32), np.zeros(4)
    find_nearest(np.array([0.5, 0.0, 0.25]), 1, found, values)
    assert_array_equal(found, [2, 0, -1, -1])
    assert_array_equal(values, [0.25, 0.5, np.inf, np.inf])
