"""The overview of one direction: both maps, both distance matrices, the difference and the affinity."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.figures import style
from rdx.figures.maps import draw_map
from rdx.figures.matrices import draw_matrix, pair_scales

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 1990, 1450  # pixels
PANEL = 500  # side of each of the six panels
_COLUMNS = (50, 670, 1360)  # left edges of the panels
_ROWS = (184, 812)  # upper edges
_LEGEND_TOP = 1344
_MOST_IN_LEGEND = 24
NO_CONCEPTS = "no concepts: every item is null"


def save_overview(
    path: Path | str | None,
    *,
    map_a,
    map_b,
    labels,
    blocks,
    block_labels,
    title_a: str,
    title_b: str,
    heading: str,
    distance_label: str = "neighbourhood distance",
) -> Figure:
    """Saves the six panels of one direction.

    Maps (n, 2) are coloured by ``labels`` (n,), 0 = null. ``blocks`` has ``distances_a``,
    ``distances_b``, ``difference`` and ``affinity`` (s, s) over items with ``block_labels`` (s,);
    all four are shown with concept 1 first and null last, in the given order inside a concept.
    Without a path the figure is only drawn.
    """
    labels, block_labels = np.asarray(labels), np.asarray(block_labels)
    order = np.lexsort((block_labels, block_labels == 0))
    shown = block_labels[order]
    first, second, difference, affinity = (
        np.asarray(getattr(blocks, name))[np.ix_(order, order)]
        for name in ("distances_a", "distances_b", "difference", "affinity")
    )
    by_distance, by_difference, by_affinity = pair_scales(blocks)
    with style.drawing(path, WIDTH, HEIGHT) as figure:
        lines = style.wrapped(heading, style.TITLE + 2, WIDTH - 100, "bold")[:2]
        style.write_lines(figure, lines, 50, 24, style.TITLE + 2, fontweight="bold")
        for row, (title, plane, distances) in enumerate(((title_a, map_a, first), (title_b, map_b, second))):
            draw_map(figure, plane, labels, *_panel(figure, row, 0, title, "first two principal components"))
            draw_matrix(figure, distances, shown, by_distance, *_panel(figure, row, 1, title, distance_label))
        place = _panel(figure, 0, 2, "Difference", "red: near only in the model explained")
        draw_matrix(figure, difference, shown, by_difference, *place)
        place = _panel(figure, 1, 2, "Affinity", "exp(−β · difference); 1 and below: no difference that way")
        draw_matrix(figure, affinity, shown, by_affinity, *place)
        _draw_legend(figure, labels)
    return figure


def _panel(figure, row: int, column: int, title: str, subtitle: str) -> tuple[int, int, int]:
    """Writes a panel's title and what is shown; left and upper edge and side of the square below."""
    left, top = _COLUMNS[column], _ROWS[row]
    title = style.shortened(title, style.BODY + 1, PANEL + 60, "bold")
    style.write_lines(figure, [title], left, top - 86, style.BODY + 1, fontweight="bold")
    style.write_lines(figure, [subtitle], left, top - 56, style.SMALL + 0.5, color=style.QUIET)
    return left, top, PANEL


def _draw_legend(figure, labels: np.ndarray) -> None:
    """Concept numbers, colours and sizes, in a few rows below the panels."""
    numbers, sizes = np.unique(labels[labels != 0], return_counts=True)
    entries = [(number, f"concept {number} ({size})") for number, size in zip(numbers, sizes, strict=True)]
    entries = entries[:_MOST_IN_LEGEND]
    null = int(np.count_nonzero(labels == 0))
    if null:
        entries.append((0, f"null ({null})"))
    style.draw_key(figure, entries, 50, _LEGEND_TOP, WIDTH - 100)
    if not len(numbers):
        text = [NO_CONCEPTS]
        style.write_lines(figure, text, 300, _LEGEND_TOP, style.BODY, fontweight="bold", color=style.QUIET)
