"""Do the concepts show a difference that is known beforehand?

Where models were trained so that one merges labels which the other keeps apart (the MNIST modification
experiments), every concept can be held against that. A concept of the model that merges 3 with 5
should mix the two; a concept of the other one should hold one of them, nearly alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MIXED = 0.2  # least share of each of the two labels in a concept that mixes them
PURE = 0.8  # least share of one label in a concept that keeps it apart

Pairs = Sequence[Sequence[int]]


def shows_difference(labels: np.ndarray, merged_by_own: Pairs, merged_by_other: Pairs) -> bool:
    """Whether a concept shows what was planted, from the labels (c,) of its members.

    ``merged_by_own`` are the pairs of labels that the concept's own model merges and the other
    keeps apart; ``merged_by_other`` those that the other model merges.
    """
    values, counts = np.unique(labels, return_counts=True)
    share = dict(zip(values.tolist(), counts / max(1, len(labels)), strict=True))
    mixes = any(all(share.get(label, 0.0) >= MIXED for label in pair) for pair in merged_by_own)
    keeps_apart = any(share.get(label, 0.0) >= PURE for pair in merged_by_other for label in pair)
    return mixes or keeps_apart
