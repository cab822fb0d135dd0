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
