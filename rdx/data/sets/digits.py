"""Data set `digits`: the 1,797 real 8×8 digits that come with scikit-learn, so that nothing is downloaded.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, test part.
"""

from __future__ import annotations

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
    from sklearn.datasets import load_digits

    parts = split_names(split)
    bunch = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    digits = bunch.target.astype(np.uint8)
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
