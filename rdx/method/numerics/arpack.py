"""Some eigenvectors of a symmetric matrix in memory, by SciPy's ARPACK; products with it read one triangle."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache

import numpy as np

Product = Callable[[np.ndarray], np.ndarray]


def symmetric_product(matrix: np.ndarray) -> Product:
    """The product of a symmetric matrix (n, n), float32 or float64, with vectors (n,), in its own precision."""
    from scipy.linalg.blas import dsymv, ssymv

    symv = ssymv if matrix.dtype == np.float32 else dsymv
    by_columns = matrix.T if matrix.flags.c_contiguous else np.asfortranarray(matrix)
    return lambda vector: symv(1.0, by_columns, vector)


def some_eigenvectors(
    multiply: Product, count: int, which: str, start: np.ndarray, tolerance: float, dtype: np.dtype
) -> np.ndarray:
    """``count`` eigenvectors (n, count) of a symmetric operator, by ascending eigenvalue.

    which: "LA" for the largest, "BE" for half of them from either end. start (n,): begins the space. tolerance: of an
    eigenvalue, relative to it. Raises scipy.sparse.linalg.ArpackNoConvergence.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    operator = LinearOperator((len(start), len(start)), multiply, dtype=dtype)
    operator.matvec = multiply  # SciPy's own checks every vector: half of the time of a small product
    values, vectors = eigsh(operator, count, which=which, v0=start.astype(dtype), tol=tolerance, **_seeded())
    return vectors[:, np.argsort(values)]


@cache
def _seeded() -> dict[str, int]:
    """From SciPy 1.17 on, a vector that begins another space, where one is exhausted, is drawn by this."""
    from scipy.sparse.linalg import eigsh

    return {"rng": 0} if "rng" in inspect.signature(eigsh).parameters else {}
