"""Data set `mnist`: 70,000 digits, the published files in <root>/MNIST/raw, in the idx format."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from rdx.data.items import Items
from rdx.data.locate import locate
from rdx.data.sets import mnist_10k
from rdx.data.variants import check_pixels, digit_items, expected_digits, split_names
from rdx.errors import InputError, MissingInput

ROOT = "data/mnist_data"
RAW = Path("MNIST/raw")
_SIZES = {"train": 60_000, "test": 10_000}
_FILES = {"train": "train", "test": "t10k"}
_IDX_UINT8 = 0x08  # the third byte of an idx file: its type


def load(
    *,
    root: str | Path = ROOT,  # the folder that holds MNIST/raw/train-images-idx3-ubyte and so on
    split: str = "train",  # | "test" | "all": train, then test
    variant: str = "plain",  # | "m35", "m49": merged | "hflip", "vflip": and mirrored | with "_nl": under new labels
    classes: list[int | str] | None = None,  # labels after the variant, in this order
    images_per_class: int | None = None,  # None: all
    seed: int = 0,  # of the draw
) -> Items:
    """MNIST, 28×28 grey. Raises InputError naming the missing file and the script that fetches it."""
    folder = locate(root)
    return digit_items(
        [_part(folder, name) for name in split_names(split)],
        variant=variant,
        classes=classes,
        images_per_class=images_per_class,
        seed=seed,
        source=f"data set 'mnist' in '{folder}'",
    )


def expected(*, split: str = "train", variant: str = "plain", **_: object) -> tuple[int, int]:
    """How many items and classes there will be."""
    return expected_digits(sum(_SIZES[name] for name in split_names(split)), variant)


def files(root: Path) -> list[Path]:
    """The four files below `root`, images before labels, train before test."""
    kinds = ("images-idx3", "labels-idx1")
    return [root / RAW / f"{name}-{kind}-ubyte" for name in _FILES.values() for kind in kinds]


def read_idx(path: Path) -> np.ndarray:
    """An idx file of unsigned bytes as an array. Raises InputError when it is not one, or not whole."""
    data = path.read_bytes()
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _IDX_UINT8:
        raise InputError(f"'{path}' is not an idx file of unsigned bytes")
    start = 4 + 4 * data[3]
    shape = tuple(int.from_bytes(data[i : i + 4], "big") for i in range(4, start, 4))
    if len(data) != start + math.prod(shape):
        raise InputError(f"'{path}' is not whole: {len(data)} bytes for shape {shape}")
    return np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)


def _part(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 28, 28) and digits (n,) of "train" or "test"."""
    images, labels = files(root)[:2] if split == "train" else files(root)[2:]
    for path in (images, labels):
        if not path.is_file():
            small = all(file.is_file() for file in mnist_10k.files(locate(mnist_10k.ROOT)))
            other = "; 10,000 of its digits are available as data set 'mnist_10k'" if small else ""
            raise MissingInput(f"data set 'mnist': '{path}' is missing: run `bash download_mnist.sh`{other}")
    return check_pixels(read_idx(images), read_idx(labels), f"'{images}' and its labels")
