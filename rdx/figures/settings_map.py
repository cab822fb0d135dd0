"""What RDX finds over a grid of settings: a heat map each of success, concepts and stability."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.figures import style

if TYPE_CHECKING:
    from rdx.metrics.settings_sweep import Setting

CELL_WIDTH, CELL_HEIGHT = 118, 62  # pixels
TOP, GAP, MARGIN, BELOW = 200, 120, 50, 120
NAMES = 230  # the column of γ and β
PANELS = (
    ("BSR", "mean of both directions", "mean_bsr", (0.5, 1.0), "{:.2f}", "viridis"),
    ("Concepts", "not null, both directions", "total", None, "{:.0f}", "cividis"),
    ("Stability", "mean best Jaccard on subsamples", "mean_stability", (0.0, 1.0), "{:.2f}", "viridis"),
)


def save_settings_map(path: Path | str, settings: Sequence[Setting], *, chosen: Setting | None, heading: str) -> None:
    """Saves three panels: columns are k, rows γ and β; `chosen` has a frame. Empty cells: no concepts."""
    columns = list(dict.fromkeys(setting.n_clusters for setting in settings))
    rows = list(dict.fromkeys((setting.gamma, setting.beta) for setting in settings))
    panel = (CELL_WIDTH * len(columns), CELL_HEIGHT * len(rows))
    width = max(1100, 2 * MARGIN + NAMES + 3 * panel[0] + 2 * GAP)
    height = TOP + panel[1] + BELOW
    with style.drawing(path, width, height) as figure:
        lines = style.wrapped(heading, style.TITLE + 1, width - 2 * MARGIN, "bold")[:2]
        style.write_lines(figure, lines, MARGIN, 24, style.TITLE + 1, fontweight="bold")
        for number, (title, about, what, limits, text, colors) in enumerate(PANELS):
            left = MARGIN + NAMES + number * (panel[0] + GAP)
            style.write_lines(figure, [title], left, TOP - 84, style.BODY + 1, fontweight="bold")
            about = style.shortened(about, style.SMALL, panel[0] + GAP - 12)
            style.write_lines(figure, [about], left, TOP - 50, style.SMALL, color=style.QUIET)
            axes = figure.add_axes((left / width, BELOW / height, panel[0] / width, panel[1] / height))
            values = np.full((len(rows), len(columns)), np.nan)
            for setting in settings:
                value = getattr(setting, what)
                place = rows.index((setting.gamma, setting.beta)), columns.index(setting.n_clusters)
                values[place] = np.nan if value is None else value
            _draw(axes, values, limits, text, colors)
            axes.set_xticks(range(len(columns)), [str(k) for k in columns])
            names = [f"γ = {gamma}, β = {beta}" for gamma, beta in rows]
            axes.set_yticks(range(len(rows)), names if number == 0 else [])
            axes.tick_params(labelsize=style.SMALL + 0.5, length=0)
            axes.set_xlabel("k, concepts asked for", fontsize=style.SMALL + 0.5)
            if chosen is not None:
                _frame(axes, columns.index(chosen.n_clusters), rows.index((chosen.gamma, chosen.beta)))


def _draw(axes, values: np.ndarray, limits: tuple[float, float] | None, text: str, colors: str) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    known = values[~np.isnan(values)]
    low, high = limits or (0.0, max(1.0, float(known.max()) if known.size else 1.0))
    norm = Normalize(low, high, clip=True)
    palette = colormaps[colors].with_extremes(bad="#f0f0f0")
    axes.imshow(np.ma.masked_invalid(values), cmap=palette, norm=norm, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isnan(value):
            axes.text(column, row, "–", ha="center", va="center", fontsize=style.BODY, color=style.QUIET)
            continue
        red, green, blue = palette(norm(value))[:3]
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
        axes.text(column, row, text.format(value), ha="center", va="center", fontsize=style.BODY,
                  color="white" if dark else style.INK)  # fmt: skip
    axes.spines[:].set_visible(False)


def _frame(axes, column: int, row: int) -> None:
    from matplotlib.patches import Rectangle

    for color, width in (("white", 4.5), (style.INK, 2.0)):
        axes.add_patch(
            Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=color, linewidth=width, clip_on=False)
        )
