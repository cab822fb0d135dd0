"""Data set `image_folder`: a user's own images.

`root` is a folder with one sub-folder a class, a flat folder, or a table (CSV, TSV, Parquet) with a column of paths, of
the images themselves, or of texts in their place, and perhaps a label column. Their own order is that of the paths as
text, in a table that of its rows. Ids are the paths below `root`, or a table's id column, or its paths as they are
written, or row numbers. WebDataset shards are read too (`rdx.data.shard_listing`).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from rdx.data.dataset_folders import read_split, splits_in
from rdx.data.items import Items
from rdx.data.labels import GivenLabels, read_labels
from rdx.data.listing import (
    Listing,
    check_choice,
    chosen_items,
    folders_in,
    imagefolder_order,
    images_below,
    images_in,
    said_of_left_out,
)
from rdx.data.locate import locate
from rdx.data.reading.decoding import SUFFIXES
from rdx.data.reading.greys import checked_range
from rdx.data.reading.tables import SUFFIXES as TABLE_SUFFIXES
from rdx.data.reading.tables import read_columns
from rdx.data.selection import class_labels
from rdx.data.shard_listing import list_shards, shards_in
from rdx.data.table_listing import list_table
from rdx.errors import InputError, MissingInput

ORDERS = ("path", "imagefolder")
_NAMED = 8  # classes named in a note


def load(
    *,
    root: str | Path,  # a folder, or a table of paths
    labels: str | Path | None = None,  # file for all images of root; its labels replace root's own
    classes: list[str | int] | None = None,  # class names or numbers, in this order; None: all
    images_per_class: int | None = None,  # None: all, in their own order
    seed: int = 0,  # of the draw
    path_column: str | None = None,  # tables; None: the first usual name (path, file, image, …)
    text_column: str | None = None,  # tables whose items are texts; None: `text`, where there are no images
    label_column: str | None = None,  # tables; None: the first usual name (label, class, …) or no labels
    id_column: str | None = None,  # tables; None: a column `id`, else the paths
    image_root: str | Path | None = None,  # tables: where relative paths start; None: the table's folder
    split: str | None = None,  # folders of the datasets library: train, test, …; None: the only one
    order: str = "path",  # of the images of a folder: as text, or as torchvision's `imagefolder`
    skip_empty_classes: bool = False,  # leave classes without images out instead of refusing them
    grey_range: list[int] | None = None,  # black and white of more than 8 bits; None: what the files say, or hold
    skip_bad_images: bool = False,  # leave unreadable images out instead of refusing them
    progress: bool = False,
) -> Items:
    """The images below or listed in `root`. Raises InputError naming the file, row or class at fault."""
    check_choice("order of images", order, ORDERS)
    grey_range = checked_range(grey_range)
    path = locate(root)
    source = f"images '{path}'"
    shards = shards_in(path)
    splits = splits_in(path) if path.is_dir() and not shards else {}
    if split is not None and not splits:
        raise InputError(f"{source}: split '{split}' is for folders of the datasets library, and this is none")
    if order != ORDERS[0] and (splits or not path.is_dir()):
        raise InputError(f"order '{order}' is for folders of images; those of '{path}' are in the order of its rows")
    if shards:
        listing = list_shards(shards)
    elif splits or (path.is_file() and path.suffix.lower() in TABLE_SUFFIXES):
        table = read_split(path, splits, split) if splits else read_columns(path)
        listing = list_table(path, table, path_column, label_column, id_column, image_root, text_column)
    elif path.is_dir():
        listing = _list_folder(path, order)
    elif path.exists():
        raise InputError(f"{source}: neither a folder nor a .csv or .parquet file")
    else:
        raise MissingInput(f"{source}: no such folder or file")
    relabelled = labels is not None and _take(listing, read_labels(locate(labels), listing.ids))
    wanted = class_labels(classes, listing.label_names) if listing.labels is not None else classes
    if not relabelled and listing.labels is not None:
        wanted = _without_empty_classes(listing, wanted, path, skip_empty_classes)
    return chosen_items(
        listing,
        classes=wanted,
        images_per_class=images_per_class,
        seed=seed,
        source=source,
        skip_bad_images=skip_bad_images,
        progress=progress,
        grey_range=grey_range,
    )


def _take(listing: Listing, given: GivenLabels) -> bool:
    """Add what a file says of the images; whether it has labels, which replace those of the listing."""
    columns = given.columns.items()
    listing.columns |= {f"labels_{name}" if name in listing.columns else name: cells for name, cells in columns}
    listing.notes += given.notes
    if given.labels is None:
        return False
    listing.labels, listing.label_names = given.labels, given.names
    return True


def _list_folder(root: Path, order: str) -> Listing:
    """A flat folder, or one whose sub-folders are classes, numbered in the order of their names."""
    left_out: Counter[str] = Counter()
    top = images_in(root, left_out)
    folders = folders_in(root)
    inside = {name: images_below(root / name, left_out) for name in folders}
    if top and any(inside.values()):
        example = next(name for name, files in inside.items() if files)
        raise InputError(
            f"images '{root}': images both in the folder ('{top[0]}') and in sub-folders ('{example}'); "
            "keep either, or list them in a CSV file"
        )
    notes = said_of_left_out(left_out)
    if top:
        return Listing([root / name for name in top], top, None, {}, notes)
    if not any(inside.values()):
        found = "".join(f"; {note}" for note in notes)
        raise InputError(f"images '{root}': no images found (looked for {', '.join(SUFFIXES)}){found}")
    ids = [f"{name}/{file}" for name in folders for file in inside[name]]
    if order == ORDERS[1]:
        ids = [ids[position] for position in imagefolder_order(ids)]
    number = {name: label for label, name in enumerate(folders)}
    labels = np.array([number[name.partition("/")[0]] for name in ids])
    files = [root / name for name in ids]
    return Listing(files, ids, labels, dict(enumerate(folders)), (*_one_level_up(root, inside), *notes))


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


def _without_empty_classes(
    listing: Listing, wanted: list[int] | None, root: Path, skip: bool
) -> list[int] | None:
    """The classes that are `wanted`, None for all of them; one without images is refused, or left out and noted."""
    present = set(listing.labels.tolist())
    asked = list(listing.label_names) if wanted is None else wanted
    empty = [listing.label_names[label] for label in asked if label not in present]
    if not empty:
        return wanted
    if not skip:
        more = f" (and {len(empty) - 1} more)" if len(empty) > 1 else ""
        raise InputError(
            f"class folder '{root / empty[0]}' has no images{more}; --skip-empty-classes, or "
            "data.skip_empty_classes=true, leaves such classes out"
        )
    listing.label_names = {label: name for label, name in listing.label_names.items() if name not in empty}
    named = ", ".join(empty[:_NAMED]) + (f" and {len(empty) - _NAMED} more" if len(empty) > _NAMED else "")
    listing.notes += (f"classes without images are left out: {named}",)
    return wanted if wanted is None else [label for label in wanted if label in present]
