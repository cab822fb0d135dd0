"""Noise that changes a representation's neighbourhoods by a given amount, evenly: a difference without structure."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from rdx.method.neighborhoods import as_points, largest_exponent, neighborhood_ranks

LEVELS = (-20.0, 6.0)  # log2 of the range of levels, in units of a representation's spread
_SHARED = 6.0  # correlation of noise with features that chance does not bring, times the root of their entries
TOLERANCE = 0.01  # of log2 of the level: 0.7 %


def rank_change(first: np.ndarray, second: np.ndarray) -> float:
    """How far ranks lie apart, in octaves: the mean of |log2((r + 1) / (r' + 1))| over all pairs of items.

    first, second (n, n): ranks in two representations. Like the difference, it goes by the ratio of
    ranks, so that neighbours count as much as the many pairs that are far apart in both.
    """
    change = np.log2(first.astype(np.float32) + 1)
    change -= np.log2(second.astype(np.float32) + 1)
    n = len(change)
    return float(np.abs(change, out=change).sum(dtype=np.float64)) / (n * (n - 1))


def spread(features: np.ndarray) -> float:
    """Root mean square of the centred features: noise of level 1 is as large as the representation itself."""
    exponent = largest_exponent(features)  # squares of huge or denormal features leave float64's range
    scaled = np.ldexp(features.astype(np.float64), -exponent)
    return math.ldexp(float(np.sqrt(scaled.var(axis=0).mean())), exponent)


def with_noise(features: np.ndarray, level: float, rng: np.random.Generator) -> np.ndarray:
    """features (n, d) plus isotropic normal noise of ``level`` times their spread, float64."""
    return features + level * spread(features) * rng.standard_normal(features.shape)


def noise_level(features: np.ndarray, target: float, random_state: int = 0) -> float:
    """The level at which ``with_noise`` changes the ranks of features (n, d) by ``target`` octaves.

    Root finding with the same noise at every level. A target beyond what noise can do, such as ranks
    turned round, gets the highest level, where nothing of the representation is left.
    """

    noise = _independent(features, random_state) * spread(features)
    before = neighborhood_ranks(as_points(features), threads=1)

    def excess(log_level: float) -> float:
        return rank_change(before, neighborhood_ranks(as_points(features + 2.0**log_level * noise), threads=1)) - target

    low, high = LEVELS
    if target <= 0 or excess(low) >= 0:
        return 0.0 if target <= 0 else 2.0**low
    if excess(high) <= 0:
        return 2.0**high
    return 2.0 ** brentq(excess, low, high, xtol=TOLERANCE)


def _independent(features: np.ndarray, random_state: int) -> np.ndarray:
    """Normal noise (n, d) that is not the features themselves, as it would be of ones made with the same seed."""
    exponent = largest_exponent(features)
    centred = np.ldexp(features.astype(np.float64), -exponent)
    centred -= centred.mean(axis=0)
    for attempt in range(3):
        seed = [random_state, attempt] if attempt else random_state
        noise = np.random.default_rng(seed).standard_normal(centred.shape)
        shared = abs(float((centred * noise).sum())) / math.sqrt(float((centred**2).sum() * (noise**2).sum()))
        if shared < _SHARED / math.sqrt(noise.size):
            break
    return noise
