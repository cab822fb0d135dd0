"""`compare`: two models, or two arrays, from one call; the function behind `rdx compare`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.config import Experiment, parse_experiment, parsed_with
from rdx.errors import InputError, unknown
from rdx.experiment.own_folder import own_folder
from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.tables import read_explanations, read_table
from rdx.experiment.stages.kept_inputs import keep
from rdx.locks import alone
from rdx.method.concepts import Explanations
from rdx.method.neighborhoods import as_array
from rdx.method.scales import plan as scales
from rdx.models.spec import parse_spec
from rdx.models.titles import side_by_side

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_METHODS = ("rdx", "kmeans")
# Options of `compare` that are keys of the configuration, and those that are parameters of RDX.
_KEYS = {"seed": "seed", "align": "alignment", "guidance": "guidance", "figures": "figures",
         "skip_bad_images": "skip_bad_images", "max_memory": "max_memory", "guidance_rule": "guidance_rule",
         "statistics": "statistics"}  # fmt: skip
_IMAGES = ("order", "skip_empty_classes", "grey_range")  # settings of the data set that images are
_RDX = ("scale", "version", "gamma", "beta", "solver")
_OTHERS = ("n_clusters", "images_per_concept", "name", "titles", "map", "changes")
_MAPS = ("tsne", "umap", "pca", "off")  # of both representations at once, or each one's own
_LONGEST = 90  # characters of a title in a folder's name


@dataclass(frozen=True)
class Comparison:
    """A finished comparison: where it lies, and what is in it."""

    run_folder: Path  # config.yaml, items.csv, representations/
    folder: Path  # the comparison's own tables and figures
    methods: tuple[str, ...]  # names of what was fitted

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """metrics.csv: success rates of every method and direction."""
        return read_table(self.folder / "metrics.csv")

    @cached_property
    def items(self) -> pd.DataFrame:
        """items.csv: how far each item's neighbourhood moved, its columns, and its concepts of the first RDX."""
        return read_table(self.folder / "items.csv")

    @cached_property
    def attributes(self) -> pd.DataFrame:
        """attributes.csv: what the images of the first RDX's concepts have in common."""
        return read_table(self.folder / "attributes.csv")

    @cached_property
    def explanations(self) -> dict[str, dict[str, Explanations]]:
        """Concepts by method, then by direction."""
        return {name: read_explanations(self.folder / name) for name in self.methods}

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json: n, version, solver, verdict and its reason."""
        import json

        return json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))


def compare(
    a: Any,
    b: Any,
    images: str | Path | None = None,
    labels: Any = None,
    methods: Sequence[str] = DEFAULT_METHODS,
    output_dir: str | Path | None = None,
    *,
    device: str = "auto",
    progress: bool = False,
    force: bool = False,
    workers: int | None = None,
    cluster: str | None = None,
    **options: Any,
) -> Comparison:
    """Compare two representations of the same items, and write a run's folder.

    a, b: SPECs such as "timm:resnet50" or "features:a.npy", or arrays (n, d). images: a folder, or a table
    of paths or images; needed for models. labels: a file, or n labels. options: n_clusters, images_per_concept,
    scale ("auto", which it is unless another of these is given), version, gamma (a number or "auto"), beta, solver
    (RDX), align, guidance, guidance_rule, statistics, seed, figures, skip_bad_images, max_memory, name, titles (of a
    and b), map ("tsne", "umap" or "pca", in the explorer), and changes, a list of KEY=VALUE as for --set; order,
    skip_empty_classes, grey_range (images).
    workers: processes on this machine, or cluster: a running Dask scheduler's address or file, spread the work.
    The folder is `output_dir`, else outputs/<a>_vs_<b>.

    Raises:
        InputError: whatever is wrong with the input; nothing was written then.
    """
    from rdx.compute.devices import resolve_device
    from rdx.compute.engine import engine_for
    from rdx.experiment.plan.prepare import prepare
    from rdx.experiment.run.runner import run
    from rdx.features.cache import cache_folder

    device = resolve_device(device)
    config = configuration(a, b, images, labels, methods, **options)
    config, folder = own_folder(config, output_dir)
    with engine_for(workers, cluster, device, cache_folder()) as engine, alone([folder]):
        prepared = prepare(config, folder, device=device, progress=progress, force=force, engine=engine)
        run(prepared, device=device, progress=progress, engine=engine)
    return Comparison(folder, folder / pair_name("a", "b"), tuple(entry.name for entry in prepared.runs))


def configuration(
    a: Any,
    b: Any,
    images: str | Path | None = None,
    labels: Any = None,
    methods: Sequence[str] = DEFAULT_METHODS,
    **options: Any,
) -> Experiment:
    """The experiment that `compare` runs; arrays go to the cache, so that the saved file can be run again."""
    known = (*_KEYS, *_IMAGES, *_RDX, *_OTHERS)
    for key in options:
        if key not in known:
            raise unknown("option of compare", key, known)
    given = {key: value for key, value in options.items() if value is not None}
    specs = {"a": _spec(a, "a"), "b": _spec(b, "b")}
    own_titles = side_by_side(*map(parse_spec, specs.values()))
    titles = {key: given or own for key, given, own in zip("ab", _titles(given), own_titles, strict=True)}
    shared = {key: given[key] for key in ("n_clusters", "images_per_concept") if key in given}
    own = {key: given[key] for key in _RDX if key in given}
    values = {
        "name": given.get("name", "_vs_".join(map(_short, own_titles))),
        "data": _data(images, labels, {key: given[key] for key in _IMAGES if key in given}),
        "representations": {key: {"model": spec, "title": titles[key]} for key, spec in specs.items()},
        "methods": [
            {"name": name, "method": name, **shared, **(own if name == "rdx" else {})} for name in methods
        ],
        **{_KEYS[key]: value for key, value in given.items() if key in _KEYS},
    }
    if "map" in given:
        if given["map"] not in _MAPS:
            raise unknown("map", given["map"], _MAPS)
        values["explorer"] = {"map": given["map"]}
    config = parsed_with(parse_experiment, values, given.get("changes", ()), source="compare")
    _refuse_without_rdx(config, own)
    return _at_own_scales(config)


def _titles(given: Mapping[str, Any]) -> tuple[str | None, str | None]:
    titles = given.get("titles", (None, None))
    if isinstance(titles, str) or len(titles) != 2:
        raise InputError(f"titles must be two, of a and of b, not {titles!r}")
    return tuple(titles)


def _refuse_without_rdx(config: Experiment, own: Mapping[str, Any]) -> None:
    """Refuse what would say nothing: parameters of RDX where it is not among the methods."""
    names = [entry.method for entry in config.methods]
    if own and "rdx" not in names:
        is_one = "is a parameter" if len(own) == 1 else "are parameters"
        methods = f"rdx, which is not among the methods: {', '.join(names)}"
        raise InputError(f"compare: {' and '.join(own)} {is_one} of {methods}")


def _at_own_scales(config: Experiment) -> Experiment:
    """RDX looks for each concept's own scale, unless something is set that belongs to one scale for all."""
    own_scale = {"scale", "solver", "pairs_per_item", *scales.DEFAULTS}
    methods = [
        entry.model_copy(update={"scale": "auto"})
        if entry.method == "rdx" and not own_scale & entry.settings.keys()
        else entry
        for entry in config.methods
    ]
    return config.model_copy(update={"methods": methods})


def _spec(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    return f"features:{keep(as_array(value, name))}"


def _data(images: str | Path | None, labels: Any, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    if labels is not None and not isinstance(labels, (str, Path)):
        labels = keep(_as_table(np.asarray(labels).ravel().tolist()))
    given = {} if labels is None else {"labels": str(labels)}
    if images is not None:
        return {"dataset": "image_folder", "root": str(images), **given, **settings}
    if settings:
        raise InputError(f"{next(iter(settings))} is a setting of images, and there are none")
    return {"dataset": "features", **given} if given else None


def _as_table(labels: Sequence[Any]) -> str:
    """Labels as a table with a column `label`: each stays one label, whatever commas and line ends are in it."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([["label"], *([str(label)] for label in labels)])
    return text.getvalue()


def _short(title: str) -> str:
    """A title as a folder's name."""
    return re.sub(r"[^A-Za-z0-9._=+-]+", "-", title)[:_LONGEST].strip("-.") or "model"
