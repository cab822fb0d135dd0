"""Data set `cub`: CUB-200-2011, 11,788 photographs of 200 kinds of birds.

Which images are train comes from class_attr_data_10/train.pkl, the list of the concept-bottleneck models (4,796
images, in an order of its own, which the published projections follow); without that file, from
train_test_split.txt (5,994 images, in the order of images.txt).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rdx.data.items import Items
from rdx.data.listing import Listing, check_choice, chosen_items, require
from rdx.data.locate import locate
from rdx.data.reading.plain_pickle import read_plain_pickle
from rdx.data.selection import class_labels
from rdx.errors import InputError

ROOT = "data/CUB_200_2011"
SCRIPT = "download_cub.sh"
LISTS = "class_attr_data_10"
SPLITS = ("train", "test", "all")
_SIZES = {"train": 4_796, "test": 5_794, "all": 11_788}
_IMAGES = "images"
_PARTS_OF_ALL = ("train", "val", "test")


@dataclass(frozen=True)
class Catalogue:
    """Every image of the data set, from its text files."""

    paths: dict[int, str]  # image number → path below images/
    classes: dict[int, int]  # image number → class number, from 1
    class_names: dict[int, str]  # class number → name without its number, "Black footed Albatross"


@dataclass(frozen=True)
class Split:
    """The images of one split, in its order."""

    images: list[int]  # image numbers
    attributes: np.ndarray | None  # (n, a) of 0 and 1: the lists' own attribute labels; None from the text files
    source: Path  # the file it comes from


def load(
    *,
    root: str | Path = ROOT,  # the folder that holds images/ and images.txt
    split: str = "train",  # | "test" | "all"
    classes: list[int | str] | None = None,  # numbers from 1, or names such as "Black footed Albatross"
    images_per_class: int | None = None,  # None: all, in the order of the list
    seed: int = 0,  # of the draw
    skip_bad_images: bool = False,
    progress: bool = False,
) -> Items:
    """The photographs of one split; ids are their paths below `root`. Raises InputError naming what is wrong."""
    check_choice("split of data set 'cub'", split, SPLITS)
    folder = require("cub", locate(root), SCRIPT)
    catalogue = read_catalogue(folder)
    chosen = read_split(folder, split, catalogue)
    ids = [f"{_IMAGES}/{catalogue.paths[image]}" for image in chosen.images]
    labels = np.array([catalogue.classes[image] for image in chosen.images], dtype=np.int64)
    names = catalogue.class_names
    return chosen_items(
        Listing([folder / name for name in ids], ids, labels, names, _notes(chosen), SCRIPT),
        classes=class_labels(classes, names),
        images_per_class=images_per_class,
        seed=seed,
        source=f"data set 'cub' in '{folder}'",
        skip_bad_images=skip_bad_images,
        progress=progress,
    )


def expected(*, split: str = "train", **_: object) -> tuple[int, int]:
    """How many items and classes there will be, by the lists of the concept-bottleneck models."""
    return _SIZES.get(split, _SIZES["all"]), 200


def read_catalogue(root: Path) -> Catalogue:
    """Paths and classes of all images. Raises InputError for missing or inconsistent files."""
    if not (root / "images.txt").exists():
        deeper = next(iter(sorted(root.glob("*/images.txt"))), None)
        if deeper is not None:
            raise InputError(f"data set 'cub': images.txt lies in '{deeper.parent}'; set root to it")
    require("cub", root / _IMAGES, SCRIPT)
    paths = read_numbered(require("cub", root / "images.txt", SCRIPT))
    labels = read_numbered(require("cub", root / "image_class_labels.txt", SCRIPT))
    names = read_numbered(require("cub", root / "classes.txt", SCRIPT))
    classes = {}
    for image in paths:
        label = labels.get(image, "")
        if not label.isdecimal() or int(label) not in names:
            raise InputError(f"'{root / 'image_class_labels.txt'}' gives image {image} no class of classes.txt")
        classes[image] = int(label)
    plain = {number: name.partition(".")[2].replace("_", " ") or name for number, name in names.items()}
    return Catalogue(paths, classes, plain)


def read_split(root: Path, split: str, catalogue: Catalogue) -> Split:
    """The images of "train", "test" or "all", from the concept-bottleneck lists or else the text files."""
    lists = root / LISTS
    if not (lists / "train.pkl").exists():
        return _from_text(root, split, catalogue)
    if split == "all":
        parts = [lists / f"{name}.pkl" for name in _PARTS_OF_ALL]
        found = [_from_list(path, catalogue) for path in parts if path.exists() or path.stem != "val"]
        attributes = [part.attributes for part in found]
        whole = all(part is not None for part in attributes)
        images = [image for part in found for image in part.images]
        return Split(images, np.concatenate(attributes) if whole else None, lists)
    return _from_list(lists / f"{split}.pkl", catalogue)


def read_numbered(path: Path) -> dict[int, str]:
    """A text file of lines ``<number> <text>``. Raises InputError naming the line that is none."""
    found: dict[int, str] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"'{path}' is not text in UTF-8: {error}") from None
    for number, line in enumerate(text.splitlines(), 1):
        key, _, value = line.strip().partition(" ")
        if not line.strip():
            continue
        if not key.isdecimal() or not value:
            raise InputError(f"'{path}', line {number}: expected '<number> <text>', not '{line[:60]}'")
        if int(key) in found:
            raise InputError(f"'{path}', line {number}: number {key} appears twice")
        found[int(key)] = value.strip()
    if not found:
        raise InputError(f"'{path}' is empty")
    return found


def _from_text(root: Path, split: str, catalogue: Catalogue) -> Split:
    path = root / "train_test_split.txt"
    kept = read_numbered(require("cub", path, SCRIPT))
    wanted = {"train": ("1",), "test": ("0",), "all": ("0", "1")}[split]
    for image in catalogue.paths:
        if kept.get(image) not in ("0", "1"):
            raise InputError(f"'{path}' does not say whether image {image} is train (1) or test (0)")
    return Split([image for image in catalogue.paths if kept[image] in wanted], None, path)


def _from_list(path: Path, catalogue: Catalogue) -> Split:
    """One pickled list: rows with an image's path and perhaps its attribute labels."""
    rows = read_plain_pickle(require("cub", path, SCRIPT))
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"'{path}' is not a list of rows")
    numbers = {text: image for image, text in catalogue.paths.items()}
    images = [_image_of(row, numbers, path, position) for position, row in enumerate(rows)]
    for position, (row, image) in enumerate(zip(rows, images, strict=True)):
        if row.get("class_label", catalogue.classes[image] - 1) != catalogue.classes[image] - 1:
            raise InputError(f"'{path}', row {position}: class_label {row['class_label']} is not the image's class")
    return Split(images, _attributes(rows, path), path)


def _image_of(row: dict[str, Any], numbers: dict[str, int], path: Path, position: int) -> int:
    """The number of a row's image. Its path was written elsewhere: what counts comes after images/."""
    text = row.get("img_path")
    if not isinstance(text, str):
        raise InputError(f"'{path}', row {position}: no 'img_path'")
    below = "/".join(text.replace("\\", "/").split("/")[-2:])
    if below not in numbers:
        raise InputError(f"'{path}', row {position}: image '{below}' is not in images.txt")
    return numbers[below]


def _attributes(rows: list[dict[str, Any]], path: Path) -> np.ndarray | None:
    labels = [row.get("attribute_label") for row in rows]
    if all(label is None for label in labels):
        return None
    for position, label in enumerate(labels):
        whole = isinstance(label, list) and len(label) == len(labels[0] or ())
        if not whole or not all(value in (0, 1) for value in label):
            raise InputError(f"'{path}', row {position}: attribute_label is not the row of 0 and 1 that it should be")
    return np.array(labels, dtype=np.int64)


def _notes(split: Split) -> tuple[str, ...]:
    if split.attributes is not None or split.source.suffix != ".txt":
        return ()
    return (
        f"the {len(split.images)} images are those of {split.source.name}; published concept-bottleneck features "
        f"follow {LISTS}/train.pkl, which is missing",
    )
