"""What RDX computes on the way: distances and difference as the items come, then ordered by concept."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rdx.figures import style
from rdx.figures.matrices import draw_matrix, pair_scales

PANEL, GAP, MARGIN, HEAD = 500, 130, 60, 110  # pixels
WIDTH = 2 * MARGIN + 3 * PANEL + 2 * GAP + 60
HEIGHT = 80 + 2 * (HEAD + PANEL) + MARGIN


def save_intermediate(
    path: Path | str, *, blocks, block_labels, title_a: str, title_b: str, own: str, heading: str
) -> None:
    """Saves distances, difference and affinity over s items with concepts ``block_labels`` (s,), 0 = null.

    ``blocks`` has ``distances_a``, ``distances_b``, ``difference`` and ``affinity`` (s, s) in the order of the
    items; ``own`` is the title of the model whose concepts are sought.
    """
    labels = np.asarray(block_labels)
    order = np.lexsort((labels, labels == 0))
    first, second, difference, affinity = (
        np.asarray(getattr(blocks, name)) for name in ("distances_a", "distances_b", "difference", "affinity")
    )
    by_distance, by_difference, by_affinity = pair_scales(blocks)
    by_concept = np.ix_(order, order)
    panels = (
        ("1  Distances in A", title_a, first, None, by_distance),
        ("2  Distances in B", title_b, second, None, by_distance),
        ("3  Difference", f"red: near only in “{own}”", difference, None, by_difference),
        ("4  Affinity", "exp(−β · difference)", affinity, None, by_affinity),
        ("5  Difference, by concept", "concept 1 first, null last", difference[by_concept], labels[order],
         by_difference),
        ("6  Affinity, by concept", "the clusters that were found", affinity[by_concept], labels[order], by_affinity),
    )  # fmt: skip
    with style.drawing(path, WIDTH, HEIGHT) as figure:
        lines = style.wrapped(heading, style.TITLE + 1, WIDTH - 2 * MARGIN, "bold")[:1]
        style.write_lines(figure, lines, MARGIN, 24, style.TITLE + 1, fontweight="bold")
        for number, (title, subtitle, matrix, shown, scale) in enumerate(panels):
            left = MARGIN + number % 3 * (PANEL + GAP)
            top = 80 + number // 3 * (HEAD + PANEL) + HEAD - 14
            style.write_lines(figure, [title], left, top - 84, style.BODY + 1, fontweight="bold")
            subtitle = style.shortened(subtitle, style.SMALL + 0.5, PANEL + 60)
            style.write_lines(figure, [subtitle], left, top - 54, style.SMALL + 0.5, color=style.QUIET)
            draw_matrix(figure, matrix, shown, scale, left, top, PANEL)
