"""Non-negative matrix factorisation: X ≈ U V with U, V ≥ 0; each row of V is a concept."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from baselines.base import Baseline, fewer, from_coefficients
from rdx.errors import InputError, check_whole
from rdx.method.concepts import Explanations


@dataclass(repr=False, eq=False)
class NMF(Baseline):
    """scikit-learn's NMF with k components; features must not be negative.

    ``max_iter``: scikit-learn's own default; stopping there before convergence is noted. Components
    that no item carries are not shown.
    """

    any_sign: ClassVar[bool] = False

    max_iter: int = 200  # iterations at most

    def check_settings(self) -> None:
        super().check_settings()
        check_whole("max_iter", self.max_iter, 1)

    def check(self, X: np.ndarray, name: str) -> None:
        if (X < 0).any():
            row = int(np.argmax((X < 0).any(axis=1)))
            raise InputError(
                f"nmf needs non-negative features, {name} has negative ones (row {row}): use method cnmf"
            )

    def explain(self, X: np.ndarray, rng: np.random.RandomState, direction: str) -> Explanations:
        from sklearn.decomposition import NMF as Estimator
        from sklearn.exceptions import ConvergenceWarning

        model = Estimator(self.n_clusters, random_state=rng, max_iter=self.max_iter)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            coefficients = model.fit_transform(X)
        carried = np.flatnonzero(coefficients.max(axis=0) > 0)
        notes = fewer(len(carried), self.n_clusters, "no item carries the others")
        if model.n_iter_ >= self.max_iter:
            notes.append(f"nmf stopped after {self.max_iter} iterations before it converged")
        return from_coefficients(
            direction,
            coefficients,
            model.components_,
            self.images_per_concept,
            shown=carried,
            reconstruction_error=float(model.reconstruction_err_),
            notes=notes,
        )
