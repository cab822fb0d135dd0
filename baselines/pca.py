"""Principal components as concepts; the grid is the positive end of each."""

from __future__ import annotations

import numpy as np

from baselines.base import Baseline, fewer, from_coefficients
from rdx.method.concepts import Explanations


class PCA(Baseline):
    """scikit-learn's PCA with k components, in the order of the variance they explain.

    Coefficients U (n, k) are the scores of the centred features, the dictionary V (k, d) the
    components. Components without variance are not shown.
    """

    def explain(self, X: np.ndarray, rng: np.random.RandomState, direction: str) -> Explanations:
        from sklearn.decomposition import PCA as Estimator

        model = Estimator(min(self.n_clusters, *X.shape), random_state=rng).fit(X)
        scores = model.transform(X)
        # The tolerance of numpy.linalg.matrix_rank: below it a component is rounding and nothing else.
        rounding = model.singular_values_[0] * max(X.shape) * np.finfo(X.dtype).eps
        rank = int(np.count_nonzero(model.singular_values_ > rounding))
        residual = X - model.inverse_transform(scores)
        return from_coefficients(
            direction,
            scores[:, :rank],
            model.components_[:rank],
            self.images_per_concept,
            reconstruction_error=float(np.linalg.norm(residual)),
            notes=fewer(rank, self.n_clusters, "the features have no more independent directions"),
        )
