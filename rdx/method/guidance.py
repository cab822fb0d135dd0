"""Guidance: keeping clusters inside groups that the user cares about.

``make_groups`` turns predictions and labels into groups; a Guide is how groups change a difference.
Both rules leave reported mean affinities and the null rule alone: those are taken without guidance.
"""

from __future__ import annotations

import numpy as np

from rdx.errors import InputError, unknown

MODES = ("classifier", "ground_truth", "tpfp", "tpnfpn", "true_pos")
RULES = ("own", "paper")


def make_groups(mode: str, predictions, labels, positive_class: int | None = None) -> np.ndarray:
    """The group of every item, (n,) int64, from predicted classes (n,) and labels (n,).

    classifier: the predicted class; ground_truth: the label; tpfp: predicted class × right or wrong;
    tpnfpn: true positive, true negative, false positive, false negative (two classes);
    true_pos: true positive or not. ``positive_class`` defaults to the higher label.
    """
    if mode not in MODES:
        raise unknown("guidance", mode, MODES)
    labels = np.asarray(labels)
    if mode == "ground_truth":
        return _numbered(labels)
    predictions = np.asarray(predictions)
    if predictions.shape != labels.shape:
        raise InputError(f"guidance: {predictions.size} predictions for {labels.size} labels")
    if mode == "classifier":
        return _numbered(predictions)
    right = predictions == labels
    if mode == "tpfp":
        return 2 * _numbered(predictions) + right
    classes = np.unique(labels)
    positive = classes.max() if positive_class is None else positive_class
    if positive not in classes:
        raise InputError(f"guidance: positive_class {positive} is not among the labels {classes.tolist()}")
    if mode == "true_pos":
        return (right & (labels == positive)).astype(np.int64)
    if len(classes) != 2:
        raise InputError(f"guidance 'tpnfpn' needs two classes, the labels have {len(classes)}: use 'tpfp'")
    return 2 * (predictions == positive).astype(np.int64) + right


def _numbered(values: np.ndarray) -> np.ndarray:
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


class OwnGuide:
    """Our rule: a pair in different groups of the concept's own model gets the weakest affinity.

    That is e^−β, a difference of 1. The other model's groups are not used.
    """

    def __init__(self, own_groups: np.ndarray) -> None:
        self.groups = own_groups

    def distances(self, own, other, rows, columns):
        return own, other

    def weaken(self, difference: np.ndarray, rows, columns) -> None:
        difference[_apart(self.groups, rows, columns)] = 1.0


class PaperGuide:
    """The original's rule: in each model, pairs in different groups are 10 · max(r) apart."""

    def __init__(self, own_groups: np.ndarray, other_groups: np.ndarray, own_far: float, other_far: float) -> None:
        self.own, self.other = own_groups, other_groups
        self.own_far, self.other_far = np.float32(own_far), np.float32(other_far)

    def distances(self, own, other, rows, columns):
        return (
            np.where(_apart(self.own, rows, columns), self.own_far, own.astype(np.float32)),
            np.where(_apart(self.other, rows, columns), self.other_far, other.astype(np.float32)),
        )

    def weaken(self, difference: np.ndarray, rows, columns) -> None:
        """Nothing more: the distances carry it."""


def _apart(groups: np.ndarray, rows, columns) -> np.ndarray:
    """Which pairs lie in different groups, in the shape of the block at rows × columns."""
    first, second = groups[rows], groups[columns]
    return first[:, None] != second[None, :] if isinstance(rows, slice) else first != second


def make_guide(rule: str, own, other, own_groups: np.ndarray, other_groups: np.ndarray):
    """The Guide of one direction; own and other are its (symmetrised) Distances."""
    if rule == "own":
        return OwnGuide(own_groups)
    return PaperGuide(own_groups, other_groups, 10.0 * float(own.values.max()), 10.0 * float(other.values.max()))
