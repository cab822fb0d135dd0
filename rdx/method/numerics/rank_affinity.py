"""The affinity of the locally biased difference of ranks, in one pass over them.

exp(−β tanh(γ (r_A − r_B) / (min(r_A, r_B) + unit))): what difference.py says step by step, four times as
fast, because nothing is written in between and the loops fill the vector registers. tanh x is
(e²ˣ − 1) / (e²ˣ + 1); the exponential is reduced by a power of two, which is put together from its bits,
and a polynomial (Cephes' expf). The result is off by a few units of float32's last place, as NumPy's is.
"""

from __future__ import annotations

import numba
import numpy as np

STRIP = 1024
_LOG2E = np.float32(1.44269504)
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_HALF, _ONE = np.float32(0.5), np.float32(1.0)
_LARGEST = np.float32(9.0)  # tanh is 1 in float32 from here on
_EXPONENT = np.float32(86.0)  # e to it is a normal number
_compiled = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp"})


def rank_affinity(
    own: np.ndarray, other: np.ndarray, gamma: float, beta: float, unit: float = 1.0, out: np.ndarray | None = None
) -> np.ndarray:
    """Affinities (…) float32 of two arrays of ranks of one shape; ``unit`` as in ``difference.locally_biased``.

    out: contiguous, of the same shape, where it is given.
    """
    affinity = np.empty(own.shape, np.float32) if out is None else out
    _fill(
        np.ascontiguousarray(own).ravel(), np.ascontiguousarray(other).ravel(), np.float32(gamma), np.float32(-beta),
        np.float32(unit), affinity.reshape(-1),
    )  # fmt: skip
    return affinity


def summed_difference(own: np.ndarray, other: np.ndarray, items: np.ndarray, gamma: float, unit: float = 1.0) -> float:
    """The difference of ranks (n, n), summed over all ordered pairs of some items (c,).

    Where ``unit`` is 2, ranks are symmetric and each pair is computed once.
    """
    return _sum(own, other, items, np.float32(gamma), np.float32(unit), unit == 2.0)


@_compiled
def _fill(own, other, gamma, minus_beta, unit, out):
    power = np.empty(STRIP, np.float32)
    bits = power.view(np.int32)
    for begin in range(0, len(out), STRIP):
        count = min(STRIP, len(out) - begin)
        strip = out[begin : begin + count]
        _double_quotients(own[begin : begin + count], other[begin : begin + count], gamma, unit, strip)
        exponential(strip, power, bits, count)
        for j in range(count):
            y = minus_beta * ((strip[j] - _ONE) / (strip[j] + _ONE))
            strip[j] = min(max(y, -_EXPONENT), _EXPONENT)
        exponential(strip, power, bits, count)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp", "reassoc"})
def _sum(own, other, items, gamma, unit, symmetric):
    count = len(items)
    mine, theirs = np.empty(count, own.dtype), np.empty(count, other.dtype)
    strip, power = np.empty(count, np.float32), np.empty(count, np.float32)
    bits = power.view(np.int32)
    total = 0.0
    for at in range(count):
        of_own, of_other = own[items[at]], other[items[at]]
        left = at if symmetric else count
        for k in range(left):
            mine[k], theirs[k] = of_own[items[k]], of_other[items[k]]
        _double_quotients(mine[:left], theirs[:left], gamma, unit, strip)
        exponential(strip, power, bits, left)
        for k in range(left):
            total += np.float64((strip[k] - _ONE) / (strip[k] + _ONE))
    return 2.0 * total if symmetric else total


@_compiled
def _double_quotients(own, other, gamma, unit, strip):
    """strip (m,): twice what the hyperbolic tangent is taken of, as far as that makes a difference."""
    for j in range(len(own)):
        a, b = np.float32(own[j]), np.float32(other[j])
        x = gamma * (a - b) / (min(a, b) + unit)
        strip[j] = np.float32(2.0) * min(max(x, -_LARGEST), _LARGEST)


@_compiled
def exponential(strip, power, bits, count):
    """strip ← e^strip, in place; ``bits`` are those of ``power``, which is scratch."""
    for j in range(count):
        bits[j] = (np.int32(np.floor(strip[j] * _LOG2E + _HALF)) + np.int32(127)) << np.int32(23)
    for j in range(count):
        z = strip[j]
        n = np.floor(z * _LOG2E + _HALF)
        r = z - n * _LN2_HIGH - n * _LN2_LOW
        p = np.float32(1.9875691500e-4)
        p = p * r + np.float32(1.3981999507e-3)
        p = p * r + np.float32(8.3334519073e-3)
        p = p * r + np.float32(4.1665795894e-2)
        p = p * r + np.float32(1.6666665459e-1)
        p = p * r + np.float32(5.0000001201e-1)
        strip[j] = (p * r * r + r + _ONE) * power[j]
