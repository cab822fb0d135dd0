"""K-means clusters as concepts; the grid is the members nearest to the centre."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from baselines.base import Baseline, fewer
from rdx.errors import check_whole
from rdx.method.concepts import Concept, Explanations


@dataclass(repr=False, eq=False)
class KMeans(Baseline):
    """scikit-learn's KMeans with k clusters, the largest first (ties: the one with the lower first member).

    ``from_all``: draw the grid from all items instead of the cluster's members, as the original does.
    ``n_init``: starts from different centres; the best is kept. No item is null.
    The dictionary holds the centres (k, d).
    """

    from_all: bool = False  # draw grids from all items, not from the cluster's own, as the original does
    n_init: int = 10  # starts from different centres; the best is taken

    def check_settings(self) -> None:
        super().check_settings()
        check_whole("n_init", self.n_init, 1)

    def explain(self, X: np.ndarray, rng: np.random.RandomState, direction: str) -> Explanations:
        from sklearn.cluster import KMeans as Estimator
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct items than k: noted below
            model = Estimator(self.n_clusters, n_init=self.n_init, random_state=rng).fit(X)
        found, first, sizes = np.unique(model.labels_, return_index=True, return_counts=True)
        order = found[np.lexsort((first, -sizes))]  # the clusters' own numbers, largest first
        labels = np.empty(len(X), dtype=np.int64)
        for number, cluster in enumerate(order, start=1):
            labels[model.labels_ == cluster] = number
        centres = model.cluster_centers_[order]
        return Explanations(
            direction=direction,
            labels=labels,
            concepts=[self._concept(X, labels, centre, i + 1) for i, centre in enumerate(centres)],
            dictionary=centres,
            reconstruction_error=float(np.sqrt(model.inertia_)),
            notes=fewer(len(order), self.n_clusters, "there are no more distinct items"),
        )

    def _concept(self, X: np.ndarray, labels: np.ndarray, centre: np.ndarray, number: int) -> Concept:
        members = np.flatnonzero(labels == number)
        candidates = np.arange(len(X)) if self.from_all else members
        distances = np.square(X[candidates].astype(np.float64) - centre).sum(axis=1)
        nearest = candidates[np.argsort(distances, kind="stable")[: self.images_per_concept]]
        return Concept(number=number, indices=nearest, members=members)
