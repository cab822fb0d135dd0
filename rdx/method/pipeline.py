"""From a difference graph to explanations: cluster, order, decide what is null, choose the grids.

Both versions of RDX share this; a Version says where they differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rdx.errors import InputError
from rdx.method.clusterings import CENTRALITIES, affinity_propagation, centrality_scores, pick_clusters
from rdx.method.concepts import NULL, Concept, Explanations
from rdx.method.grids import SELECTIONS, Cluster
from rdx.method.neighborhoods import Points
from rdx.method.spectral import Adjacency, spectral_clusters
from rdx.method.versions import Version

CLUSTERINGS = ("spectral", "affinity_propagation", *CENTRALITIES)
MORE_ASKS = 3  # how often the clustering is asked again when clusters are too small


class Graph(Protocol):
    """The difference graph of one direction, n items; exact, or made of a sample of the pairs."""

    def __len__(self) -> int: ...

    def adjacency(self) -> np.ndarray | Adjacency:
        """The symmetric affinity (n, n) that is clustered, with guidance."""

    def affinity(self, rows: np.ndarray, columns: np.ndarray, guided: bool = True) -> np.ndarray:
        """The affinity at rows × columns (index arrays that broadcast)."""

    def affinity_to_clusters(self, labels: np.ndarray, n_clusters: int) -> np.ndarray:
        """Summed affinity of every item to each cluster, without guidance: (n, c)."""


@dataclass(frozen=True)
class Settings:
    """How one direction is clustered and shown; the names are those of RDX's parameters."""

    n_clusters: int
    version: Version
    clustering: str
    cluster_size: int
    selection: str
    images_per_concept: int
    null_threshold: float
    min_concept_size: int
    random_state: int
    threads: int | None = None


def explain(direction: str, graph: Graph, points: Points, settings: Settings) -> Explanations:
    """The concepts of one direction; ``points`` is the unaligned representation that has them."""
    raw, notes = cluster(graph, settings)
    raw, dropped = drop_small(raw, settings.min_concept_size)
    if dropped:
        plural = "s" if dropped > 1 else ""
        notes.append(f"{dropped} cluster{plural} of fewer than {settings.min_concept_size} items went to null")
    labels, strength, item_affinity = order(raw, graph, settings)
    concepts = []
    for number, mean_affinity in enumerate(strength, start=1):
        members = np.flatnonzero(labels == number)
        inside = Cluster(members, points, graph, settings.images_per_concept, settings.random_state)
        grid = SELECTIONS[settings.selection](inside)
        concepts.append(Concept(number, np.asarray(grid, dtype=np.int64), members, float(mean_affinity)))
    null = labels == NULL
    null_affinity = float(item_affinity[null].mean()) if null.any() else None
    return Explanations(direction, labels, concepts, item_affinity, null_affinity, notes=notes)


def cluster(graph: Graph, settings: Settings) -> tuple[np.ndarray, list[str]]:
    """Labels (n,) from 0, −1 where no cluster took the item; and notes for the user."""
    n = len(graph)
    affinity = graph.adjacency()
    if settings.clustering == "affinity_propagation":
        labels, note = affinity_propagation(affinity, settings.random_state)
        return labels, [note] if note else []
    if settings.clustering in CENTRALITIES:
        scores = centrality_scores(affinity, settings.clustering, settings.random_state)
        everything = np.arange(n)[None, :]
        labels = pick_clusters(
            scores, lambda i: graph.affinity(np.array([[i]]), everything)[0], settings.n_clusters, settings.cluster_size
        )
        return labels, []
    return ask_for_large(affinity, settings), []


def ask_for_large(affinity: np.ndarray | Adjacency, settings: Settings) -> np.ndarray:
    """Spectral clusters (n,) of which k + 1, if possible, have ``min_concept_size`` items or more.

    Where some are smaller, as many more are asked for, at most three times. More clusters can also
    mean that all become small, so the attempt with the most large ones counts, the first of equals.
    """
    wanted = asked = settings.n_clusters + 1  # one may be null
    best, most = np.empty(0), -1
    for _ in range(1 + MORE_ASKS):
        labels = spectral_clusters(affinity, asked, settings.random_state, settings.threads)
        large = int(np.count_nonzero(np.bincount(labels) >= settings.min_concept_size))
        if large > most:
            best, most = labels, large
        more = wanted + asked - large
        if large >= wanted or more <= asked or more > len(affinity):
            break
        asked = more
    return best


def drop_small(labels: np.ndarray, min_size: int) -> tuple[np.ndarray, int]:
    """Labels with clusters below ``min_size`` members set to −1, and how many they were."""
    clusters, size = np.unique(labels[labels >= 0], return_counts=True)
    small = clusters[size < min_size]
    return np.where(np.isin(labels, small), -1, labels), len(small)


def order(
    raw: np.ndarray, graph: Graph, settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Final labels (n,), 0 = null; the strength of each concept, (concepts,); each item's, (n,).

    The strongest concept is 1; clusters of the centralities keep the order in which they were
    picked. Strength is the mean affinity over all ordered pairs of members, an item's the mean to
    its own cluster, both without guidance.
    """
    clusters = np.unique(raw[raw >= 0])
    numbered = np.where(raw < 0, len(clusters), np.searchsorted(clusters, raw))
    total = graph.affinity_to_clusters(numbered, len(clusters) + 1)  # (n, clusters + the unassigned)
    size = np.bincount(numbered, minlength=len(clusters) + 1)
    strength = np.array([total[numbered == c, c].sum() / size[c] ** 2 for c in range(len(clusters))])
    picked = settings.clustering in CENTRALITIES
    sequence = np.arange(len(clusters)) if picked else np.argsort(-strength, kind="stable")
    sequence = sequence[~settings.version.null(strength[sequence], settings)]
    if settings.clustering == "spectral":
        sequence = sequence[: settings.n_clusters + 1]
    final = np.zeros(len(clusters) + 1, dtype=np.int64)  # of each cluster; what is not in sequence is null
    final[sequence] = np.arange(1, len(sequence) + 1)
    merged = np.zeros((len(raw), len(sequence) + 1))
    np.add.at(merged.T, final, total.T)
    labels = final[numbered]
    own = merged[np.arange(len(raw)), labels] / np.bincount(labels, minlength=1)[labels]
    return labels, strength[sequence], own


def check_enough_items(n: int, n_clusters: int, clustering: str) -> None:
    """Raises InputError where n items can't be compared, or can't make the clusters asked for."""
    if n < 4:
        raise InputError(f"at least 4 items are needed, got {n}")
    if clustering == "spectral" and n < n_clusters + 1:
        raise InputError(f"n_clusters={n_clusters} asks for {n_clusters + 1} clusters, but there are only {n} items")
    if clustering in CENTRALITIES and n < n_clusters:
        raise InputError(f"n_clusters={n_clusters}, but there are only {n} items")
