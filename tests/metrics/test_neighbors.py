"""Whether two representations see the same neighbours: of few items from all rows, of many from some."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.metrics import neighbors
from rdx.metrics.neighbors import same_neighbors


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
