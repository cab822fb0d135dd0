"""Eigenvectors at both ends of a symmetric matrix's spectrum, roughly."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from rdx.method.numerics.arpack import some_eigenvectors, symmetric_product


def both_ends(matrix: np.ndarray, count: int, start: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """The eigenvectors (count, n) of the largest eigenvalues of a matrix (n, n) float32, and of the smallest.

    start (n,): the first vector. tolerance: of an eigenvalue, relative to it. Each set by ascending eigenvalue. One
    Krylov space serves both ends.
    """
    from scipy.sparse.linalg import ArpackNoConvergence

    if 4 * count < len(matrix):
        with suppress(ArpackNoConvergence):
            found = some_eigenvectors(symmetric_product(matrix), 2 * count, "BE", start, tolerance, matrix.dtype)
            return [found[:, count:].T, found[:, :count].T]
    found = np.linalg.eigh(matrix)[1]
    return [found[:, -count:].T, found[:, :count].T]
