"""What all figures share: colours, text that fits, and files with the same bytes every time.

Figures are built with matplotlib's objects, never with pyplot, so they neither need a display nor
touch the state of a notebook that calls them. Sizes are in pixels, text sizes in points.

Names may hold letters that matplotlib's own font lacks: Chinese, Japanese, Korean, Arabic and more are drawn
with the first installed font of `_FALLBACKS` that has them, and as boxes, without a warning, where none has.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import baselines
from rdx.figures.png import png_bytes, write_png
from rdx.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

DPI = 150
TITLE, BODY, SMALL = 11.0, 9.0, 7.5  # text sizes in points
INK, QUIET = "#222222", "#767676"
NULL_COLOR = "#d0d0d0"
_MEASURED = 100.0  # points, of letters that are measured
# Told apart with every common colour blindness: Okabe and Ito's colours first, then Paul Tol's.
CONCEPT_COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7",
    "#56B4E9", "#882255", "#999933", "#332288", "#661100",
)  # fmt: skip
# One colour a method in every figure: RDX, then the baselines in their registry's order. RDX's own variants are a
# lighter blue.
_RDX_COLOR, *_BASELINE_COLORS = (*CONCEPT_COLORS, "#44AA99", "#117733", "#AA4499", "#DDCC77", "#6699CC", "#AA4466")
_VARIANT_COLOR, _OTHER_METHOD = "#8FBBDD", "#767676"
_MARKERS = "osD^v"
_FONT = "DejaVu Sans"  # comes with matplotlib: the same on every machine
_FALLBACKS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Zen Hei", "Droid Sans Fallback", "Unifont",
    "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Arial Unicode MS", "Microsoft YaHei", "Malgun Gothic",
)  # fmt: skip
_RULES = {
    "text.color": INK,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "text.parse_math": False,  # a $ in a file name is a $
    "axes.unicode_minus": True,
    "text.hinting": "no_hinting",  # at this resolution nobody sees it, and it is half of the time that text takes
}


def concept_color(number: int) -> str:
    """The colour of a concept, the same in every figure; 0 is null."""
    return CONCEPT_COLORS[(number - 1) % len(CONCEPT_COLORS)] if number > 0 else NULL_COLOR


def rgb(color: str) -> np.ndarray:
    """A colour #rrggbb as a pixel, (3,) uint8."""
    return np.frombuffer(bytes.fromhex(color[1:]), dtype=np.uint8)


def method_color(name: str, method: str) -> str:
    """The colour of a method called ``name`` in its run; mapped forms of a baseline share one."""
    if method == "rdx":
        return _RDX_COLOR if name == "rdx" else _VARIANT_COLOR
    place = baselines.position(method)
    return _BASELINE_COLORS[place % len(_BASELINE_COLORS)] if place >= 0 else _OTHER_METHOD


def concept_marker(number: int) -> str:
    """The marker of a concept: another shape for every ten concepts, where colours begin again."""
    return _MARKERS[max(number - 1, 0) // len(CONCEPT_COLORS) % len(_MARKERS)]


@contextmanager
def drawing(path: Path | str | None, width: float, height: float) -> Iterator[Figure]:
    """An empty white figure of so many pixels, saved to ``path`` (.png or .pdf) when the block ends.

    The file appears whole or not at all and carries no date and no version. Without a path the figure is drawn once,
    so that it looks the same wherever it is shown. The user's own matplotlib settings play no part, and are as before
    afterwards.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with own_rules():
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="white")
        canvas = FigureCanvasAgg(figure)
        yield figure
        if path is None:
            canvas.draw()
            figure._repr_png_ = partial(_png, canvas)  # notebooks show figures of pyplot alone by themselves
            return
        if Path(path).suffix.lower() == ".png":
            write_png(path, _pixels(canvas), DPI)
            return
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=DPI, metadata=dict.fromkeys(("CreationDate", "Producer", "Creator")))


@contextmanager
def own_rules() -> Iterator[None]:
    """Inside, matplotlib draws by the rules of this house, whatever the user's own are."""
    import matplotlib

    with matplotlib.rc_context(_rules()), _missing_letters_are_boxes():
        yield


@lru_cache(maxsize=1)
def _rules() -> dict[str, object]:
    import matplotlib

    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if "backend" not in key}
    return {**defaults, **_RULES, "font.family": fonts()}


def _png(canvas: FigureCanvasAgg) -> bytes:
    return png_bytes(_pixels(canvas), DPI)


def _pixels(canvas: FigureCanvasAgg) -> np.ndarray:
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


@lru_cache(maxsize=1)
def fonts() -> tuple[str, ...]:
    """The families that text is drawn with: each letter with the first that has it."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return (_FONT, *(name for name in _FALLBACKS if name in installed))


@contextmanager
def _missing_letters_are_boxes() -> Iterator[None]:
    """Without a warning for each letter that no font has: a user can do nothing about a name."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"(?s)Glyph .* missing from", UserWarning)
        warnings.filterwarnings("ignore", r"(?s)Matplotlib currently does not support", UserWarning)
        yield


@lru_cache(maxsize=1)
def _renderer():
    from matplotlib.backends.backend_agg import RendererAgg

    return RendererAgg(1, 1, DPI)


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text in pixels: what its letters take up, without kerning, which only narrows it."""
    return sum(_advance(letter, weight) for letter in text) * size / _MEASURED


@lru_cache(maxsize=1 << 16)
def _advance(letter: str, weight: str) -> float:
    """What a large letter takes up between two others, in pixels."""
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family=fonts(), size=_MEASURED, weight=weight)
    with own_rules():
        wide, empty = (
            _renderer().get_text_width_height_descent(text, font, ismath=False)[0] for text in (f"|{letter}|", "||")
        )
    return wide - empty


def line_height(size: float) -> float:
    """Height of a line of text in pixels, with its leading."""
    return 1.3 * size * DPI / 72


def wrapped(text: str, size: float, width: float, weight: str = "normal") -> list[str]:
    """Text as lines no wider than ``width`` pixels; a word that is wider alone is shortened."""
    paragraphs = (list(filled(part.split(), size, width, weight)) or [""] for part in text.splitlines())
    return [shortened(line, size, width, weight) for lines in paragraphs for line in lines]


def filled(words: Iterable[str], size: float, width: float, weight: str = "normal") -> Iterator[str]:
    """Lines of as many words as fit into ``width`` pixels, at least one, each as soon as it is full."""
    line = ""
    for word in words:
        longer = f"{line} {word}".strip()
        if line and text_width(longer, size, weight) > width:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def shortened(text: str, size: float, width: float, weight: str = "normal") -> str:
    """A line no wider than ``width`` pixels: its middle becomes … where it is (names differ at the ends)."""
    kept = len(text)
    short = text
    while kept > 1 and (excess := text_width(short, size, weight) - width) > 0:
        # A measurement for each letter of a long text takes longer than all else: hardly a letter is two ems wide.
        kept = max(1, kept - max(1, int(excess / (2 * size * DPI / 72))))
        short = text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]
    return short


def draw_key(figure: Figure, entries: Sequence[tuple[int, str]], left: float, top: float, width: float) -> None:
    """Concepts' markers and what they stand for, in as many columns as fit; lengths in pixels."""
    if not entries:
        return
    from matplotlib.lines import Line2D

    column = 64 + max(text_width(text, SMALL + 0.5) for _, text in entries)
    columns = max(1, int(width / column))
    for place, (number, text) in enumerate(entries):
        x, y = left + place % columns * column, top + (place // columns + 0.5) * line_height(BODY)
        look = {"color": concept_color(number), "marker": concept_marker(number), "markeredgewidth": 0, "markersize": 7}
        figure.add_artist(Line2D([x + 12], [y], transform=from_pixels(figure), **look))
        write_lines(figure, [text], x + 28, y - line_height(SMALL + 0.5) / 2, SMALL + 0.5)


def from_pixels(figure: Figure) -> Transform:
    """Where pixels counted from the figure's upper left are, for artists: an axes takes longer than what is in it."""
    from matplotlib.transforms import Affine2D

    return Affine2D().scale(1 / figure.bbox.width, -1 / figure.bbox.height).translate(0, 1) + figure.transFigure


def write_lines(figure: Figure, lines: list[str], left: float, top: float, size: float, **style) -> None:
    """Lines of text with their upper left corner at (left, top), in pixels from the figure's upper left."""
    width, height = figure.bbox.width, figure.bbox.height
    for number, line in enumerate(lines):
        middle = top + (number + 0.5) * line_height(size)
        figure.text(left / width, 1 - middle / height, line, fontsize=size, va="center_baseline", **style)
