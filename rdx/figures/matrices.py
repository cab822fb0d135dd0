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
    size = len(shown)
    starts = np.flatnonzero(np.diff(shown)) + 1
    for start in starts:
        for line in (axes.axhline, axes.axvline):
            line(start - 0.5, color="white", linewidth=1.3)
            line(start - 0.5, color=style.INK, linewidth=0.5)
    strip = np.array([_rgb(style.concept_color(number)) for number in shown])  # (s, 3)
    beside, above = axes.inset_axes((-0.036, 0, 0.026, 1)), axes.inset_axes((0, 1.01, 1, 0.026))
    beside.imshow(strip[:, None], aspect="auto", interpolation="nearest")
    above.imshow(strip[None], aspect="auto", interpolation="nearest")
    for edge in (beside, above):
        edge.set_axis_off()
    edges = np.concatenate([[0], starts, [size]])
    for start, end in zip(edges[:-1], edges[1:], strict=True):
        if shown[start] and end - start > 0.045 * size:
            middle = (start + end) / 2 - 0.5
            axes.text(-0.05, 1 - (middle + 0.5) / size, str(shown[start]), transform=axes.transAxes,
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


def _rgb(color: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(color)
