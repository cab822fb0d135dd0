"""How strongly items carry each concept of a method that has a coefficient matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdx.figures import style
from rdx.figures.grids import place
from rdx.figures.matrices import AWAY, STRIP, concept_colors, concept_edges, draw_strips, framed, paint_borders
from rdx.figures.scales import Scale

WIDTH, HEIGHT = 1560, 900  # pixels
CURVES = (110, 196, 620, 560)  # left, upper edge, width and height
MAP = (900, 196, 520, 560)
SHOWN = 600  # items in the map
_LEGEND_TOP = 828
_MOST_NAMED = 22
NO_CONCEPTS = "no concepts in this direction"


def save_coefficients(path: Path | str, *, coefficients, labels, grids: Sequence[np.ndarray], heading: str) -> None:
    """Saves the coefficients (n, k) of the k shown concepts, items labelled (n,) with 0 = none.

    Left: each concept's coefficients in descending order, its grid's items as dots. Right: the items,
    concept 1 first, beside all concepts; each column is divided by its largest absolute value.
    """
    coefficients, labels = np.asarray(coefficients, dtype=np.float64), np.asarray(labels)
    with style.drawing(path, WIDTH, HEIGHT if coefficients.size else HEIGHT / 5) as figure:
        lines = style.wrapped(heading, style.TITLE + 1, WIDTH - 80, "bold")[:2]
        style.write_lines(figure, lines, 40, 24, style.TITLE + 1, fontweight="bold")
        if not coefficients.size:
            style.write_lines(figure, [NO_CONCEPTS], 40, 110, style.BODY, color=style.QUIET)
            return
        _write_title(figure, CURVES, "Coefficients, largest first", "dots: the items of its grid")
        left, top, width, height = CURVES
        corner = (left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT)
        _draw_curves(figure.add_axes(corner), coefficients, grids)
        entries = [(number, f"concept {number}") for number in range(1, coefficients.shape[1] + 1)]
        style.draw_key(figure, entries[:_MOST_NAMED], 40, _LEGEND_TOP, WIDTH - 80)
        rows = by_concept(coefficients, labels)
        thinned = f"{len(rows)} of {len(labels)} items" if len(rows) < len(labels) else f"all {len(rows)} items"
        _write_title(figure, MAP, "Items by concept", f"{thinned}; each column: 1 is its largest")
        _draw_map(figure, coefficients[rows], labels[rows])


def by_concept(coefficients: np.ndarray, labels: np.ndarray, most: int = SHOWN) -> np.ndarray:
    """At most ``most`` items (s,), thinned evenly: concept 1 first, none last, inside each the strongest first."""
    strength = coefficients[np.arange(len(labels)), np.maximum(labels, 1) - 1]
    order = np.lexsort((-strength, labels, labels == 0))
    if len(order) <= most:
        return order
    return order[np.linspace(0, len(order) - 1, most).round().astype(int)]


def _write_title(figure, panel: tuple[int, int, int, int], title: str, subtitle: str) -> None:
    left, top, _, _ = panel
    style.write_lines(figure, [title], left, top - 84, style.BODY + 1, fontweight="bold")
    style.write_lines(figure, [subtitle], left, top - 54, style.SMALL + 0.5, color=style.QUIET)


def _draw_curves(axes, coefficients: np.ndarray, grids: Sequence[np.ndarray]) -> None:
    """Each concept's sorted coefficients; ranks are logarithmic, so that the grid's few items can be seen."""
    from matplotlib.ticker import NullFormatter

    n = len(coefficients)
    for number, column in enumerate(coefficients.T, start=1):
        color = style.concept_color(number)
        order = np.argsort(-column, kind="stable")
        axes.plot(np.arange(1, n + 1), column[order], color=color, linewidth=1.4)
        rank = np.empty(n, dtype=np.int64)
        rank[order] = np.arange(1, n + 1)
        chosen = np.asarray(grids[number - 1], dtype=np.int64)
        axes.scatter(rank[chosen], column[chosen], s=16, color=color, linewidths=0, zorder=3,
                     marker=style.concept_marker(number))  # fmt: skip
    if coefficients.min() < 0:
        axes.axhline(0, color=style.QUIET, linewidth=0.6)
    axes.set_xscale("log")
    axes.set_xlim(0.9, n * 1.1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("rank of the item", fontsize=style.SMALL + 0.5)
    axes.tick_params(which="both", labelsize=style.SMALL, length=2, width=0.5)
    axes.yaxis.get_offset_text().set_fontsize(style.SMALL)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_map(figure, coefficients: np.ndarray, labels: np.ndarray) -> None:
    """The items' coefficients (s, k) as a picture, with the concepts' colours along the left edge and above."""
    left, top, width, height = MAP
    size, count = coefficients.shape
    largest = np.abs(coefficients).max(axis=0)
    scaled = coefficients / np.where(largest > 0, largest, 1.0)
    scale = Scale("RdBu_r", -1, 1) if (coefficients < 0).any() else Scale("viridis", 0, 1)
    edges, numbers = concept_edges(labels, height)
    columns = np.arange(width) * count // width  # the concept of each pixel
    cells = scale.colored(scaled)[np.arange(height) * size // height][:, columns]
    paint_borders(cells, edges)
    place(figure, framed(cells), left, top)
    draw_strips(figure, numbers, edges, left, top, null="none")
    heads = concept_colors(range(1, count + 1))[columns]
    place(figure, np.broadcast_to(heads, (STRIP, width, 3)), left, top - AWAY - STRIP)
    scale.draw_bar(figure, scaled, left + width + 15, top, 18, height)
    for number in range(0, count, -(-count // 20)):
        middle = left + (number + 0.5) / count * width
        style.write_lines(figure, [str(number + 1)], middle, top + height + 6, style.SMALL, ha="center",
                          color=style.QUIET)  # fmt: skip
    style.write_lines(figure, ["concept"], left + width / 2, top + height + 32, style.SMALL + 0.5, ha="center")
