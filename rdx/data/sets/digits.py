"""Data set `digits`: the 1,797 real 8×8 digits that come with scikit-learn, so that nothing is downloaded.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, test part.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from rdx.data.items import Items
from rdx.data.variants import digit_items, every_fifth, split_names


def load(
    *,
    split: str = "all",  # | "train" | "test", every fifth of each digit is test
    variant: str = "plain",  # | "m35", "m49": merged | "hflip", "vflip": and mirrored | with "_nl": under new labels
    classes: list[int | str] | None = None,  # labels after the variant, in this order
    images_per_class: int | None = None,  # None: all
    seed: int = 0,  # of the draw
) -> Items:
    """The digits as grey images, 8×8 pixels of 0 … 255."""
    parts = split_names(split)
    pixels, digits = _table()
    if len(parts) == 1:
        kept = every_fifth(digits) == (split == "test")
        pixels, digits = pixels[kept], digits[kept]
    return digit_items(
        [(pixels, digits)],
        variant=variant,
        classes=classes,
        images_per_class=images_per_class,
        seed=seed,
        source="data set 'digits'",
    )


@cache
def _table() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (1797, 8, 8) and digits (1797,), uint8, in scikit-learn's order.

    Its own `load_digits` reads this file too, but loading scikit-learn takes longer than all else that a plan does.
    """
    path = Path(find_spec("sklearn").origin).parent / "datasets/data/digits.csv.gz"
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    pixels, digits = np.rint(table[:, :-1] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8), table[:, -1].copy()
    pixels.flags.writeable = digits.flags.writeable = False  # they are kept for the next call
    return pixels, digits
