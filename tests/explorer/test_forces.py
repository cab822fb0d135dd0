"""t-SNE's gradient, against the paper's formula step by step."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from rdx.explorer import forces


def _made(n: int) -> tuple[np.ndarray, scipy.sparse.csr_matrix]:
    rng = np.random.default_rng(n)
    affinities = scipy.sparse.random(n, n, 5 / n, format="csr", random_state=n)
    affinities = affinities + affinities.T
    affinities.setdiag(0)
    affinities.eliminate_zeros()
    return 20 * rng.normal(size=(n, 2)), (affinities / affinities.sum()).tocsr()


def _plain(y: np.ndarray, P: np.ndarray) -> np.ndarray:
    """∂C / ∂y_i = 4 Σ_j (p_ij − q_ij) (y_i − y_j) / (1 + |y_i − y_j|²), a quarter of it."""
    apart = y[:, None] - y[None]
    near = 1 / (1 + (apart**2).sum(axis=2))
    np.fill_diagonal(near, 0)
    return (((P - near / near.sum()) * near)[:, :, None] * apart).sum(axis=1)


@pytest.mark.parametrize("n", [7, 100, 1500])
def test_the_gradient_is_that_of_the_formula(n):
    y, P = _made(n)
    _, found = forces.gradient(y, P)
    expected = _plain(y, P.toarray())
    assert np.abs(found - expected).max() < 1e-5 * np.abs(expected).max()


def test_threads_and_tiles_change_no_bit(monkeypatch):
    y, P = _made(400)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    _, whole = forces.gradient(y, P)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(forces, "_PAIRS", 7 * 400)
    _, tiled = forces.gradient(y, P)
    assert (whole == tiled).all()
