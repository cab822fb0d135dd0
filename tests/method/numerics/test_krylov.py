"""Leading eigenvectors by Lanczos' iteration from one vector, against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from rdx.method.numerics import krylov
from rdx.method.numerics.krylov import leading_beside

RNG = np.random.default_rng(0)


def matrix_of(values):
    vectors = np.linalg.qr(RNG.normal(size=(len(values), len(values))))[0]
    return (vectors * values) @ vectors.T, vectors


SPECTRA = {
    "decaying": 0.9 ** np.arange(200.0),
    "without gaps": np.linspace(1, -1, 200),
    "of which some coincide": np.r_[1.0, [0.7] * 3, 0.6, 0.6, 0.5 * np.linspace(1, -1, 194)],
    "of which all but one coincide": np.r_[1.0, [-0.1] * 199],
    "twelve times the same": np.r_[[1.0] * 12, [-0.1] * 188],
    "mostly zero": np.r_[1.0, 0.5, 0.25, 0.125, np.zeros(196)],
}


@pytest.mark.parametrize("kind, tolerance", [(np.float64, 1e-6), (np.float32, 1e-4)])
@pytest.mark.parametrize("name", SPECTRA)
def test_eigenvectors_beside_the_first(name, kind, tolerance):
    matrix, vectors = matrix_of(SPECTRA[name])
    matrix = matrix.astype(kind)
    found = leading_beside(lambda vector: matrix @ vector, vectors[:, 0].astype(kind), 9, 0, 1e-6)
    assert found.dtype == kind and found.shape == (200, 9)
    values = SPECTRA[name][1:10]
    assert_allclose(found.T @ found, np.eye(9), atol=tolerance)
    assert_allclose(found.T @ vectors[:, 0], 0.0, atol=tolerance)
    assert_allclose(matrix @ found, found * values, atol=tolerance)


def test_too_large_a_space_is_none(monkeypatch):
    matrix, vectors = matrix_of(SPECTRA["without gaps"])
    monkeypatch.setattr(krylov, "_MOST", 25)
    assert leading_beside(lambda vector: matrix @ vector, vectors[:, 0], 4, 0, 1e-9) is None


def test_none_but_the_first():
    assert leading_beside(lambda vector: vector, np.eye(5)[0], 0, 0, 1e-9).shape == (5, 0)


def test_where_lapack_gives_up_all_are_computed(monkeypatch):
    from scipy.linalg import lapack

    diagonal, beside = RNG.normal(size=(2, 12))
    expected = krylov._largest(diagonal, beside, 3)
    monkeypatch.setattr(lapack, "dstemr", lambda *_: (0, np.empty(12), np.empty((12, 12)), 1))
    for got, wanted in zip(krylov._largest(diagonal, beside, 3), expected, strict=True):
        assert_allclose(np.abs(got), np.abs(wanted))
