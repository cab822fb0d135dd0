"""How a method's training went: one small panel for each quantity it kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rdx.figures import style

PANEL_WIDTH, PANEL_HEIGHT = 480, 300  # pixels
COLUMNS = 3
MARGIN = 30
_LEFT, _BELOW, _ABOVE = 90, 64, 44  # room for tick labels, the axis' name and the panel's title
_WIDE_RANGE = 10  # from this ratio of largest to smallest on, the scale is logarithmic
COLORS = ("#222222", "#0072B2")  # of the sides; not by concept: nothing here belongs to one


def save_loss(path: Path | str, curves: Mapping[str, Mapping[str, Sequence[float]]], *, heading: str) -> None:
    """Saves curves ``{quantity: {side: values by step}}``, at most two sides.

    Sides with the same values in everything are drawn once, as both sides. Values that are not finite leave gaps.
    """
    curves = _once({name: dict(sides) for name, sides in curves.items()})
    columns = min(COLUMNS, max(1, len(curves)))
    rows = math.ceil(len(curves) / columns)
    cell_width, cell_height = _LEFT + PANEL_WIDTH, _ABOVE + PANEL_HEIGHT + _BELOW
    width = MARGIN + columns * cell_width + MARGIN
    head = style.wrapped(heading, style.TITLE, width - 2 * MARGIN, "bold")
    names = list(dict.fromkeys(side for sides in curves.values() for side in sides))
    key_top = MARGIN + len(head) * style.line_height(style.TITLE) + 8
    top = key_top + style.line_height(style.BODY) + 12
    with style.drawing(path, width, top + rows * cell_height + MARGIN / 2) as figure:
        style.write_lines(figure, head, MARGIN, MARGIN, style.TITLE, fontweight="bold")
        _key(figure, names, key_top, width)
        for number, (quantity, sides) in enumerate(curves.items()):
            left = MARGIN + number % columns * cell_width + _LEFT
            upper = top + number // columns * cell_height + _ABOVE
            title = style.shortened(quantity, style.BODY, PANEL_WIDTH, "bold")
            style.write_lines(figure, [title], left, upper - 34, style.BODY, fontweight="bold")
            _panel(figure, left, upper, sides, names)


def _once(curves: dict[str, dict[str, Sequence[float]]]) -> dict[str, dict[str, Sequence[float]]]:
    """The curves, with two sides that are equal in all of them as one side."""
    names = list(dict.fromkeys(side for sides in curves.values() for side in sides))
    if len(names) != 2 or any(len(sides) != 2 for sides in curves.values()):
        return curves
    if not all(np.array_equal(*map(np.asarray, sides.values()), equal_nan=True) for sides in curves.values()):
        return curves
    return {quantity: {"both sides": sides[names[0]]} for quantity, sides in curves.items()}


def _key(figure, names: list[str], top: float, width: float) -> None:
    """The sides' names beside a piece of their lines."""
    from matplotlib.lines import Line2D

    full_width, full_height = figure.bbox.width, figure.bbox.height
    room = (width - 2 * MARGIN) / max(len(names), 1)
    left = MARGIN
    for name, color in zip(names, COLORS, strict=False):
        middle = 1 - (top + style.line_height(style.BODY) / 2) / full_height
        ends = (left / full_width, (left + 34) / full_width)
        figure.add_artist(Line2D(ends, (middle, middle), color=color, linewidth=1.6))
        text = style.shortened(name, style.BODY, room - 70)
        style.write_lines(figure, [text], left + 44, top, style.BODY)
        left += min(room, 44 + style.text_width(text, style.BODY) + 36)


def _panel(figure, left: float, top: float, sides: Mapping[str, Sequence[float]], names: list[str]) -> None:
    from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

    full_width, full_height = figure.bbox.width, figure.bbox.height
    place = (left / full_width, 1 - (top + PANEL_HEIGHT) / full_height)
    axes = figure.add_axes((*place, PANEL_WIDTH / full_width, PANEL_HEIGHT / full_height))
    for side, values in sides.items():
        values = np.asarray(values, dtype=np.float64)
        alone = {"marker": "o", "markersize": 3} if len(values) == 1 else {}
        steps, color = np.arange(1, len(values) + 1), COLORS[names.index(side) % len(COLORS)]
        axes.plot(steps, np.where(np.isfinite(values), values, np.nan), color=color, linewidth=1.2, **alone)
    shown = np.concatenate([np.asarray(values, dtype=np.float64) for values in sides.values()])
    shown = shown[np.isfinite(shown)]
    if len(shown) and shown.min() > 0 and shown.max() > _WIDE_RANGE * shown.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if shown.max() < 100 * shown.min() else (1,)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlabel("step", fontsize=style.SMALL)
    axes.tick_params(labelsize=style.SMALL, length=2, width=0.5)
    axes.yaxis.get_offset_text().set_fontsize(style.SMALL)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#ececec", linewidth=0.6)
    axes.set_axisbelow(True)
