"""How strongly items carry each concept of a method that has a coefficient matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rdx.figures import style

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
        axes = _panel(figure, CURVES, "Coefficients, largest first", "dots: the items of its grid")
        _draw_curves(axes, coefficients, grids)
        rows = by_concept(coefficients, labels)
        thinned = f"{len(rows)} of {len(labels)} items" if len(rows) < len(labels) else f"all {len(rows)} items"
        _draw_map(_panel(figure, MAP, "Items by concept", f"{thinned}; each column: 1 is its largest"),
                  coefficients[rows], labels[rows])  # fmt: skip


def by_concept(coefficients: np.ndarray, labels: np.ndarray, most: int = SHOWN) -> np.ndarray:
    """At most ``most`` items (s,), thinned evenly: concept 1 first, none last, inside each the strongest first."""
    strength = coefficients[np.arange(len(labels)), np.maximum(labels, 1) - 1]
    order = np.lexsort((-strength, labels, labels == 0))
    if len(order) <= most:
        return order
    return order[np.linspace(0, len(order) - 1, most).round().astype(int)]


def _panel(figure, place: tuple[int, int, int, int], title: str, subtitle: str):
    left, top, width, height = place
    style.write_lines(figure, [title], left, top - 84, style.BODY + 1, fontweight="bold")
    style.write_lines(figure, [subtitle], left, top - 54, style.SMALL + 0.5, color=style.QUIET)
    return figure.add_axes((left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT))


def _draw_curves(axes, coefficients: np.ndarray, grids: Sequence[np.ndarray]) -> None:
    """Each concept's sorted coefficients; ranks are logarithmic, so that the grid's few items can be seen."""
    from matplotlib.ticker import NullFormatter

    n = len(coefficients)
    for number, column in enumerate(coefficients.T, start=1):
        color = style.concept_color(number)
        order = np.argsort(-column, kind="stable")
        axes.plot(np.arange(1, n + 1), column[order], color=color, linewidth=1.4, label=f"concept {number}")
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
    handles, names = axes.get_legend_handles_labels()
    axes.figure.legend(
        handles[:_MOST_NAMED], names[:_MOST_NAMED], loc="upper left", ncols=11, fontsize=style.SMALL, frameon=False,
        bbox_to_anchor=(40 / WIDTH, 1 - _LEGEND_TOP / HEIGHT), borderaxespad=0, handlelength=1.2, columnspacing=1.2,
        handletextpad=0.4,
    )  # fmt: skip


def _draw_map(axes, coefficients: np.ndarray, labels: np.ndarray) -> None:
    """The items' coefficients (s, k) as a picture, with the concepts' colours along the left edge and above."""
    from matplotlib.colors import Normalize, to_rgb

    size, count = coefficients.shape
    largest = np.abs(coefficients).max(axis=0)
    scaled = coefficients / np.where(largest > 0, largest, 1.0)
    signed = bool((coefficients < 0).any())
    colors, norm = ("RdBu_r", Normalize(-1, 1)) if signed else ("viridis", Normalize(0, 1))
    image = axes.imshow(scaled, cmap=colors, norm=norm, aspect="auto", interpolation="nearest")
    starts = np.flatnonzero(np.diff(labels)) + 1
    for start in starts:
        axes.axhline(start - 0.5, color="white", linewidth=1.6)
        axes.axhline(start - 0.5, color=style.INK, linewidth=0.6)
    beside, above = axes.inset_axes((-0.045, 0, 0.03, 1)), axes.inset_axes((0, 1.012, 1, 0.026))
    strip = np.array([to_rgb(style.concept_color(number)) for number in labels])  # (s, 3)
    beside.imshow(strip[:, None], aspect="auto", interpolation="nearest")
    heads = np.array([to_rgb(style.concept_color(number)) for number in range(1, count + 1)])
    above.imshow(heads[None], aspect="auto", interpolation="nearest")
    for edge in (beside, above):
        edge.set_axis_off()
    edges = np.concatenate([[0], starts, [size]])
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        if end - start > 0.04 * size:
            name = str(labels[start]) if labels[start] else "none"
            axes.text(-0.06, 1 - (start + end) / 2 / size, name, transform=axes.transAxes,
                      fontsize=style.SMALL, ha="right", va="center_baseline")  # fmt: skip
    every = -(-count // 20)
    axes.set(yticks=[], xticks=range(0, count, every))
    axes.set_xticklabels([str(number + 1) for number in range(0, count, every)])
    axes.set_xlabel("concept", fontsize=style.SMALL + 0.5)
    axes.tick_params(labelsize=style.SMALL, length=2, width=0.5)
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((1.03, 0, 0.035, 1)))
    bar.ax.tick_params(labelsize=style.SMALL, length=2, width=0.5)
    bar.outline.set_linewidth(0.4)
