"""All methods' grids of one direction on one sheet: a row a method, a grid a concept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.figures import style
from rdx.figures.grids import arrange, place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rdx.figures.grids import Shown

CELL, GAP = 60, 3  # pixels: an image, and the space between two
BETWEEN, MARGIN, NAME = 40, 40, 330  # between grids and rows; the page's edge; the column of names
CAPTION = 48
NARROWEST = 1100


def save_sheet(
    path: Path | str | None,
    rows: Sequence[tuple[str, str, Sequence[tuple[int, str, Shown]]]],
    *,
    heading: str,
) -> Figure:
    """Saves the sheet: each row is a method's name, a line about it, and its concepts (size, make-up, images).

    Without a path the figure is only drawn.
    """
    drawn = [
        (name, about, [(size, make_up, _grid(images)) for size, make_up, images in grids])
        for name, about, grids in rows
    ]
    wide = [sum(sheet.shape[1] + BETWEEN for *_, sheet in grids) for *_, grids in drawn]
    high = [CAPTION + max([90, *(sheet.shape[0] for *_, sheet in grids)]) for *_, grids in drawn]
    width = max(NARROWEST, 2 * MARGIN + NAME + max(wide, default=0))
    lines = style.wrapped(heading, style.TITLE + 1, width - 2 * MARGIN, "bold")
    above = MARGIN + len(lines) * style.line_height(style.TITLE + 1) + (20 if lines else 0)
    height = above + sum(high) + BETWEEN * max(len(high) - 1, 0) + MARGIN
    with style.drawing(path, width, height) as figure:
        style.write_lines(figure, lines, MARGIN, MARGIN, style.TITLE + 1, fontweight="bold")
        top = above
        for (name, about, grids), used in zip(drawn, high, strict=True):
            title = style.wrapped(name.replace("_", "_ "), style.BODY, NAME - 20, "bold")
            title = [line.replace("_ ", "_") for line in title]
            style.write_lines(figure, title, MARGIN, top + CAPTION, style.BODY, fontweight="bold")
            below = top + CAPTION + len(title) * style.line_height(style.BODY)
            style.write_lines(figure, style.wrapped(about, style.SMALL, NAME - 20), MARGIN, below, style.SMALL,
                              color=style.QUIET)  # fmt: skip
            left = MARGIN + NAME
            for number, (size, make_up, sheet) in enumerate(grids, start=1):
                room = sheet.shape[1] + BETWEEN - 10
                head = style.shortened(f"{number} · {size} items", style.SMALL, room, "bold")
                color = style.concept_color(number)
                style.write_lines(figure, [head], left, top, style.SMALL, color=color, fontweight="bold")
                text = style.shortened(make_up, style.SMALL - 1, room)
                style.write_lines(figure, [text], left, top + 22, style.SMALL - 1, color=style.QUIET)
                place(figure, sheet, left, top + CAPTION)
                left += sheet.shape[1] + BETWEEN
            if not grids:
                style.write_lines(figure, ["no concepts"], left, top + CAPTION, style.BODY, color=style.QUIET)
            top += used + BETWEEN
    return figure


def _grid(images: Shown):
    columns = max(1, math.ceil(math.sqrt(len(images))))
    return arrange(images, columns, CELL, GAP)[0]
