"""The concepts of several methods on the same two maps, a pair of panels a method."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.figures import style
from rdx.figures.maps import draw_map

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAP = 300  # side of one map in pixels
PAIR = 2 * MAP + 14
COLUMNS, GAP = 3, 50
TOP, HEAD, MARGIN = 130, 70, 45


def save_map_panels(
    path: Path | str | None, *, map_a, map_b, labels: Mapping[str, np.ndarray], title_a: str, title_b: str, heading: str
) -> Figure:
    """Saves, for every method, map A beside map B (n, 2), coloured by its labels (n,), 0 = null.

    Without a path the figure is only drawn.
    """
    rows = math.ceil(len(labels) / COLUMNS)
    columns = min(COLUMNS, max(len(labels), 1))
    width = max(2 * MARGIN + columns * PAIR + (columns - 1) * GAP, 2 * PAIR)
    height = TOP + rows * (HEAD + MAP) + MARGIN
    with style.drawing(path, width, height) as figure:
        lines = style.wrapped(heading, style.TITLE + 1, width - 2 * MARGIN, "bold")[:1]
        style.write_lines(figure, lines, MARGIN, 24, style.TITLE + 1, fontweight="bold")
        below = f"left: {title_a}, right: {title_b}; first two principal components"
        style.write_lines(figure, [below], MARGIN, 72, style.SMALL + 0.5, color=style.QUIET)
        for number, (name, found) in enumerate(labels.items()):
            left = MARGIN + number % COLUMNS * (PAIR + GAP)
            top = TOP + number // COLUMNS * (HEAD + MAP)
            count = len(np.unique(found[found != 0]))
            title = style.shortened(f"{name} ({count})", style.BODY, PAIR, "bold")
            style.write_lines(figure, [title], left, top + 18, style.BODY, fontweight="bold")
            for side, plane in enumerate((map_a, map_b)):
                draw_map(figure, plane, np.asarray(found), left + side * (MAP + 14), top + HEAD - 12, MAP)
    return figure
