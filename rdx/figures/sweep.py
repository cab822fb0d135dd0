"""The summary of a run with many comparisons: success rates, numbers of concepts and CKA of every pair.

A chain, in which each pair goes on from the last one's second representation (a sweep over layers), is drawn
as lines; all pairs of some models as matrices over the models; any other set of pairs as one row a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdx.figures import style

LEAST_PAIRS = 3  # fewer need no figure
CHAIN, MATRIX, ROWS = "chain", "matrix", "rows"
PANELS = ("binary success rate", "concepts", "CKA")
CHANCE = 0.5
MARGIN, GAP = 30, 44  # pixels
_STEP, _NARROWEST, _WIDEST = 58, 900, 2600  # of a chain: per pair, and the whole panel
_TALL = 190  # a chain's panel
_ROW, _COLUMN = 34, 330  # of rows: per pair, and a panel's width
_CELL, _LEAST_CELL = 400, 66  # a matrix and the smallest of its cells
_LONGEST_NAME = 300
_LOOK = {  # of a direction: colour (as in loss curves), marker, and how far its dots are moved apart
    "a_not_b": (style.INK, "o", -0.12),
    "b_not_a": ("#0072B2", "s", 0.12),
}
_OF_BOTH = "#009E73"
_MEANING = {"a_not_b": "a_not_b: together in the first alone", "b_not_a": "b_not_a: together in the second alone"}


@dataclass(frozen=True)
class PairSummary:
    """What one comparison came to, for one method; rates are NaN where there are none."""

    a: str  # keys of the representations
    b: str
    title_a: str
    title_b: str
    bsr: tuple[float, float]  # a_not_b, b_not_a
    concepts: tuple[int, int]
    cka: float

    @property
    def title(self) -> str:
        return f"{self.title_a} → {self.title_b}"

    def values(self, panel: int, side: int) -> float:
        return (self.bsr[side], float(self.concepts[side]), self.cka)[panel]


def form_of(pairs: Sequence[tuple[str, str]]) -> str:
    """How pairs of representations are drawn: ``matrix``, ``chain`` or ``rows``."""
    models = {key for pair in pairs for key in pair}
    distinct = {frozenset(pair) for pair in pairs}
    if len(distinct) == len(pairs) == len(models) * (len(models) - 1) // 2:
        return MATRIX
    follows = all(first[1] == second[0] for first, second in zip(pairs, pairs[1:], strict=False))
    if follows and len(models) == len(pairs) + 1:
        return CHAIN
    return ROWS


def save_sweep(path: Path | str, pairs: Sequence[PairSummary], *, heading: str) -> None:
    """Saves the figure of a run's comparisons, in their order. Raises ValueError without any."""
    if not pairs:
        raise ValueError("there are no comparisons to draw")
    draw = {CHAIN: _chain, MATRIX: _matrices, ROWS: _rows}[form_of([(pair.a, pair.b) for pair in pairs])]
    draw(path, pairs, heading)


def _chain(path: Path | str, pairs: Sequence[PairSummary], heading: str) -> None:
    """Three panels below each other, with the pairs from left to right."""
    names = [style.shortened(pair.title, style.SMALL, _LONGEST_NAME) for pair in pairs]
    inner = float(np.clip(_STEP * len(pairs), _NARROWEST, _WIDEST))
    below = 0.72 * max(style.text_width(name, style.SMALL) for name in names) + 30  # slanted
    left = max(120.0, MARGIN + below - inner / len(pairs) / 2)
    top = _head_height(heading, inner + left)
    height = top + len(PANELS) * (_TALL + GAP) - GAP + below + MARGIN
    with style.drawing(path, left + inner + MARGIN, height) as figure:
        _head(figure, heading, "line")
        for panel, name in enumerate(PANELS):
            axes = _axes(figure, left, top + panel * (_TALL + GAP), inner, _TALL)
            style.write_lines(figure, [name], left, top + panel * (_TALL + GAP) - 26, style.BODY, fontweight="bold")
            for side, look in _sides(panel):
                values = [pair.values(panel, side) for pair in pairs]
                axes.plot(range(len(pairs)), values, **look, clip_on=False, zorder=3 + side)
            axes.set_ylim(*_limits(pairs, panel))
            axes.set_xlim(-0.5, len(pairs) - 0.5)
            axes.set_xticks(range(len(pairs)), [])
            if panel == 0:
                axes.axhline(CHANCE, color=style.QUIET, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)
            if panel == 1:
                axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set_xticks(range(len(pairs)), names, rotation=40, ha="right", rotation_mode="anchor")


def _rows(path: Path | str, pairs: Sequence[PairSummary], heading: str) -> None:
    """Three panels beside each other, with one row a pair."""
    names = [style.shortened(pair.title, style.SMALL, 2 * _LONGEST_NAME) for pair in pairs]
    left = MARGIN + max(style.text_width(name, style.SMALL) for name in names) + 20
    width = left + len(PANELS) * (_COLUMN + GAP) - GAP + MARGIN
    top = _head_height(heading, width)
    tall = _ROW * len(pairs)
    with style.drawing(path, width, top + tall + 40 + MARGIN) as figure:
        _head(figure, heading, "dot")
        for panel, name in enumerate(PANELS):
            start = left + panel * (_COLUMN + GAP)
            axes = _axes(figure, start, top, _COLUMN, tall, along="x")
            style.write_lines(figure, [name], start, top - 26, style.BODY, fontweight="bold")
            for side, look in _sides(panel):
                values = [pair.values(panel, side) for pair in pairs]
                apart = 0.0 if panel == 2 else list(_LOOK.values())[side][2]
                look |= {"linestyle": "", "markersize": 5.5}
                axes.plot(values, np.arange(len(pairs)) + apart, **look, clip_on=False)
            axes.set_xlim(*_limits(pairs, panel))
            axes.set_ylim(len(pairs) - 0.5, -0.5)
            axes.set_yticks(range(len(pairs)), names if panel == 0 else [])
            axes.tick_params(axis="y", length=0)
            if panel == 0:
                axes.axvline(CHANCE, color=style.QUIET, linewidth=0.9, linestyle=(0, (4, 3)), zorder=2)
            if panel == 1:
                axes.xaxis.get_major_locator().set_params(integer=True)


def _matrices(path: Path | str, pairs: Sequence[PairSummary], heading: str) -> None:
    """Three matrices: row i, column j is what model i holds together and model j does not."""
    titles = {key: title for pair in pairs for key, title in ((pair.a, pair.title_a), (pair.b, pair.title_b))}
    place = {key: i for i, key in enumerate(titles)}
    side = max(_CELL, _LEAST_CELL * len(place))
    names = [style.shortened(title, style.SMALL, _LONGEST_NAME) for title in titles.values()]
    longest = max(style.text_width(name, style.SMALL) for name in names)
    left, below = MARGIN + longest + 16, 0.72 * longest + 30
    notes = "row: holds together · column: does not · CKA: the same both ways"
    width = left + len(PANELS) * (side + GAP) - GAP + MARGIN
    top = _head_height(heading, width)
    with style.drawing(path, width, top + side + below + MARGIN) as figure:
        _head(figure, heading, notes)
        for panel, name in enumerate(PANELS):
            values = np.full((len(place), len(place)), np.nan)
            for pair in pairs:
                values[place[pair.a], place[pair.b]] = pair.values(panel, 0)
                values[place[pair.b], place[pair.a]] = pair.values(panel, 1)
            start = left + panel * (side + GAP)
            style.write_lines(figure, [name], start, top - 26, style.BODY, fontweight="bold")
            axes = _axes(figure, start, top, side, side, along=None)
            _heat_map(axes, values, _limits(pairs, panel), "{:.0f}" if panel == 1 else "{:.2f}")
            axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(len(names)), names if panel == 0 else [])
            axes.tick_params(length=0)


def _heat_map(axes, values: np.ndarray, limits: tuple[float, float], form: str) -> None:
    """Cells with their numbers; empty ones, the diagonal among them, are grey."""
    from matplotlib import colormaps

    colors = colormaps["cividis"].with_extremes(bad=style.NULL_COLOR)
    axes.imshow(np.ma.masked_invalid(values), cmap=colors, vmin=limits[0], vmax=limits[1], aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = (value - limits[0]) / (limits[1] - limits[0]) < 0.55
            color = "white" if dark else style.INK
            axes.text(column, row, form.format(value), ha="center", va="center", fontsize=style.SMALL, color=color)


def _sides(panel: int) -> list[tuple[int, dict]]:
    """The curves of a panel: one a direction, and one for CKA, which has none."""
    if panel == 2:
        return [(0, {"color": _OF_BOTH, "marker": "D", "linewidth": 1.4, "markersize": 5})]
    wide = ({"linewidth": 2.8, "markersize": 7}, {"linewidth": 1.2, "markersize": 4})  # equal curves show both
    looks = zip(_LOOK.values(), wide, strict=True)
    return [(side, {"color": color, "marker": mark, **size}) for side, ((color, mark, _), size) in enumerate(looks)]


def _limits(pairs: Sequence[PairSummary], panel: int) -> tuple[float, float]:
    """The range of a panel: rates and CKA up to 1, and down as far as they go; concepts from 0."""
    values = np.array([pair.values(panel, side) for pair in pairs for side in (0, 1)])
    values = values[np.isfinite(values)]
    if panel == 1:
        return 0.0, max(1.0, values.max(initial=0)) * 1.08
    lowest = min(0.4 if panel == 0 else 0.9, values.min(initial=1.0))
    return float(np.floor(lowest * 10 - 1e-9) / 10 if lowest < 0.4 else lowest - 0.02), 1.02


def _axes(figure, left: float, top: float, width: float, height: float, along: str | None = "y"):
    """Axes at a place in pixels, with quiet lines across the values."""
    full_width, full_height = figure.bbox.width, figure.bbox.height
    corner = (left / full_width, 1 - (top + height) / full_height)
    axes = figure.add_axes((*corner, width / full_width, height / full_height))
    axes.tick_params(labelsize=style.SMALL, length=2, width=0.5, labelcolor=style.INK)
    if along:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="both", color="#ececec", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.locator_params(axis=along, nbins=5)
    return axes


def _head_height(heading: str, width: float) -> float:
    lines = len(style.wrapped(heading, style.TITLE, width - 2 * MARGIN, "bold"))
    return MARGIN + lines * style.line_height(style.TITLE) + style.line_height(style.BODY) + 8 + 46


def _head(figure, heading: str, key: str) -> None:
    """The heading, and below it what the colours mean (or, in matrices, a line of text)."""
    from matplotlib.lines import Line2D

    width, height = figure.bbox.width, figure.bbox.height
    lines = style.wrapped(heading, style.TITLE, width - 2 * MARGIN, "bold")
    style.write_lines(figure, lines, MARGIN, MARGIN, style.TITLE, fontweight="bold")
    top = MARGIN + len(lines) * style.line_height(style.TITLE) + 8
    if key not in ("line", "dot"):
        style.write_lines(figure, [key], MARGIN, top, style.BODY, color=style.QUIET)
        return
    left, middle = float(MARGIN), 1 - (top + style.line_height(style.BODY) / 2) / height
    texts = [(color, mark, _MEANING[name]) for name, (color, mark, _) in _LOOK.items()]
    for color, mark, text in [*texts, (style.QUIET, "", "chance")]:
        ends, dashes = ((left / width, (left + 34) / width), (0, (4, 3)) if text == "chance" else "-")
        line = dashes if key == "line" or text == "chance" else ""
        look = {"color": color, "linewidth": 1.4, "linestyle": line, "marker": mark, "markersize": 5}
        figure.add_artist(Line2D(ends if line else (sum(ends) / 2,), (middle,) * (2 if line else 1), **look))
        style.write_lines(figure, [text], left + 48, top, style.BODY)
        left += 48 + style.text_width(text, style.BODY) + 34
