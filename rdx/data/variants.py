"""The modifications of a digit data set that give pairs of models a known difference.

plain              the digits as they are, labels 0 … 9
m35, m49           label 5 becomes 3; label 9 becomes 4 (the label stays in the vocabulary, without items)
hflip, vflip       the digits, then left-right (upside-down) mirrored copies of all, with the same labels
hflip_nl, vflip_nl the same, but the mirrored copies get the new labels 10 … 19
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rdx.data.items import Items, items_from_pixels
from rdx.data.selection import class_labels, select, shortages
from rdx.errors import InputError, unknown

VARIANTS = ("plain", "m35", "m49", "hflip", "hflip_nl", "vflip", "vflip_nl")
SPLITS = ("train", "test", "all")

_MERGED = {"m35": (5, 3), "m49": (9, 4)}
_MIRRORED = {"hflip": (2, "mirrored"), "vflip": (1, "upside down")}  # the flipped axis of (n, h, w)
_DIGITS = 10


def digit_items(
    parts: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    variant: str,
    classes: list[int | str] | None,
    images_per_class: int | None,
    seed: int,
    source: str,
) -> Items:
    """Items of a digit data set after variant, classes and draw; each part has pixels (n, h, w) uint8 and digits (n,).

    Ids are ``root/<label>/<index>``, index = position in the data set after mirroring and after filtering
    by `classes`, so that they are what the paper sorts.
    """
    pixels, digits = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    pixels, labels, names = modified(pixels, digits, variant)
    wanted = class_labels(classes, names)
    if wanted is not None:
        kept = np.flatnonzero(np.isin(labels, wanted))
        pixels, labels = pixels[kept], labels[kept]
    ids = [f"root/{label}/{index}" for index, label in enumerate(labels.tolist())]
    chosen = select(ids, labels, classes=wanted, images_per_class=images_per_class, seed=seed, source=source)
    notes = shortages(len(chosen), labels[chosen], images_per_class, names)
    return items_from_pixels(pixels[chosen], [ids[i] for i in chosen], labels[chosen], names, notes)


def modified(pixels: np.ndarray, digits: np.ndarray, variant: str) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Pixels (n or 2n, h, w), labels (n or 2n,) int64 and the names of all labels after `variant`."""
    if variant not in VARIANTS:
        raise unknown("variant", variant, VARIANTS)
    labels = digits.astype(np.int64)
    names = {digit: str(digit) for digit in range(_DIGITS)}
    if variant in _MERGED:
        source, target = _MERGED[variant]
        labels[labels == source] = target
        names[target] = f"{target} or {source}"
    elif variant != "plain":
        axis, word = _MIRRORED[variant.removesuffix("_nl")]
        copies = labels
        if variant.endswith("_nl"):
            copies = labels + _DIGITS
            names |= {digit + _DIGITS: f"{digit} {word}" for digit in range(_DIGITS)}
        pixels = np.concatenate([pixels, np.flip(pixels, axis=axis)])
        labels = np.concatenate([labels, copies])
    return pixels, labels, names


def expected_digits(n: int, variant: str) -> tuple[int, int]:
    """How many items and classes n digits give after `variant`."""
    if variant.removesuffix("_nl") in _MIRRORED:
        return 2 * n, _DIGITS * (2 if variant.endswith("_nl") else 1)
    return n, _DIGITS


def every_fifth(digits: np.ndarray) -> np.ndarray:
    """Which of the items (n,) are test items where a data set has no split of its own.

    Every fifth of each digit, the count running on from one digit to the next, so that exactly n // 5 are.
    """
    test = np.zeros(len(digits), dtype=bool)
    test[np.argsort(digits, kind="stable")[4::5]] = True
    return test


def split_names(split: str) -> tuple[str, ...]:
    """The parts that `split` is made of, train before test. Raises InputError for an unknown split."""
    if split not in SPLITS:
        raise unknown("split", split, SPLITS)
    return ("train", "test") if split == "all" else (split,)


def check_pixels(pixels: np.ndarray, digits: np.ndarray, files: str) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays as they are; raises InputError naming `files` unless they are (n, h, w) uint8 and n digits 0 … 9."""
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or digits.ndim != 1 or digits.dtype != np.uint8:
        raise InputError(f"{files}: not grey images (n, h, w) and labels (n,) of 8 bits each")
    if len(pixels) != len(digits):
        raise InputError(f"{files}: {len(pixels)} images, but {len(digits)} labels")
    if digits.size and digits.max() >= _DIGITS:
        raise InputError(f"{files}: label {digits.max()} in row {digits.argmax()} is not a digit")
    return pixels, digits
