"""Spectral comparison of two embeddings: groups that are dense in one kernel and not in the other.

Jalali, Dibaei Nia and Farnia, "Towards an Explainable Comparison and Alignment of Feature
Embeddings", ICML 2025. With Gaussian kernels K_A and K_B, the eigenvectors of K_A − η K_B with the
largest eigenvalues mark A's own groups, those with the smallest B's own. For many items each kernel
is replaced by the product of random Fourier features (Rahimi and Recht, 2007), linear in n.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np

from baselines.base import Baseline, fewer, from_coefficients
from rdx.compute.threads import for_each_tile, one_thread_each, row_tiles
from rdx.errors import InputError, check_whole
from rdx.method.concepts import A_NOT_B, B_NOT_A, Explanations
from rdx.method.neighborhoods import Points, as_points, squared_distance_rows
from rdx.method.numerics.lanczos import MAX_DIMENSION, TOLERANCE, dense_product, leading_eigenvectors

MEDIAN_ITEMS = 1000  # the bandwidth is taken from so many items at most
FEATURE_ROWS = 512  # fixed, so that sums are added in the same order on any machine
DENSE_TOLERANCE = 1e-9  # residual relative to the largest eigenvalue, in float64
NO_DIFFERENCE = 1e-6  # eigenvalues below this times n are rounding


@dataclass(repr=False, eq=False)
class SPEC(Baseline):
    """The k leading eigenvectors of K_A − η K_B (A's concepts) and of its negative (B's).

    ``eta``: η, the weight of the other kernel. ``dense_up_to``: with more items than this, random
    Fourier features stand for the kernels; ``n_features``: their frequencies (two features each),
    16 bytes each per item. The coefficients (n, k) are the eigenvectors, of unit norm and with the
    largest entry in absolute value positive; there is no dictionary. After ``fit``, ``eigenvalues_``
    has each direction's values (k,), and ``bandwidths_`` each side's σ in the units of the features.
    """

    less_memory = "lower n_features or dense_up_to"

    eta: float = 1.0  # η, the weight of the other kernel
    dense_up_to: int = 4000  # with more items, random Fourier features stand for the kernels
    n_features: int = 1000  # frequencies, two features each

    def check_settings(self) -> None:
        super().check_settings()
        check_whole("dense_up_to", self.dense_up_to, 0)
        check_whole("n_features", self.n_features, 1)
        if isinstance(self.eta, bool) or not isinstance(self.eta, Real) or not 0 < self.eta < math.inf:
            raise InputError(f"eta must be a number > 0, got {self.eta!r}")

    @classmethod
    def memory(cls, n: int, widths: Sequence[int], parameters: Mapping[str, Any]) -> float:
        """Both representations' points, the kernels or their features, and the vectors of Lanczos."""
        kernels = n * n if n <= parameters["dense_up_to"] else 2 * n * parameters["n_features"]
        return 8.0 * (kernels + n * (5 * sum(widths) + 2 * MAX_DIMENSION))

    def fit(self, A, B) -> SPEC:
        """Explains what A (n, d_a) groups and B (n, d_b) does not as ``a_not_b_``, and the reverse.

        Raises InputError as ``Baseline.fit`` does.
        """
        from tqdm import tqdm

        sides = {direction: as_points(X) for direction, X in self.check_inputs(A, B).items()}
        n = len(sides[A_NOT_B])
        self.eigenvalues_, found = {}, {}
        with one_thread_each():
            rngs = {direction: np.random.RandomState(self.random_state) for direction in sides}
            widths = {direction: bandwidth(points, rngs[direction]) for direction, points in sides.items()}
            self.bandwidths_ = {direction: widths[direction] * sides[direction].unit for direction in sides}
            if n <= self.dense_up_to:
                multiply, tolerance = dense_operator(sides, widths, self.eta), DENSE_TOLERANCE
            else:
                features = [fourier_features(sides[s], widths[s], self.n_features, rngs[s]) for s in sides]
                multiply, tolerance = feature_operator(*features, self.eta), TOLERANCE
            ends = {A_NOT_B: multiply, B_NOT_A: lambda vectors: -multiply(vectors)}
            for direction in tqdm(ends, "spec", disable=not self.progress):
                # The two ends of one spectrum, from one start: swapping A and B swaps them exactly.
                values, vectors = leading_eigenvectors(
                    ends[direction], n, self.n_clusters, self.random_state, tolerance=tolerance
                )
                found[direction] = self._concepts(direction, values, vectors)
        self.a_not_b_, self.b_not_a_ = found[A_NOT_B], found[B_NOT_A]
        return self

    def _concepts(self, direction: str, values: np.ndarray, vectors: np.ndarray) -> Explanations:
        """Concepts from the eigenvectors (n, k), as far as their eigenvalues (k,) are above 0."""
        kept = values > NO_DIFFERENCE * len(vectors)
        self.eigenvalues_[direction] = values[kept]
        reason = "the kernels differ in no more eigenvectors this way"
        found = from_coefficients(
            direction,
            vectors[:, kept],
            np.empty((int(kept.sum()), 0)),
            self.images_per_concept,
            notes=fewer(int(kept.sum()), self.n_clusters, reason),
        )
        return replace(found, dictionary=None)


def bandwidth(points: Points, rng: np.random.RandomState) -> float:
    """The median rule: σ = the median distance between two items, in grid steps.

    Many items: between those of a random subset. Mostly duplicates: the median of what is above 0.
    """
    n, some = len(points), points
    if n > MEDIAN_ITEMS:
        some = points.subset(np.sort(rng.choice(n, MEDIAN_ITEMS, replace=False)))
    squares = squared_distance_rows(some, slice(None))[np.triu_indices(len(some), k=1)]
    if not np.median(squares):
        squares = squares[squares > 0]
    # The subset may miss the few items that differ: then the root mean square over all pairs.
    return math.sqrt(np.median(squares) if len(squares) else 2 * points.squares.mean())


def dense_operator(sides: dict[str, Points], widths: dict[str, float], eta: float) -> Callable:
    """v ↦ (K_A − η K_B) v, from the matrix itself (n, n); K = exp(−distance² / 2σ²)."""
    a, b = sides[A_NOT_B], sides[B_NOT_A]
    difference = np.empty((len(a), len(a)))

    def fill(rows: slice) -> None:
        difference[rows] = np.exp(squared_distance_rows(a, rows, -0.5) / widths[A_NOT_B] ** 2)
        difference[rows] -= eta * np.exp(squared_distance_rows(b, rows, -0.5) / widths[B_NOT_A] ** 2)

    for_each_tile(row_tiles(len(a)), fill)
    return lambda vectors: dense_product(difference, vectors)


def fourier_features(points: Points, width: float, count: int, rng: np.random.RandomState) -> np.ndarray:
    """Features φ (n, 2 · count) with φ φᵀ ≈ K: cosines and sines at frequencies from N(0, 1 / σ²).

    float32: its rounding is far below the error of the random frequencies, about 1 / √count.
    """
    frequencies = rng.normal(size=(points.grid.shape[1], count)) / width
    features = np.empty((len(points), 2 * count), dtype=np.float32)

    def fill(rows: slice) -> None:
        angles = points.grid[rows] @ frequencies
        features[rows, :count] = np.cos(angles)
        features[rows, count:] = np.sin(angles)
        features[rows] /= math.sqrt(count)

    for_each_tile(row_tiles(len(points), FEATURE_ROWS), fill)
    return features


def feature_operator(features_a: np.ndarray, features_b: np.ndarray, eta: float) -> Callable:
    """v ↦ φ_A φ_Aᵀ v − η φ_B φ_Bᵀ v."""
    return lambda vectors: through(features_a, vectors) - eta * through(features_b, vectors)


def through(features: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """φ (φᵀ v) for features (n, c) and vectors (n, p), in row tiles: (n, p) float64."""
    tiles = row_tiles(len(features), FEATURE_ROWS)
    vectors = vectors.astype(np.float32)
    partial = np.empty((len(tiles), features.shape[1], vectors.shape[1]), dtype=np.float32)
    product = np.empty(vectors.shape)

    def gather(part: int) -> None:
        partial[part] = features[tiles[part]].T @ vectors[tiles[part]]

    def spread(part: int) -> None:
        product[tiles[part]] = features[tiles[part]] @ inner

    for_each_tile(list(range(len(tiles))), gather)
    inner = partial.sum(axis=0, dtype=np.float64).astype(np.float32)
    for_each_tile(list(range(len(tiles))), spread)
    return product
