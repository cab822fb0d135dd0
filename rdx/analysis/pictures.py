"""The figures of a family, and those of each of its comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.experiment.finished import FinishedComparison
from rdx.experiment.run.context import Context
from rdx.experiment.run.folder import RAW, RunFolder
from rdx.experiment.run.tables import make_up
from rdx.experiment.stages.pictures import (
    block_settings,
    blocks_of,
    coefficients_of,
    draw_maps,
    draw_rates,
    heading_of,
    ordered_by_concept,
)
from rdx.method.concepts import A_NOT_B, DIRECTIONS, Explanations

if TYPE_CHECKING:
    import pandas as pd

    from rdx.experiment.stages.methods import MethodRun


def draw_boxes(path: Path, metrics: pd.DataFrame, comparisons: Sequence[FinishedComparison], titled: bool) -> None:
    """BSR on ranks and raw representations of every method, over the comparisons of the family."""
    runs = [run for pair in comparisons for run in pair.run.methods]
    number = len(comparisons)
    over = "one comparison" if number == 1 else f"{number} comparisons, a dot each"
    heading = f"Binary success rate, {over}; dashed: chance" if titled else ""
    draw_rates(path, metrics, runs, heading)


def draw_comparison(folder: Path, suffix: str, pair: FinishedComparison, titled: bool) -> list[str]:
    """All figures of one comparison; returns what had to be left out, in words."""
    run, notes = pair.run, []
    context = Context(run.config, RunFolder(run.root.absolute()), run.items)
    explanations = {method.name: pair.explanations(method.name) for method in run.methods}
    if not run.items.can_be_shown:
        notes.append(f"{pair.label}: no sheets of grids, since its images are not there")
    for direction in DIRECTIONS:
        found = {name: both[direction] for name, both in explanations.items()}
        if run.items.can_be_shown:
            _draw_sheet(folder / f"sheet_{direction}{suffix}", pair, direction, found, titled)
        _draw_maps(folder / f"maps_{direction}{suffix}", context, pair, direction, found, titled)
        for method in run.methods:
            stem = f"{method.name}_{direction}{suffix}"
            if method.is_rdx:
                _draw_steps(folder / f"steps_{stem}", context, pair, method, found[method.name], titled)
            _draw_coefficients(folder / f"coefficients_{stem}", context, pair, method, found[method.name], titled)
    return notes


def _draw_sheet(
    path: Path, pair: FinishedComparison, direction: str, found: dict[str, Explanations], titled: bool
) -> None:
    from rdx.figures.sheet import save_sheet

    main = pair.metrics[(pair.metrics["distance"] == "neighborhood") & (pair.metrics["space"] == "raw")]
    rates = main[main["direction"] == direction].set_index("method")["bsr"]
    items = pair.run.items
    rows = []
    for name, explanations in found.items():
        rate = rates.get(name, float("nan"))
        about = "no pairs of images" if np.isnan(rate) else f"BSR {rate:.2f}"
        grids = [
            (concept.size, make_up(concept, items), [items.shown(int(i)) for i in concept.indices])
            for concept in explanations.shown
        ]
        rows.append((name, about, grids))
    own, other = (pair.a, pair.b) if direction == A_NOT_B else (pair.b, pair.a)
    heading = f"{direction}: concepts of “{pair.title(own)}”; RDX: what “{pair.title(other)}” does not hold together"
    save_sheet(path, rows, heading=heading if titled else "")


def _draw_maps(
    path: Path, context: Context, pair: FinishedComparison, direction: str, found: dict[str, Explanations], titled: bool
) -> None:
    labels = {name: explanations.shown_labels for name, explanations in found.items()}
    heading = f"{direction}: every method's concepts on both maps" if titled else ""
    draw_maps(path, context, pair.a, pair.b, labels, heading)


def _draw_steps(
    path: Path, context: Context, pair: FinishedComparison, run: MethodRun, found: Explanations, titled: bool
) -> None:
    from rdx.figures.intermediate import save_intermediate

    chosen = np.sort(ordered_by_concept(found.shown_labels))  # in the items' own order, small concepts not lost
    view = run.aligned_views().get(found.direction, RAW)
    blocks = blocks_of(*context.pair(pair.a, pair.b, view), chosen, found.direction, block_settings(run, found))
    own = pair.a if found.direction == A_NOT_B else pair.b
    save_intermediate(
        path, blocks=blocks, block_labels=found.shown_labels[chosen],
        title_a=pair.title(pair.a), title_b=pair.title(pair.b),
        own=pair.title(own), heading=heading_of(context, pair.a, pair.b, run, found.direction) if titled else "",
    )  # fmt: skip


def _draw_coefficients(
    path: Path, context: Context, pair: FinishedComparison, run: MethodRun, found: Explanations, titled: bool
) -> None:
    from rdx.figures.coefficients import save_coefficients

    values = coefficients_of(pair.folder / run.name).get(found.direction)
    if values is None:
        return
    save_coefficients(
        path, coefficients=values[:, : len(found.concepts)], labels=found.shown_labels, grids=found.grids,
        heading=heading_of(context, pair.a, pair.b, run, found.direction) if titled else "",
    )  # fmt: skip
