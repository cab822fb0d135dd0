"""The items of a comparison: what every data set returns, and every model looks at."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from rdx.errors import InputError
from rdx.files import fingerprint

OWN_COLUMNS = ("index", "id", "path", "label", "label_name")  # of every table of items


@dataclass(frozen=True, eq=False)
class Items:
    """n items in a fixed order, with labels and images where there are any.

    ids: n distinct names. labels: (n,) int64 training labels, or None. label_names: label → text; the whole
    vocabulary, so it may name classes without items here. paths: n image files, "" where the image is part
    of an array. loader: position → image of mode "L" or "RGB"; None without images. fingerprint: sha256 over
    the images' contents, ids, labels and order. dropped: (id, reason) of unreadable images left out. notes: what
    else a user should know about the choice, such as classes with fewer images than asked for.
    pixels: (n, h, w) uint8 where the images are one array, for models that need no PIL image. columns: what a table of
    the items says besides, n cells by name; none is called like one of `OWN_COLUMNS`. text_column: the one of them
    that is shown of each item in place of an image; None where items are images, or known by their vectors alone.
    """

    ids: tuple[str, ...]
    labels: np.ndarray | None
    label_names: dict[int, str]
    paths: tuple[str, ...]
    loader: Callable[[int], Image.Image] | None
    fingerprint: str
    dropped: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    pixels: np.ndarray | None = field(default=None, repr=False)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    text_column: str | None = None

    def __post_init__(self) -> None:
        for name in ("labels", "paths", "pixels"):
            value = getattr(self, name)
            if value is not None and len(value) != len(self.ids):
                raise InputError(f"{len(self.ids)} items, but {len(value)} {name}")
        if len(set(self.ids)) != len(self.ids):
            name, _ = Counter(self.ids).most_common(1)[0]
            raise InputError(f"two items have the same id '{name}'")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def has_images(self) -> bool:
        return self.loader is not None

    @property
    def texts(self) -> tuple[str, ...] | None:
        """The n texts that take the images' place; None without."""
        return None if self.text_column is None else self.columns[self.text_column]

    @property
    def can_be_shown(self) -> bool:
        """Whether there is more of each item than its name: an image, or a text."""
        return self.has_images or self.text_column is not None

    @property
    def noun(self) -> str:
        """What several items are called where they are counted."""
        return "images" if self.has_images else "texts" if self.text_column is not None else "items"

    def shown(self, position: int) -> Image.Image | str:
        """What a grid shows of one item: its image, or its text."""
        return self.image(position) if self.texts is None else self.texts[position]

    def image(self, position: int) -> Image.Image:
        """The image of one item, mode "L" or "RGB". Raises InputError where it cannot be read."""
        position = operator.index(position)
        if not 0 <= position < len(self):
            raise IndexError(f"item {position} of {len(self)}")
        if self.loader is None:
            raise InputError(f"item '{self.ids[position]}' has no image")
        return self.loader(position)

    def label_name(self, position: int) -> str:
        """The label of one item as text; "" without labels."""
        if self.labels is None:
            return ""
        label = int(self.labels[position])
        return self.label_names.get(label, str(label))

    def subset(self, indices: Sequence[int] | np.ndarray) -> Items:
        """The items at `indices` (m,), in that order; what was dropped stays on record."""
        chosen = np.asarray(indices, dtype=np.int64)
        if chosen.size and (chosen.min() < 0 or chosen.max() >= len(self)):
            raise IndexError(f"indices from {chosen.min()} to {chosen.max()} of {len(self)} items")
        pixels = None if self.pixels is None else self.pixels[chosen]
        loader = self.loader and _Chosen(self.loader, tuple(chosen.tolist()))
        return Items(
            ids=tuple(self.ids[i] for i in chosen),
            labels=None if self.labels is None else self.labels[chosen],
            label_names=dict(self.label_names),
            paths=tuple(self.paths[i] for i in chosen),
            loader=loader if pixels is None else ArrayImages(pixels),
            fingerprint=fingerprint("subset", self.fingerprint, chosen),
            dropped=self.dropped,
            notes=self.notes,
            pixels=pixels,
            columns={name: tuple(cells[i] for i in chosen) for name, cells in self.columns.items()},
            text_column=self.text_column,
        )


# Loaders are classes, not closures, so that the worker processes of a data loader can be given one.


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """Images out of one array (n, h, w) or (n, h, w, 3) uint8."""

    pixels: np.ndarray

    def __call__(self, position: int) -> Image.Image:
        return Image.fromarray(self.pixels[position])


@dataclass(frozen=True, eq=False)
class _Chosen:
    loader: Callable[[int], Image.Image]
    positions: tuple[int, ...]

    def __call__(self, position: int) -> Image.Image:
        return self.loader(self.positions[position])


def items_from_pixels(
    pixels: np.ndarray,
    ids: Sequence[str],
    labels: np.ndarray,
    label_names: Mapping[int, str],
    notes: tuple[str, ...] = (),
) -> Items:
    """Items whose images are one array (n, h, w) uint8, with labels (n,)."""
    pixels = np.ascontiguousarray(pixels)
    labels = np.asarray(labels, dtype=np.int64)
    return Items(
        ids=tuple(ids),
        labels=labels,
        label_names=dict(label_names),
        paths=("",) * len(ids),
        loader=ArrayImages(pixels),
        fingerprint=fingerprint("pixels", pixels, list(ids), labels),
        notes=notes,
        pixels=pixels,
    )


def items_from_texts(
    ids: Sequence[str],
    labels: np.ndarray | None,
    label_names: Mapping[int, str],
    columns: Mapping[str, Sequence[str]],
    text_column: str,
    notes: tuple[str, ...] = (),
) -> Items:
    """Items that are texts, one of their table's `columns`; labels (n,) int or None."""
    columns = {name: tuple(cells) for name, cells in columns.items()}
    return Items(
        ids=tuple(ids),
        labels=labels,
        label_names=dict(label_names),
        paths=("",) * len(ids),
        loader=None,
        fingerprint=fingerprint("texts", list(columns[text_column]), list(ids), labels),
        notes=notes,
        columns=columns,
        text_column=text_column,
    )


def items_without_images(
    n: int,
    ids: Sequence[str] | None = None,
    labels: np.ndarray | None = None,
    label_names: Mapping[int, str] | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    notes: tuple[str, ...] = (),
) -> Items:
    """n items known by their vectors, and perhaps `columns`, n cells each; ids are "0", "1", … where none are given.
    Labels: (n,) int."""
    names = tuple(str(i) for i in range(n)) if ids is None else tuple(str(name) for name in ids)
    if len(names) != n:
        raise InputError(f"{n} items, but {len(names)} ids")
    if labels is not None:
        labels = np.asarray(labels, dtype=np.int64)
        label_names = label_names or {int(label): str(label) for label in np.unique(labels)}
    return Items(
        ids=names,
        labels=labels,
        label_names=dict(label_names or {}),
        paths=("",) * n,
        loader=None,
        fingerprint=fingerprint("no images", list(names), labels),
        notes=notes,
        columns={name: tuple(cells) for name, cells in (columns or {}).items()},
    )
