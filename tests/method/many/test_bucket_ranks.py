"""Ranks by buckets against a stable sort of the distances."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rdx.method.many import bucket_ranks

RNG = np.random.default_rng(0)
N = 600
FAR = 1e12 * (np.arange(N) == 7)
KINDS = {
    "spread": RNG.random((4, N)),
    "few values": RNG.integers(0, 4, (4, N)).astype(float),
    "all equal": np.zeros((4, N)),
    "an outlier": RNG.random((4, N)) + FAR,
    "an outlier, many ties": RNG.integers(0, 50, (4, N)) + FAR,
    "heavy tails": np.abs(RNG.standard_cauchy((4, N))),
    "close together": 1e-9 * RNG.random((4, N)) + 10.0 * (np.arange(N) < 50),
    "closer and closer": 2.0 ** -(RNG.random((4, N)) * 50),
}


def plain(distances, first):
    ranks = []
    for number, row in enumerate(distances):
        row = row.copy()
        row[first + number] = -1
        ranks.append(np.argsort(np.argsort(row, kind="stable")))
    return np.array(ranks)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", [0, 3, N - 4])
def test_ranks_are_those_of_a_stable_sort(kind, first):
    distances = 1 + KINDS[kind]
    ranks = np.full((4, N), 999, np.uint16)
    left = bucket_ranks.rank_by_buckets(distances.copy(), first, ranks)
    done = np.setdiff1d(np.arange(4), left)
    assert_array_equal(ranks[done], plain(distances, first)[done])
    assert len(left) == (4 if kind == "closer and closer" else 0)
    assert (ranks[left] == 999).all()


@pytest.mark.parametrize("n", [2, 3, 9, 4097, 70_000])
def test_short_and_long_rows(n):
    distances = 1 + np.random.default_rng(n).random((2, n)).round(4) ** 3  # many ties, close together at one end
    ranks = np.empty((2, n), np.uint32)
    assert not len(bucket_ranks.rank_by_buckets(distances.copy(), 0, ranks))
    assert_array_equal(ranks, plain(distances, 0))


@pytest.mark.parametrize("held", range(2, 20))
def test_buckets_that_hold_more_and_more(held):
    distances = np.tile(1.0 + np.arange(N), (2, 1))  # one to a bucket, but for some in reverse
    distances[:, 100 : 100 + held] = 101.1 + 0.3 * np.arange(held)[::-1] / held
    ranks = np.empty((2, N), np.uint16)
    assert not len(bucket_ranks.rank_by_buckets(distances.copy(), 0, ranks))
    assert_array_equal(ranks, plain(distances, 0))
