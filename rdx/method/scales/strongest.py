"""Groups of items with the largest gain in a matrix of weights.

The gain of a group S is Σ w(i, j) over its ordered pairs / |S|: for how many of its fellows an item is near in one
representation and far in the other. It is the density of S as densest-subgraph problems have it (Goldberg, 1984), here
with weights of either sign: an item raises it if its weights to S add up to more than half of it. `grow` lets a group
take in all such items and leave the others until nothing changes, from many starts side by side.
"""

from __future__ import annotations

import numpy as np

LEAST = 5  # items of a group
SAME = 0.5  # Jaccard index from which two groups are one
APART = 0.1  # share of the smaller group up to which two have no items in common
_EIGENVECTORS = 6  # starts: what lies at either end of each,
_NEAR_PEAK = 0.4  # at this share of its largest entries and more
_ITEMS = 24  # starts: items, drawn at random, with those that they hold most to
_ROUNDS = 40  # of growing; far more than are needed


def strongest_groups(weights: np.ndarray, random_state: int = 0) -> list[tuple[np.ndarray, float]]:
    """Groups (n,) bool that are local maxima of the gain in weights (n, n), with their gains, the largest first.

    weights: symmetric float32 with an empty diagonal. Of groups that share most of their items the strongest is kept.
    """
    if not weights.any():
        return []
    found: list[tuple[np.ndarray, float]] = []
    groups, gains = grow(weights, _starts(weights, random_state))
    for column in np.argsort(-gains, kind="stable"):
        group = groups[:, column]
        if gains[column] > 0 and group.sum() >= LEAST and all(_jaccard(group, other) < SAME for other, _ in found):
            found.append((group, float(gains[column])))
    return found


def grow(weights: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From starts (n, s) bool to groups (n, s) bool that no single item would make stronger, and gains (s,).

    All items are judged at once, and a step that would lower the gain is not made: each ends where it was best.
    """
    best = np.full(starts.shape[1], -np.inf)
    kept, current = starts.copy(), starts.astype(np.float32)
    live = np.arange(starts.shape[1])
    for _ in range(_ROUNDS):
        links = weights @ current  # (n, live): an item's weights to each group, added up
        gains = np.einsum("ij,ij->j", links, current) / np.maximum(current.sum(axis=0), 1)
        rising = gains > best[live] + 1e-6 * np.abs(gains)
        if not rising.any():
            break
        live, gains, current, links = live[rising], gains[rising], current[:, rising], links[:, rising]
        kept[:, live], best[live] = current > 0, gains
        current = (links > gains / 2).astype(np.float32)
    return kept, best


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
    grown, _ = grow(inside, np.column_stack([half, ~half]))
    size, shared = grown.sum(axis=0), int((grown[:, 0] & grown[:, 1]).sum())
    if size.min() < LEAST or shared > APART * size.min():
        return [group]
    found = []
    for column in range(2):
        part = np.zeros_like(group)
        part[members[grown[:, column]]] = True
        found += parts(weights, part)
    return found


def rests_on_few(weights: np.ndarray, group: np.ndarray) -> bool:
    """Whether a group's gain comes from a tenth of its items: one that has moved, among its old or new neighbours."""
    members = np.flatnonzero(group)
    links = weights[np.ix_(members, members)].sum(axis=1)
    without = group.copy()
    without[members[np.argsort(-links, kind="stable")[: -(-len(members) // 10)]]] = False
    return density(weights, without) < density(weights, group) / 2


def _starts(weights: np.ndarray, random_state: int) -> np.ndarray:
    """Where growing begins, (n, s) bool."""
    rng = np.random.default_rng(random_state)
    n = len(weights)
    ends = _leading_vectors(weights, min(_EIGENVECTORS, n - 2), rng)
    ends = np.column_stack([ends, -ends])
    peaks = np.sort(ends, axis=0)[-3:].mean(axis=0)
    rows = weights[rng.choice(n, min(n, _ITEMS), replace=False)]
    bound = np.maximum(np.partition(rows, -2 * LEAST, axis=1)[:, -2 * LEAST], 1e-6)
    return np.column_stack([ends > _NEAR_PEAK * peaks, (rows >= bound[:, None]).T])


def _leading_vectors(weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Eigenvectors (n, count) of the largest eigenvalues, roughly: they are starts."""
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    start = rng.standard_normal(len(weights)).astype(weights.dtype)
    try:
        return eigsh(weights, k=count, which="LA", v0=start, tol=1e-2)[1]
    except ArpackNoConvergence as error:
        return error.eigenvectors if error.eigenvectors.size else np.ones((len(weights), 1), weights.dtype)


def _leading_vector(matrix: np.ndarray) -> np.ndarray:
    from scipy.linalg import eigh

    return eigh(matrix.astype(np.float64), subset_by_index=(len(matrix) - 1, len(matrix) - 1))[1][:, 0]


def _jaccard(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / max(np.count_nonzero(one | other), 1)
