"""Choosing the images of a grid from a cluster."""

from __future__ import annotations

import numpy as np

from rdx.compute.threads import for_each_tile, row_tiles
from rdx.method.difference import DifferenceGraph
from rdx.method.neighborhoods import Points, nearest_rows
from rdx.method.numerics.eigenpairs import largest_eigenpairs


class Cluster:
    """What the rules look at: a cluster's members, its features and its affinities."""

    def __init__(self, members: np.ndarray, points: Points, graph: DifferenceGraph, m: int, random_state: int) -> None:
        self.members = members  # (c,) ascending
        self.points = points  # all n items in the unaligned representation whose concepts are shown
        self.inside = graph.placed(points.subset(members))
        self.graph = graph
        self.m = m
        self.random_state = random_state

    def mean_affinity(self) -> np.ndarray:
        """Each member's mean affinity to the cluster, itself included, (c,)."""
        return self.graph.mean_affinity(self.members)

    def centres(self) -> np.ndarray:
        """Positions of the members that are tried as a grid's centre: all, or a sparse graph's shortlist."""
        shortlist = getattr(self.graph, "likely_centres", None)
        return np.arange(len(self.members)) if shortlist is None else shortlist(self.members, self.m)

    def nearest(self, centres: np.ndarray) -> np.ndarray:
        """The m members nearest to those at some positions, (len(centres), m), themselves first."""
        return self.members[self.graph.nearest(self.inside, centres, self.m, self.members)]

    def nearest_to_mean(self, grid: np.ndarray) -> np.ndarray:
        """The m rows of ``grid`` nearest to the cluster's mean, nearest first."""
        offset = grid - self.inside.grid.mean(axis=0)
        return np.argsort(np.einsum("ij,ij->i", offset, offset), kind="stable")[: self.m]


def max_total_affinity(cluster: Cluster) -> np.ndarray:
    """The member whose m nearest members have, among themselves, the largest sum of affinities."""
    members, m, centres = cluster.members, min(cluster.m, len(cluster.members)), cluster.centres()
    neighbors = np.empty((len(centres), m), dtype=np.int64)
    total = np.empty(len(centres))

    def work(tile: slice) -> None:
        near = cluster.nearest(centres[tile])  # (t, m)
        neighbors[tile] = near
        total[tile] = cluster.graph.affinity(near[:, :, None], near[:, None, :]).sum(axis=(1, 2), dtype=np.float64)

    step = row_tiles(len(members))[0].stop
    tiles = [slice(start, min(start + step, len(centres))) for start in range(0, len(centres), step)]
    for_each_tile(tiles, work, cluster.graph.threads)
    return neighbors[np.argmax(total)]


def random(cluster: Cluster) -> np.ndarray:
    """m members drawn without replacement."""
    rng = np.random.default_rng(cluster.random_state)
    return rng.permutation(cluster.members)[: cluster.m]


def max_affinity(cluster: Cluster) -> np.ndarray:
    """The m members with the largest mean affinity to the cluster."""
    return cluster.members[np.argsort(-cluster.mean_affinity(), kind="stable")[: cluster.m]]


def max_affinity_neighborhood(cluster: Cluster) -> np.ndarray:
    """The member with the largest mean affinity and its nearest members."""
    centre = int(np.argmax(cluster.mean_affinity()))
    return cluster.nearest(np.array([centre]))[0]


def max_affinity_euclidean_neighborhood(cluster: Cluster) -> np.ndarray:
    """The same centre and its nearest items in the whole data set."""
    centre = cluster.members[int(np.argmax(cluster.mean_affinity()))]
    return nearest_rows(cluster.points, [centre], cluster.m)[0]


def cluster_centroid(cluster: Cluster) -> np.ndarray:
    """The m members nearest to the cluster's mean."""
    return cluster.members[cluster.nearest_to_mean(cluster.inside.grid)]


def centroid(cluster: Cluster) -> np.ndarray:
    """The m items of the whole data set nearest to the cluster's mean."""
    return cluster.nearest_to_mean(cluster.points.grid)


def spectral_centrality(cluster: Cluster) -> np.ndarray:
    """The m largest entries of the eigenvector of the Laplacian's largest eigenvalue.

    The graph is the cluster's own symmetric affinity; the vector's largest entry in absolute value
    is made positive.
    """
    members = cluster.members
    affinity = cluster.graph.affinity(members[:, None], members[None, :]).astype(np.float64)
    affinity = (affinity + affinity.T) / 2
    laplacian = np.diag(affinity.sum(axis=1)) - affinity
    vector = largest_eigenpairs(laplacian, 1)[1][:, 0]
    vector *= np.sign(vector[np.argmax(np.abs(vector))]) or 1.0
    return members[np.argsort(-vector, kind="stable")[: cluster.m]]


SELECTIONS = {
    rule.__name__: rule
    for rule in (
        max_total_affinity, random, max_affinity, max_affinity_neighborhood, max_affinity_euclidean_neighborhood,
        cluster_centroid, centroid, spectral_centrality,
    )
}  # fmt: skip
