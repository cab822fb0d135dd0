"""The leading eigenvectors of a symmetric operator whose product with several vectors costs hardly more than with one.

That holds for graphs of sampled pairs and on GPUs. Of a matrix in memory, SciPy finds them faster: spectral.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from rdx.compute.threads import for_each_tile, one_thread_each, row_tiles
from rdx.method.numerics.eigenpairs import largest_eigenpairs

_log = logging.getLogger(__name__)
PRODUCT_ROWS = 512  # fixed, so that every sum in a product is added in the same order on any machine
SUM_ROWS = 8192  # likewise, of sums over the rows of long vectors
MAX_DIMENSION = 160  # of the Krylov space before it is restarted
MAX_RESTARTS = 12
TOLERANCE = 1e-5  # residual relative to the largest eigenvalue: labels no longer change below it


def dense_product(matrix: np.ndarray, vectors: np.ndarray, threads: int | None = None) -> np.ndarray:
    """matrix (n, n) @ vectors (n, p) in the matrix' precision, in row tiles of one fixed size."""
    vectors = np.ascontiguousarray(vectors, dtype=matrix.dtype)
    product = np.empty((len(matrix), vectors.shape[1]), dtype=np.float64)
    tiles = [slice(i, i + PRODUCT_ROWS) for i in range(0, len(matrix), PRODUCT_ROWS)]

    def work(tile: slice) -> None:
        product[tile] = matrix[tile] @ vectors

    for_each_tile(tiles, work, threads)
    return product


def leading_eigenvectors(
    multiply: Callable[[np.ndarray], np.ndarray], n: int, count: int, random_state: int = 0, start=None,
    tolerance: float = TOLERANCE, threads: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """The ``count`` largest eigenvalues of a symmetric operator and their vectors (n, count).

    Block Lanczos with full reorthogonalisation and Rayleigh–Ritz (Golub and Underwood, 1977), which also finds
    eigenvalues that coincide. The start block is seeded, ``start`` (n,) joins it, and
    each vector's largest entry is made positive: the same operator gives the same vectors.
    """
    width = min(n, -(-(count + 2) // 4) * 4)  # matrix products like multiples of four
    block = np.random.default_rng(random_state).standard_normal((n, width))
    if start is not None:
        block[:, 0] = start
    limit = min(n, max(MAX_DIMENSION, 4 * width))
    with one_thread_each():
        for _ in range(MAX_RESTARTS):
            values, vectors, residual = _krylov_ritz(multiply, block, count, limit, tolerance, threads)
            if residual <= tolerance:
                break
            block = vectors
        else:
            _log.warning(
                "the eigenvectors of %d items have not converged after %d restarts (residual %.0e, not %.0e): other "
                "seeds may give other clusters", n, MAX_RESTARTS, residual, tolerance
            )  # fmt: skip
    vectors = vectors[:, :count]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(count)]
    return values[:count], vectors * np.where(largest < 0, -1.0, 1.0)


def _krylov_ritz(
    multiply, block: np.ndarray, count: int, limit: int, tolerance: float, threads: int | None
) -> tuple[np.ndarray, np.ndarray, float]:
    """Ritz pairs of the space spanned by block, M block, M² block …, up to ``limit`` dimensions.

    Returns as many pairs as the block has columns, and the largest residual of the first ``count``
    relative to the largest eigenvalue.
    """
    n, width = block.shape
    basis = np.empty((n, limit), order="F")
    projected = np.zeros((limit, limit))
    size = 0
    fresh = _orthonormal(block, basis[:, :0], threads)
    while True:
        added = fresh.shape[1]
        basis[:, size : size + added] = fresh
        image = multiply(fresh)
        projected[: size + added, size : size + added] = _inner(basis[:, : size + added], image, threads)
        size += added
        # What the image adds to the space is all that the Ritz pairs leave over: their residuals are
        # the last rows of their weights times it, and no vector of length n is needed to know them.
        rest = image - _combined(basis[:, :size], projected[:size, size - added : size], threads)
        values, weights = largest_eigenpairs(projected[:size, :size].T, width)
        values, weights = values[::-1], weights[:, ::-1]
        residuals = np.linalg.norm(rest @ weights[size - added :, :count], axis=0)
        residual = float(residuals.max() / max(1e-300, np.abs(values).max()))
        fresh = _orthonormal(rest, basis[:, :size], threads)[:, : limit - size]
        if residual <= tolerance or size >= limit or not fresh.shape[1]:
            return values, _combined(basis[:, :size], weights, threads), residual


def _inner(basis: np.ndarray, vectors: np.ndarray, threads: int | None) -> np.ndarray:
    """basisᵀ (k, n) @ vectors (n, p); parts of the rows on several threads, added in their order."""
    tiles = row_tiles(len(basis), SUM_ROWS)
    parts = np.empty((len(tiles), basis.shape[1], vectors.shape[1]))

    def work(number: int) -> None:
        parts[number] = basis[tiles[number]].T @ vectors[tiles[number]]

    for_each_tile(list(range(len(tiles))), work, threads)
    return parts.sum(axis=0)


def _combined(basis: np.ndarray, weights: np.ndarray, threads: int | None) -> np.ndarray:
    """basis (n, k) @ weights (k, p), parts of the rows on several threads."""
    product = np.empty((len(basis), weights.shape[1]))

    def work(tile: slice) -> None:
        product[tile] = basis[tile] @ weights

    for_each_tile(row_tiles(len(basis), SUM_ROWS), work, threads)
    return product


def _orthonormal(block: np.ndarray, basis: np.ndarray, threads: int | None) -> np.ndarray:
    """An orthonormal basis of what ``block`` adds to the span of ``basis``; twice is enough."""
    from scipy.linalg import qr

    scale = np.linalg.norm(block, axis=0)
    for _ in range(2):
        block = block - _combined(basis, _inner(basis, block, threads), threads)
        norms = np.linalg.norm(block, axis=0)
        # Directions that are already there leave only rounding noise: noise must not enter.
        keep = norms > 1e-10 * np.maximum(scale, 1e-300)
        block, scale = block[:, keep] / norms[keep], np.ones(int(keep.sum()))
        if not block.shape[1]:
            return block
        block, upper = qr(block, mode="economic", overwrite_a=True, check_finite=False)  # NumPy's takes much longer
        pivots = np.abs(np.diagonal(upper)) > 1e-10
        block, scale = block[:, pivots], np.ones(int(pivots.sum()))
    return block
