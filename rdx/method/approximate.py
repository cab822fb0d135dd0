"""RDX on more items than anyone compares pair by pair: the sparse graph from samples of columns.

Each item has a profile of its distances in either representation: its nearest items, found in the
nearest cells of a k-means partition (an inverted file, as large-scale nearest-neighbour search has it),
and the distances at which the rank classes of a sample of columns end. The rank of any distance is read
off the profile, straight between its points on logarithmic scales. So ranks are estimates, good where a
class holds many sampled columns; ``rank_errors`` says how good. Pairs are chosen as on the exact path,
among the columns of the sample only, and count for those that were not looked at.

Time grows with n · columns, memory with the kept pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from rdx.method import pair_choice
from rdx.method.neighborhoods import Points, squared_distances
from rdx.method.pair_choice import CLASSES, NEAR, PairChoice, choose_pairs, rank_classes
from rdx.method.pair_sample import Gathered, gather_in_order, make_choice
from rdx.method.pair_tiles import tile
from rdx.method.rank_affinity import rank_affinity
from rdx.method.tiles import for_each_tile

COLUMNS = 8192  # that a row is compared with
TILE_ROWS = 64  # rows that share their columns
KNOTS = 96  # of a profile: a tenth of a rank apart, so that gaps between groups of items stay sharp
CELL_ITEMS = 1000  # of a cell, on average
CANDIDATES = 4000  # items of the nearest cells among which the nearest are sought
CHECKED_ROWS = 64  # whose ranks are held against the exact ones
CHECKED_PAIRS = 2000  # of each of them, beside the near ones


@dataclass(frozen=True)
class Profile:
    """What is known of every item's distances in one representation, squared, in grid steps."""

    near: np.ndarray  # (n, k) int32: the nearest items found, nearest first
    near_squared: np.ndarray  # (n, k) float32
    bounds: np.ndarray  # (n, CLASSES − 1) float32: where the rank classes end, infinite where there is none
    knots: np.ndarray  # (n, q) float32: where the rank is known from the sample, ascending
    log_ranks: np.ndarray  # (q,) float32: log2 of the ranks there

    def ranks(self, rows: np.ndarray, squared: np.ndarray) -> np.ndarray:
        """The estimated rank of a squared distance (p,) as seen from its row (p,), float32."""
        found = np.empty(len(rows), np.float32)
        _read_ranks(self.near_squared, self.knots, self.log_ranks, rows, squared, found)
        return found


def tiles(n: int) -> list[np.ndarray]:
    """The items of each tile of rows."""
    return [np.arange(start, min(start + TILE_ROWS, n)) for start in range(0, n, TILE_ROWS)]


def columns_of(tile_rows: np.ndarray, n: int, seed: int) -> np.ndarray:
    """The columns (c,) that a tile is compared with, ascending, drawn for it alone.

    Rows that share their columns share the error of that draw, and so do columns that are drawn together.
    Seen as a matrix, what the draw leaves out has a norm of (√rows + 1) / √columns relative to all: a tenth
    here, no more than the chance of the pairs themselves; a few large blocks would make clusters of their own.
    """
    rng = np.random.default_rng([seed, int(tile_rows[0])])
    return np.sort(rng.choice(n, min(n, COLUMNS), replace=False, shuffle=False)).astype(np.int32)


def squared_to_columns(points: Points, rows: np.ndarray, columns: np.ndarray, side: int) -> np.ndarray:
    """Squared distances (t, c) of some items to the columns, in this thread's tile."""
    return squared_distances(points, rows, columns, out=tile(side, len(rows), len(columns)))


def make_profile(points: Points, seed: int, threads: int | None = None) -> Profile:
    """One representation's profile of every item."""
    n = len(points)
    columns = min(n, COLUMNS)
    positions, _ = rank_classes(n, columns)
    known = np.unique(np.geomspace(1, columns - 1, KNOTS).astype(np.int64))
    log_ranks = np.log2((known + 1.0) * (n / (columns + 1.0))).astype(np.float32)
    knots = np.empty((n, len(known)), np.float32)
    bounds = np.full((n, CLASSES - 1), np.inf, np.float32)
    near, near_squared = nearest_in_cells(points, NEAR, seed, threads)

    def work(rows: np.ndarray) -> None:
        squared = squared_to_columns(points, rows, columns_of(rows, n, seed), 0)
        squared.sort(axis=1)
        bounds[rows, : len(positions)] = squared[:, positions]
        knots[rows] = squared[:, known]

    for_each_tile(tiles(n), work, threads)
    return Profile(near, near_squared, bounds, knots, log_ranks)


def nearest_in_cells(points: Points, k: int, seed: int, threads: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest items (n, k) among those of the nearest cells, and their squared distances."""
    from sklearn.cluster import MiniBatchKMeans

    n = len(points)
    count = max(1, n // CELL_ITEMS)
    rng = np.random.default_rng(seed)
    some = np.sort(rng.choice(n, min(n, 40 * count), replace=False))
    model = MiniBatchKMeans(count, random_state=seed, n_init=1, max_iter=5, batch_size=4096)
    grid = points.grid[some].astype(np.float32)
    model.fit(grid)
    centres = model.cluster_centers_.astype(np.float64)
    cell = np.empty(n, np.int64)
    offset = np.einsum("ij,ij->i", centres, centres)

    def assign(start: int) -> None:
        here = slice(start, start + 4096)
        cell[here] = (offset - 2.0 * points.grid[here] @ centres.T).argmin(axis=1)

    for_each_tile(list(range(0, n, 4096)), assign, threads)
    order = np.argsort(cell, kind="stable").astype(np.int32)
    starts = np.searchsorted(cell[order], np.arange(count + 1))
    beside = np.argsort(offset[None, :] - 2.0 * centres @ centres.T, axis=1, kind="stable")  # (cells, cells)
    near, near_squared = np.full((n, k), -1, np.int32), np.full((n, k), np.inf, np.float32)

    def work(number: int) -> None:
        members = order[starts[number] : starts[number + 1]]
        if not len(members):
            return
        sizes = np.diff(starts)[beside[number]]
        taken = beside[number][: 1 + int(np.searchsorted(np.cumsum(sizes), CANDIDATES))]
        candidates = np.sort(np.concatenate([order[starts[c] : starts[c + 1]] for c in taken]))
        own = np.searchsorted(candidates, members)
        for start in range(0, len(members), 128):
            some, mine = members[start : start + 128], own[start : start + 128]
            squared = squared_to_columns(points, some, candidates, 0)
            _find_nearest(squared, mine, candidates, some, near, near_squared)

    for_each_tile(list(range(count)), work, threads)
    return near, near_squared


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
        return min(1.0, COLUMNS / self.choice.n)


def prepare_comparison(
    a: Points, b: Points, profiles: tuple[Profile, Profile], *, pairs_per_item: float, gamma: float, beta: float,
    both_ways: bool, both_directions: bool, seed: int,
) -> Comparison:  # fmt: skip
    """Fits the chances, so that as many pairs are kept although a row is compared with a share of the columns only."""
    columns = min(len(a), COLUMNS)
    choice = make_choice(
        a, b, pairs_per_item=pairs_per_item * len(a) / columns, gamma=gamma, beta=beta,
        both_directions=both_directions, seed=seed, sample=columns,
    )  # fmt: skip
    return Comparison(a, b, *profiles, choice, gamma, beta, both_ways, both_directions)


def approximate_pairs(
    made: Comparison, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """The kept pairs: starts (n + 1,), items (p,), and T (p,) float32 of each direction asked for."""
    n = made.choice.n
    names = [f"values_{number}" for number in range(1 + made.both_directions)]
    gathered = Gathered({"items": np.int32, **dict.fromkeys(names, np.float32)},
                        n * (made.choice.expected * made.share + 2 * NEAR))  # fmt: skip
    counts = np.empty(n, np.int64)

    def work(rows: np.ndarray) -> dict[str, np.ndarray]:
        part = _pairs_of(made, rows)
        counts[rows] = part.counts
        return {"items": part.items, **dict(zip(names, part.values, strict=True))}

    gather_in_order(tiles(n), work, gathered, threads)
    found = gathered.arrays()
    starts = np.concatenate([[0], np.cumsum(counts)])
    return starts, found["items"], [found[name] for name in names]


@dataclass(frozen=True)
class Part:
    """The pairs of some rows (t,): how many each has, and their items and T (p,), row by row."""

    counts: np.ndarray
    items: np.ndarray
    values: list[np.ndarray]


def _pairs_of(made: Comparison, own: np.ndarray) -> Part:
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
    from rdx.method.neighborhoods import rank_rows

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
def _find_nearest(squared, own, candidates, rows, near, near_squared):
    """Fills near[row] with the nearest of the candidates, ascending; ``own`` is each row's own column."""
    k = near.shape[1]
    for r in range(len(rows)):
        found, values = near[rows[r]], near_squared[rows[r]]
        worst = np.inf
        for j in range(squared.shape[1]):
            v = squared[r, j]
            if v < worst and j != own[r]:
                at = k - 1
                while at > 0 and values[at - 1] > v:
                    values[at], found[at] = values[at - 1], found[at - 1]
                    at -= 1
                values[at], found[at] = v, candidates[j]
                worst = values[k - 1]


@numba.njit(nogil=True, cache=True)
def _read_ranks(near_squared, knots, log_ranks, rows, squared, found):
    """Ranks of squared distances (p,) as seen from ``rows`` (p,): among the near ones, else between two knots."""
    k, last = near_squared.shape[1], len(log_ranks) - 1
    for p in range(len(rows)):
        i, v = rows[p], np.float32(squared[p])
        if k and v <= near_squared[i, k - 1]:
            rank = 0
            while near_squared[i, rank] < v:
                rank += 1
            found[p] = rank + 1
            continue
        low, low_rank = np.float32(0), np.float32(0)
        if k and np.isfinite(near_squared[i, k - 1]):
            low, low_rank = near_squared[i, k - 1], np.float32(np.log2(np.float32(k)))
        at, end = 0, last + 1
        while at < end:  # the first knot that is not before v
            middle = (at + end) >> 1
            if knots[i, middle] < v:
                at = middle + 1
            else:
                end = middle
        if at and log_ranks[at - 1] > low_rank and knots[i, at - 1] >= low:
            low, low_rank = knots[i, at - 1], log_ranks[at - 1]
        while at <= last and log_ranks[at] <= low_rank:
            at += 1
        if at > last:
            at = last
        high, high_rank = knots[i, at], log_ranks[at]
        if high <= low or high_rank <= low_rank or low <= 0:
            found[p] = np.float32(2.0) ** max(low_rank, high_rank if high <= v else low_rank)
            continue
        share = np.log(v / low) / np.log(high / low)
        found[p] = np.float32(2.0) ** (low_rank + share * (high_rank - low_rank))


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
