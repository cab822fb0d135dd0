"""Debiased linear CKA: how alike two representations are up to rotation and scale.

With K = X Xᵀ and L = Y Yᵀ, diagonals set to zero, and K̃, L̃ their U-centred forms
(K̃_ij = K_ij − c_i − c_j off the diagonal, 0 on it, so that every row sums to 0),

    HSIC(X, Y) = Σ K̃ ∘ L̃ = tr(K L) + (1ᵀK1)(1ᵀL1) / ((n − 1)(n − 2)) − 2 · 1ᵀK L 1 / (n − 2)
    CKA(X, Y)  = HSIC(X, Y) / √(HSIC(X, X) · HSIC(Y, Y))

(Székely and Rizzo, 2014; Song et al., 2012). U-centring removes whatever shifting X adds to K off the
diagonal, so X and Y may be centred first. Then K 1 = −k with k_i = ‖x_i‖², and L 1 = −l, and

    HSIC(X, Y) = S − k·l · n / (n − 2) + Σk · Σl / ((n − 1)(n − 2))

where S = ‖XᵀY‖²_F costs O(n d_x d_y) and S = Σ (X Xᵀ) ∘ (Y Yᵀ) costs O(n² d): the cheaper one is taken.
"""

from __future__ import annotations

import math

import numpy as np

from rdx.errors import InputError
from rdx.method.neighborhoods import as_array, largest_exponent


def debiased_cka(x, y):
    """Debiased linear CKA of x (n, d_x) and y (n, d_y), n ≥ 4; at most 1, about 0 when unrelated.

    Two torch tensors give a tensor that carries gradients, in their own precision; anything else
    gives a float, computed in float64. NaN where all items of one are equally far apart, as CKA is
    then undefined. Raises InputError for different or too small n, NaN, infinity or a constant input.
    """
    differentiable = hasattr(x, "requires_grad") and hasattr(y, "requires_grad")
    if not differentiable:
        x, y = (_in_range(as_array(values, name)) for values, name in ((x, "X"), (y, "Y")))
    if len(x) != len(y):
        raise InputError(f"CKA compares the same items: X has {len(x)}, Y has {len(y)}")
    if len(x) < 4:
        raise InputError(f"debiased CKA needs at least 4 items, got {len(x)}")
    x, y = _normalized(x), _normalized(y)
    if _items_cheaper(len(x), x.shape[1], y.shape[1]):
        own, other = x @ x.T, y @ y.T
        sums = (own * own).sum(), (own * other).sum(), (other * other).sum()
    else:
        sums = (((u.T @ v) ** 2).sum() for u, v in ((x, x), (x, y), (y, y)))
    xx, xy, yy = (_hsic(*pair) for pair in zip(sums, (x, x, y), (x, y, y), strict=True))
    if differentiable:
        return xy / (xx * yy) ** 0.5
    if _vanishes(xx, x) or _vanishes(yy, y):
        return math.nan
    return float(xy / math.sqrt(xx * yy))


def _in_range(x: np.ndarray) -> np.ndarray:
    """x in float64, scaled by a power of two, so that not even sums of the largest values overflow."""
    return np.ldexp(x.astype(np.float64), -largest_exponent(x))


def _normalized(x):
    """Centred, and scaled so that fourth powers stay in range; CKA depends on neither."""
    x = x - x.mean(axis=0)
    return x / abs(x).max()


def _items_cheaper(n: int, d_x: int, d_y: int) -> bool:
    """Whether n × n products cost less than d × d ones; never so where n is much larger than d."""
    return n * (d_x + d_y + 3) < d_x * d_x + d_y * d_y + d_x * d_y


def _hsic(products, x, y):
    """Σ K̃ ∘ L̃ of centred x (n, d_x) and y (n, d_y), whose S is ``products``."""
    n = len(x)
    k, l = (x * x).sum(axis=1), (y * y).sum(axis=1)  # noqa: E741  (n,) the diagonals of X Xᵀ and Y Yᵀ
    return products - (k * l).sum() * (n / (n - 2)) + k.sum() * l.sum() / ((n - 1) * (n - 2))


def _vanishes(hsic: float, x) -> bool:
    """Whether HSIC(X, X) is nothing but rounding: it is a difference of terms of size n · Σ‖x_i‖⁴."""
    squares = (x * x).sum(axis=1)
    return hsic <= 1e-13 * len(x) * float((squares * squares).sum())
