"""A bank of linear concepts: one linear support vector machine an attribute, and distances to their planes.

As in post-hoc concept bottlenecks (Yuksekgonul et al., 2023): concept j is the normal w_j of the plane that divides
samples with the attribute from samples without, and x's coordinate is its signed distance (w_j·x + b_j) / ‖w_j‖.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdx.errors import InputError


@dataclass(frozen=True)
class ConceptBank:
    """k linear concepts in d dimensions."""

    weights: np.ndarray  # (k, d) float64
    biases: np.ndarray  # (k,) float64
    n_positive: np.ndarray  # (k,) samples with the attribute that each was fitted on
    n_negative: np.ndarray  # (k,)
    accuracy: np.ndarray  # (k,) on all items not fitted on; NaN where there are none


def fit_bank(
    features: np.ndarray, present: np.ndarray, *, C: float, n_positive: int, n_negative: int, seed: int
) -> ConceptBank:
    """One linear SVM for each column of `present` (n, k) bool, on features (n, d).

    Each is fitted on at most `n_positive` items with the attribute and `n_negative` without, drawn by one
    default_rng(seed) over the attributes in order. Raises InputError where an attribute has no item of one kind, or
    its samples all have the same features.
    """
    from sklearn.svm import SVC

    features, present = np.asarray(features, dtype=np.float64), np.asarray(present, dtype=bool)
    n, k = present.shape
    rng = np.random.default_rng(seed)
    bank = ConceptBank(
        np.empty((k, features.shape[1])), np.empty(k), np.empty(k, dtype=int), np.empty(k, dtype=int), np.empty(k)
    )
    for j in range(k):
        positive = _drawn(rng, np.flatnonzero(present[:, j]), n_positive)
        negative = _drawn(rng, np.flatnonzero(~present[:, j]), n_negative)
        if not len(positive) or not len(negative):
            raise InputError(f"attribute {j} is {'present' if len(positive) else 'absent'} in all {n} items")
        chosen = np.sort(np.concatenate([positive, negative]))
        if not np.ptp(features[chosen], axis=0).any():
            raise InputError(f"attribute {j} cannot be told from the features: those of its samples are all the same")
        machine = SVC(kernel="linear", C=C).fit(features[chosen], present[chosen, j])
        bank.weights[j], bank.biases[j] = machine.coef_[0], machine.intercept_[0]
        bank.n_positive[j], bank.n_negative[j] = len(positive), len(negative)
        rest = np.setdiff1d(np.arange(n), chosen)
        bank.accuracy[j] = machine.score(features[rest], present[rest, j]) if len(rest) else np.nan
    return bank


def project(features: np.ndarray, bank: ConceptBank) -> np.ndarray:
    """Signed distances (n, k) of features (n, d) to the planes of the k concepts, in the features' own units."""
    lengths = np.linalg.norm(bank.weights, axis=1)
    return (np.asarray(features, dtype=np.float64) @ bank.weights.T + bank.biases) / lengths


def _drawn(rng: np.random.Generator, candidates: np.ndarray, most: int) -> np.ndarray:
    return candidates if len(candidates) <= most else rng.choice(candidates, most, replace=False)
