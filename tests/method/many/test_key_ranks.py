"""Ranks by keys of 32 bits against a stable sort of the distances."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rdx.method.many import key_ranks


def plain(distances, first):
    ranks = []
    for number, row in enumerate(distances):
        row = row.copy()
        row[first + number] = -1
        ranks.append(np.argsort(np.argsort(row, kind="stable")))
    return np.array(ranks)


@pytest.mark.parametrize("kind", ["spread", "few values", "all equal", "an outlier", "close together"])
@pytest.mark.parametrize("first", [0, 3, 56])
@pytest.mark.parametrize("long", [2, 100], ids=["sorted by bytes", "sorted by comparison"])
def test_ranks_are_those_of_a_stable_sort(kind, first, long, monkeypatch):
    monkeypatch.setattr(key_ranks, "_LONG", long)
    rng = np.random.default_rng(0)
    distances = 1 + {
        "spread": rng.random((4, 60)), "few values": rng.integers(0, 4, (4, 60)), "all equal": np.zeros((4, 60)),
        "an outlier": np.where(np.arange(60) == 7, 1e12, rng.random((4, 60))),
        "close together": 1e-9 * rng.random((4, 60)) + 10.0 * (np.arange(60) < 5),
    }[kind]  # fmt: skip
    ranks = np.full((4, 60), 99, np.uint16)
    left = key_ranks.rank_by_keys(distances.copy(), first, ranks)
    done = np.setdiff1d(np.arange(4), left)
    assert_array_equal(ranks[done], plain(distances, first)[done])
    assert len(left) in (0, 4) and (len(left) == 0 or kind in ("an outlier", "close together"))


@pytest.mark.parametrize("n", [key_ranks._LONG - 1, key_ranks._LONG, 4097])
def test_long_rows(n):
    distances = 1 + np.random.default_rng(n).random((3, n)).round(4) ** 3  # many ties, close together at one end
    ranks = np.empty((3, n), np.uint16)
    assert not len(key_ranks.rank_by_keys(distances.copy(), 7, ranks))
    assert_array_equal(ranks, plain(distances, 7))


def test_rows_that_are_too_long_are_left(monkeypatch):
    monkeypatch.setattr(key_ranks, "MOST_ITEMS", 5)
    assert_array_equal(key_ranks.rank_by_keys(np.ones((2, 6)), 0, np.empty((2, 6), np.uint16)), [0, 1])
