"""How strongly a fitted RDX's items belong to their concepts: a bar an item, as in a silhouette plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, TOP, PANEL, BOTTOM = 1560, 150, 700, 100  # pixels
GAP, EDGE = 120, 100
NO_CONCEPTS = "no concepts"
_BETWEEN = 0.02  # of a panel's height, between concepts


def save_strengths(
    path: Path | str | None, strengths: Mapping[str, Sequence[np.ndarray]], *, heading: str
) -> Figure:
    """Saves one panel a direction: ``strengths[direction]`` has every concept's affinities (|C|,), the first on top.

    Without a path the figure is only drawn. NaN, of items whose affinity is not known, is left out.
    """
    height = TOP + PANEL + BOTTOM
    panel = (WIDTH - 2 * EDGE - GAP * (len(strengths) - 1)) / len(strengths)
    with style.drawing(path, WIDTH, height) as figure:
        lines = style.wrapped(heading, style.TITLE + 1, WIDTH - 2 * EDGE, "bold")[:1]
        style.write_lines(figure, lines, EDGE, 24, style.TITLE + 1, fontweight="bold")
        for number, (direction, found) in enumerate(strengths.items()):
            left = EDGE + number * (panel + GAP)
            style.write_lines(figure, [direction], left, TOP - 60, style.BODY + 1, fontweight="bold")
            if not found:
                style.write_lines(figure, [NO_CONCEPTS], left, TOP, style.BODY, color=style.QUIET)
                continue
            axes = figure.add_axes((left / WIDTH, BOTTOM / height, panel / WIDTH, PANEL / height))
            _draw(axes, [np.sort(one[~np.isnan(one)])[::-1] for one in found])
    return figure


def _draw(axes, found: Sequence[np.ndarray]) -> None:
    space = _BETWEEN * sum(map(len, found))
    start, middles = 0.0, []
    for number, values in enumerate(found, start=1):
        rows = start + np.arange(len(values)) + 0.5
        axes.barh(rows, values, height=1.0, color=style.concept_color(number), linewidth=0)
        middles.append(start + len(values) / 2)
        start += len(values) + space
    axes.axvline(1.0, color=style.INK, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(start - space, 0)
    names = [f"{number} ({len(values)})" for number, values in enumerate(found, start=1)]
    axes.set_yticks(middles, names)
    axes.tick_params(labelsize=style.SMALL + 0.5, length=2, width=0.5)
    axes.set_xlabel("mean affinity to its own concept; dashed: no difference", fontsize=style.SMALL + 0.5)
    axes.spines[["top", "right"]].set_visible(False)
