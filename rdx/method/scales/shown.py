"""Which images show a concept: the members among which the two models differ most, together.

Of nine members that are merely neighbours in one model, most can be neighbours in the other as well.
"""

from __future__ import annotations

import numpy as np

GAMMA = 1.0  # every pair counts between whose ranks a factor of 2 lies: few far pairs do not make up for near ones


def densest(weights: np.ndarray, m: int) -> np.ndarray:
    """Positions (m,) of the items with the largest sum of weights among themselves, largest share first.

    weights: (c, c) symmetric. From each item on, the one with the largest sum to those chosen is added; the best of
    these sets counts. All c items where there are no more than m.
    """
    gain = weights.astype(np.float64)
    np.fill_diagonal(gain, 0.0)
    everyone = np.arange(len(gain))
    chosen, total = everyone[:, None], gain.copy()
    total[everyone, everyone] = -np.inf
    for _ in range(min(m, len(gain)) - 1):
        best = total.argmax(axis=1)
        chosen = np.column_stack([chosen, best])
        total += gain[best]
        total[everyone, best] = -np.inf
    sums = gain[chosen[:, :, None], chosen[:, None, :]].sum(axis=(1, 2))
    best = np.sort(chosen[np.argmax(sums)])  # several starts lead to it
    return best[np.argsort(-gain[np.ix_(best, best)].sum(axis=1), kind="stable")]
