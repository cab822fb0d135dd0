"""How far each item's neighbourhood moved."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.metrics import moves
from rdx.metrics.moves import neighbors_moved

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(4), 25)


def clusters(scattered: int | None = None) -> np.ndarray:
    """Four groups of 25; the items of one may lie anywhere."""
    X = 10.0 * np.eye(4)[GROUPS] + np.random.default_rng(1).normal(size=(100, 4))
    if scattered is not None:
        X[scattered == GROUPS] = 10.0 * np.eye(4)[RNG.integers(0, 4, 25)] + RNG.normal(size=(25, 4))
    return X


def test_the_same_neighbours_have_not_moved():
    A = clusters()
    found = neighbors_moved(A, 3.0 * A + 5.0)
    assert not found.change.any() and not found.more_alone_in_a.any() and not found.more_alone_in_b.any()
    np.testing.assert_array_equal(found.near_a, found.near_b)


def test_numbers_are_those_of_the_definition():
    A, B = RNG.normal(size=(30, 3)), RNG.normal(size=(30, 2))
    found = neighbors_moved(A, B)
    k = found.near_a.shape[1]
    order = [np.argsort(np.linalg.norm(X[:, None] - X, axis=2), axis=1) for X in (A, B)]
    for i in range(30):
        rank_a = {item: rank for rank, item in enumerate(order[0][i])}
        near_a, near_b = order[0][i][1 : k + 1], order[1][i][1 : k + 1]
        assert found.near_a[i].tolist() == near_a.tolist() and found.near_b[i].tolist() == near_b.tolist()
        assert found.change[i] == pytest.approx(1 - len(set(near_a) & set(near_b)) / k)
        farther = np.mean([np.log2(rank_a[j]) for j in near_b]) - np.log2(np.arange(1, k + 1)).mean()
        assert found.more_alone_in_a[i] == pytest.approx(farther)


def test_a_scattered_group_moved_most_and_is_alone_there():
    found = neighbors_moved(clusters(), clusters(scattered=2))
    there = GROUPS == 2
    assert found.change[there].min() > np.median(found.change[~there])
    assert np.median(found.more_alone_in_b[there]) > 2 * np.median(found.more_alone_in_b[~there])


def test_exchanging_the_models_exchanges_the_columns():
    A, B = clusters(), clusters(scattered=1)
    one, two = neighbors_moved(A, B), neighbors_moved(B, A)
    np.testing.assert_array_equal(one.change, two.change)
    np.testing.assert_array_equal(one.more_alone_in_a, two.more_alone_in_b)
    np.testing.assert_array_equal(one.near_a, two.near_b)


def test_many_items_are_compared_in_parts(monkeypatch):
    A, B = clusters(), clusters(scattered=2)
    monkeypatch.setattr(moves, "MOST", 40)
    found = neighbors_moved(A, B)
    parts = moves._parts(100, 0)
    assert sorted(map(len, parts)) == [33, 33, 34] and np.array_equal(np.sort(np.concatenate(parts)), np.arange(100))
    for part in parts:
        alone = neighbors_moved(A[part], B[part])
        assert np.isin(found.near_a[part], part).all()
        np.testing.assert_allclose(found.change[part], alone.change, atol=0.11)  # the grid is that of all items
    assert found.change[GROUPS == 2].mean() > 2 * found.change[GROUPS != 2].mean()


@pytest.mark.parametrize("n", [2, 3, 5, 12])
def test_few_items_have_fewer_neighbours(n):
    found = neighbors_moved(RNG.normal(size=(n, 2)), RNG.normal(size=(n, 2)))
    assert found.near_a.shape == (n, max(1, (n - 1) // 3)) and np.isfinite(found.change).all()
