"""One matrix over items as a picture, with the borders and colours of its concepts."""

from __future__ import annotations

import numpy as np

from rdx.figures import style


def draw_matrix(axes, matrix: np.ndarray, shown: np.ndarray | None, colors: str, norm) -> None:
    """A matrix (s, s) with a colour bar; where its items are ordered by concept ``shown`` (s,), with borders
    between the concepts and their colours along the edges."""
    image = axes.imshow(matrix, cmap=colors, norm=norm, aspect="auto")
    if shown is not None:
        _draw_borders(axes, shown)
    _draw_bar(axes, matrix, image, norm)


def _draw_borders(axes, shown: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    size = len(shown)
    starts = np.flatnonzero(np.diff(shown)) + 1
    for color, width in (("white", 1.3), (style.INK, 0.5)):
        axes.hlines(starts - 0.5, -0.5, size - 0.5, color=color, linewidth=width)
        axes.vlines(starts - 0.5, -0.5, size - 0.5, color=color, linewidth=width)
    edges = np.concatenate([[0], starts, [size]])
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        along, length = start / size, (end - start) / size
        for place in (((-0.036, 1 - along - length), 0.026, length), ((along, 1.01), length, 0.026)):
            strip = Rectangle(*place, color=style.concept_color(shown[start]), linewidth=0, transform=axes.transAxes)
            axes.add_artist(strip).set_clip_on(False)
        if shown[start] and length > 0.045:
            axes.text(-0.05, 1 - along - length / 2, str(shown[start]), transform=axes.transAxes,
                      fontsize=style.SMALL, ha="right", va="center_baseline")  # fmt: skip


def _draw_bar(axes, matrix: np.ndarray, image, norm) -> None:
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import LogLocator, NullLocator

    beyond = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    extend = beyond[bool(matrix.min() < norm.vmin), bool(matrix.max() > norm.vmax)]
    bar = axes.figure.colorbar(image, cax=axes.inset_axes((1.03, 0, 0.04, 1)), extend=extend)
    if isinstance(norm, LogNorm):
        bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        bar.ax.yaxis.set_minor_locator(NullLocator())
    bar.ax.tick_params(labelsize=style.SMALL, length=2, width=0.5)
    bar.outline.set_linewidth(0.4)
