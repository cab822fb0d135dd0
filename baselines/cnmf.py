"""Convex NMF: semi-NMF whose parts are non-negative combinations of the items themselves.

Ding, Li and Jordan, "Convex and Semi-Nonnegative Matrix Factorizations", PAMI 2010. With Z the
features transposed (d, n): Z ≈ (Z G) H with G (n, k) ≥ 0 and H (k, n) ≥ 0. Here U = Hᵀ and
V = (Z G)ᵀ, so X ≈ U V.

The updates need the positive and negative parts of Y = ZᵀZ times a thin matrix M. Since
Y⁺ = (|Y| + Y) / 2 and Y⁻ = (|Y| − Y) / 2, and Y M = Zᵀ(Z M) is cheap, all that costs is |Y| M.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from baselines.snmf import SemiNMF, multiplied, positive
from rdx.compute.threads import for_each_tile, row_tiles

HELD_ITEMS = 5000  # up to here half of |Y| is kept, in float64; beyond, its tiles are made again each time
TILE_ROWS = 256  # a square tile stays in the cache
PARTIAL_SUMS = 16  # fixed, so that sums are added in the same order whatever the number of threads
UNDERFLOW = 1e-30  # float32 arithmetic slows down a hundredfold on the denormal numbers near its end


class ConvexNMF(SemiNMF):
    """Convex NMF with k parts, started from k-means; both factors by multiplicative updates.

    ``max_iter``: iterations; all are done. The loss is ‖Z − Z G H‖²_F after each one.
    """

    label: ClassVar[str] = "cnmf"

    @classmethod
    def memory(cls, n: int, widths: Sequence[int], parameters: Mapping[str, Any]) -> float:
        """Half of |Y| while it is held, partial sums, and what any method holds."""
        held = n * n / 2 if n <= HELD_ITEMS else 0
        return 8.0 * (held + 2 * PARTIAL_SUMS * n * parameters["n_clusters"]) + super().memory(n, widths, parameters)

    def iterations(self, X: np.ndarray, rng: np.random.RandomState) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        gram = AbsoluteGram(X)
        U, G = self._start(X, rng)
        g_plus, g_minus = gram.parts(G)  # Y⁺G, Y⁻G (n, k)
        while True:
            U = multiplied(U, g_plus + U @ (G.T @ g_minus), g_minus + U @ (G.T @ g_plus))
            u_plus, u_minus = gram.parts(U)
            among = U.T @ U  # H Hᵀ (k, k)
            G = multiplied(G, u_plus + g_minus @ among, u_minus + g_plus @ among)
            yield U, G.T @ X
            g_plus, g_minus = gram.parts(G)

    def _start(self, X: np.ndarray, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
        """U and G (n, k) from k-means; fewer columns where there are fewer distinct items than k."""
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = KMeans(self.n_clusters, n_init=10, random_state=rng).fit_predict(X)
        found, labels, sizes = np.unique(labels, return_inverse=True, return_counts=True)
        one_hot = np.eye(len(found))[labels]
        return one_hot + 0.2, (one_hot + 0.01) / sizes[labels, None]


class AbsoluteGram:
    """|Y| for Y = X Xᵀ of features X (n, d), as a factor only; never held for more than HELD_ITEMS items.

    |Y| is symmetric: each square tile on or above the diagonal serves two blocks of the product.
    ``hold``: keep the tiles; by default where they are few.
    """

    def __init__(self, X: np.ndarray, hold: bool | None = None) -> None:
        hold = len(X) <= HELD_ITEMS if hold is None else hold
        self.X = X
        self.factor = X if hold else X.astype(np.float32)
        self.rows = row_tiles(len(X), TILE_ROWS)
        self.held: dict[tuple[int, int], np.ndarray] = {}
        if hold:
            pairs = [(i, j) for i in range(len(self.rows)) for j in range(i, len(self.rows))]
            self.held = dict.fromkeys(pairs)
            for_each_tile(pairs, lambda pair: self.held.__setitem__(pair, self._compute(*pair)))

    def parts(self, M: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Y⁺M and Y⁻M for M (n, k) ≥ 0, both (n, k) and non-negative."""
        absolute, signed = self.times(M), self.X @ (self.X.T @ M)
        return positive(absolute + signed) / 2, positive(absolute - signed) / 2

    def times(self, M: np.ndarray) -> np.ndarray:
        """|Y| M for M (n, k) ≥ 0: (n, k) float64."""
        largest = np.maximum(M.max(axis=0), np.finfo(np.float64).tiny)
        M = M / largest
        M = np.where(M < UNDERFLOW, 0.0, M).astype(self.factor.dtype)
        sums = np.zeros((min(PARTIAL_SUMS, len(self.rows)), *M.shape))

        def add(part: int) -> None:
            for i in range(part, len(self.rows), len(sums)):
                upper = self.rows[i]
                for j in range(i, len(self.rows)):
                    lower, tile = self.rows[j], self._tile(i, j)
                    sums[part, upper] += tile @ M[lower]
                    if i != j:
                        sums[part, lower] += tile.T @ M[upper]

        for_each_tile(list(range(len(sums))), add)
        return sums.sum(axis=0) * largest

    def _tile(self, i: int, j: int) -> np.ndarray:
        return self.held[i, j] if self.held else self._compute(i, j)

    def _compute(self, i: int, j: int) -> np.ndarray:
        tile = self.factor[self.rows[i]] @ self.factor[self.rows[j]].T
        return np.abs(tile, out=tile)
