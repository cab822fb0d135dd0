"""Which items are compared: one file a data set, all of which return `Items`.

A data set is one file with a keyword-only function `load`, whose parameters are its YAML keys, and one line in
`DATASETS`. An optional function `expected` beside it tells how many items and classes to plan with while the data is
missing (`rdx.data.expected`). The data set `features` is not here: arrays bring their own items.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from rdx.errors import InputError, unknown

if TYPE_CHECKING:
    from rdx.data.items import Items

DATASETS: dict[str, str] = {
    "digits": "rdx.data.sets.digits:load",
    "mnist": "rdx.data.sets.mnist:load",
    "mnist_10k": "rdx.data.sets.mnist_10k:load",
    "cub": "rdx.data.sets.cub:load",
    "imagenet": "rdx.data.sets.imagenet:load",
    "inaturalist": "rdx.data.sets.inaturalist:load",
    "rsna": "rdx.data.sets.rsna:load",
    "image_folder": "rdx.data.sets.image_folder:load",
}

# Choices of one run, not of a data set; those without files have no use for them.
_RUN_CHOICES = ("skip_bad_images", "progress")


def load_items(dataset: str, *, skip_bad_images: bool = False, progress: bool = False, **settings: Any) -> Items:
    """The items of `dataset`; `settings` are its YAML keys (`dataset_settings` lists them).

    Raises InputError for an unknown data set or setting, a missing file, an unreadable image, an empty
    class, or fewer than 5 items.
    """
    check_settings(dataset, settings)
    load = dataset_load(dataset)
    known = inspect.signature(load).parameters
    choices = dict(zip(_RUN_CHOICES, (skip_bad_images, progress), strict=True))
    return load(**settings, **{name: value for name, value in choices.items() if name in known})


def check_settings(dataset: str, settings: Mapping[str, Any]) -> None:
    """Raises InputError for keys that the data set has not, those that it needs, and what is no path or text."""
    load, known = dataset_load(dataset), dataset_settings(dataset)
    wrong = [name for name in settings if name not in known]
    if wrong:
        raise unknown(f"setting of data set '{dataset}'", wrong, known)
    kinds = get_type_hints(load)
    for name in known:
        default = inspect.signature(load).parameters[name].default
        if name not in settings and default is inspect.Parameter.empty:
            raise InputError(f"data set '{dataset}' needs the setting '{name}'")
        value = settings.get(name, default)
        if value is None and default is None:
            continue
        among = set(get_args(kinds[name])) if get_origin(kinds[name]) in (Union, UnionType) else {kinds[name]}
        if Path in among and not (isinstance(value, (str, Path)) and str(value).strip()):
            raise InputError(f"'{name}' of data set '{dataset}' must be a path, not {value!r}")
        if among <= {str, type(None)} and not isinstance(value, str):
            raise InputError(f"'{name}' of data set '{dataset}' must be text, not {value!r}")
        if among == {bool} and not isinstance(value, bool):
            raise InputError(f"'{name}' of data set '{dataset}' must be true or false, not {value!r}")


def dataset_settings(dataset: str) -> tuple[str, ...]:
    """The YAML keys that `dataset` takes under `data:`, besides `dataset` itself."""
    return tuple(name for name in inspect.signature(dataset_load(dataset)).parameters if name not in _RUN_CHOICES)


def dataset_module(dataset: str) -> ModuleType:
    """The data set's file. Raises InputError for an unknown data set."""
    if dataset not in DATASETS:
        raise unknown("data set", dataset, DATASETS)
    return importlib.import_module(DATASETS[dataset].partition(":")[0])


def dataset_load(dataset: str) -> Callable[..., Items]:
    """The data set's `load`. Raises InputError for an unknown data set."""
    return getattr(dataset_module(dataset), DATASETS[dataset].partition(":")[2])
