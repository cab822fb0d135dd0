"""Data set `image_folder`: a user's own images.

`root` is a folder with one sub-folder a class, a flat folder, or a CSV/Parquet file with a path column and
perhaps a label column. Their own order is that of the paths as text, in a table that of its rows. Ids are
the paths below `root`, or a table's id column, or its paths as they are written.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from rdx.data.items import Items
from rdx.data.labels import LABEL_COLUMNS, encode_labels, read_labels
from rdx.data.listing import Listing, chosen_items, images_in, is_image
from rdx.data.locate import locate
from rdx.data.reading.image_files import SUFFIXES
from rdx.data.reading.tables import SUFFIXES as TABLE_SUFFIXES
from rdx.data.reading.tables import find_column, read_table
from rdx.data.selection import class_labels
from rdx.errors import InputError, MissingInput

PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path")


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
        raise MissingInput(f"{source}: no such folder or file")
    if labels is not None:
        listing.labels, listing.label_names = read_labels(locate(labels), listing.ids)
    wanted = class_labels(classes, listing.label_names) if listing.labels is not None else classes
    if labels is None and listing.labels is not None:
        _refuse_empty_classes(listing, wanted, path)
    return chosen_items(
        listing,
        classes=wanted,
        images_per_class=images_per_class,
        seed=seed,
        source=source,
        skip_bad_images=skip_bad_images,
        progress=progress,
    )


def _list_folder(root: Path) -> Listing:
    """A flat folder, or one whose sub-folders are classes, numbered in the order of their names."""
    top = images_in(root)
    folders = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and entry.name[0] != ".")
    inside = {name: _images_below(root / name) for name in folders}
    if top and any(inside.values()):
        example = next(name for name, files in inside.items() if files)
        raise InputError(
            f"images '{root}': images both in the folder ('{top[0]}') and in sub-folders ('{example}'); "
            "keep either, or list them in a CSV file"
        )
    if top:
        return Listing([root / name for name in top], top, None, {})
    if not any(inside.values()):
        raise InputError(f"images '{root}': no images found (looked for {', '.join(SUFFIXES)})")
    files = [root / name / file for name in folders for file in inside[name]]
    labels = np.repeat(np.arange(len(folders)), [len(inside[name]) for name in folders])
    ids = [file.relative_to(root).as_posix() for file in files]
    return Listing(files, ids, labels, dict(enumerate(folders)), _one_level_up(root, inside))


def _one_level_up(root: Path, inside: dict[str, list[str]]) -> tuple[str, ...]:
    """A note where every folder has its images in several sub-folders: perhaps those are the classes."""
    below = {name: sorted({file.partition("/")[0] for file in files}) for name, files in inside.items() if files}
    if not all(len(names) > 1 and all("/" in file for file in inside[name]) for name, names in below.items()):
        return ()
    name, names = next(iter(below.items()))
    return (
        f"the classes are the folders of '{root}' ({', '.join(list(below)[:3])}); if they are those inside "
        f"({', '.join(names[:3])}), give '{root / name}'",
    )


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
        found += [(start / entry.name).as_posix() for entry in os.scandir(current) if is_image(entry)]
    return sorted(found)


def _list_table(
    path: Path,
    path_column: str | None,
    label_column: str | None,
    id_column: str | None,
    image_root: str | Path | None,
) -> Listing:
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
        return Listing(files, ids, None, {})
    texts = [text.strip() for text in columns[label]]
    _refuse_empty_or_double(path, label, texts, unique=False)
    return Listing(files, ids, *encode_labels(texts))


def _refuse_empty_or_double(path: Path, column: str, cells: list[str], *, unique: bool) -> None:
    seen: set[str] = set()
    for row, cell in enumerate(cells, 1):
        if not cell:
            raise InputError(f"'{path}', row {row}: column '{column}' is empty")
        if unique and cell in seen:
            raise InputError(f"'{path}', row {row}: column '{column}' has '{cell}' a second time")
        seen.add(cell)


def _refuse_empty_classes(listing: Listing, wanted: list[int] | None, root: Path) -> None:
    present = set(listing.labels.tolist())
    for label in listing.label_names if wanted is None else wanted:
        if label not in present:
            raise InputError(f"class folder '{root / listing.label_names[label]}' has no images")
