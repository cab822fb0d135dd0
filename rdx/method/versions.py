"""Where the two versions of RDX differ, and the settings that depend on the number of items.

v1 is the paper's: the affinity is symmetrised, for clustering only, and of the k + 1 clusters the weakest is always the
null one, which leaves exactly k concepts. v2 symmetrises the neighbourhood distances and drops weak clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rdx.errors import unknown

if TYPE_CHECKING:
    from rdx.method.pipeline import Settings

AUTO_GAMMA = 80.0  # gamma="auto" is this over n: the paper's 0.1 at 800 items, 0.04 at 2,000


@dataclass(frozen=True)
class Version:
    """What tells one version of RDX from another."""

    name: str
    symmetric_distances: bool  # symmetrise r before the difference, or only the affinity
    min_concept_size: Callable[[int], int]  # the default, from the images per concept m
    null: Callable[[np.ndarray, Settings], np.ndarray]  # strengths (c,), strongest first → which are null (c,)


def weakest_is_null(strength: np.ndarray, settings: Settings) -> np.ndarray:
    """v1: the last of the clusters, which are sorted by strength.

    Centralities and affinity propagation leave their own null items, or none.
    """
    null = np.zeros(len(strength), dtype=bool)
    if settings.clustering == "spectral":
        null[settings.n_clusters :] = True
        null[-1:] = True
    return null


def weak_are_null(strength: np.ndarray, settings: Settings) -> np.ndarray:
    """v2: every cluster whose mean affinity is below the threshold."""
    return strength < settings.null_threshold


V1 = Version("v1", symmetric_distances=False, min_concept_size=lambda m: 1, null=weakest_is_null)
V2 = Version("v2", symmetric_distances=True, min_concept_size=lambda m: -(-m // 2), null=weak_are_null)
VERSIONS = {version.name: version for version in (V1, V2)}


def version_named(name: str) -> Version:
    """The version with this name. Raises InputError for others."""
    if name not in VERSIONS:
        raise unknown("version", name, VERSIONS)
    return VERSIONS[name]


def gamma_for(gamma: float | str, n: int) -> float:
    """γ for n items: the number that was given, or what "auto" comes to."""
    return AUTO_GAMMA / n if gamma == "auto" else float(gamma)
