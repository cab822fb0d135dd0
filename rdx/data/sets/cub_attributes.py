"""The attributes of CUB-200-2011 as concept-bottleneck models use them: one value a class, frequent ones only.

Koh et al., Concept Bottleneck Models, 2020: people disagree about single photographs, so an attribute counts as
present in a class where most of its train images say so; only attributes present in at least 10 classes are used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdx.data.listing import require
from rdx.data.sets.cub import SCRIPT, Catalogue, Split, read_numbered
from rdx.errors import InputError, MissingInput

_NOT_VISIBLE = 1  # the certainty of those who could not see the place
_SAME = 0.95  # of a list's values and the majority's must agree, or the columns are others
_VOTES = "attributes/image_attribute_labels.txt"


@dataclass(frozen=True)
class Attributes:
    """k attributes over the n images of a split."""

    present: np.ndarray  # (n, k) bool, the same for all images of a class
    ids: list[int | None]  # number in attributes.txt; None where it is not known
    names: list[str]  # "back color: yellow"


def read_attributes(root: Path, split: Split, catalogue: Catalogue, *, min_classes: int = 10) -> Attributes:
    """The attributes of a split's images: those of its pickled list, else the majority of the text files' votes.

    Pickled lists have no names; they get those of the majority's attributes where these are as many and say the
    same, else "attribute 0", … Raises InputError for missing or inconsistent files.
    """
    if split.attributes is None:
        return _by_majority(root, split, catalogue, min_classes)
    listed, k = split.attributes == 1, split.attributes.shape[1]
    try:
        found = _by_majority(root, split, catalogue, min_classes)
    except MissingInput:
        found = None
    if found is not None and found.present.shape == listed.shape and (found.present == listed).mean() >= _SAME:
        return Attributes(listed, found.ids, found.names)
    return Attributes(listed, [None] * k, [f"attribute {column}" for column in range(k)])


def _by_majority(root: Path, split: Split, catalogue: Catalogue, min_classes: int) -> Attributes:
    names, votes = _names(root), class_majority(root, split, catalogue)
    kept = frequent(votes, min_classes)
    if not kept:
        raise InputError(f"data set 'cub' in '{root}': no attribute is present in {min_classes} classes or more")
    for number in kept:
        if number not in names:
            raise InputError(f"data set 'cub' in '{root}': attribute {number} has no line in attributes.txt")
    own = np.array([[votes[number].get(catalogue.classes[image], False) for number in kept] for image in split.images])
    return Attributes(own, list(kept), [names[number] for number in kept])


def class_majority(root: Path, split: Split, catalogue: Catalogue) -> dict[int, dict[int, bool]]:
    """Attribute number → class number → whether it is present in most of the class's images of the split.

    "Not there" from people who could not see the place does not count; a tie, and no vote that counts, is present.
    """
    wanted = set(split.images)
    balance: dict[int, dict[int, int]] = {}
    seen: set[int] = set()
    for image, attribute, present, certainty in _votes(root / _VOTES):
        if image not in wanted:
            continue
        seen.add(image)
        classes = balance.setdefault(attribute, {})
        label = catalogue.classes[image]
        vote = 0 if certainty == _NOT_VISIBLE and not present else 1 if present else -1
        classes[label] = classes.get(label, 0) + vote
    without = next((image for image in split.images if image not in seen), None)
    if without is not None:
        raise InputError(f"'{root / _VOTES}' has no row for image {without} ('{catalogue.paths[without]}')")
    return {attribute: {label: sum_ >= 0 for label, sum_ in classes.items()} for attribute, classes in balance.items()}


def frequent(votes: dict[int, dict[int, bool]], min_classes: int) -> list[int]:
    """The numbers of the attributes present in at least `min_classes` classes, ascending."""
    return sorted(attribute for attribute, classes in votes.items() if sum(classes.values()) >= min_classes)


def readable(name: str) -> str:
    """``has_back_color::yellow`` as ``back color: yellow``."""
    part, _, value = name.removeprefix("has_").partition("::")
    return f"{part}: {value}".replace("_", " ") if value else part.replace("_", " ")


def _names(root: Path) -> dict[int, str]:
    """Number → name. The published archive has attributes.txt beside the data set's folder."""
    places = [root / "attributes/attributes.txt", root / "attributes.txt", root.parent / "attributes.txt"]
    path = next((place for place in places if place.is_file()), places[0])
    return {number: readable(name) for number, name in read_numbered(require("cub", path, SCRIPT)).items()}


def _votes(path: Path) -> Iterator[tuple[int, int, bool, int]]:
    """Image, attribute, whether present, and certainty of every row; the published file has a few odd last columns."""
    with open(require("cub", path, SCRIPT), encoding="utf-8") as handle:
        for row, line in enumerate(handle, 1):
            cells = line.split()
            try:
                image, attribute, present, certainty = (int(cell) for cell in cells[:4])
            except ValueError:
                raise InputError(f"'{path}', line {row}: expected image, attribute, 0 or 1, certainty") from None
            yield image, attribute, present == 1, certainty
