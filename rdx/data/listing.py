"""What a data set of files finds on disk, and the items chosen from it."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rdx.data.items import Items, items_from_texts
from rdx.data.reading.decoding import HEADER, SUFFIXES
from rdx.data.reading.dicom import is_dicom
from rdx.data.reading.image_files import items_from_files
from rdx.data.selection import refuse_few, select, shortages
from rdx.errors import InputError, MissingInput, unknown

_NOT_OWN = ("__MACOSX", "@eaDir")  # of archives made by macOS; the thumbnails of Synology's servers
_DICOM_INDEX = "DICOMDIR"  # lists the files of a medium
_NAMED = 8  # suffixes named in a note


@dataclass
class Listing:
    """n images before any choice: files, ids, labels (n,) or None, and the names of all labels."""

    files: list[Path]
    ids: list[str]
    labels: np.ndarray | None
    label_names: dict[int, str]
    notes: tuple[str, ...] = ()
    script: str | None = None  # downloads the data set
    contents: list[bytes | None] | None = None  # (n,) of images that are cells of a table; `files` only name those
    columns: dict[str, list[str]] = field(default_factory=dict)  # of a table: what else it says of each image
    text_column: str | None = None  # of `columns`, where the items are texts; then there are no files


def chosen_items(
    listing: Listing,
    *,
    classes: list[int] | None,
    images_per_class: int | None,
    seed: int,
    source: str,
    skip_bad_images: bool,
    progress: bool,
    grey_range: tuple[int, int] | None = None,
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
    ids = [listing.ids[i] for i in chosen]
    columns = {name: [cells[i] for i in chosen] for name, cells in listing.columns.items()}
    notes = (*listing.notes, *shortages(len(chosen), labels, images_per_class, listing.label_names))
    if listing.text_column is not None:
        return items_from_texts(ids, labels, listing.label_names, columns, listing.text_column, notes)
    if listing.script and not skip_bad_images:
        _refuse_missing([listing.files[i] for i in chosen], listing.script, source)
    items = items_from_files(
        [listing.files[i] for i in chosen],
        ids,
        labels,
        listing.label_names,
        skip_bad_images=skip_bad_images,
        progress=progress,
        notes=notes,
        grey_range=grey_range,
        contents=None if listing.contents is None else [listing.contents[i] for i in chosen],
        columns=columns,
    )
    if items.dropped:
        _refuse_lost_classes(items, labels, listing.label_names, source)
    return items


def images_in(folder: Path, left_out: Counter[str] | None = None) -> list[str]:
    """The names of the images directly in a folder, sorted as text; `left_out` counts other files by suffix."""
    found = []
    for entry in _entries(folder):
        if is_folder(entry) or is_hidden(entry.name):
            continue
        if _is_image(entry):
            found.append(entry.name)
        elif left_out is not None:
            left_out[os.path.splitext(entry.name)[1].lower()] += 1
    return sorted(found)


def images_below(folder: Path, left_out: Counter[str] | None = None) -> list[str]:
    """All images in a folder and its sub-folders, as paths below it, sorted as text; links are followed, each folder
    once."""
    found: list[str] = []
    seen: set[str] = set()
    for current, below, _ in os.walk(folder, followlinks=True, onerror=_refuse_unreadable):
        real = os.path.realpath(current)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        below[:] = [name for name in below if not is_hidden(name)]
        start = Path(current).relative_to(folder)
        found += [(start / name).as_posix() for name in images_in(Path(current), left_out)]
    return sorted(found)


def folders_in(folder: Path) -> list[str]:
    """The names of the folders directly in a folder, sorted as text."""
    return sorted(entry.name for entry in _entries(folder) if is_folder(entry) and not is_hidden(entry.name))


def is_hidden(name: str) -> bool:
    """Whether a file or folder is not the user's own: hidden, or left behind by an archive or a file server."""
    return name[0] == "." or name in _NOT_OWN


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether a folder's entry is a folder, or a link to one; a link that leads in a circle is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def said_of_left_out(left_out: Counter[str]) -> tuple[str, ...]:
    """A note about files that are no images by their names."""
    if not left_out:
        return ()
    often = sorted(left_out.items(), key=lambda one: (-one[1], not one[0], one[0]))
    kinds = [f"{count} {suffix or 'without a suffix'}" for suffix, count in often[:_NAMED]]
    more = f" and {len(left_out) - _NAMED} more kinds" if len(left_out) > _NAMED else ""
    return (f"files that are no images by their names are left out: {', '.join(kinds)}{more}",)


def imagefolder_order(ids: Sequence[str]) -> list[int]:
    """Positions (n,) of images, given as paths below classes, in the order of torchvision's ImageFolder.

    Class by class it takes the files of one folder after the other, where text as a whole sorts `a/b/x.png` between
    `a/a.png` and `a/c.png`.
    """

    def key(position: int) -> tuple[str, str, str]:
        folder, _, name = ids[position].rpartition("/")
        return folder.partition("/")[0], folder, name

    return sorted(range(len(ids)), key=key)


def said_of_order(ids: Sequence[str]) -> tuple[str, ...]:
    """Notes for features whose rows have no names: which images the first and the last row are taken to be, and that
    another loader orders them otherwise where it does."""
    notes = [f"rows have no ids: row 0 is taken as '{ids[0]}', row {len(ids) - 1} as '{ids[-1]}'"]
    theirs = imagefolder_order(ids)
    is_by_path = all(a.partition("/")[::2] < b.partition("/")[::2] for a, b in itertools.pairwise(ids))
    if is_by_path and theirs != list(range(len(ids))):
        row = next(row for row, position in enumerate(theirs) if row != position)
        notes.append(
            f"torchvision's ImageFolder orders these images otherwise: its row {row} is '{ids[theirs[row]]}', not "
            f"'{ids[row]}'; --order imagefolder (data.order=imagefolder) takes its order"
        )
    return tuple(notes)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        _refuse_unreadable(error)


def _refuse_unreadable(error: OSError) -> None:
    raise InputError(f"folder '{error.filename}' cannot be read: {error.strerror}") from None


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Whether a folder's entry is an image by its name, or DICOM, which often has none, by its first bytes.

    A broken link or an unreadable file is an image that cannot be read, not one that is missing.
    """
    if os.path.splitext(entry.name)[1].lower() in SUFFIXES:
        return True
    try:
        if not entry.is_file() or entry.name == _DICOM_INDEX:
            return False
        with open(entry.path, "rb") as file:
            return is_dicom(file.read(HEADER))
    except OSError:
        return False


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
