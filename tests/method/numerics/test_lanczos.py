"""Leading eigenvectors by block Lanczos against NumPy's."""

from __future__ import annotations

import numpy as np

from rdx.method.numerics import lanczos


def test_eigenvectors_converge_over_restarts(monkeypatch):
    """A space too small to converge in one go, on a spectrum without gaps."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(300, 300))
    matrix += matrix.T
    monkeypatch.setattr(lanczos, "MAX_DIMENSION", 48)
    monkeypatch.setattr(lanczos, "MAX_RESTARTS", 60)
    values, vectors = lanczos.leading_eigenvectors(lambda v: matrix @ v, 300, 5)
    expected = np.linalg.eigvalsh(matrix)[::-1][:5]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    np.testing.assert_allclose(matrix @ vectors, vectors * values, atol=1e-4 * values[0])


def test_eigenvectors_that_do_not_converge_are_said(monkeypatch, caplog):
    matrix = np.random.default_rng(0).random((60, 60))
    matrix += matrix.T
    monkeypatch.setattr("rdx.method.numerics.lanczos.MAX_RESTARTS", 2)
    lanczos.leading_eigenvectors(lambda vectors: matrix @ vectors, 60, 3)
    assert not caplog.text
    lanczos.leading_eigenvectors(lambda vectors: matrix @ vectors, 60, 3, tolerance=0.0)
    assert "the eigenvectors of 60 items have not converged after 2 restarts" in caplog.text
