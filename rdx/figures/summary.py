"""The summary of one direction: every concept as one strip of images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.figures import style
from rdx.figures.grids import arrange, place

if TYPE_CHECKING:
    from rdx.figures.grids import Shown

CELL = 112  # pixels
GAP = 6
MARGIN = 30
BAR = 10  # width of the line in the concept's colour
LONGEST = 12  # images in one row of a strip
NARROWEST = 760  # pixels for headings and titles, whatever the number of images
NO_CONCEPTS = "no concepts in this direction"
NOTHING_STANDS_OUT = "nothing stands out in this direction"


def save_summary(
    images_per_concept: list[Shown], path: Path | str, *, titles: list[str], heading: str,
    remark: str = "",
) -> None:
    """Saves one strip per concept, strongest first, each under its title and beside its colour; then the remark.

    Strips of more than 12 images take several rows. No concepts give a picture that says so.
    Raises ValueError for another number of titles than concepts.
    """
    if len(titles) != len(images_per_concept):
        raise ValueError(f"{len(titles)} titles for {len(images_per_concept)} concepts")
    sheets = [_strip(images) for images in images_per_concept]
    inset = BAR + 12
    inner = max([NARROWEST, *(inset + sheet.shape[1] for sheet in sheets)])
    head = style.wrapped(heading, style.TITLE, inner, "bold")
    none = NOTHING_STANDS_OUT if remark else NO_CONCEPTS
    texts = [style.wrapped(title, style.BODY, inner - inset) for title in titles] or [[none]]
    texts += [[remark]] if remark else []
    after_head = MARGIN + len(head) * style.line_height(style.TITLE) + 14
    heights = [len(text) * style.line_height(style.BODY) + 6 for text in texts]
    heights = [h + (sheets[i].shape[0] if i < len(sheets) else 0) for i, h in enumerate(heights)]
    space = 26
    height = after_head + sum(heights) + space * (len(heights) - 1) + MARGIN
    with style.drawing(path, inner + 2 * MARGIN, height) as figure:
        style.write_lines(figure, head, MARGIN, MARGIN, style.TITLE, fontweight="bold")
        top = after_head
        for i, (text, used) in enumerate(zip(texts, heights, strict=True)):
            if i < len(sheets):
                _bar(figure, MARGIN, top, used, style.concept_color(i + 1))
                style.write_lines(figure, text, MARGIN + inset, top, style.BODY)
                if sheets[i].size:
                    place(figure, sheets[i], MARGIN + inset, top + used - sheets[i].shape[0])
            else:
                style.write_lines(figure, text, MARGIN, top, style.BODY, color=style.QUIET)
            top += used + space


def _strip(images: Shown):
    rows = max(1, math.ceil(len(images) / LONGEST))
    return arrange(images, max(1, math.ceil(len(images) / rows)), CELL, GAP)[0]


def _bar(figure, left: float, top: float, height: float, color: str) -> None:
    from matplotlib.patches import Rectangle

    full_width, full_height = figure.bbox.width, figure.bbox.height
    corner = (left / full_width, 1 - (top + height) / full_height)
    figure.add_artist(Rectangle(corner, BAR / full_width, height / full_height, color=color, linewidth=0))
