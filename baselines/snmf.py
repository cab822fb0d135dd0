"""Semi-NMF: features of any sign as combinations, with non-negative coefficients, of k free parts.

Ding, Li and Jordan, "Convex and Semi-Nonnegative Matrix Factorizations", PAMI 2010. With Z the
features transposed (d, n): Z ≈ W H, H ≥ 0. Here U = Hᵀ (n, k) and V = Wᵀ (k, d), so X ≈ U V.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np

from baselines.base import Baseline, fewer, from_coefficients
from rdx.compute.threads import row_tiles
from rdx.errors import check_whole
from rdx.method.concepts import Explanations

DAMPING = 1e-12  # relative to a column's largest denominator: it only matters for 0 / 0, which becomes 1
NEGLIGIBLE = 1e-9  # a part whose largest share in any item is this much below the largest part's is dead
RESIDUAL_ROWS = 1024  # fixed, so that the squared errors are added in the same order on any machine


@dataclass(repr=False, eq=False)
class SemiNMF(Baseline):
    """Semi-NMF with k parts: W by least squares, H by multiplicative updates.

    ``max_iter``: iterations; all are done. The loss is ‖Z − W H‖²_F after each one. Parts that no
    item carries are not shown.
    """

    label: ClassVar[str] = "snmf"

    max_iter: int = 100  # iterations, all of which are done

    def check_settings(self) -> None:
        super().check_settings()
        check_whole("max_iter", self.max_iter, 1)

    def explain(self, X: np.ndarray, rng: np.random.RandomState, direction: str) -> Explanations:
        from tqdm import tqdm

        # A power of two changes no digit of the result and keeps squares of any features in range.
        exponent = np.frexp(np.abs(X).max())[1]
        X = np.ldexp(X.astype(np.float64), -exponent)
        objective = []
        steps = islice(self.iterations(X, rng), self.max_iter)
        with tqdm(steps, f"{self.label} {direction}", self.max_iter, disable=not self.progress) as bar:
            for U, V in bar:
                objective.append(squared_error(X, U, V))
                bar.set_postfix(loss=f"{np.ldexp(objective[-1], 2 * exponent):.4g}", refresh=False)
        share = U.max(axis=0) * np.linalg.norm(V, axis=1)
        carried = np.flatnonzero(share > NEGLIGIBLE * share.max())
        notes = fewer(U.shape[1], self.n_clusters, "there are no more distinct items")
        return from_coefficients(
            direction,
            U,
            np.ldexp(V, exponent),
            self.images_per_concept,
            shown=carried,
            reconstruction_error=float(np.ldexp(np.sqrt(objective[-1]), exponent)),
            loss={"objective": [float(np.ldexp(value, 2 * exponent)) for value in objective]},
            notes=notes + fewer(len(carried), U.shape[1], "no item carries the others"),
        )

    def iterations(self, X: np.ndarray, rng: np.random.RandomState) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Coefficients U (n, k) and dictionary V (k, d) of X (n, d) after each iteration, without end."""
        U = rng.uniform(size=(len(X), self.n_clusters)) + 1e-4
        while True:
            # W = Z Hᵀ (H Hᵀ)⁻¹; the pseudoinverse is the same and also takes parts that coincide.
            V = np.linalg.pinv(U.T @ U, hermitian=True) @ (U.T @ X)
            toward, among = X @ V.T, V @ V.T  # ZᵀW (n, k), WᵀW (k, k)
            U = multiplied(U, positive(toward) + U @ positive(-among), positive(-toward) + U @ positive(among))
            yield U, V


def positive(values: np.ndarray) -> np.ndarray:
    """The positive part; that of the negated values is the negative part."""
    return np.maximum(values, 0.0)


def multiplied(factor: np.ndarray, numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """factor · √(numerator / denominator), all (n, k) and non-negative.

    Both get the same small number added. The step then goes less far in the same direction, and since
    the auxiliary function of the paper is convex, the objective still does not rise.
    """
    small = DAMPING * denominator.max(axis=0) + np.finfo(np.float64).tiny
    return factor * np.sqrt((numerator + small) / (denominator + small))


def squared_error(X: np.ndarray, U: np.ndarray, V: np.ndarray) -> float:
    """‖X − U V‖²_F."""
    return float(sum(np.square(X[rows] - U[rows] @ V).sum() for rows in row_tiles(len(X), RESIDUAL_ROWS)))
