"""The leading eigenvectors of a symmetric matrix in memory, by Lanczos' iteration from one vector.

Products with the matrix are what takes time: they read it from memory. The space is never restarted, which takes the
fewest of them; every vector is made orthogonal to all before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_LEAST = 20  # vectors before the first look
_LOOKS = 8  # vectors from one look to the next, at most
_MOST = 400  # vectors
_NOISE = 100  # units of the last place of the eigenvalues: no more than that leads out of the space
_LOST = 0.01  # of a vector's squared length: where less is left of it, rounding errors are made orthogonal too


def leading_beside(
    multiply: Callable[[np.ndarray], np.ndarray], first: np.ndarray, count: int, random_state: int, tolerance: float
) -> np.ndarray | None:
    """``count`` eigenvectors (n, count) of the largest eigenvalues of a symmetric operator on vectors (n,).

    first (n,): an eigenvector of length 1 that is known already. tolerance: of an eigenvalue, relative to it. Works in
    the precision of ``first``. The largest comes first; None where 400 products are not enough.
    """
    if count == 0:
        return np.empty((len(first), 0), first.dtype)
    n, kind, rng = len(first), first.dtype, np.random.default_rng(random_state)
    most = min(n - 1, _MOST)
    basis = np.empty((most + 1, n), kind)
    basis[0] = first
    diagonal, beside = np.empty(most), np.empty(most)
    fresh, _, left = _orthogonal(rng.standard_normal(n).astype(kind), basis[:1])
    dead_ends, noise, eps = 0, 0.0, _NOISE * float(np.finfo(kind).eps)
    look, looked, before = max(_LEAST, 2 * count + 1), 0, 0.0
    for size in range(1, most + 1):
        np.divide(fresh, left, out=basis[size])
        fresh, along, left = _orthogonal(multiply(basis[size]), basis[: size + 1])
        diagonal[size - 1], beside[size - 1] = along[size], left
        noise = max(noise, eps * abs(diagonal[size - 1]))
        dead_end = left <= noise
        if size == n - 1 or (size >= look and not dead_end):
            values, weights = _largest(diagonal[:size], beside[:size], count)
            errors = left * np.abs(weights[-1]) / (tolerance * np.maximum(np.abs(values), eps))
            above = np.log(max(errors.max(), eps))
            if size == n - 1 or (above <= 0.0 and not 0 < dead_ends < count):
                return basis[1 : size + 1].T @ weights[:, ::-1].astype(kind)
            fall = (before - above) / (size - looked)  # as fast as since the last look
            look, looked, before = size + int(np.clip(above / max(fall, 1e-9), 2, _LOOKS)), size, above
        if dead_end:  # a vector finds one of several that share an eigenvalue: as many vectors find them all
            dead_ends, beside[size - 1] = dead_ends + 1, 0.0
            fresh, _, left = _orthogonal(rng.standard_normal(n).astype(kind), basis[: size + 1])
    return None


def _orthogonal(vector: np.ndarray, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.floating]:
    """What a vector (n,) adds to an orthonormal basis (k, n), its products with that (k,), and how long the rest is."""
    along = basis @ vector
    rest = vector - along @ basis
    left = rest @ rest
    if left < _LOST * (left + along @ along):
        again = basis @ rest
        rest -= again @ basis
        along += again
        left = rest @ rest
    return rest, along, np.sqrt(left)


def _largest(diagonal: np.ndarray, beside: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues (count,) of a tridiagonal matrix (k, k), ascending, and their vectors (k, count).

    The last of ``beside`` (k,) is scratch. In a fifth of the time that SciPy's eigh_tridiagonal takes.
    """
    from scipy.linalg.lapack import dstemr

    size, by_number, unused = len(diagonal), 2, 0.0
    found, values, vectors, failed = dstemr(diagonal, beside.copy(), by_number, unused, unused, size - count + 1, size)
    if failed or found < count:
        values, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1))
        return values[-count:], vectors[:, -count:]
    return values[:count], vectors[:, :count]
