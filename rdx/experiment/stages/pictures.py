"""The figures of one method on one comparison: per direction its grids, a summary strip and an overview.

Methods with a coefficient matrix get a figure of it, and trained ones their loss curves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.compute.threads import one_thread_each
from rdx.experiment.run.folder import RAW, pair_name
from rdx.experiment.run.tables import make_up, read_explanations, read_table
from rdx.figures.png import written_behind
from rdx.method.concepts import A_NOT_B, B_NOT_A, DIRECTIONS, Concept, Explanations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure
    from PIL.Image import Image

    from rdx.data.items import Items
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun
    from rdx.figures.pair_blocks import PairBlocks

KINDS = ("summary", "overview", "coefficients")
COEFFICIENTS, LOSS = "coefficients.safetensors", "loss.csv"  # of a method's own files, where it has them
SHOWN = 600  # items in the matrices of an overview
_BLOCK_SETTINGS = (
    "distance", "difference", "gamma", "beta", "version", "normalize_difference", "sigma",
)  # fmt: skip


def outputs(pair: str, run: MethodRun) -> tuple[str, ...]:
    """The files of a method's figures; not every method has all of them."""
    figures = [f"{pair}/{run.name}/{kind}_{direction}.png" for kind in KINDS for direction in DIRECTIONS]
    return (f"{pair}/{run.name}/grids/", *figures, f"{pair}/{run.name}/loss.png")


def block_settings(run: MethodRun, found: Explanations | None = None) -> dict[str, Any]:
    """The parameters of an RDX run that make its matrices; γ and β of a concept's own are those of the strongest."""
    settings = {key: run.parameters[key] for key in _BLOCK_SETTINGS if key in run.parameters}
    first = next((one.evidence for one in found.concepts if one.evidence is not None), None) if found else None
    if first is None:
        return settings
    from rdx.method.scales.explained import BETAS

    return settings | {"gamma": first.gamma, "beta": BETAS[first.gamma]}


def draw(context: Context, a: str, b: str, run: MethodRun, blocks: MethodRun | None) -> None:
    """All figures of a method; the matrices are those of `blocks`, the run's RDX."""
    with one_thread_each(), written_behind():  # products for a picture are small: threads would wait for each other
        _draw(context, a, b, run, blocks)


def _draw(context: Context, a: str, b: str, run: MethodRun, blocks: MethodRun | None) -> None:
    folder = context.folder.path(f"{pair_name(a, b)}/{run.name}")
    coefficients = coefficients_of(folder)
    for direction, found in read_explanations(folder).items():
        heading = heading_of(context, a, b, run, direction)
        if context.items.can_be_shown:
            _draw_grids(context, folder, found, heading)
        draw_overview(folder / f"overview_{direction}.png", context, a, b, run, blocks, found)
        if direction in coefficients:
            _draw_coefficients(folder, coefficients[direction], found, heading)
    if (folder / LOSS).is_file():
        _draw_loss(folder, {A_NOT_B: context.title(a), B_NOT_A: context.title(b)}, run)


def heading_of(context: Context, a: str, b: str, run: MethodRun, direction: str) -> str:
    own, other = (a, b) if direction == A_NOT_B else (b, a)
    if not run.is_rdx:
        return f"{run.name}: concepts of “{context.title(own)}”"
    return f"{run.name}: near in “{context.title(own)}”, not in “{context.title(other)}”"


def _draw_grids(context: Context, folder, found: Explanations, heading: str) -> None:
    from rdx.figures.summary import save_summary

    images = [images_of(concept, context.items) for concept in found.concepts]
    for concept, shown in zip(found.concepts, images, strict=True):
        path = folder / "grids" / found.direction / f"concept_{concept.number:02d}.png"
        draw_grid(path, concept, shown, context.items)
    first = len(found.shown)  # those that may be chance are the last ones
    titles = [title_of(concept, context.items) for concept in found.shown]
    rest = len(found.concepts) - first
    remark = f"Groups that may be chance: {rest}" if rest else ""
    save_summary(
        images[:first], folder / f"summary_{found.direction}.png", titles=titles, heading=heading, remark=remark
    )


def draw_grid(path: Path | None, concept: Concept, images: list[Image | str], items: Items) -> Figure:
    """The images of a concept under its title, each with its label; without a path the figure alone."""
    from rdx.figures.grids import save_grid

    captions = None if items.labels is None else [items.label_name(int(i)) for i in concept.indices]
    return save_grid(images, path, title=title_of(concept, items), captions=captions)


def images_of(concept: Concept, items: Items) -> list[Image | str]:
    """The images, or texts, of a concept's grid, in its order."""
    return [items.shown(int(i)) for i in concept.indices]


def title_of(concept: Concept, items: Items) -> str:
    """Number, size, labels, and whether it stands out, else the affinity: ``1 · 182 items · 3: 52% · stands out``."""
    parts = [str(concept.number), f"{concept.size} items", make_up(concept, items)]
    if concept.evidence is not None:
        parts.append("stands out" if concept.evidence.stands_out else "may be chance")
    elif concept.mean_affinity is not None:
        parts.append(f"mean affinity {concept.mean_affinity:.1f}")
    return " · ".join(part for part in parts if part)


def draw_overview(
    path: Path | None, context: Context, a: str, b: str, run: MethodRun, blocks: MethodRun | None, found: Explanations
) -> Figure:
    """Maps and matrices of one direction, the matrices those of `blocks`; without a path the figure alone."""
    from rdx.figures.maps import pca_map
    from rdx.figures.overview import save_overview

    view = run.aligned_views().get(found.direction, RAW)
    A, B = context.pair(a, b, view)
    labels = found.shown_labels
    chosen = ordered_by_concept(labels)
    matrices = blocks_of(A, B, chosen, found.direction, block_settings(blocks, found) if blocks else {})
    return save_overview(
        path,
        map_a=pca_map(A), map_b=pca_map(B), labels=labels,
        blocks=matrices, block_labels=labels[chosen],
        title_a=context.title(a), title_b=context.title(b),
        heading=heading_of(context, a, b, run, found.direction),
    )  # fmt: skip


def draw_maps(
    path: Path | None, context: Context, a: str, b: str, labels: Mapping[str, np.ndarray], heading: str
) -> Figure:
    """Every method's labels (n,) on the maps of both representations; without a path the figure alone."""
    from rdx.figures.map_panels import save_map_panels
    from rdx.figures.maps import pca_map

    A, B = context.pair(a, b)
    return save_map_panels(
        path, map_a=pca_map(A), map_b=pca_map(B), labels=labels, title_a=context.title(a), title_b=context.title(b),
        heading=heading,
    )  # fmt: skip


def draw_rates(path: Path | None, metrics: pd.DataFrame, runs: Sequence[MethodRun], heading: str) -> Figure:
    """BSR on ranks and raw representations of every method, a point a comparison; without a path the figure alone."""
    from rdx.figures.boxes import save_boxes
    from rdx.figures.style import method_color

    main = metrics[(metrics["distance"] == "neighborhood") & (metrics["space"] == RAW)]
    colors = {run.name: method_color(run.name, run.method) for run in runs}
    values = {
        direction: {
            method: main.loc[(main["direction"] == direction) & (main["method"] == method), "bsr"].tolist()
            for method in colors
        }
        for direction in DIRECTIONS
    }
    return save_boxes(path, values, colors=colors, heading=heading)


def blocks_of(A: np.ndarray, B: np.ndarray, chosen: np.ndarray, direction: str, settings: dict[str, Any]) -> PairBlocks:
    """Distances, difference and affinity (s, s) of some items in one direction; A stays first."""
    from rdx.figures.pair_blocks import pair_blocks
    from rdx.method.versions import gamma_for

    if "gamma" in settings:
        settings = {**settings, "gamma": gamma_for(settings["gamma"], len(A))}  # of all items, not of those chosen
    if direction == A_NOT_B:
        return pair_blocks(A, B, chosen, **settings)
    blocks = pair_blocks(B, A, chosen, **settings)
    return replace(blocks, distances_a=blocks.distances_b, distances_b=blocks.distances_a)


def coefficients_of(folder: Path) -> dict[str, np.ndarray]:
    """A finished method's coefficients (n, c) by direction, shown concepts first; empty where it has none."""
    from safetensors.numpy import load_file

    path = folder / COEFFICIENTS
    stored = load_file(path) if path.is_file() else {}
    names = {direction: f"{direction}.coefficients" for direction in DIRECTIONS}
    return {direction: stored[name] for direction, name in names.items() if name in stored}


def _draw_coefficients(folder: Path, coefficients: np.ndarray, found: Explanations, heading: str) -> None:
    from rdx.figures.coefficients import save_coefficients

    save_coefficients(
        folder / f"coefficients_{found.direction}.png", coefficients=coefficients[:, : len(found.concepts)],
        labels=found.labels, grids=found.grids, heading=heading,
    )  # fmt: skip


def _draw_loss(folder: Path, titles: dict[str, str], run: MethodRun) -> None:
    """The curves of loss.csv; a side is called by its representation."""
    from rdx.figures.loss import save_loss

    curves: dict[str, dict[str, np.ndarray]] = {}
    for (quantity, direction), rows in read_table(folder / LOSS).groupby(["quantity", "direction"], sort=False):
        side = f"{direction}: “{titles[direction]}”"
        curves.setdefault(quantity, {})[side] = rows["value"].to_numpy(dtype=np.float64)
    save_loss(folder / "loss.png", curves, heading=f"{run.name}: training")


def ordered_by_concept(labels: np.ndarray, most: int = SHOWN) -> np.ndarray:
    """At most so many items (s,): concept 1 first, null last; large clusters are thinned evenly."""
    order = [number for number in np.unique(labels) if number] + [0]
    members = [np.flatnonzero(labels == number) for number in order]
    cap = most
    while sum(min(len(group), cap) for group in members) > most:
        cap -= max(1, cap // 20)
    picked = [group[np.linspace(0, len(group) - 1, min(len(group), cap)).astype(int)] for group in members]
    return np.concatenate(picked)
