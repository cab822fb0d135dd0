"""The paper's rule for which items of a data set are compared.

Per class: sort the ids as text, shuffle with numpy's default_rng(seed) (one generator over the classes in
their order), keep the first `images_per_class`, or all where a class has fewer (`shortages` says which).
Classes stand one after the other, in the order asked for, else ascending. Without `images_per_class` nothing is
shuffled: all items stay in the data set's own order.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdx.errors import InputError, unknown

_NAMED = 8  # classes listed in a note
MIN_ITEMS = 5  # with fewer images the paper's comparisons are refused


def select(
    ids: Sequence[str],
    labels: np.ndarray | None,
    *,
    classes: Sequence[int] | None,
    images_per_class: int | None,
    seed: int,
    source: str,
) -> np.ndarray:
    """Positions (m,) of the chosen items. `classes` are labels; without labels all items are one class.

    `source` names the data set in the errors: a class without items, fewer than 5 items in all, bad numbers.
    """
    if images_per_class is not None:
        images_per_class = whole_number("images_per_class", images_per_class, least=1)
    rng = np.random.default_rng(whole_number("seed", seed, least=0))
    if labels is None:
        if classes is not None:
            raise InputError(f"{source} has no labels, so 'classes' cannot choose among them")
        groups = [np.arange(len(ids))]
    elif classes is None and images_per_class is None:
        groups = [np.arange(len(ids))]
    else:
        wanted = np.unique(labels).tolist() if classes is None else classes
        groups = [_members(labels, label, source) for label in wanted]
    if images_per_class is not None:
        groups = [_drawn(group, ids, rng)[:images_per_class] for group in groups]
    chosen = np.concatenate(groups) if groups else np.empty(0, dtype=np.int64)
    refuse_few(len(chosen), source)
    return chosen


def refuse_few(n: int, source: str) -> None:
    """Raise InputError when fewer than 5 items are left to compare."""
    if n < MIN_ITEMS:
        raise InputError(f"{source}: {n} items are too few, a comparison needs at least {MIN_ITEMS}")


def shortages(
    n: int, labels: np.ndarray | None, images_per_class: int | None, label_names: Mapping[int, str]
) -> tuple[str, ...]:
    """One note where classes of the n chosen items, labels (n,), have fewer than was asked for; else none."""
    if images_per_class is None:
        return ()
    if labels is None:
        return (f"{n} images, fewer than the {images_per_class} asked for",) if n < images_per_class else ()
    present, counts = np.unique(labels, return_counts=True)
    short = [
        f"{label_names.get(label, str(label))} {count}"
        for label, count in zip(present.tolist(), counts.tolist(), strict=True)
        if count < images_per_class
    ]
    if not short:
        return ()
    more = f" and {len(short) - _NAMED} more" if len(short) > _NAMED else ""
    return (f"fewer than {images_per_class} images in {', '.join(short[:_NAMED])}{more}",)


def class_labels(classes: Any, label_names: Mapping[int, str]) -> list[int] | None:
    """The labels meant by the YAML's `classes`: a list of class names, or of label numbers.

    A value that reads like a class name is that class; any other whole number is the label itself.
    """
    if classes is None:
        return None
    if isinstance(classes, (str, bytes)) or not isinstance(classes, (Sequence, np.ndarray)):
        raise InputError(f"classes must be a list such as [3, 5, 8], not {classes!r}")
    by_name = {name: label for label, name in label_names.items()}
    labels = []
    for value in classes:
        if str(value) in by_name:
            labels.append(by_name[str(value)])
        elif isinstance(value, numbers.Integral) and int(value) in label_names:
            labels.append(int(value))
        else:
            raise unknown("class", str(value), by_name)
    if not labels:
        raise InputError("classes is an empty list; leave it out to take all classes")
    if len(set(labels)) != len(labels):
        raise InputError(f"classes names a class twice: {list(classes)}")
    return labels


def whole_number(name: str, value: Any, *, least: int) -> int:
    """`value` as an int of at least `least`, else InputError naming the setting."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def _members(labels: np.ndarray, label: int, source: str) -> np.ndarray:
    members = np.flatnonzero(labels == label)
    if not members.size:
        raise InputError(f"{source}: class {label} has no items")
    return members


def _drawn(group: np.ndarray, ids: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """One class (m,) in the order of the draw: sorted as text, then shuffled."""
    ordered = np.array(sorted(group.tolist(), key=lambda position: ids[position]), dtype=np.int64)
    rng.shuffle(ordered)
    return ordered
