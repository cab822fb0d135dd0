"""A few images, each beside a copy that the page makes: one that a model may not tell from it, or may see instead."""

from __future__ import annotations

from typing import Any

import numpy as np

from rdx.explorer.telling import Unnoticed
from rdx.metrics.detail import Detail

_SHOWN = 4


def copies_of(
    unnoticed: Unnoticed | None, finer: Detail | None, structure: tuple[np.ndarray, np.ndarray] | None
) -> dict[str, Any] | None:
    """Which items, what is made of them, and words for it; None where the page says nothing that could be shown so.

    ``finer``: where it is said that one goes by coarser structure, as one does that sees images less sharp; structure:
    how much fine and how much coarse structure images have (n,).
    """
    if unnoticed is not None:
        words = f"Images beside {unnoticed.copy} copies (made here), which {unnoticed.side.upper()} hardly tells apart:"
        return {"way": unnoticed.copy, "words": words, "items": _most(np.abs(unnoticed.read.attribute.values))}
    if finer is not None and finer.coarser is not None:
        words = f"Images beside less sharp copies (made here), as {finer.coarser.upper()} may see them:"
        return {"way": "less sharp", "words": words, "items": _most(structure[0])}
    return None


def _most(values: np.ndarray) -> list[int]:
    """The items that have most, of those with a value."""
    return np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:_SHOWN].tolist()
