"""Data set `imagenet`: ImageNet-1k as folders of synsets, <root>/{train,val}/<synset>/*.JPEG.

Classes are numbered 0 … 999 in the order of their synsets, as torchvision does; the numbers and names come from
the full list (timm's), so that they are right even where some of the folders are missing.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rdx.data.items import Items
from rdx.data.listing import Listing, check_choice, chosen_items, images_in, require
from rdx.data.locate import locate
from rdx.data.selection import class_labels
from rdx.errors import InputError, MissingInput, unknown

ROOT = "data/imagenet"
SCRIPT = "download_imagenet.sh"
SPLITS = ("train", "val")
PUBLISHED = {"train": 1_281_167, "val": 50_000}  # images
LEFT_OUT = "train/n04266014/n04266014_10835.JPEG"  # a PNG in disguise, which the paper leaves out too

_SYNSET = re.compile(r"n\d{8}")


def load(
    *,
    root: str | Path = ROOT,  # the folder that holds train/ and val/
    split: str = "train",  # | "val"
    classes: list[int | str] | None = None,  # numbers 0 … 999, synsets or names; None: every folder on disk
    images_per_class: int | None = None,  # None: all
    seed: int = 0,  # of the draw
    names: dict[int | str, str] | None = None,  # {658: mitten}: what the classes must be called, as a check
    skip_bad_images: bool = False,
    progress: bool = False,
) -> Items:
    """Images of the chosen classes; ids are their paths below `root`. Raises InputError naming what is missing."""
    check_choice("split of data set 'imagenet'", split, SPLITS)
    check_names(names or {})
    wanted = class_numbers(classes)
    folder = require("imagenet", locate(root), SCRIPT)
    top = _split_folder(folder, split)
    listing = _listing(folder, split, _present(top) if wanted is None else wanted)
    return chosen_items(
        listing,
        classes=wanted,
        images_per_class=images_per_class,
        seed=seed,
        source=f"data set 'imagenet' in '{top}'",
        skip_bad_images=skip_bad_images,
        progress=progress,
    )


def expected(*, split: str = "train", **_: object) -> tuple[int, int]:
    """How many items and classes are published."""
    return PUBLISHED.get(split, PUBLISHED["train"]), 1000


@cache
def synsets() -> tuple[str, ...]:
    """The 1,000 synsets; a class's number is its position."""
    return _vocabulary()[0]


@cache
def class_names() -> dict[int, str]:
    """Number → the first of the class's names, with its synset where two classes share it (crane, maillot)."""
    first = [words[0] for words in _vocabulary()[1]]
    twice = {name for name, count in Counter(first).items() if count > 1}
    return {i: f"{name} ({synsets()[i]})" if name in twice else name for i, name in enumerate(first)}


def class_numbers(classes: Any) -> list[int] | None:
    """The numbers meant by the YAML's `classes`. Raises InputError for names that are unknown or mean two."""
    if not isinstance(classes, (list, tuple)):
        return class_labels(classes, class_names())
    return class_labels([_number(value) for value in classes], class_names())


def check_names(names: Mapping[int | str, str]) -> None:
    """Raise InputError where a class is not called what the configuration expects."""
    if not isinstance(names, Mapping):
        raise InputError(f"names must be a mapping such as {{658: mitten}}, not {names!r}")
    for value, name in names.items():
        (number,) = class_numbers([value])
        words = _vocabulary()[1][number]
        if str(name).casefold() not in (word.casefold() for word in words):
            raise InputError(f"class {value} of data set 'imagenet' is '{', '.join(words)}', not '{name}'")


@cache
def _vocabulary() -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Synsets and, for each, its names."""
    from rdx._torchvision import ensure_torchvision

    ensure_torchvision()
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-1k")
    words = (tuple(info.label_name_to_description(synset).split(", ")) for synset in info.label_names())
    return tuple(info.label_names()), tuple(words)


def _number(value: Any) -> Any:
    """A synset or a name as its number; whatever else is left to `class_labels`."""
    if not isinstance(value, str) or value.isdecimal():
        return int(value) if isinstance(value, str) else value
    if _SYNSET.fullmatch(value):
        if value not in synsets():
            raise unknown("synset of ImageNet-1k", value, synsets())
        return synsets().index(value)
    meant = [i for i, words in enumerate(_vocabulary()[1]) if value.casefold() in (word.casefold() for word in words)]
    if len(meant) > 1:
        listed = " and ".join(f"{synsets()[i]} ({i})" for i in meant)
        raise InputError(f"'{value}' names {len(meant)} classes of data set 'imagenet': {listed}; give the number")
    return meant[0] if meant else value


def _split_folder(root: Path, split: str) -> Path:
    """root/split, once it holds folders of synsets."""
    top = root / split
    if top.is_dir() and any(True for _ in _synset_folders(top)):
        return top
    if any(True for _ in _synset_folders(root)):
        raise InputError(
            f"data set 'imagenet': '{root}' holds synset folders itself; root must be the folder above '{split}'"
        )
    below = [path for depth in ("*/", "*/*/", "*/*/*/") for path in sorted(root.glob(f"{depth}{split}"))]
    deeper = next((path for path in below if path.is_dir() and any(True for _ in _synset_folders(path))), None)
    if deeper is not None:
        raise InputError(f"data set 'imagenet': the synset folders lie in '{deeper}'; set root to '{deeper.parent}'")
    if top.is_dir() and images_in(top):
        raise InputError(
            f"data set 'imagenet': '{top}' holds images without synset folders (…/n01440764/*.JPEG); "
            f"`bash {SCRIPT}` sorts the published archives"
        )
    if not top.is_dir():
        raise MissingInput(f"data set 'imagenet': '{top}' is missing: run `bash {SCRIPT}`")
    raise MissingInput(f"data set 'imagenet': '{top}' has no synset folders (n01440764, …): run `bash {SCRIPT}`")


def _synset_folders(folder: Path) -> Iterable[str]:
    return (entry.name for entry in os.scandir(folder) if _SYNSET.fullmatch(entry.name) and entry.is_dir())


def _present(top: Path) -> list[int]:
    """The numbers of all synset folders, ascending."""
    found = sorted(_synset_folders(top))
    for name in found:
        if name not in synsets():
            raise InputError(f"data set 'imagenet': folder '{top / name}' is none of the 1,000 classes of ImageNet-1k")
    return [synsets().index(name) for name in found]


def _listing(root: Path, split: str, numbers: list[int]) -> Listing:
    ids, labels = [], []
    for number in numbers:
        synset = synsets()[number]
        folder = root / split / synset
        if not folder.is_dir():
            raise MissingInput(
                f"data set 'imagenet': '{folder}' ({class_names()[number]}) is missing: run `bash {SCRIPT}`"
            )
        own = [f"{split}/{synset}/{name}" for name in images_in(folder)]
        own = [name for name in own if name != LEFT_OUT]
        if not own:
            deeper = next((entry for entry in os.scandir(folder) if entry.is_dir() and images_in(Path(entry))), None)
            hint = f": they lie one folder deeper, in '{deeper.path}'" if deeper else ""
            raise InputError(f"data set 'imagenet': class folder '{folder}' has no images{hint}")
        ids += own
        labels += [number] * len(own)
    return Listing([root / name for name in ids], ids, np.array(labels, dtype=np.int64), class_names(), script=SCRIPT)
