"""Which images show a concept: members that stand for the others, and among which the two models differ.

The nine members among which the models differ most can all be of one kind, and of nine that merely stand for the
others most can be neighbours in both models.
"""

from __future__ import annotations

import numpy as np

GAMMA = 1.0  # every pair counts between whose ranks a factor of 2 lies: few far pairs do not make up for near ones
_AMONG = 0.2  # how much the weights among those shown count, beside how well they stand for everyone


def representatives(weights: np.ndarray, ranks: np.ndarray, m: int) -> np.ndarray:
    """Positions (m,) of the items that show a group, in the order in which they are chosen; all c where c ≤ m.

    weights: (c, c) symmetric. ranks: (c, c), symmetrised, in the model that has the group. Every item is stood for by
    the one shown that is nearest to it, by exp(−place · m / c) of its place among the members; one after the other, the
    item is added that raises the mean of that most (the greedy way of facility location; Nemhauser, Wolsey and Fisher,
    1978), with its own mean weight to those shown.
    """
    count = len(weights)
    gain = weights.astype(np.float64)
    np.fill_diagonal(gain, 0.0)
    place = np.argsort(np.argsort(ranks, axis=1, kind="stable"), axis=1, kind="stable")
    stands = np.exp(-place * m / count)
    stands += stands.T
    stands /= 2
    covered, among, chosen = np.zeros(count), gain.mean(axis=1), []
    while len(chosen) < min(m, count):
        worth = np.maximum(stands, covered).mean(axis=1) + _AMONG * among
        worth[chosen] = -np.inf
        chosen.append(int(worth.argmax()))
        covered = np.maximum(covered, stands[chosen[-1]])
        among = gain[:, chosen].mean(axis=1)
    return np.array(chosen)
