"""Data set `image_folder`: a user's own images.

`root` is a folder with one sub-folder a class, a flat folder, or a CSV/Parquet file with a path column and
perhaps a label column. Their own order is that of the paths as text, in a table that of its rows. Ids are
the paths below `root`, in a table its id column or else the paths as they are written there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdx.data.image_files import SUFFIXES, items_from_files
from rdx.data.items import Items
from rdx.data.labels import LABEL_COLUMNS, encode_labels, read_labels
from rdx.data.locate import locate
from rdx.data.selection import class_labels, refuse_few, select
from rdx.data.tables import SUFFIXES as TABLE_SUFFIXES
from rdx.data.tables import find_column, read_table
from rdx.errors import InputError

PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path")


@dataclass
class _Listing:
    """n images before any choice: files, ids, labels (n,) or None, and the names of all labels."""

    files: list[Path]
    ids: list[str]
    labels: np.ndarray | None
    label_names: dict[int, str]


def load(
    *,
    root: str | Path,  # folder or table
    labels: str | Path | None = None,  # file of labels for all images of root; replaces root's own
    classes: list[str | int] | None = None,  # class names or numbers, in this order; None: all
    images_per_class: int | None = None,  # None: all, in their own order
    seed: int = 0,  # of the draw
    path_column: str | None = None,  # tables; None: the first usual name (path, file, image, …)
    label_column: str | None = None,  # tables; None: the first usual name (label, class, …) or no labels
    id_column: str | None = None,  # tables; None: a column `id`, else the paths
    image_root: str | Path | None = None,  # tables: where relative paths start; None: the table's folder
    skip_bad_images: bool = False,  # leave unreadable images out instead of refusing them
    progress: bool = False,
) -> Items:
    """The images below or listed in `root`. Raises InputError naming the file, row or class at fault."""
    path = locate(root)
    source = f"images '{path}'"
    if path.is_dir():
        listing = _list_folder(path)
    elif path.is_file() and path.suffix.lower() in TABLE_SUFFIXES:
        listing = _list_table(path, path_column, label_column, id_column, image_root)
    elif path.exists():
        raise InputError(f"{source}: neither a folder nor a .csv or .parquet file")
    else:
        raise InputError(f"{source}: no such folder or file")
    if labels is not None:
        listing.labels, listing.label_names = read_labels(locate(labels), listing.ids)
    wanted = class_labels(classes, listing.label_names) if listing.labels is not None else classes
    if labels is None and listing.labels is not None:
        _refuse_empty_classes(listing, wanted, path)
    chosen = select(
        listing.ids,
        listing.labels,
        classes=wanted,
        images_per_class=images_per_class,
        seed=seed,
        source=source,
    )
    items = items_from_files(
        [listing.files[i] for i in chosen],
        [listing.ids[i] for i in chosen],
        None if listing.labels is None else listing.labels[chosen],
        listing.label_names,
        skip_bad_images=skip_bad_images,
        progress=progress,
    )
    if items.dropped:
        _refuse_lost_classes(items, listing, chosen, source)
    return items


def _list_folder(root: Path) -> _Listing:
    """A flat folder, or one whose sub-folders are classes, numbered in the order of their names."""
    top = sorted(entry.name for entry in os.scandir(root) if _is_image(entry))
    folders = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and entry.name[0] != ".")
    inside = {name: _images_below(root / name) for name in folders}
    if top and any(inside.values()):
        example = next(name for name, files in inside.items() if files)
        raise InputError(
            f"images '{root}': images both in the folder ('{top[0]}') and in sub-folders ('{example}'); "
            "keep either, or list them in a CSV file"
        )
    if top:
        return _Listing([root / name for name in top], top, None, {})
    if not any(inside.values()):
        raise InputError(f"images '{root}': no images in there (looked for {', '.join(SUFFIXES)})")
    files = [root / name / file for name in folders for file in inside[name]]
    labels = np.repeat(np.arange(len(folders)), [len(inside[name]) for name in folders])
    ids = [file.relative_to(root).as_posix() for file in files]
    return _Listing(files, ids, labels, dict(enumerate(folders)))


def _images_below(folder: Path) -> list[str]:
    """All images in `folder` and its sub-folders, sorted as text; links are followed, each folder once."""
    found: list[str] = []
    seen: set[str] = set()
    for current, below, _ in os.walk(folder, followlinks=True):
        real = os.path.realpath(current)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = [name for name in below if name[0] != "."]
        start = Path(current).relative_to(folder)
        found += [(start / entry.name).as_posix() for entry in os.scandir(current) if _is_image(entry)]
    return sorted(found)


def _is_image(entry: os.DirEntry[str]) -> bool:
    # By name: a broken link or an unreadable file is an image that cannot be read, not one that is not there.
    suffix = os.path.splitext(entry.name)[1].lower()
    return suffix in SUFFIXES and entry.name[0] != "." and not entry.is_dir()


def _list_table(
    path: Path,
    path_column: str | None,
    label_column: str | None,
    id_column: str | None,
    image_root: str | Path | None,
) -> _Listing:
    columns = read_table(path)
    where = find_column(columns, path_column, PATH_COLUMNS, "path", path)
    if where is None:
        raise InputError(f"'{path}' needs a column 'path' of image files (it has: {', '.join(columns)})")
    label = find_column(columns, label_column, LABEL_COLUMNS, "label", path)
    name = find_column(columns, id_column, ("id",), "id", path)
    ids = columns[where] if name is None else columns[name]
    _refuse_empty_or_double(path, where, columns[where], unique=name is None)
    if name is not None:
        _refuse_empty_or_double(path, name, ids, unique=True)
    start = path.parent if image_root is None else locate(image_root)
    files = [start / Path(text).expanduser() for text in columns[where]]
    if label is None:
        return _Listing(files, ids, None, {})
    texts = [text.strip() for text in columns[label]]
    _refuse_empty_or_double(path, label, texts, unique=False)
    return _Listing(files, ids, *encode_labels(texts))


def _refuse_empty_or_double(path: Path, column: str, cells: list[str], *, unique: bool) -> None:
    seen: set[str] = set()
    for row, cell in enumerate(cells, 1):
        if not cell:
            raise InputError(f"'{path}', row {row}: column '{column}' is empty")
        if unique and cell in seen:
            raise InputError(f"'{path}', row {row}: column '{column}' has '{cell}' a second time")
        seen.add(cell)


def _refuse_empty_classes(listing: _Listing, wanted: list[int] | None, root: Path) -> None:
    present = set(listing.labels.tolist())
    for label in listing.label_names if wanted is None else wanted:
        if label not in present:
            raise InputError(f"class folder '{root / listing.label_names[label]}' has no images")


def _refuse_lost_classes(items: Items, listing: _Listing, chosen: np.ndarray, source: str) -> None:
    """Dropping unreadable images must leave enough items, and every class that was asked for."""
    refuse_few(len(items), f"{source} without its {len(items.dropped)} unreadable ones")
    if listing.labels is None:
        return
    lost = np.setdiff1d(listing.labels[chosen], items.labels)
    if lost.size:
        name = listing.label_names[int(lost[0])]
        raise InputError(f"{source}: no image of class '{name}' can be read")
