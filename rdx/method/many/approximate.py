"""RDX on more items than anyone compares pair by pair: the sparse graph from samples of columns.

Ranks are estimates, read off each item's profile (rank_profiles); ``rank_errors`` says how good they are. Pairs are
chosen as on the exact path, among the columns of the sample only, and count for those that were not looked at.

Time grows with n · columns, memory with the kept pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np

from rdx.compute.threads import map_ordered
from rdx.method.many import pair_choice, rank_profiles
from rdx.method.many.pair_choice import NEAR, PairChoice, choose_pairs
from rdx.method.many.pair_sample import Gathered, make_choice
from rdx.method.many.rank_profiles import Profile, columns_of, squared_to_columns, tiles
from rdx.method.neighborhoods import Points, rank_rows
from rdx.method.numerics.rank_affinity import rank_affinity

CHECKED_ROWS = 64  # whose ranks are held against the exact ones
CHECKED_PAIRS = 2000  # of each of them, beside the near ones


@dataclass(frozen=True)
class Comparison:
    """Two representations with their profiles, and how their pairs are chosen and weighed."""

    a: Points
    b: Points
    profile_a: Profile
    profile_b: Profile
    choice: PairChoice
    gamma: float
    beta: float
    both_ways: bool  # symmetrise ranks
    both_directions: bool  # T of (a, b) and of (b, a), else of (a, b) alone

    @property
    def share(self) -> float:
        """Of all columns, those that a row is compared with."""
        return min(1.0, rank_profiles.COLUMNS / self.choice.n)


def prepare_comparison(
    a: Points, b: Points, profiles: tuple[Profile, Profile], *, pairs_per_item: float, gamma: float, beta: float,
    both_ways: bool, both_directions: bool, seed: int,
) -> Comparison:  # fmt: skip
    """Fits the chances, so that as many pairs are kept although a row is compared with a share of the columns only."""
    columns = min(len(a), rank_profiles.COLUMNS)
    choice = make_choice(
        a, b, pairs_per_item=pairs_per_item * len(a) / columns, gamma=gamma, beta=beta,
        both_directions=both_directions, seed=seed, sample=columns,
    )  # fmt: skip
    return Comparison(a, b, *profiles, choice, gamma, beta, both_ways, both_directions)


def approximate_pairs(
    made: Comparison, spread: Callable = map_ordered
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The kept pairs: starts (n + 1,), items (p,), and T (p,) float32 of each direction asked for."""
    n = made.choice.n
    names = [f"values_{number}" for number in range(1 + made.both_directions)]
    gathered = Gathered({"items": np.int32, **dict.fromkeys(names, np.float32)},
                        n * (made.choice.expected * made.share + 2 * NEAR))  # fmt: skip
    counts = np.empty(n, np.int64)

    for rows, part in zip(tiles(n), spread(_pairs_of, tiles(n), (made,)), strict=True):
        counts[rows] = part.counts
        gathered.append({"items": part.items, **dict(zip(names, part.values, strict=True))})
    found = gathered.arrays()
    starts = np.concatenate([[0], np.cumsum(counts)])
    return starts, found["items"], [found[name] for name in names]


@dataclass(frozen=True)
class Part:
    """The pairs of some rows (t,): how many each has, and their items and T (p,), row by row."""

    counts: np.ndarray
    items: np.ndarray
    values: list[np.ndarray]


def _pairs_of(own: np.ndarray, made: Comparison) -> Part:
    """The near pairs of a tile's rows, and those chosen among its columns."""
    columns = columns_of(own, made.choice.n, made.choice.seed)
    squared = [
        squared_to_columns(points, own, columns, side) for side, points in enumerate((made.a, made.b))
    ]
    profiles, choice = (made.profile_a, made.profile_b), made.choice
    row, item, chance = _chosen(choice, own, columns, squared, profiles, made.share)
    here = [each[row, item] for each in squared]
    item = columns[item]
    known = np.concatenate([profile.near[own] for profile in profiles], axis=1)
    fresh = ~(known[row] == item[:, None]).any(axis=1)
    near_row, near_item = _distinct(known)
    beside = [_pair_squared(points, own[near_row], near_item) for points in (made.a, made.b)]
    row = np.concatenate([near_row, row[fresh]])
    item = np.concatenate([near_item, item[fresh]])
    squared = [np.concatenate([n, e[fresh]]) for n, e in zip(beside, here, strict=True)]
    chance = np.concatenate([np.ones(len(near_row), np.float32), chance[fresh]])
    order = np.argsort(row, kind="stable")
    row, item, chance = row[order], item[order], chance[order]
    values = _excess(made, own[row], item, [each[order] for each in squared], chance)
    return Part(np.bincount(row, minlength=len(own)), item, values)


def _chosen(choice: PairChoice, own, columns, squared, profiles, share) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and chance of the pairs chosen among the columns."""
    bounds = [profile.bounds[own].astype(np.float64) for profile in profiles]
    where = np.searchsorted(columns, own)
    mine = np.where(columns[np.minimum(where, len(columns) - 1)] == own, where, -1)
    starts, near = np.empty(len(own) + 1, np.int64), np.empty((2, len(own), 0), np.int32)
    capacity = int(len(own) * 2 * (choice.expected * share + 1)) + 4 * pair_choice.STRIP
    while True:
        items, chances = np.empty(capacity, np.int32), np.empty(capacity, np.float32)
        if choose_pairs(*squared, own, mine, *bounds, choice.thresholds, choice.seed, near, items, chances, starts):
            break
        capacity *= 2
    row = np.repeat(np.arange(len(own)), np.diff(starts))
    return row, items[: starts[-1]], chances[: starts[-1]] * np.float32(share)


def _distinct(known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and item of the near items (t, k) of either representation, each once."""
    rows = np.repeat(np.arange(len(known)), known.shape[1])
    pairs = np.unique(np.stack([rows, known.ravel()], axis=1)[known.ravel() >= 0], axis=0)
    return pairs[:, 0], pairs[:, 1].astype(np.int32)


def _pair_squared(points: Points, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squared distances (p,) of pairs."""
    offset = points.grid[first] - points.grid[second]
    return np.einsum("ij,ij->i", offset, offset)


def _excess(made: Comparison, row, item, squared, chance) -> list[np.ndarray]:
    """T of pairs (p,), by direction; see ``sparse_graph.excess``."""
    profiles = made.profile_a, made.profile_b
    ranks = [profile.ranks(row, each) for profile, each in zip(profiles, squared, strict=True)]
    counts, unit = 1.0 / chance, 1.0
    if made.both_ways:
        unit = 2.0
        ranks = [r + profile.ranks(item, each) for r, profile, each in zip(ranks, profiles, squared, strict=True)]
        counts = 2.0 / (chance + _chances_back(made, row, item, squared))
    pairs = [ranks, ranks[::-1]] if made.both_directions else [ranks]
    return [(rank_affinity(*pair, made.gamma, made.beta, unit) - 1) * counts for pair in pairs]


def _chances_back(made: Comparison, row, item, squared) -> np.ndarray:
    """The chance (p,) with which the pair would have been chosen from its other end."""
    chances = np.empty(len(row), np.float32)
    _look_up_chances(
        made.profile_a.bounds, made.profile_b.bounds, made.profile_a.near, made.profile_b.near, item, row, *squared,
        made.choice.chances, np.float32(made.share), chances,
    )  # fmt: skip
    return chances


def rank_errors(made: Comparison) -> dict[str, float]:
    """Median and 90th percentile of |log2| of estimated over exact rank (both plus 1), on a sample of pairs."""
    n = made.choice.n
    rows = np.sort(np.random.default_rng(made.choice.seed).choice(n, min(n, CHECKED_ROWS), replace=False))
    errors = []
    for points, profile in ((made.a, made.profile_a), (made.b, made.profile_b)):
        for row in rows:
            others = np.random.default_rng(int(row)).choice(n, min(n, CHECKED_PAIRS), replace=False)
            others = np.concatenate([others, profile.near[row][profile.near[row] >= 0]])
            exact = rank_rows(points, [row])[0, others].astype(np.float64)
            squared = _pair_squared(points, np.full(len(others), row), others)
            estimated = profile.ranks(np.full(len(others), row), squared).astype(np.float64)
            errors.append(np.abs(np.log2((estimated + 1) / (exact + 1))))
    errors = np.concatenate(errors)
    return {"median": float(np.median(errors)), "90th percentile": float(np.quantile(errors, 0.9))}


@numba.njit(nogil=True, cache=True)
def _look_up_chances(bounds_a, bounds_b, near_a, near_b, rows, items, squared_a, squared_b, table, share, chances):
    """The chances with which ``rows`` (p,) would have chosen ``items`` (p,)."""
    for p in range(len(rows)):
        i, j = rows[p], items[p]
        a = pair_choice._class_of(np.float32(squared_a[p]), bounds_a[i])
        b = pair_choice._class_of(np.float32(squared_b[p]), bounds_b[i])
        chances[p] = table[a, b] * share
        for k in range(near_a.shape[1]):
            if near_a[i, k] == j or near_b[i, k] == j:
                chances[p] = 1.0
