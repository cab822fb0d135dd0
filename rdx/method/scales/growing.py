"""How groups grow: every item that raises a group's gain joins it, every other one leaves, until nothing changes.

All items are judged at once, and a step that would lower the gain is not made: each group ends where it was best. From
step to step few items change sides, so what all items add up to is kept and corrected by their rows of the weights.
Arrays are filled entry by entry: Numba takes seconds to compile the assignment of one to another.
"""

from __future__ import annotations

import numba
import numpy as np

_ROUNDS = 40  # of growing; far more than are needed
_compiled = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp", "reassoc"})


def grow(weights: np.ndarray, starts: np.ndarray, sign: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """From starts (s, n) bool to groups (s, n) bool that no single item would make stronger, and gains (s,).

    weights: symmetric (n, n) float32, which count times ``sign``, 1 or −1.
    """
    return _grow(np.ascontiguousarray(weights), np.ascontiguousarray(starts), np.float32(sign))


@_compiled
def _grow(weights, starts, sign):
    count, n = starts.shape
    kept, best = starts.copy(), np.full(count, -np.inf)
    links = np.empty(n, np.float32)  # an item's weights to the group, added up
    turned = np.empty(n, np.int64)  # items that join or leave,
    steps = np.empty(n, np.float32)  # and the sign with which their weights count
    for number in range(count):
        inside, wanted = np.zeros(n, np.bool_), starts[number].copy()
        links[:] = np.float32(0.0)
        for _ in range(_ROUNDS):
            size = changes = 0
            for i in range(n):
                size += wanted[i]
                if wanted[i] != inside[i]:
                    turned[changes], steps[changes] = i, sign if wanted[i] else -sign
                    changes += 1
            if changes > size:  # from nothing is shorter
                links[:] = np.float32(0.0)
                changes = 0
                for i in range(n):
                    if wanted[i]:
                        turned[changes], steps[changes] = i, sign
                        changes += 1
            _add_rows(weights, turned[:changes], steps, links)
            total = 0.0
            for i in range(n):
                inside[i] = wanted[i]
                total += np.float64(links[i]) if inside[i] else 0.0
            gain = total / max(size, 1)
            if not gain > best[number] + 1e-6 * abs(gain):
                break
            best[number] = gain
            for i in range(n):
                kept[number, i] = inside[i]
                wanted[i] = links[i] > np.float32(gain / 2)
    return kept, best


@_compiled
def _add_rows(weights, rows, steps, total):
    """total (n,) ← total + Σ steps · rows of the weights, four rows at a time: it is read and written less often."""
    n, whole = len(total), len(rows) // 4 * 4
    for k in range(0, whole, 4):
        a, b, c, d = weights[rows[k]], weights[rows[k + 1]], weights[rows[k + 2]], weights[rows[k + 3]]
        p, q, r, s = steps[k], steps[k + 1], steps[k + 2], steps[k + 3]
        for j in range(n):
            total[j] += (p * a[j] + q * b[j]) + (r * c[j] + s * d[j])
    for k in range(whole, len(rows)):
        a, p = weights[rows[k]], steps[k]
        for j in range(n):
            total[j] += p * a[j]
