"""The largest eigenvalues of a small symmetric matrix in memory, and their vectors."""

from __future__ import annotations

import numpy as np


def largest_eigenpairs(matrix: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``count`` largest eigenvalues of a symmetric matrix (n, n), ascending, and their vectors (n, count).

    Where eigenvalues coincide, LAPACK's search for some of them can find fewer or give up (SciPy 1.17.1 with OpenBLAS:
    findings/scipy_eigh_subset.sh); then all are computed.
    """
    from scipy.linalg import LinAlgError, eigh

    n = len(matrix)
    count = min(count, n)
    try:
        values, vectors = eigh(matrix, subset_by_index=(n - count, n - 1))
    except LinAlgError:
        values = np.empty(0)
    if len(values) < count:
        values, vectors = np.linalg.eigh(matrix)
    return values[-count:], vectors[:, -count:]
