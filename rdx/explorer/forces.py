"""The gradient of t-SNE (van der Maaten & Hinton, 2008), summed over all pairs of items.

With q(i, j) = 1 / (1 + |y_i − y_j|²) and Z the sum of all q, the gradient at y_i is a quarter of the paper's, as
openTSNE has it: Σ_j (p(i, j) − q(i, j) / Z) q(i, j) (y_i − y_j). Few neighbours pull, and all items push: a core takes
thousands of millions of pairs a second, so that a tree pays with none, and a grid with ten thousand or more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from rdx.compute.threads import for_each_tile, row_tiles

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_PAIRS = 2**22  # of a tile, which takes a millisecond: less is not worth a thread
_ONE, _ZERO = np.float32(1.0), np.float32(0.0)
_compiled = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp", "reassoc"})


def gradient(embedding: np.ndarray, P: csr_matrix, **_) -> tuple[float, np.ndarray]:
    """Of an embedding (n, 2) float64 with affinities P (n, n): (n, 2) float64, after the error, which is not computed.

    What openTSNE calls an objective function. The same for any number of threads.
    """
    y = np.asarray(embedding)
    n = len(y)
    columns = np.ascontiguousarray(y.T, dtype=np.float32)  # sums of float32 are exact enough to 1e-6 of their size
    pull, push, total = np.empty((n, 2)), np.empty((n, 2)), np.empty(n)

    def work(tile: slice) -> None:
        _push(columns, tile.start, tile.stop, push, total)
        _pull(y, P.indptr, P.indices, P.data, tile.start, tile.stop, pull)

    for_each_tile(row_tiles(n, max(1, _PAIRS // n)), work)
    return 0.0, pull - push / (total.sum() - n)  # without q(i, i) = 1


@_compiled
def _push(columns, start, stop, push, total):
    """Σ_j q² (y_i − y_j) and Σ_j q of rows start … stop."""
    n = columns.shape[1]
    for i in range(start, stop):
        across, up, near = _ZERO, _ZERO, _ZERO
        for j in range(n):
            dx, dy = columns[0, i] - columns[0, j], columns[1, i] - columns[1, j]
            q = _ONE / (_ONE + dx * dx + dy * dy)
            near += q
            across += q * q * dx
            up += q * q * dy
        push[i, 0], push[i, 1], total[i] = across, up, near


@_compiled
def _pull(y, begins, neighbours, affinities, start, stop, pull):
    """Σ_j p q (y_i − y_j) of rows start … stop."""
    for i in range(start, stop):
        across = up = 0.0
        for k in range(begins[i], begins[i + 1]):
            j = neighbours[k]
            dx, dy = y[i, 0] - y[j, 0], y[i, 1] - y[j, 1]
            pq = affinities[k] / (1.0 + dx * dx + dy * dy)
            across += pq * dx
            up += pq * dy
        pull[i, 0], pull[i, 1] = across, up
