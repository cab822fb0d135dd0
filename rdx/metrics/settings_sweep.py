"""Which k, γ, β? RDX over a small grid of settings: how many concepts, how successful, how stable.

Neighbourhood distances do not depend on any of the three, so those of all items, and those of each
subsample, are computed once for the whole grid: one task fits the whole grid on one choice of items.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from rdx.compute.threads import map_ordered
from rdx.errors import InputError
from rdx.method.concepts import DIRECTIONS, Explanations
from rdx.method.neighborhoods import Points, as_points
from rdx.metrics.bsr import SuccessMeter
from rdx.metrics.stability import SHARE, best_jaccard, subsample

if TYPE_CHECKING:
    from rdx.method.rdx import RDX

SETTINGS = ("n_clusters", "gamma", "beta")
STABLE = 0.75  # mean best Jaccard from which a setting counts as stable
NEAR_BEST = 0.02  # BSR that may be given up for more concepts


@dataclass(frozen=True)
class Setting:
    """One point of the grid, and what RDX found there, by direction."""

    n_clusters: int
    gamma: float | str
    beta: float
    concepts: dict[str, int] = field(default_factory=dict)  # that are not null
    bsr: dict[str, float | None] = field(default_factory=dict)  # on ranks of the raw pair; None without concepts
    covered: dict[str, float] = field(default_factory=dict)  # share of the items that are in a concept
    stability: dict[str, float | None] = field(default_factory=dict)  # mean over concepts; None without any

    @property
    def total(self) -> int:
        """Concepts of both directions."""
        return sum(self.concepts.values())

    @property
    def mean_bsr(self) -> float | None:
        return _mean(self.bsr.values())

    @property
    def mean_stability(self) -> float | None:
        return _mean(self.stability.values())


def sweep_settings(
    base: RDX,
    features: Mapping[str, np.ndarray],
    grid: Mapping[str, Sequence],
    *,
    subsamples: int = 10,
    share: float = SHARE,
    random_state: int = 0,
    spread: Callable = map_ordered,
) -> list[Setting]:
    """What RDX finds with the parameters of `base` at every point of `grid`, in the grid's order.

    features: "A" and "B" (n, d), aligned also "a_to_b" and "b_to_a". grid: values for n_clusters, gamma and
    beta. Stability: each concept's best Jaccard with a concept of the same settings on `share` of the items,
    its mean over the `subsamples` and concepts. `spread`: see `rdx.compute.engine`.

    Raises:
        InputError: a value out of its range, before anything is computed.
    """
    from sklearn.base import clone

    points = {name: as_points(values, name) for name, values in features.items()}
    estimators = [clone(base).set_params(**chosen) for chosen in _grid(grid)]
    for estimator in estimators:
        estimator.check_parameters()
        least = int(share * len(points["A"]))
        if estimator.clustering == "spectral" and estimator.n_clusters + 1 > least:
            raise InputError(f"n_clusters={estimator.n_clusters} is too much for subsamples of {least} items")
    meter = SuccessMeter(points["A"], points["B"])
    fits = spread(_fit_grid, [None, *range(subsamples)], (estimators, points, share, random_state), whole=True)
    found: list[dict[str, Explanations]] = []
    overlaps: list[dict[str, list[np.ndarray]]] = [{direction: [] for direction in DIRECTIONS} for _ in estimators]
    for draw, again in enumerate(fits, start=-1):
        if draw < 0:
            found = again
            continue
        items = subsample(len(points["A"]), draw, random_state, share)
        for whole, part, overlap in zip(found, again, overlaps, strict=True):
            for direction in DIRECTIONS:
                overlap[direction].append(best_jaccard(whole[direction].labels[items], part[direction].labels))
    return [
        _setting(estimator, whole, overlap, meter)
        for estimator, whole, overlap in zip(estimators, found, overlaps, strict=True)
    ]


def suggest(settings: Sequence[Setting]) -> tuple[Setting | None, str]:
    """The setting to begin with, and why: of the stable ones, the most concepts at nearly the best BSR."""
    shown = [setting for setting in settings if setting.total and setting.mean_bsr is not None]
    if not shown:
        return None, "no setting finds a concept: there is nothing to choose between"
    stable = [setting for setting in shown if (setting.mean_stability or 0.0) >= STABLE]
    note = f"of {len(stable)} settings with a stability of {STABLE} or more"
    if not stable:
        most = max(setting.mean_stability or 0.0 for setting in shown)
        stable = [setting for setting in shown if (setting.mean_stability or 0.0) >= most - 0.05]
        note = f"no setting has a stability of {STABLE}; of those near the highest, {most:.2f}"
    best = max(setting.mean_bsr for setting in stable)
    near = [setting for setting in stable if setting.mean_bsr >= best - NEAR_BEST]
    chosen = max(near, key=lambda setting: (setting.total, setting.mean_stability or 0.0))
    reason = (
        f"{note}, the most concepts ({chosen.total} in both directions, stability "
        f"{chosen.mean_stability or 0.0:.2f}) at a mean BSR of {chosen.mean_bsr:.3f}, the best being {best:.3f}"
    )
    return chosen, reason


def _grid(grid: Mapping[str, Sequence]) -> Iterator[dict]:
    for name in SETTINGS:
        values = grid.get(name) or ()
        if not len(values) or len(set(values)) < len(values):
            raise InputError(f"the sweep needs a list of different values for '{name}', not {list(values)}")
    for values in product(*(grid[name] for name in SETTINGS)):
        yield dict(zip(SETTINGS, values, strict=True))


def _fit_grid(
    draw: int | None, estimators: Sequence[RDX], points: Mapping[str, Points], share: float, random_state: int
) -> list[dict[str, Explanations]]:
    """What every estimator finds on all items (None) or on a subsample; the distances are computed once."""
    from sklearn.base import clone

    if draw is not None:
        items = subsample(len(points["A"]), draw, random_state, share)
        points = {name: values.subset(items) for name, values in points.items()}
    distances: dict = {}
    fitted = (clone(estimator).fit_points(points, distances) for estimator in estimators)
    return [{direction: getattr(one, f"{direction}_") for direction in DIRECTIONS} for one in fitted]


def _setting(estimator: RDX, found: dict[str, Explanations], overlaps: dict, meter: SuccessMeter) -> Setting:
    stability = {}
    for direction, per_sample in overlaps.items():
        counted = [overlap for overlap in per_sample if len(overlap)]
        stability[direction] = float(np.nanmean(np.concatenate(counted))) if counted else None
    return Setting(
        estimator.n_clusters, estimator.gamma, estimator.beta,
        concepts={direction: len(one.concepts) for direction, one in found.items()},
        bsr={direction: meter.rate(one.grids, direction).bsr for direction, one in found.items()},
        covered={direction: float(np.mean(one.labels > 0)) for direction, one in found.items()},
        stability=stability,
    )  # fmt: skip


def _mean(values) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
