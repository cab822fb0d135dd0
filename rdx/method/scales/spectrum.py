"""Eigenvectors at both ends of a symmetric matrix's spectrum, roughly.

Lanczos with thick restarts (Wu and Simon, 2000), one vector at a time: what SciPy's ``eigsh`` computes. A space that
was begun with the same vector serves both ends until they restart, and after that one pass over the matrix serves two
spaces: such a product is bound by reading it.
"""

from __future__ import annotations

import numba
import numpy as np

_RESTARTS = 300
_LEAST = 1e-5  # eigenvalues below are as good as 0
_compiled = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp", "reassoc"})


def both_ends(matrix: np.ndarray, count: int, start: np.ndarray, tolerance: float) -> list[np.ndarray]:
    """The eigenvectors (count, n) of the largest eigenvalues of a matrix (n, n) float32, and of the smallest.

    start (n,): the first vector. tolerance: of an eigenvalue, relative to it. Each set by ascending eigenvalue.
    """
    n = len(matrix)
    limit = min(n, max(2 * count + 1, 20))  # dimensions of a space before it is restarted
    basis = np.zeros((2, limit + 1, n), np.float32)  # by end, one vector a row
    projected, rest = np.zeros((2, limit, limit)), np.zeros(2)  # rest: length of what the last product left over
    basis[0, 0] = start / np.linalg.norm(start)
    matrix = np.ascontiguousarray(matrix)
    _fill(matrix, basis, projected, np.array([0, limit]), rest)
    basis[1], projected[1], rest[1] = basis[0], projected[0], rest[0]
    found: dict[int, np.ndarray] = {}
    for restart in range(_RESTARTS + 1):
        sizes = np.full(2, limit)
        for end in {0, 1} - set(found):
            values, vectors = np.linalg.eigh(projected[end])  # ascending
            wanted = slice(limit - count, limit) if end == 0 else slice(0, count)
            left = np.abs(rest[end] * vectors[-1, wanted])
            settled = int((left <= tolerance * np.maximum(np.abs(values[wanted]), _LEAST)).sum())
            kept = count + min(settled, (limit - count) // 2)
            if settled == count or limit == n or restart == _RESTARTS:
                found[end] = _ritz(vectors[:, wanted], basis[end])
                continue
            wanted = slice(limit - kept, limit) if end == 0 else slice(0, kept)
            basis[end, :kept], basis[end, kept] = _ritz(vectors[:, wanted], basis[end]), basis[end, limit]
            projected[end] = 0.0
            projected[end, np.arange(kept), np.arange(kept)] = values[wanted]
            sizes[end] = kept
        if len(found) == 2:
            break
        _fill(matrix, basis, projected, sizes, rest)
    return [found[0], found[1]]


def _ritz(weights: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """The vectors that weights (m, c) make of the first m of a basis, (c, n)."""
    return weights.T.astype(np.float32) @ basis[:-1]


@_compiled
def _fill(matrix, basis, projected, sizes, rest):
    """Extends both spaces, of which ``sizes`` products are known, until they are full."""
    limit = projected.shape[1]
    images = np.empty((2, len(matrix)), np.float32)
    while min(sizes[0], sizes[1]) < limit:
        one = 0 if sizes[0] < limit else 1
        other = 1 if sizes[1] < limit else one
        _multiply(matrix, basis[one, sizes[one]], basis[other, sizes[other]], images[one], images[other])
        for end in range(one, other + 1):
            rest[end] = _extend(basis[end], projected[end], sizes[end], images[end])
            sizes[end] += 1


@_compiled
def _multiply(matrix, x, y, of_x, of_y):
    """matrix @ x and matrix @ y."""
    for i in range(len(matrix)):
        row = matrix[i]
        s, t = np.float32(0.0), np.float32(0.0)
        for j in range(len(row)):
            s += row[j] * x[j]
            t += row[j] * y[j]
        of_x[i], of_y[i] = s, t


@_compiled
def _extend(basis, projected, step, image):
    """Adds what ``image``, the product with vector ``step``, has beyond the space; returns its length."""
    before = np.sqrt(np.sum(image * image))
    for _ in range(2):  # twice is enough
        for k in range(step + 1):
            vector = basis[k]
            share = np.float32(0.0)
            for j in range(len(image)):
                share += vector[j] * image[j]
            for j in range(len(image)):
                image[j] -= share * vector[j]
            projected[step, k] += share
    for k in range(step):
        projected[k, step] = projected[step, k]
    length = np.sqrt(np.sum(image * image))
    if length <= 1e-6 * before or step + 1 >= len(image):  # the space is whole: a new direction begins another
        basis[step + 1] = 0.0
        return 0.0
    for j in range(len(image)):
        basis[step + 1, j] = image[j] / length
    return length
