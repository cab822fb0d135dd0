"""The nearest items of each item, found without looking at all: in the nearest cells of a k-means partition.

An inverted file, as large-scale nearest-neighbour search has it: items that are near to each other lie in the same
cell or in neighbouring ones, so the nearest are sought among those.
"""

from __future__ import annotations

import numba
import numpy as np

from rdx.compute.threads import for_each_tile
from rdx.method.many.nearest import find_nearest
from rdx.method.many.pair_tiles import tile
from rdx.method.neighborhoods import Points, squared_distances

CELL_ITEMS = 1000  # of a cell, on average
CANDIDATES = 4000  # items of the nearest cells among which the nearest are sought


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
            squared = squared_distances(points, some, candidates, out=tile(0, len(some), len(candidates)))
            _find_nearest(squared, mine, candidates, some, near, near_squared)

    for_each_tile(list(range(count)), work, threads)
    return near, near_squared


@numba.njit(nogil=True, cache=True)
def _find_nearest(squared, own, candidates, rows, near, near_squared):
    """Fills near[row] with the nearest of the candidates, ascending; ``own`` is each row's own column."""
    for r in range(len(rows)):
        found = near[rows[r]]
        find_nearest(squared[r], own[r], found, near_squared[rows[r]])
        for k in range(len(found)):
            found[k] = candidates[found[k]] if found[k] >= 0 else -1
