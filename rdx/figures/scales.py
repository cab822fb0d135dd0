"""Numbers as colours, and the bar that says which number is which colour."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from rdx.figures import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_STEPS = 256
_MOST_TICKS = 9
_TIP = 24  # pixels, of the triangles that say that there is more beyond an end
_TICK, _TO_TEXT = 4, 6  # pixels


@dataclass(frozen=True)
class Scale:
    """A colour map of matplotlib's from ``low`` to ``high``; what lies beyond has the colour of the end."""

    colors: str
    low: float
    high: float
    logarithmic: bool = False

    def colored(self, values: np.ndarray) -> np.ndarray:
        """Values of any shape as colours (…, 3) uint8."""
        steps = self.share(values) * (_STEPS - 1e-3)
        return _palette(self.colors)[steps.astype(np.uint8)]

    def share(self, values) -> np.ndarray:
        """How far values lie along the scale, from 0 to 1."""
        low, high, values = (np.log(x) if self.logarithmic else x for x in (self.low, self.high, self.within(values)))
        return (values - low) / (high - low)

    def within(self, values) -> np.ndarray:
        return np.clip(values, self.low, self.high)

    def ticks(self) -> dict[float, str]:
        """Round numbers inside the scale, ascending, and how they are written."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        locator = LogLocator(subs=(1, 2, 5)) if self.logarithmic else MaxNLocator(_MOST_TICKS, steps=(1, 2, 2.5, 5, 10))
        slack = 1e-9 * (self.high - self.low)
        values = [
            float(value) for value in locator.tick_values(self.low, self.high)
            if self.low - slack <= value <= self.high + slack
        ]  # fmt: skip
        texts = [f"{value:g}" for value in values]
        if not self.logarithmic and not any("e" in text for text in texts):  # as many places in each
            places = max([len(text.partition(".")[2]) for text in texts], default=0)
            texts = [f"{value:.{places}f}" for value in values]
        return {value: text.replace("-", "−") for value, text in zip(values, texts, strict=True)}

    def draw_bar(self, figure: Figure, values: np.ndarray, left: float, top: float, width: int, height: int) -> None:
        """A bar at a place in pixels, pointed at an end that some of the values lie beyond."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Polygon

        from rdx.figures.grids import place

        above, below = (_TIP if beyond else 0 for beyond in (values.max() > self.high, values.min() < self.low))
        upper, lower = top + above, top + height - below
        palette, right, middle = _palette(self.colors), left + width, left + width / 2
        inner = round(lower) - round(upper)
        steps = (np.arange(inner)[::-1] + 0.5) / inner * _STEPS
        place(figure, np.repeat(palette[steps.astype(int), None], width, axis=1), left, upper)
        outline = [(left, upper), (middle, upper - above), (right, upper), (right, lower), (middle, lower + below),
                   (left, lower)]  # fmt: skip
        where = {"transform": style.from_pixels(figure)}
        for length, corners, color in ((above, outline[:3], palette[-1]), (below, outline[3:], palette[0])):
            if length:
                figure.add_artist(Polygon(corners, facecolor=color / 255, linewidth=0, **where))
        figure.add_artist(Polygon(outline, fill=False, edgecolor=style.QUIET, linewidth=0.4, **where))
        for value, text in self.ticks().items():
            y = lower - float(self.share(value)) * (lower - upper)
            figure.add_artist(Line2D((right, right + _TICK), (y, y), color=style.QUIET, linewidth=0.5, **where))
            figure.text(right + _TICK + _TO_TEXT, y, text, fontsize=style.SMALL, color=style.QUIET,
                        va="center_baseline", **where)  # fmt: skip


@lru_cache
def _palette(colors: str) -> np.ndarray:
    """The colours of one of matplotlib's maps, (256, 3) uint8."""
    from matplotlib import colormaps

    return colormaps[colors](np.arange(_STEPS), bytes=True)[:, :3]
