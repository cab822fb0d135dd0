"""Non-linear multi-dimensional concept discovery: clusters of a UMAP embedding, matched between models.

Vielhaben et al., arXiv 2412.06639. That the least alike concepts are shown is how the paper on RDX makes
a comparison of it; other rules may serve it better.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from baselines.base import Baseline, fewer
from rdx.compute.threads import one_thread_each
from rdx.errors import InputError, check_whole
from rdx.method.concepts import A_NOT_B, Concept, Explanations

LEAF = 3  # times min_cluster_size items go into a leaf, on average, noise left out


@dataclass(frozen=True)
class Clustering:
    """One representation's clusters, and to what degree each item is in each."""

    hard: np.ndarray  # (n,) int64, −1 = noise
    memberships: np.ndarray  # (n, clusters) float64 in [0, 1]
    notes: list[str]

    @property
    def sizes(self) -> np.ndarray:
        return np.bincount(self.hard[self.hard >= 0], minlength=self.memberships.shape[1])


@dataclass(repr=False, eq=False)
class NLMCD(Baseline):
    """The k clusters of each representation that are least like any cluster of the other one.

    UMAP (``n_components``, ``n_neighbors``, ``min_dist``), then HDBSCAN's leaves (``min_cluster_size``,
    ``min_samples``) with soft memberships. A concept's score is its smallest distance to a concept of
    the other model, measured on every ``every``-th item; the largest scores are shown, ties the larger
    cluster first. Grid: the m members of the hard cluster with the highest membership, or with
    ``random_grid`` m drawn at random as the original does. Noise, and clusters that are not shown, are
    null. Coefficients are the memberships. The number of clusters is HDBSCAN's: there may be fewer than k.
    """

    less_memory = "raise min_cluster_size"

    n_components: int = 50  # dimensions of the UMAP embedding
    n_neighbors: int = 30  # of UMAP
    min_dist: float = 0.01  # of UMAP: how near to each other points may come
    min_cluster_size: int = 50  # of HDBSCAN, in items
    min_samples: int = 20  # of HDBSCAN: neighbours that make a place dense
    every: int = 5  # concepts are compared on every such item
    random_grid: bool = False  # draw grids at random, as the original does

    def check_settings(self) -> None:
        super().check_settings()
        lows = {"n_components": 1, "n_neighbors": 2, "min_cluster_size": 2, "min_samples": 1, "every": 1}
        for name, low in lows.items():
            check_whole(name, getattr(self, name), low)
        value = self.min_dist
        if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
            raise InputError(f"min_dist must be a number from 0 to 1, got {value!r}")

    @classmethod
    def memory(cls, n: int, widths: Sequence[int], parameters: Mapping[str, Any]) -> float:
        """Memberships of as many clusters as leaves there may be, a few times over, and the neighbours' graph."""
        leaves = n / (LEAF * parameters["min_cluster_size"])
        graph = n * (16 * parameters["n_neighbors"] + 4 * parameters["n_components"])
        return 8.0 * (6 * n * leaves + graph + 4 * n * max(widths))

    def fit(self, A, B) -> NLMCD:
        """As every baseline's, but a concept's place depends on both representations."""
        sides = self.check_inputs(A, B)
        with one_thread_each():
            first, second = (self._clusters(X, direction) for direction, X in sides.items())
        n = len(first.hard)
        step = self.every if n > self.every else 1  # a distance needs two items
        distances = concept_distances(first.memberships[::step], second.memberships[::step])
        pairs = ((first, distances), (second, distances.T))
        self.a_not_b_, self.b_not_a_ = (
            self._explanations(direction, *pair) for direction, pair in zip(sides, pairs, strict=True)
        )
        return self

    def _clusters(self, X: np.ndarray, direction: str) -> Clustering:
        """UMAP and HDBSCAN of one representation (n, d)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # umap has a part that wants TensorFlow
            import hdbscan
        embedding, notes = self._embedding(X, "A" if direction == A_NOT_B else "B")
        model = hdbscan.HDBSCAN(
            min_cluster_size=self.min_cluster_size,
            min_samples=min(self.min_samples, len(X) - 2),
            cluster_selection_method="leaf",
            prediction_data=True,
            core_dist_n_jobs=1,
        ).fit(embedding)
        hard = model.labels_.astype(np.int64)
        count = int(hard.max()) + 1
        if not count:
            return Clustering(hard, np.zeros((len(X), 0)), notes)
        with np.errstate(invalid="ignore", divide="ignore"):
            memberships = hdbscan.all_points_membership_vectors(model).astype(np.float64)
        # Where many items lie on one point, HDBSCAN divides 0 by 0: such an item is all in its own cluster.
        certain = (hard[:, None] == np.arange(count)).astype(np.float64)
        broken = ~np.isfinite(memberships).all(axis=1, keepdims=True)
        return Clustering(hard, np.where(broken, certain, memberships), notes)

    def _embedding(self, X: np.ndarray, side: str) -> tuple[np.ndarray, list[str]]:
        """The UMAP embedding (n, ≤ n_components) of one representation, and what had to be smaller for it."""
        from sklearn.neighbors import NearestNeighbors

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)
            import umap
        n = len(X)
        n_neighbors, n_components = min(self.n_neighbors, n - 1), min(self.n_components, n - 2)
        notes = [
            f"{name} is {used} instead of {asked}: there are only {n} items"
            for name, used, asked in (
                ("n_neighbors", n_neighbors, self.n_neighbors),
                ("n_components", n_components, self.n_components),
            )
            if used < asked
        ]
        # Exact neighbours: as fast as umap's approximate ones up to tens of thousands of items, and they
        # spare half a minute of compiling.
        near = NearestNeighbors(n_neighbors=n_neighbors, algorithm="brute").fit(X).kneighbors(X)
        model = umap.UMAP(
            n_components=n_components,
            n_neighbors=n_neighbors,
            min_dist=self.min_dist,
            random_state=self.random_state,
            n_jobs=1,
            precomputed_knn=(near[1], near[0], None),
            tqdm_kwds={"disable": not self.progress, "desc": f"nlmcd: UMAP of {side}"},
        )
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            embedding = model.fit_transform(X)
        if any("Falling back to random" in str(warning.message) for warning in heard):
            notes.append("UMAP began at random: its spectral start failed")
        return embedding, notes

    def _explanations(self, direction: str, own: Clustering, distances: np.ndarray) -> Explanations:
        """The concepts of one side; ``distances`` (own clusters, the other's clusters)."""
        count, others = distances.shape
        scores = distances.min(axis=1, initial=np.inf)  # infinite where there is nothing to be like
        order = np.lexsort((-own.sizes, -scores))
        shown = order[: self.n_clusters]
        rng = np.random.RandomState(self.random_state)
        labels = np.zeros(len(own.hard), dtype=np.int64)
        concepts = []
        for number, cluster in enumerate(shown, start=1):
            members = np.flatnonzero(own.hard == cluster)
            labels[members] = number
            concepts.append(Concept(number, self._grid(members, own.memberships[members, cluster], rng), members))
        noise = int(np.count_nonzero(own.hard < 0))
        notes = [*own.notes, f"nlmcd found {count} clusters; {noise} of {len(labels)} items are noise"]
        if count and not others:
            notes.append("the other representation has no clusters to compare with: the largest are shown")
        elif count:
            told = ", ".join(f"{score:.3f}" for score in scores[shown])
            notes.append(f"distances of the concepts to the nearest of the other representation: {told}")
        why = f"HDBSCAN finds no more (min_cluster_size {self.min_cluster_size}, min_samples {self.min_samples})"
        return Explanations(
            direction=direction,
            labels=labels,
            concepts=concepts,
            coefficients=own.memberships[:, order] if count else None,
            notes=notes + fewer(len(concepts), self.n_clusters, why),
        )

    def _grid(self, members: np.ndarray, memberships: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        if self.random_grid:
            return rng.permutation(members)[: self.images_per_concept]
        return members[np.argsort(-memberships, kind="stable")[: self.images_per_concept]]


def concept_distances(U: np.ndarray, V: np.ndarray) -> np.ndarray:
    """How unlike each concept of U (n, a) is to each of V (n, b), memberships of the same items: (a, b).

    The mean over i < j of | |u_i − u_j| − |v_i − v_j| | / 2. Since ||x| − |y|| = |x + y| + |x − y| − |x| − |y|,
    it is a sum of four spreads, each of which a sorted column gives: no pair of items is ever looked at.
    """
    n = len(U)
    U, V = np.asarray(U, dtype=np.float64), np.asarray(V, dtype=np.float64)
    spread_u, spread_v = _spread(U), _spread(V)
    found = np.empty((U.shape[1], V.shape[1]))
    for a, u in enumerate(U.T):
        found[a] = _spread(V + u[:, None]) + _spread(V - u[:, None]) - spread_u[a] - spread_v
    return np.maximum(found, 0) / (n * (n - 1))  # 2 × the number of pairs; rounding may go below 0


def _spread(W: np.ndarray) -> np.ndarray:
    """The sum over i < j of |w_i − w_j| for each column of W (n, c): (c,)."""
    n = len(W)
    return (2.0 * np.arange(n) - n + 1) @ np.sort(W, axis=0)
