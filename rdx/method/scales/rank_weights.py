"""Minus the locally biased difference of symmetrised ranks, in one pass over half of them.

tanh( γ (r_B − r_A) / (min(r_A, r_B) + 1) ), what difference.py says step by step, several times as fast: the pairs
(i, j) and (j, i) are computed once, and nothing is written in between. tanh x is (e²ˣ − 1) / (e²ˣ + 1), and where it is
small a polynomial (Cephes' tanhf), since that difference would lose its digits.
"""

from __future__ import annotations

import numba
import numpy as np

from rdx.method.numerics.rank_affinity import exponential

_ROWS = 16  # of a block: the mirrored entries are written in runs of as many
_ONE, _TWO, _LARGEST = np.float32(1.0), np.float32(2.0), np.float32(9.0)  # tanh is 1 in float32 from there on
_SMALL = np.float32(0.625)


def rank_weights(own: np.ndarray, other: np.ndarray, gamma: float) -> np.ndarray:
    """The weights (n, n) float32 of r + rᵀ (n, n) in the own and the other model; 0 on the diagonal."""
    weights = np.empty(own.shape, np.float32)
    _fill(own, other, np.float32(gamma), weights)
    return weights


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp"})
def _fill(own, other, gamma, weights):
    n = len(own)
    quotient, power = np.empty(n, np.float32), np.empty(n, np.float32)
    bits = power.view(np.int32)
    for begin in range(0, n, _ROWS):
        end = min(begin + _ROWS, n)
        for i in range(begin, end):
            count = n - begin
            mine, theirs, strip = own[i, begin:], other[i, begin:], weights[i, begin:]
            for j in range(count):
                a, b = np.float32(mine[j]), np.float32(theirs[j])
                x = gamma * (b - a) / (min(a, b) + _TWO)
                quotient[j] = x
                strip[j] = _TWO * min(max(x, -_LARGEST), _LARGEST)
            exponential(strip, power, bits, count)
            for j in range(count):
                x = quotient[j]
                z = x * x
                p = np.float32(-5.70498872745e-3)
                p = p * z + np.float32(2.06390887954e-2)
                p = p * z - np.float32(5.37397155531e-2)
                p = p * z + np.float32(1.33314422036e-1)
                p = p * z - np.float32(3.33332819422e-1)
                near = p * z * x + x
                far = _ONE - _TWO / (strip[j] + _ONE)
                strip[j] = near if abs(x) < _SMALL else far
            weights[i, i] = 0.0
        for j in range(end, n):  # after a whole block: the last one, which may be none, has nothing below it
            mirrored = weights[j, begin:end]
            for i in range(_ROWS):
                mirrored[i] = weights[begin + i, j]
