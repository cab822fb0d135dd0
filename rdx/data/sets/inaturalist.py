"""Data set `inaturalist`: the paper's subset of iNaturalist, images listed in <root>/data.json.

data.json has file_paths (n, below root), class_labels (n numbers), class_names (one a class), train_indices and
test_indices (positions among the n).
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from rdx.data.items import Items
from rdx.data.listing import Listing, check_choice, chosen_items, require
from rdx.data.locate import locate
from rdx.data.selection import class_labels
from rdx.errors import InputError

ROOT = "data/inat_subset"
SCRIPT = "download_inaturalist.sh"
SPLITS = ("train", "test", "all")
KEYS = ("file_paths", "class_labels", "class_names", "train_indices", "test_indices")


def load(
    *,
    root: str | Path = ROOT,  # the folder that holds data.json
    split: str = "train",  # | "test" | "all": every image of the list
    classes: list[int | str] | None = None,  # numbers or names, in this order
    images_per_class: int | None = None,  # None: all
    seed: int = 0,  # of the draw
    skip_bad_images: bool = False,
    progress: bool = False,
) -> Items:
    """Images of the chosen species; ids are their paths in data.json. Raises InputError naming what is wrong."""
    check_choice("split of data set 'inaturalist'", split, SPLITS)
    folder = require("inaturalist", locate(root), SCRIPT)
    listing = _listing(folder, split)
    return chosen_items(
        listing,
        classes=class_labels(classes, listing.label_names),
        images_per_class=images_per_class,
        seed=seed,
        source=f"data set 'inaturalist' in '{folder}'",
        skip_bad_images=skip_bad_images,
        progress=progress,
    )


def _listing(root: Path, split: str) -> Listing:
    path = root / "data.json"
    if not path.exists():
        deeper = next(iter(sorted(root.glob("*/data.json"))), None)
        if deeper is not None:
            raise InputError(f"data set 'inaturalist': data.json lies in '{deeper.parent}'; set root to it")
    content = _read(require("inaturalist", path, SCRIPT))
    paths = content["file_paths"]
    labels = _labels(content, len(paths), path)
    names = _names(content["class_names"], labels, path)
    chosen = range(len(paths)) if split == "all" else _positions(content, f"{split}_indices", len(paths), path)
    ids = [paths[i] for i in chosen]
    return Listing(_files(root, ids), ids, labels[list(chosen)], names, script=SCRIPT)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"'{path}' is not a whole JSON file: {error}") from None
    for key in KEYS:
        if not isinstance(content, dict) or key not in content:
            raise InputError(f"'{path}' has no '{key}' (expected: {', '.join(KEYS)})")
    paths = content["file_paths"]
    if not isinstance(paths, list) or not all(isinstance(text, str) and text for text in paths) or not paths:
        raise InputError(f"'{path}': file_paths is not a list of paths")
    return content


def _labels(content: dict[str, Any], n: int, path: Path) -> np.ndarray:
    labels = content["class_labels"]
    if not isinstance(labels, list) or len(labels) != n:
        raise InputError(f"'{path}': class_labels is not a list of {n} numbers, one for each of file_paths")
    try:
        return np.array([int(label) for label in labels], dtype=np.int64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"'{path}': class_labels holds something else than whole numbers") from None


def _names(names: Any, labels: np.ndarray, path: Path) -> dict[int, str]:
    """Label → name, from a list by number, one name an image, or a mapping."""
    if isinstance(names, dict):
        found = {int(key): str(name) for key, name in names.items() if str(key).lstrip("-").isdecimal()}
    elif isinstance(names, list) and len(names) == len(labels) and labels.max() + 1 < len(labels):
        found = {}
        for label, name in zip(labels.tolist(), names, strict=True):
            if found.setdefault(label, str(name)) != str(name):
                raise InputError(f"'{path}': class_names calls class {label} '{found[label]}' and '{name}'")
    elif isinstance(names, list):
        found = {number: str(name) for number, name in enumerate(names)}
    else:
        raise InputError(f"'{path}': class_names is neither a list nor a mapping")
    for label in np.unique(labels).tolist():
        if label not in found:
            raise InputError(f"'{path}': class {label} has no name in class_names")
    return found


def _positions(content: dict[str, Any], key: str, n: int, path: Path) -> list[int]:
    positions = content[key]
    whole = isinstance(positions, list) and all(type(i) is int and 0 <= i < n for i in positions)
    if not whole:
        raise InputError(f"'{path}': {key} is not a list of whole numbers from 0 to {n - 1}")
    return positions


def _files(root: Path, paths: list[str]) -> list[Path]:
    """Where the images lie: below root, where need be without the first folders of paths noted elsewhere."""
    parts = PurePosixPath(paths[0]).parts if paths else ()
    for cut in range(len(parts)):
        if (root / Path(*parts[cut:])).exists():
            return [root / Path(*PurePosixPath(text).parts[cut:]) for text in paths]
    return [root / text for text in paths]
