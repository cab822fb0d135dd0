"""Cards: what stands in a figure for an item that is a text."""

from __future__ import annotations

from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rdx.errors import printable
from rdx.figures import style

if TYPE_CHECKING:
    from PIL.Image import Image

LARGER = 1.5  # how much wider than an image a text is shown: letters cannot be made small like pixels
NO_TEXT = "(no text)"
_MARGIN, _PAPER = 8, 250  # pixels; grey level
_SMALLEST = 5.0  # points, of cards that have room for little


def text_card(text: str, side: int) -> Image:
    """A square RGB image of `side` pixels with as much of the text as fits, its end left out where it is longer."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image as images

    size = style.SMALL if side >= 160 else _SMALLEST
    inner = side - 2 * _MARGIN
    lines = _fitting(text, size, inner, max(1, int(inner // style.line_height(size))))
    with style.own_rules():
        figure = Figure(figsize=(side / style.DPI, side / style.DPI), dpi=style.DPI, facecolor=str(_PAPER / 255))
        canvas = FigureCanvasAgg(figure)
        color = style.INK if lines != [NO_TEXT] else style.QUIET
        style.write_lines(figure, lines, _MARGIN, _MARGIN, size, color=color)
        canvas.draw()
        pixels = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    return images.fromarray(pixels)


def _fitting(text: str, size: float, width: float, most: int) -> list[str]:
    """The first lines of a text, at most so many; the last one ends in … where there are more."""
    # No letter is narrower than two pixels: of a long text, nothing after so many is looked at.
    words = (printable(word) for word in text[: most * int(width) // 2].split())
    pieces = (piece for word in words for piece in _pieces(word, size, width))
    lines = list(islice(style.filled(pieces, size, width), most + 1)) or [NO_TEXT]
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and style.text_width(f"{last} …", size) > width:
        last = last[:-1].rstrip()
    return [*lines[: most - 1], f"{last} …".lstrip()]


def _pieces(word: str, size: float, width: float) -> list[str]:
    """A word in pieces that fit into a line: scripts that put no spaces between words are one long word.

    Of a long one, few lengths are measured: a measurement for each letter takes longer than all else.
    """

    def wide(letters: int) -> float:
        return style.text_width(word[:letters], size)

    pieces = []
    while word:
        most = 8
        while most < len(word) and wide(most) <= width:
            most *= 2
        most = min(most, len(word))
        if most < len(word) or wide(most) > width:
            most = max(1, bisect_right(range(1, most), width, key=wide))
        pieces.append(word[:most])
        word = word[most:]
    return pieces
