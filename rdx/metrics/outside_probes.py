"""Probes trained on other items than those they are asked about.

``knn``: the majority among the k nearest training items by Euclidean distance (scikit-learn's
KNeighborsClassifier). ``logistic``: logistic regression (scikit-learn's, L2 with C = 1, at most 1,000
iterations) on features standardised by the training items.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdx.errors import InputError, check_whole

PROBES = ("knn", "logistic")
_ITERATIONS = 1000


@dataclass(frozen=True)
class Answers:
    """What a probe says about n items it was not trained on."""

    predictions: np.ndarray  # (n,) int64
    score: np.ndarray | None  # (n,) estimated probability of the higher label; None unless there are two

    def measures(self, labels: np.ndarray) -> dict[str, float | None]:
        """Accuracy, balanced accuracy (mean recall of the classes), and AUC where there are two classes."""
        from sklearn.metrics import recall_score, roc_auc_score

        classes = np.unique(labels)
        recalls = recall_score(labels, self.predictions, labels=classes, average=None, zero_division=0)
        auc = None
        if self.score is not None and len(classes) == 2:
            auc = float(roc_auc_score(labels, self.score))
        return {
            "accuracy": float(np.mean(self.predictions == labels)),
            "balanced_accuracy": float(np.mean(recalls)),
            "auc": auc,
        }


@dataclass(frozen=True)
class OutsideProbes:
    """Fitted probes of one representation, by name."""

    models: Mapping[str, Any]

    def answers(self, X: np.ndarray) -> dict[str, Answers]:
        """What each probe says about X (n, d)."""
        X = np.asarray(X, dtype=np.float64)
        return {name: _answers(model, X) for name, model in self.models.items()}


def fit_outside_probes(X: np.ndarray, labels: np.ndarray, *, k: int = 16) -> OutsideProbes:
    """Probes trained on X (m, d) with labels (m,) int.

    Raises InputError for one class only, fewer than k items, or features that are not finite.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    check_whole("k", k, 1)
    X, labels = np.asarray(X, dtype=np.float64), np.asarray(labels)
    if len(labels) != len(X):
        raise InputError(f"probes: {len(X)} items, but {len(labels)} labels")
    if len(np.unique(labels)) < 2:
        raise InputError("probes need at least two classes among the items they are trained on")
    if k > len(X):
        raise InputError(f"k-NN probe: k = {k}, but there are only {len(X)} items to train on")
    if not np.isfinite(X).all():
        row = int(np.argmin(np.isfinite(X).all(axis=1)))
        raise InputError(f"probes: row {row} of the training features contains NaN or infinity")
    neighbors = KNeighborsClassifier(n_neighbors=k, algorithm="brute").fit(X, labels)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=_ITERATIONS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # separable classes never quite arrive
        logistic.fit(X, labels)
    return OutsideProbes({"knn": neighbors, "logistic": logistic})


def _answers(model: Any, X: np.ndarray) -> Answers:
    probability = model.predict_proba(X)  # (n, classes)
    predictions = model.classes_[probability.argmax(axis=1)].astype(np.int64)
    return Answers(predictions, probability[:, 1] if probability.shape[1] == 2 else None)
