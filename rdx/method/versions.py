"""RDX as in the paper (version v1).

The affinity is symmetrised, for clustering only, and of the k + 1 clusters the weakest is always
the null one, which leaves exactly k concepts.
"""

from __future__ import annotations

import numpy as np

from rdx.method.pipeline import Settings, Version
from rdx.method.rdx import RDX


def weakest_is_null(strength: np.ndarray, settings: Settings) -> np.ndarray:
    """The last of the clusters, which are sorted by strength.

    Centralities and affinity propagation leave their own null items, or none.
    """
    null = np.zeros(len(strength), dtype=bool)
    if settings.clustering == "spectral":
        null[settings.n_clusters :] = True
        null[-1:] = True
    return null


V1 = Version("v1", symmetric_distances=False, min_concept_size=lambda m: 1, null=weakest_is_null)


class RDXPaper(RDX):
    """The RDX estimator with the paper's version as its default; same parameters, same attributes."""

    def __init__(
        self, n_clusters=5, *, version="v1", distance="neighborhood", difference="locally_biased", gamma=0.1,
        beta=5.0, normalize_difference=False, sigma=7, clustering="spectral", cluster_size=9,
        selection="max_total_affinity", images_per_concept=9, null_threshold=1.1, min_concept_size="auto",
        alignment=None, align_steps=None, align_start="identity", guidance_rule="own", solver="auto",
        pairs_per_item=600, max_memory=None, keep_matrices=False, random_state=0, device="auto",
    ):  # fmt: skip
        super().__init__(
            n_clusters, version=version, distance=distance, difference=difference, gamma=gamma, beta=beta,
            normalize_difference=normalize_difference, sigma=sigma, clustering=clustering,
            cluster_size=cluster_size, selection=selection, images_per_concept=images_per_concept,
            null_threshold=null_threshold, min_concept_size=min_concept_size, alignment=alignment,
            align_steps=align_steps, align_start=align_start, guidance_rule=guidance_rule, solver=solver,
            pairs_per_item=pairs_per_item, max_memory=max_memory, keep_matrices=keep_matrices,
            random_state=random_state, device=device,
        )  # fmt: skip
