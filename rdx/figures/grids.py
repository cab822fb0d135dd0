"""The grid of one concept: its images, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.figures import style
from rdx.figures.cards import LARGER, text_card

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

    Shown = Sequence[Image | str]  # images, or texts that are shown as cards

CELL = 168  # pixels: small images are enlarged to at most this side, large ones reduced to it
GAP = 8
MARGIN = 24
_EDGE = 200  # grey level of the line around each image, so that white images end somewhere


def save_grid(
    images: Shown,
    path: Path | str | None,
    *,
    title: str | None = None,
    captions: list[str] | None = None,
    columns: int | None = None,
) -> Figure:
    """Saves images, or cards of texts, as a grid, by default as square as can be: 3 × 3 for 9, 4 × 4 for 16.

    Without a path the figure is only drawn. ``captions``: one short line below each image. An empty list gives a
    picture that says so. Raises ValueError for another number of captions than images.
    """
    if captions is not None and len(captions) != len(images):
        raise ValueError(f"{len(captions)} captions for {len(images)} images")
    columns = columns or max(1, math.ceil(math.sqrt(len(images))))
    below = style.line_height(style.SMALL) + 2 if captions and any(captions) else 0
    sheet, corners, cell = arrange(images, columns, CELL, GAP, below)
    width = max(sheet.shape[1], 2 * CELL) + 2 * MARGIN
    lines = style.wrapped(title or "", style.BODY, width - 2 * MARGIN, "bold")
    top = MARGIN + len(lines) * style.line_height(style.BODY) + (12 if lines else 0)
    with style.drawing(path, width, top + max(sheet.shape[0], 60) + MARGIN) as figure:
        style.write_lines(figure, lines, MARGIN, MARGIN, style.BODY, fontweight="bold")
        if not images:
            style.write_lines(figure, ["no images"], MARGIN, top, style.BODY, color=style.QUIET)
            return figure
        left = (width - sheet.shape[1]) // 2
        place(figure, sheet, left, top)
        for (x, y), caption in zip(corners, captions if below else [], strict=False):
            text = [style.shortened(caption, style.SMALL, cell)]
            middle, below_image = left + x + cell / 2, top + y + cell + 1
            style.write_lines(figure, text, middle, below_image, style.SMALL, ha="center", color=style.QUIET)
    return figure


def arrange(
    images: Shown, columns: int, side: int, gap: int, below: float = 0
) -> tuple[np.ndarray, list[tuple[int, int]], int]:
    """Images as one sheet of cells: (h, w, 3) uint8, the cells' corners (x, y), and the cells' side.

    Cells are square, as large as the largest image after fitting, with ``below`` pixels of white
    under each. Texts become cards, which take more room.
    """
    if any(isinstance(image, str) for image in images):
        side = round(LARGER * side)
    fitted = [_fitted(image, side) for image in images]
    cell = max((max(image.size) for image in fitted), default=side)
    rows = math.ceil(len(images) / columns)
    step = cell + gap + math.ceil(below)
    width = min(columns, max(len(images), 1)) * (cell + gap) - gap
    sheet = np.full((max(rows * step - gap, 0), width, 3), 255, dtype=np.uint8)
    corners = []
    for number, image in enumerate(fitted):
        x, y = number % columns * (cell + gap), number // columns * step
        corners.append((x, y))
        x, y = x + (cell - image.width) // 2, y + (cell - image.height) // 2
        pixels = np.array(image)
        pixels[[0, -1]] = _EDGE
        pixels[:, [0, -1]] = _EDGE
        sheet[y : y + image.height, x : x + image.width] = pixels
    return sheet, corners, cell


def place(figure, sheet: np.ndarray, left: float, top: float) -> None:
    """Puts a sheet (h, w, 3) on the figure pixel for pixel; left and top in pixels."""
    height, width, _ = sheet.shape
    left, low = round(left), round(figure.bbox.height) - round(top) - height
    image = figure.figimage(sheet, left, low, origin="upper")
    resampled = image.make_image

    def make_image(renderer, magnification: float = 1.0, unsampled: bool = False):
        if magnification != 1:  # a PDF's
            return resampled(renderer, magnification, unsampled)
        pixels = np.full((height, width, 4), 255, dtype=np.uint8)
        pixels[..., :3] = sheet[::-1]  # from below, as the renderer counts
        return pixels, left, low, None

    image.make_image = make_image  # resampling to the same size takes longer than all else in a grid


def _fitted(image: Image | str, side: int) -> Image:
    """An RGB image whose longer side is at most ``side``: whole pixels repeated, or a smooth reduction; or a card."""
    from PIL import Image as images

    if isinstance(image, str):
        return text_card(image, side)
    image = image.convert("RGB")
    longer = max(image.size)
    if longer <= side:
        factor = side // longer
        return image.resize((image.width * factor, image.height * factor), images.Resampling.NEAREST)
    size = tuple(max(1, round(length * side / longer)) for length in image.size)
    return image.resize(size, images.Resampling.LANCZOS)
