"""Groups of items with the largest gain in a matrix of weights.

The gain of a group S is Σ w(i, j) over its ordered pairs / |S|: for how many of its fellows an item is near in one
representation and far in the other. It is the density of S as densest-subgraph problems have it (Goldberg, 1984), here
with weights of either sign: an item raises it if its weights to S add up to more than half of it. `grow` lets a group
take in all such items and leave the others until nothing changes, from many starts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rdx.method.numerics.eigenpairs import largest_eigenpairs
from rdx.method.scales.growing import grow
from rdx.method.scales.spectrum import both_ends

LEAST = 5  # items of a group
SAME = 0.5  # Jaccard index from which two groups are one
APART = 0.1  # share of the smaller group up to which two have no items in common
_EIGENVECTORS = 6  # starts: what lies at either end of each,
_NEAR_PEAK = 0.4  # at this share of its largest entries and more
_ITEMS = 24  # starts: items, drawn at random, with those that they hold most to
_ROUGHLY = 1e-2  # how near to their limits eigenvalues are: their vectors are starts

Found = tuple[np.ndarray, float]  # a group (n,) bool and its gain


def strongest_groups(weights: np.ndarray, random_state: int = 0, most: int | None = None) -> list[Found]:
    """Groups (n,) bool that are local maxima of the gain in weights (n, n), with their gains, the largest first.

    weights: symmetric float32 with an empty diagonal. Of groups that share most of their items the strongest is kept.
    most: how many are returned, all where it is None.
    """
    return _strongest(weights, (1.0,), random_state, most)[0]


def strongest_of_both(weights: np.ndarray, random_state: int = 0, most: int | None = None) -> list[list[Found]]:
    """The same of weights and of their negatives, whose eigenvectors are found together."""
    return _strongest(weights, (1.0, -1.0), random_state, most)


def _strongest(weights: np.ndarray, signs: Sequence[float], random_state: int, most: int | None) -> list[list[Found]]:
    """The groups of weights and, for a sign of −1, of their negatives."""
    if not weights.any():
        return [[] for _ in signs]
    n = len(weights)
    rng = np.random.default_rng(random_state)
    ends = both_ends(weights, min(_EIGENVECTORS, n - 2), rng.standard_normal(n), _ROUGHLY)
    items = rng.choice(n, min(n, _ITEMS), replace=False)
    rows = weights[items]
    starts = [np.vstack([_peaks(end), _fellows(sign * rows)]) for sign, end in zip(signs, ends, strict=False)]
    return [_apart(*grow(weights, start, sign), most) for sign, start in zip(signs, starts, strict=True)]


def _peaks(vectors: np.ndarray) -> np.ndarray:
    """What lies at either end of vectors (e, n), (2 e, n) bool."""
    ends = np.vstack([vectors, -vectors])
    peaks = np.sort(np.partition(ends, -3, axis=1)[:, -3:], axis=1).mean(axis=1)
    return ends > _NEAR_PEAK * peaks[:, None]


def _fellows(rows: np.ndarray) -> np.ndarray:
    """Whom items hold most to, of their rows of the weights (s, n), (s, n) bool."""
    bound = np.maximum(np.partition(rows, -2 * LEAST, axis=1)[:, -2 * LEAST], 1e-6)
    return rows >= bound[:, None]


def _apart(groups: np.ndarray, gains: np.ndarray, most: int | None) -> list[Found]:
    """Of groups (s, n) with gains (s,), those that are large enough and like none that is stronger."""
    size = groups.sum(axis=1)
    kept: list[int] = []
    for number in np.argsort(-gains, kind="stable"):
        if not gains[number] > 0 or size[number] < LEAST:
            continue
        shared = (groups[kept] & groups[number]).sum(axis=1)
        if (shared < SAME * (size[kept] + size[number] - shared)).all():  # the Jaccard index
            kept.append(number)
            if len(kept) == most:
                break
    return [(groups[number], float(gains[number])) for number in kept]


def gain(weights: np.ndarray, group: np.ndarray) -> float:
    """The gain of a group (n,) bool; 0 for none."""
    members = np.flatnonzero(group)
    return float(weights[np.ix_(members, members)].sum(dtype=np.float64)) / max(len(members), 1)


def density(weights: np.ndarray, group: np.ndarray) -> float:
    """The mean weight over a group's ordered pairs of different items; 0 for fewer than three items."""
    size = int(group.sum())
    return gain(weights, group) / (size - 1) if size > 2 else 0.0


def parts(weights: np.ndarray, group: np.ndarray) -> list[np.ndarray]:
    """The groups (n,) bool that a group falls into: those that, begun in its halves, grow without meeting."""
    members = np.flatnonzero(group)
    if len(members) < 2 * LEAST:
        return [group]
    inside = weights[np.ix_(members, members)]
    half = _leading_vector(inside - inside.mean()) > 0
    grown, _ = grow(inside, np.stack([half, ~half]))
    size, shared = grown.sum(axis=1), int((grown[0] & grown[1]).sum())
    if size.min() < LEAST or shared > APART * size.min():
        return [group]
    found = []
    for side in grown:
        part = np.zeros_like(group)
        part[members[side]] = True
        found += parts(weights, part)
    return found


def rests_on_few(weights: np.ndarray, group: np.ndarray) -> bool:
    """Whether a group's gain comes from a tenth of its items: one that has moved, among its old or new neighbours."""
    members = np.flatnonzero(group)
    links = weights[np.ix_(members, members)].sum(axis=1)
    without = group.copy()
    without[members[np.argsort(-links, kind="stable")[: -(-len(members) // 10)]]] = False
    return density(weights, without) < density(weights, group) / 2


def _leading_vector(matrix: np.ndarray) -> np.ndarray:
    return largest_eigenpairs(matrix.astype(np.float64), 1)[1][:, 0]
