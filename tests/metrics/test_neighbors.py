"""Whether two representations see the same neighbours."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.errors import InputError
from rdx.metrics import neighbors
from rdx.metrics.neighbors import same_neighbors


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)


def test_rotation_shift_and_scale_change_no_neighbour(features):
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    assert same_neighbors(features, features.copy())
    assert same_neighbors(features, (3 * features @ rotation + 5).astype(np.float32))


def test_a_stretched_axis_or_other_items_do(features):
    assert not same_neighbors(features, features * [2, 1, 1, 1, 1, 1])
    assert not same_neighbors(features, features[::-1])


@pytest.mark.parametrize("row", [0, 299])
def test_one_item_elsewhere_is_a_difference_in_whatever_tile_it_lies(features, row, monkeypatch):
    other = features.copy()
    other[row] += 100
    tiles = []
    real = neighbors.rank_rows
    monkeypatch.setattr(neighbors, "rank_rows", lambda points, rows: tiles.append(len(rows)) or real(points, rows))
    assert not same_neighbors(features, other)
    assert tiles == [256, 256]  # the first tile of both was enough


def test_missing_values_are_refused_by_name(features):
    broken = features.copy()
    broken[9] = np.nan
    with pytest.raises(InputError, match="representation B: row 9"):
        same_neighbors(features, broken)


@pytest.fixture
def many(monkeypatch):
    """So few items are many, and a tile has two rows."""
    monkeypatch.setattr(neighbors, "MANY", 100)
    monkeypatch.setattr(neighbors, "_ROWS", 40)
    monkeypatch.setattr(neighbors, "_ENTRIES", 1000)


def pair(n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    A = rng.normal(size=(n, 6))
    turn, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    return A, 3 * A @ turn + noise * rng.normal(size=A.shape)


@pytest.mark.parametrize("n", [80, 400])
def test_turned_copies_are_the_same_and_noisy_ones_are_not(n, many):
    assert same_neighbors(*pair(n, 0.0))
    assert not same_neighbors(*pair(n, 0.1))


def test_of_many_items_few_rows_are_computed_a_few_at_a_time(many, monkeypatch):
    seen = []
    rank_rows = neighbors.rank_rows
    monkeypatch.setattr(neighbors, "rank_rows", lambda points, rows: seen.append(rows) or rank_rows(points, rows))
    assert same_neighbors(*pair(400, 0.0))
    assert max(len(rows) for rows in seen) == 2
    rows = np.concatenate(seen[::2])
    assert len(rows) == 40 and rows[0] == 0 and rows[-1] == 399 and (np.diff(rows) > 0).all()
