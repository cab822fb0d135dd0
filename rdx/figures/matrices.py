"""One matrix over items as a picture, with the borders and colours of its concepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rdx.figures import style
from rdx.figures.grids import place
from rdx.figures.scales import Scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rdx.figures.pair_blocks import PairBlocks

STRIP, AWAY = 13, 5  # pixels: how wide the concepts' colours along the edges are, and how far from the matrix
_ROOM = 22  # of a number beside its rows
_BAR, _TO_BAR = 20, 15
_WHOLE = 3  # times as many pixels as items: from there on a cell is a square, else values between items are shown


def pair_scales(blocks: PairBlocks) -> tuple[Scale, Scale, Scale]:
    """The scales of both distances, of the difference and of the affinity.

    A few extreme pairs must not wash out a whole concept: the last two end at quantiles.
    """
    farthest = float(max(blocks.distances_a.max(), blocks.distances_b.max())) or 1.0
    changes = np.abs(blocks.difference)
    reach = float(max(np.quantile(changes, 0.98), 0.2 * changes.max())) or 1.0
    strongest = max(float(np.quantile(blocks.affinity, 0.995)), 2.0)
    return Scale("viridis_r", 0, farthest), Scale("RdBu", -reach, reach), Scale("magma", 1, strongest, True)


def draw_matrix(
    figure: Figure, matrix: np.ndarray, shown: np.ndarray | None, scale: Scale, left: int, top: int, side: int
) -> None:
    """A matrix (s, s) in a square of so many pixels, with a colour bar at its right.

    Where its items are ordered by concept ``shown`` (s,), with borders between the concepts and their colours along
    the edges.
    """
    cells = scale.colored(_resized(scale.within(matrix), side))
    if shown is not None:
        edges, numbers = concept_edges(shown, side)
        paint_borders(cells, edges, edges)
        draw_strips(figure, numbers, edges, left, top)
        colors = np.repeat(concept_colors(numbers), np.diff(edges), axis=0)
        place(figure, np.broadcast_to(colors, (STRIP, side, 3)), left, top - AWAY - STRIP)
    place(figure, framed(cells), left, top)
    scale.draw_bar(figure, matrix, left + side + _TO_BAR, top, _BAR, side)


def concept_edges(labels: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the runs of equal labels begin and the last one ends, along so many pixels, and their labels."""
    starts = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1])
    edges = np.append(starts, len(labels)) / len(labels) * length
    return edges.round().astype(int), labels[starts]


def concept_colors(numbers) -> np.ndarray:
    """The concepts' colours, (k, 3) uint8."""
    return np.array([style.rgb(style.concept_color(number)) for number in numbers])


def paint_borders(cells: np.ndarray, rows: np.ndarray, columns=()) -> None:
    """Lines between concepts, dark on white, into a picture (h, w, 3); the outermost edges have none."""
    for dark, around in ((255, 1), (style.rgb(style.INK), 0)):
        for line in rows[1:-1]:
            cells[max(line - around, 0) : line + around + 1] = dark
        for line in columns[1:-1]:
            cells[:, max(line - around, 0) : line + around + 1] = dark


def framed(cells: np.ndarray) -> np.ndarray:
    """The same picture with a thin line around it."""
    cells[[0, -1]] = style.rgb(style.QUIET)
    cells[:, [0, -1]] = style.rgb(style.QUIET)
    return cells


def draw_strips(figure: Figure, numbers: np.ndarray, edges: np.ndarray, left: int, top: int, null: str = "") -> None:
    """The concepts' colours at the left of a picture, beside the rows between their edges, and their numbers."""
    height = edges[-1]
    colors = np.repeat(concept_colors(numbers), np.diff(edges), axis=0)
    place(figure, np.broadcast_to(colors[:, None], (height, STRIP, 3)), left - AWAY - STRIP, top)
    for number, start, end in zip(numbers, edges[:-1], edges[1:], strict=True):
        name = str(number) if number else null
        if name and end - start > _ROOM:
            figure.text(left - AWAY - STRIP - 7, top + (start + end) / 2, name, fontsize=style.SMALL, ha="right",
                        va="center_baseline", transform=style.from_pixels(figure))  # fmt: skip


def _resized(matrix: np.ndarray, side: int) -> np.ndarray:
    from PIL import Image

    how = Image.Resampling.NEAREST if side >= _WHOLE * len(matrix) else Image.Resampling.HAMMING
    return np.asarray(Image.fromarray(matrix.astype(np.float32)).resize((side, side), how))
