"""Success rates of methods over the comparisons of a family: a box and all its points a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, ROW, TOP, BOTTOM = 1990, 46, 190, 110  # pixels
GAP, RIGHT = 90, 50
_LEAST_FOR_A_BOX = 4  # values; fewer are shown as points alone


def save_boxes(
    path: Path | str | None,
    values: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    colors: Mapping[str, str],
    heading: str,
    chance: float = 0.5,
) -> Figure:
    """Saves one panel a direction: ``values[direction][method]`` are the comparisons' BSRs, NaN left out.

    Without a path the figure is only drawn. Methods stand in the order of the first direction, the first on top.
    """
    methods = list(next(iter(values.values())))
    height = TOP + ROW * max(len(methods), 1) + BOTTOM
    left = 90 + max([style.text_width(method, style.SMALL + 0.5) for method in methods], default=0)
    panel = (WIDTH - left - RIGHT - GAP * (len(values) - 1)) / len(values)
    with style.drawing(path, WIDTH, height) as figure:
        lines = style.wrapped(heading, style.TITLE + 1, WIDTH - 80, "bold")[:2]
        style.write_lines(figure, lines, 40, 24, style.TITLE + 1, fontweight="bold")
        for number, (direction, by_method) in enumerate(values.items()):
            edge = left + number * (panel + GAP)
            style.write_lines(figure, [direction], edge, TOP - 60, style.BODY + 1, fontweight="bold")
            axes = figure.add_axes((edge / WIDTH, BOTTOM / height, panel / WIDTH, ROW * len(methods) / height))
            _draw_panel(axes, [np.asarray(by_method[method], dtype=np.float64) for method in methods],
                        [colors[method] for method in methods], chance)  # fmt: skip
            axes.set_yticks(range(len(methods)), methods if number == 0 else [])
            axes.tick_params(labelsize=style.SMALL + 0.5, length=2, width=0.5)
            axes.set_xlabel("BSR on neighbour ranks", fontsize=style.SMALL + 0.5)
    return figure


def _draw_panel(axes, rows: Sequence[np.ndarray], colors: Sequence[str], chance: float) -> None:
    axes.axvline(chance, color=style.QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    for position, (row, color) in enumerate(zip(rows, colors, strict=True)):
        row = row[~np.isnan(row)]
        if len(row) >= _LEAST_FOR_A_BOX:
            axes.boxplot(
                row, positions=[position], vert=False, widths=0.55, showfliers=False, patch_artist=True,
                boxprops={"facecolor": color, "alpha": 0.3, "linewidth": 0.6},
                medianprops={"color": color, "linewidth": 2}, whiskerprops={"linewidth": 0.6},
                capprops={"linewidth": 0.6},
            )  # fmt: skip
        # Spread by their order, so that equal values stay visible and the picture is the same every time.
        spread = np.linspace(-0.18, 0.18, len(row)) if len(row) > 1 else np.zeros(len(row))
        axes.scatter(row, position + spread, s=22, color=color, linewidths=0.4, edgecolors="white", zorder=3)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-0.02, 1.02)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
