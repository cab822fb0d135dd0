"""The first steps of a run: which items, and their representations."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.data import DATASETS, check_settings, dataset_load, dataset_settings, load_items
from rdx.data.items import Items, items_without_images
from rdx.data.locate import locate
from rdx.errors import InputError, unknown
from rdx.experiment.run import tables
from rdx.experiment.run.context import representation_file
from rdx.files import atomic_path
from rdx.models.spec import parse_spec
from rdx.models.spec import with_absolute_paths as with_absolute_model_paths

if TYPE_CHECKING:
    from rdx.compute.engine import Engine
    from rdx.config import Experiment, Representation
    from rdx.experiment.run.context import Context
    from rdx.features import Features

ARRAYS = "features"  # the data set of those who bring vectors only; it may name a file of labels and columns


def with_absolute_paths(config: Experiment) -> Experiment:
    """The same experiment, from whatever folder it is run again."""
    data = None if config.data is None else _absolute_data(config.data)
    representations = {key: _absolute_model(entry) for key, entry in config.representations.items()}
    analysis = config.layer_analysis
    if analysis is not None and config.probe_data is not None:
        analysis = analysis.model_copy(update={"probe_data": _absolute_data(config.probe_data)})
    return config.model_copy(
        update={"data": data, "representations": representations, "layer_analysis": analysis}
    )


def read_items(config: Experiment, progress: bool = False) -> Items | None:
    """The items of the data set; None where the arrays have to say how many there are."""
    if config.data is None or config.data["dataset"] == ARRAYS:
        return None
    return load_items(**config.data, skip_bad_images=config.skip_bad_images, progress=progress)


def items_of_arrays(config: Experiment, n: int, ids: tuple[str, ...] | None) -> Items:
    """Items for arrays of n rows, with labels and columns where `data` names a file of them."""
    path = (config.data or {}).get("labels")
    if path is None:
        return items_without_images(n, ids)
    from rdx.data.labels import read_labels

    ids = ids or tuple(str(i) for i in range(n))
    return items_without_images(n, ids, *read_labels(path, ids))


def keys_in_use(config: Experiment) -> list[str]:
    """The representations that some comparison is made of, or held against."""
    used = {*(config.statistics.reference or ()), *(key for pair in config.comparisons for key in pair)}
    return [key for key in config.representations if key in used]


def load_features(
    config: Experiment, key: str, items: Items | None, *, device: str, progress: bool, engine: Engine | None = None
) -> Features:
    """One representation, from the cache where it is there.

    Where it is not, the pass over the items that computes it also brings the run's other layers of the same
    model into the cache. Items without images are no help to a model, and arrays need none: pass them anyway.
    """
    from rdx.features import load_representation

    entries = config.representations
    together = [entries[other].extraction for other in keys_in_use(config) if other != key]
    return load_representation(
        entries[key].extraction, _own(items), together=together, device=device, progress=progress,
        engine=engine,
    )  # fmt: skip


def forget_features(config: Experiment, keys: Iterable[str], items: Items) -> None:
    """Take representations out of the cache, so that they are computed again."""
    from rdx.features.cache import forget

    for key in keys:
        forget(fingerprint_of(config, key, items))


def fingerprint_of(config: Experiment, key: str, items: Items | None) -> str:
    """What makes a representation; nothing is computed."""
    from rdx.features import representation_fingerprint

    return representation_fingerprint(config.representations[key].extraction, _own(items))


def check_model(config: Experiment, key: str, items: Items) -> tuple[str, ...]:
    """Refuse a wrong model, file, layer or pooling, without computing anything; how a file was read, if not plainly."""
    from rdx.features import check_representation

    return check_representation(config.representations[key].extraction, _own(items))


def write_items(context: Context) -> None:
    """items.csv; where images could not be read and were left out, dropped.csv."""
    items = context.items
    tables.write_table(context.folder.path("items.csv"), (*tables.ITEMS, *items.columns), tables.item_rows(items))
    if items.dropped:
        tables.write_table(context.folder.path("dropped.csv"), ("id", "reason"), items.dropped)
        context.log += [f"items: left out {name}: {reason}" for name, reason in items.dropped]
    context.log += [f"items: {note}" for note in items.notes]


def write_representation(context: Context, key: str) -> None:
    """representations/<key>.safetensors: tensor "features" (n, d) float32, and what made it."""
    from safetensors.numpy import save_file

    features = load_features(
        context.config, key, context.items, device=context.device, progress=context.progress,
        engine=context.engine,
    )  # fmt: skip
    made_by = {"fingerprint": features.fingerprint, **context.config.representations[key].extraction}
    with atomic_path(context.folder.path(representation_file(key))) as temporary:
        values = np.ascontiguousarray(features.values, dtype=np.float32)
        save_file({"features": values}, temporary, metadata={"rdx": json.dumps(made_by)})


def _absolute_data(data: dict[str, Any]) -> dict[str, Any]:
    """Every setting written out, those left at their default too, and paths made absolute."""
    name, settings = data["dataset"], {key: value for key, value in data.items() if key != "dataset"}
    if name not in DATASETS and name != ARRAYS:
        raise unknown("data set", name, [*DATASETS, ARRAYS])
    if name == ARRAYS:
        return {"dataset": name, **_absolute_labels(settings)}
    check_settings(name, settings)
    result = dict(data)
    parameters = inspect.signature(dataset_load(name)).parameters
    for key in dataset_settings(name):
        value = settings.get(key, parameters[key].default)
        is_path = "Path" in str(parameters[key].annotation) and isinstance(value, str)
        result[key] = str(locate(value)) if is_path else value
    return result


def _absolute_labels(settings: dict[str, Any]) -> dict[str, Any]:
    """Of arrays, which have no settings but a file of labels."""
    wrong = [key for key in settings if key != "labels"]
    if wrong:
        raise unknown(f"setting of data set '{ARRAYS}'", wrong, ["labels"])
    path = settings.get("labels")
    if path is not None and not (isinstance(path, str) and path.strip()):
        raise InputError(f"'labels' of data set '{ARRAYS}' must be a path, not {path!r}")
    return settings if path is None else {"labels": str(locate(path))}


def _absolute_model(entry: Representation) -> Representation:
    """The same with absolute paths, titled by what it leaves out where it has no title of its own."""
    from rdx.features.columns import default_title

    spec = with_absolute_model_paths(parse_spec(entry.model))
    return entry.model_copy(update={"model": str(spec), "title": entry.title or default_title(spec.options)})


def _own(items: Items | None) -> Items | None:
    """Items that a data set brought; those made for arrays are as many and as named as the arrays say."""
    return items if items is not None and items.can_be_shown else None
