"""Linear probes: what a logistic regression reads from a representation, always out of fold.

``default``: 5 stratified folds under the run's seed, features standardised inside each fold.
``original``: 5 shuffled folds that are not stratified, seed 0, raw features, at most 100 iterations.

Rare classes do not stop a run. With fewer members than folds a class is missing from some folds;
a class of one item is missing whenever it is asked for, so that this item is always predicted
wrongly. Where even the largest class has fewer members than folds, there are as many folds as it has
members. ``Probe.notes`` says which of this happened.
"""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from dataclasses import dataclass, field

import numpy as np

from rdx.compute.threads import one_thread_each
from rdx.errors import InputError, unknown
from rdx.method.neighborhoods import as_array

VARIANTS = ("default", "original")
N_FOLDS = 5
SMALL_WORK = 2e8  # n · d · classes below which one thread is used


@dataclass(frozen=True)
class Probe:
    """Out-of-fold predictions of one representation's probe."""

    fold_accuracy: np.ndarray  # (folds,) float64, 5 but for tiny classes
    predictions: np.ndarray  # (n,) int64, each made by the model that did not see the item
    folds: np.ndarray  # (n,) int64, the fold in which the item was held out
    notes: list[str] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """Mean accuracy over the folds."""
        return float(self.fold_accuracy.mean())


def linear_probe(X, labels, *, seed: int = 0, variant: str = "default") -> Probe:
    """Cross-validated logistic regression from features X (n, d) to integer labels (n,).

    Folds depend on the labels, the seed and the variant alone, so two representations of the same
    items get the same folds. Raises InputError for labels that differ in number, are no whole
    numbers or hold one class only, and for an unknown variant.
    """
    if variant not in VARIANTS:
        raise unknown("probe variant", variant, VARIANTS)
    features = as_array(X).astype(np.float64)
    labels, counts = _checked_labels(labels, len(features))
    notes: list[str] = []
    folds = _folds(labels, counts, seed, variant, notes)
    predictions = np.empty(len(labels), dtype=np.int64)
    # Threads that wait for each other cost more than small products do: thirty times on a busy machine.
    with one_thread_each() if features.size * len(counts) < SMALL_WORK else nullcontext():
        for fold in range(folds.max() + 1):
            held_out = folds == fold
            predictions[held_out] = _predict(features[~held_out], labels[~held_out], features[held_out], variant)
    correct = predictions == labels
    accuracy = np.array([correct[folds == fold].mean() for fold in range(folds.max() + 1)])
    return Probe(accuracy, predictions, folds, notes)


def agreement(probe_a: Probe, probe_b: Probe) -> np.ndarray:
    """Share of held-out items on which two probes predict the same label, per fold (folds,)."""
    if not np.array_equal(probe_a.folds, probe_b.folds):
        raise InputError("agreement needs two probes with the same folds: same items, labels and seed")
    same = probe_a.predictions == probe_b.predictions
    return np.array([same[probe_a.folds == fold].mean() for fold in range(probe_a.folds.max() + 1)])


def _checked_labels(labels, n: int) -> tuple[np.ndarray, dict[int, int]]:
    labels = np.asarray(labels)
    if labels.shape != (n,):
        raise InputError(f"labels: expected {n}, one for each item, got shape {labels.shape}")
    if labels.dtype.kind not in "iub":
        raise InputError(f"labels: expected whole numbers, got {labels.dtype}")
    labels = labels.astype(np.int64)
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        raise InputError("a linear probe needs at least two classes; all labels are equal")
    return labels, dict(zip(classes.tolist(), counts.tolist(), strict=True))


def _folds(
    labels: np.ndarray, counts: dict[int, int], seed: int, variant: str, notes: list[str]
) -> np.ndarray:
    """The fold (n,) in which each item is held out."""
    from sklearn.model_selection import KFold, StratifiedKFold

    largest = len(labels) if variant == "original" else max(counts.values())
    n_folds = min(N_FOLDS, largest)
    if n_folds < 2:
        raise InputError("a linear probe needs a class with at least two items; every label occurs once")
    if n_folds < N_FOLDS:
        notes.append(f"{n_folds} folds instead of {N_FOLDS}: no class has more than {largest} items")
    rare = sorted(label for label, count in counts.items() if count < n_folds)
    if rare and variant == "default":
        listed = ", ".join(map(str, rare[:5])) + (", …" if len(rare) > 5 else "")
        notes.append(f"fewer than {n_folds} items in class {listed}: some folds lack it")
    if variant == "original":
        splitter = KFold(n_folds, shuffle=True, random_state=0)
    else:
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    folds = np.empty(len(labels), dtype=np.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the note above says it in the user's words
        for fold, (_, held_out) in enumerate(splitter.split(labels[:, None], labels)):
            folds[held_out] = fold
    return folds


def _predict(train: np.ndarray, labels: np.ndarray, test: np.ndarray, variant: str) -> np.ndarray:
    """Labels predicted for ``test`` (t, d) by a model fitted to ``train`` (s, d)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    if (labels == labels[0]).all():
        return np.full(len(test), labels[0])
    if variant == "original":
        model = LogisticRegression(max_iter=100)
    else:
        scaler = StandardScaler().fit(train)
        train, test = scaler.transform(train), scaler.transform(test)
        model = LogisticRegression(max_iter=1000)
    with warnings.catch_warnings():
        # The original stops after 100 iterations whatever is left to gain; that is part of it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(train, labels).predict(test)
