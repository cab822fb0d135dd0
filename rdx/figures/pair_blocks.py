"""What RDX sees of some items among all: distances, difference and affinity, for pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rdx.compute.threads import row_tiles
from rdx.method.difference import DifferenceGraph, Distances, check_difference, compute_distances
from rdx.method.neighborhoods import as_points, distance_source
from rdx.method.versions import gamma_for


@dataclass(frozen=True)
class PairBlocks:
    """Blocks (s, s) over some items, for pictures: direction a_not_b."""

    distances_a: np.ndarray
    distances_b: np.ndarray
    difference: np.ndarray
    affinity: np.ndarray


def pair_blocks(
    A, B, items, *, distance: str = "neighborhood", difference: str = "locally_biased", gamma: float = 0.1,
    beta: float = 5.0, version: str = "v2", normalize_difference: bool = False, sigma: int = 7,
) -> PairBlocks:  # fmt: skip
    """What RDX sees of some items among all: both distances, their difference and the affinity.

    A (n, d_a), B (n, d_b), items (s,) indices. Ranks, and what a normalised difference is divided by,
    are those among all n items; ``gamma`` may be "auto" (80 / n).
    """
    check_difference(difference, distance, normalize_difference)
    items = np.asarray(items)
    points = [as_points(features) for features in (A, B)]
    symmetric = version == "v2"
    settings = {"difference": difference, "gamma": gamma_for(gamma, len(points[0])), "beta": beta}
    if normalize_difference:  # the largest difference needs all pairs
        whole = [compute_distances(each, distance, symmetric=symmetric, sigma=sigma) for each in points]
        largest = DifferenceGraph(*whole, normalize=True, **settings).largest
        pair = [Distances(each.values[np.ix_(items, items)], each.unit) for each in whole]
    else:
        largest, pair = None, []
        for each in points:
            rows_of = distance_source(each, distance, sigma)
            step = row_tiles(len(each))[0].stop
            tiles = [items[start : start + step] for start in range(0, len(items), step)]
            block = np.concatenate([rows_of(tile)[:, items] for tile in tiles]).astype(np.float32)
            pair.append(Distances(block + block.T, 2.0) if symmetric else Distances(block))
    graph = DifferenceGraph(*pair, **settings)
    graph.largest = largest or graph.largest
    distances = [each.matrix().astype(np.float32, copy=False) for each in pair]
    return PairBlocks(*distances, graph.matrix("difference"), graph.matrix("affinity"))
