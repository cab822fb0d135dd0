"""What a data set of files finds on disk, and the items chosen from it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdx.data.items import Items
from rdx.data.reading.image_files import SUFFIXES, items_from_files
from rdx.data.selection import refuse_few, select, shortages
from rdx.errors import InputError, MissingInput, unknown


@dataclass
class Listing:
    """n images before any choice: files, ids, labels (n,) or None, and the names of all labels."""

    files: list[Path]
    ids: list[str]
    labels: np.ndarray | None
    label_names: dict[int, str]
    notes: tuple[str, ...] = ()
    script: str | None = None  # downloads the data set


def chosen_items(
    listing: Listing,
    *,
    classes: list[int] | None,
    images_per_class: int | None,
    seed: int,
    source: str,
    skip_bad_images: bool,
    progress: bool,
) -> Items:
    """The items drawn by the paper's rule, each image decoded once. `classes` are labels; see `select`.

    Raises InputError where an image is unreadable, and where leaving such images out empties a class.
    """
    chosen = select(
        listing.ids,
        listing.labels,
        classes=classes,
        images_per_class=images_per_class,
        seed=seed,
        source=source,
    )
    labels = None if listing.labels is None else listing.labels[chosen]
    if listing.script and not skip_bad_images:
        _refuse_missing([listing.files[i] for i in chosen], listing.script, source)
    items = items_from_files(
        [listing.files[i] for i in chosen],
        [listing.ids[i] for i in chosen],
        labels,
        listing.label_names,
        skip_bad_images=skip_bad_images,
        progress=progress,
        notes=(*listing.notes, *shortages(len(chosen), labels, images_per_class, listing.label_names)),
    )
    if items.dropped:
        _refuse_lost_classes(items, labels, listing.label_names, source)
    return items


def images_in(folder: Path) -> list[str]:
    """The names of the images directly in a folder, sorted as text."""
    return sorted(entry.name for entry in os.scandir(folder) if is_image(entry))


def is_image(entry: os.DirEntry[str]) -> bool:
    """Whether a folder's entry is an image by its name.

    A broken link or an unreadable file is an image that cannot be read, not one that is missing.
    """
    suffix = os.path.splitext(entry.name)[1].lower()
    return suffix in SUFFIXES and entry.name[0] != "." and not entry.is_dir()


def require(dataset: str, path: Path, script: str) -> Path:
    """`path`, if it exists. Raises MissingInput that names the script which downloads the data set."""
    if not path.exists():
        raise MissingInput(f"data set '{dataset}': '{path}' is missing: run `bash {script}`")
    return path


def check_choice(kind: str, value: str, choices: tuple[str, ...]) -> None:
    """Raise InputError with the nearest name unless `value` is one of `choices`."""
    if value not in choices:
        raise unknown(kind, str(value), choices)


def _refuse_missing(files: list[Path], script: str, source: str) -> None:
    for file in files:
        if not file.exists():
            raise MissingInput(f"{source}: '{file}' is missing: run `bash {script}`")


def _refuse_lost_classes(items: Items, labels: np.ndarray | None, label_names: dict[int, str], source: str) -> None:
    """Dropping unreadable images must leave enough items, and every class that was asked for."""
    refuse_few(len(items), f"{source} without its {len(items.dropped)} unreadable ones")
    if labels is None:
        return
    lost = np.setdiff1d(labels, items.labels)
    if lost.size:
        raise InputError(f"{source}: no image of class '{label_names[int(lost[0])]}' can be read")
