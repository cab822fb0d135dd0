"""Heat maps over the same rows and columns, with the number in every cell: layers × heads, layers × concepts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdx.figures import style

MARGIN, GAP = 30, 46  # pixels
ROW, LEAST_COLUMN = 36, 44  # a cell
LONGEST_NAME = 420
_PANEL_HEAD, _COLUMN_NAMES = 30, 34
_EVEN, _AROUND = "cividis", "RdBu_r"  # colours: from nothing upwards, and to both sides of a value
_EMPTY = "#f1f1f1"


@dataclass(frozen=True)
class HeatMap:
    """One map of values (r, c), NaN where there is nothing."""

    title: str
    values: np.ndarray  # (r, c)
    around: float | None = None  # the value without colour, from which both sides go; None: from 0 upwards
    ratios: bool = False  # colours by the logarithm: ½ is as far from 1 as 2 is
    marked: np.ndarray | None = None  # (r, c) bool: cells with a frame


def save_heat_maps(
    path: Path | str,
    maps: Sequence[HeatMap],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    heading: str,
    note: str = "",
    beside: int = 2,
) -> None:
    """Saves the maps, ``beside`` next to each other; ``rows`` and ``columns`` are the names of theirs.

    Raises ValueError for a map of another shape.
    """
    for shown in maps:
        if shown.values.shape != (len(rows), len(columns)):
            raise ValueError(f"'{shown.title}' is {shown.values.shape}, not {(len(rows), len(columns))}")
    names = [style.shortened(name, style.SMALL, LONGEST_NAME) for name in rows]
    left = MARGIN + max([style.text_width(name, style.SMALL) for name in names], default=0) + 16
    across = max(1, min(beside, len(maps)))
    titles = [style.text_width(shown.title, style.BODY, "bold") for shown in maps]
    inner = max([_cell_width(maps, columns) * len(columns), *titles])
    tall = ROW * len(rows)
    width = max(left + across * inner + (across - 1) * GAP + MARGIN, 620)
    head = style.wrapped(heading, style.TITLE, width - 2 * MARGIN, "bold")
    below_head = style.wrapped(note, style.SMALL, width - 2 * MARGIN) if note else []
    top = MARGIN + len(head) * style.line_height(style.TITLE) + 6
    start = top + len(below_head) * style.line_height(style.SMALL) + 22
    each = _PANEL_HEAD + tall + _COLUMN_NAMES
    down = math.ceil(len(maps) / across)
    with style.drawing(path, width, start + down * (each + GAP) - GAP + MARGIN) as figure:
        style.write_lines(figure, head, MARGIN, MARGIN, style.TITLE, fontweight="bold")
        style.write_lines(figure, below_head, MARGIN, top, style.SMALL, color=style.QUIET)
        for number, shown in enumerate(maps):
            place = left + number % across * (inner + GAP), start + number // across * (each + GAP)
            style.write_lines(figure, [shown.title], *place, style.BODY, fontweight="bold")
            axes = _axes(figure, place[0], place[1] + _PANEL_HEAD, inner, tall)
            _draw(axes, shown)
            axes.set_xticks(range(len(columns)), columns)
            axes.set_yticks(range(len(rows)), names if number % across == 0 else [])


def _draw(axes, shown: HeatMap) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize
    from matplotlib.patches import Rectangle

    values = _scaled(shown)
    finite = values[np.isfinite(values)]
    reach = float(np.abs(finite).max(initial=0)) or 1.0
    colors = colormaps[_EVEN if shown.around is None else _AROUND].with_extremes(bad=_EMPTY)
    # An effect of nothing is 0; what rounding makes of it, just below 0, is no reason to start lower.
    norm = Normalize(min(0.0, float(finite.min(initial=0))) if shown.around is None else -reach, reach)
    axes.imshow(np.ma.masked_invalid(values), cmap=colors, norm=norm, aspect="auto")
    form = _form([shown])
    for (row, column), value in np.ndenumerate(shown.values):
        if not np.isfinite(value):
            continue
        red, green, blue, _ = colors(norm(values[row, column]))
        color = style.INK if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
        framed = shown.marked is not None and bool(shown.marked[row, column])
        text = form(value)
        axes.text(column, row, text, ha="center", va="center_baseline", fontsize=style.SMALL, color=color,
                  fontweight="bold" if framed else "normal")  # fmt: skip
        if framed:
            box = Rectangle((column - 0.46, row - 0.44), 0.92, 0.88, fill=False, edgecolor=color, linewidth=1.1)
            axes.add_patch(box)


def _scaled(shown: HeatMap) -> np.ndarray:
    """The values that colours follow."""
    if shown.around is None:
        return shown.values.astype(np.float64)
    if not shown.ratios:
        return shown.values - shown.around
    with np.errstate(divide="ignore"):
        logs = np.log2(shown.values / shown.around)
    return np.where(np.isneginf(logs), np.nanmin(np.where(np.isinf(logs), np.nan, logs), initial=-1.0), logs)


def _form(maps: Sequence[HeatMap]):
    """A function from a value to its text: two digits of the largest one, whatever the unit."""
    values = np.concatenate([shown.values.ravel() for shown in maps]) if maps else np.empty(0)
    largest = np.abs(values[np.isfinite(values)]).max(initial=0)
    decimals = int(np.clip(1 - math.floor(math.log10(largest)), 0, 4)) if largest > 0 else 1

    def text(value: float) -> str:
        written = f"{value:.{decimals}f}"
        return written.removeprefix("-") if float(written) == 0 else written

    return text


def _cell_width(maps: Sequence[HeatMap], columns: Sequence[str]) -> float:
    texts = [_form([shown])(value) for shown in maps for value in shown.values.ravel() if np.isfinite(value)]
    return max([LEAST_COLUMN, *(style.text_width(text, style.SMALL, "bold") + 14 for text in [*texts, *columns])])


def _axes(figure, left: float, top: float, width: float, height: float):
    full_width, full_height = figure.bbox.width, figure.bbox.height
    corner = (left / full_width, 1 - (top + height) / full_height)
    axes = figure.add_axes((*corner, width / full_width, height / full_height))
    axes.tick_params(labelsize=style.SMALL, length=0, labelcolor=style.INK)
    axes.spines[:].set_visible(False)
    return axes
