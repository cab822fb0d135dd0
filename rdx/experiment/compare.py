"""`compare`: two models, or two arrays, from one call; the function behind `rdx compare`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rdx.compute.progress import is_watched, steps_shown
from rdx.config import Experiment, parse_experiment, parsed_with
from rdx.errors import InputError, unknown
from rdx.experiment.comparison import Comparison
from rdx.experiment.finished import FinishedRun
from rdx.experiment.own_folder import own_folder
from rdx.experiment.stages import kept_inputs
from rdx.experiment.values import called, images_of, is_frame, labels_of, spec_of, with_features_of_modules
from rdx.locks import alone
from rdx.method.scales import plan as scales
from rdx.models.spec import parse_spec
from rdx.models.titles import side_by_side

DEFAULT_METHODS = ("rdx", "kmeans")
NEITHER = (None, None)  # of titles: SPECs have titles of their own, values are A and B
# Options of `compare` that are keys of the configuration, and those that are parameters of RDX.
_KEYS = {"seed": "seed", "align": "alignment", "guidance": "guidance", "figures": "figures",
         "skip_bad_images": "skip_bad_images", "max_memory": "max_memory", "guidance_rule": "guidance_rule",
         "statistics": "statistics"}  # fmt: skip
_IMAGES = ("order", "skip_empty_classes", "grey_range", "split")  # settings of the data set that images are
_RDX = ("scale", "version", "gamma", "beta", "solver")
_OTHERS = ("n_clusters", "images_per_concept", "name", "map", "changes")
_PLACE = ("layer", "pool")  # where a model is looked into
_MAPS = ("tsne", "umap", "pca", "off")  # of both representations at once, or each one's own
_LONGEST = 90  # characters of a title in a folder's name


def compare(
    a: Any,
    b: Any,
    images: Any = None,
    labels: Any = None,
    methods: Sequence[str | Mapping[str, Any]] = DEFAULT_METHODS,
    titles: Sequence[str | None] = NEITHER,
    output_dir: str | Path | None = None,
    *,
    device: str = "auto",
    progress: bool | None = None,
    force: bool = False,
    workers: int | None = None,
    cluster: str | None = None,
    **options: Any,
) -> Comparison:
    """Compare two representations of the same items, and write a run's folder.

    a, b: SPECs such as "timm:resnet50" or "features:a.npy", arrays (n, d), DataFrames, torch modules or (module,
    transform), see `rdx.features.modules`. images: a folder, a table of paths or images, or a list of paths, arrays
    (h, w) or (h, w, 3) uint8 or PIL images; needed for models. labels: a file, n labels, or a DataFrame or
    mapping of columns, `label` and others that describe the items. methods: names, or dicts with parameters:
    {"method": "kmeans", "n_clusters": 3}. titles: of a and b.
    options: layer, pool (of models; one for both, or two), n_clusters, images_per_concept, scale ("auto", which it is
    unless another of these is given), version, gamma (a number or "auto"), beta, solver (other than "auto"; all of
    RDX), align, guidance, guidance_rule, statistics, seed, figures, skip_bad_images, max_memory, name, map ("tsne",
    "umap" or "pca", in the explorer), and changes, a list of KEY=VALUE as for --set; order, skip_empty_classes,
    grey_range, split (images).
    workers: processes on this machine, or cluster: a running Dask scheduler's address or file, spread the work.
    progress: bars of steps; None: in notebooks and terminals. The folder is `output_dir`, else outputs/<a>_vs_<b>.
    Interrupted, it keeps the steps that are finished: the same call goes on from there.

    Raises:
        InputError: whatever is wrong with the input; nothing was written then.
    """
    from rdx.compute.devices import resolve_device
    from rdx.compute.engine import engine_for
    from rdx.experiment.plan.prepare import prepare
    from rdx.experiment.run.runner import run
    from rdx.features.cache import cache_folder

    device, progress = resolve_device(device), is_watched() if progress is None else progress
    config = configuration(a, b, images, labels, methods, titles, **options)
    config = with_features_of_modules(config, {"a": a, "b": b}, progress)
    config, folder = own_folder(config, output_dir)
    with engine_for(workers, cluster, device, cache_folder()) as engine, alone([folder]):
        with called(kept_inputs.names(config), frame=is_frame(a) or is_frame(b)):
            prepared = prepare(config, folder, device=device, progress=progress, force=force, engine=engine)
        with steps_shown([step.name for step in prepared.todo], progress) as report:
            run(prepared, device=device, progress=progress, report=report, engine=engine)
    finished = FinishedRun(folder, prepared.config)
    return Comparison(finished.comparisons[0], prepared.items)


def configuration(
    a: Any,
    b: Any,
    images: Any = None,
    labels: Any = None,
    methods: Sequence[str | Mapping[str, Any]] = DEFAULT_METHODS,
    titles: Sequence[str | None] = NEITHER,
    **options: Any,
) -> Experiment:
    """The experiment that `compare` runs; values go to the cache, so that the saved file can be run again."""
    known = (*_KEYS, *_IMAGES, *_RDX, *_OTHERS, *_PLACE)
    for key in options:
        if key not in known:
            raise unknown("option of compare", key, known)
    given = {key: value for key, value in options.items() if value is not None}
    specs = {"a": spec_of(a, "a"), "b": spec_of(b, "b")}
    own_titles = _own_titles((a, b), specs.values(), _two(titles, "titles"))
    entries = {
        key: {"model": spec, "title": title or own}
        for (key, spec), title, own in zip(specs.items(), titles, own_titles, strict=True)
    }
    for key in _PLACE:
        chosen = given.get(key, NEITHER)
        chosen = (chosen, chosen) if isinstance(chosen, str) else _two(chosen, key)
        for entry, value in zip(entries.values(), chosen, strict=True):
            entry[key] = value
    shared = {key: given[key] for key in ("n_clusters", "images_per_concept") if key in given}
    own = {key: given[key] for key in _RDX if key in given}
    values = {
        "name": given.get("name", "_vs_".join(map(_short, own_titles))),
        "data": _data(images, labels, {key: given[key] for key in _IMAGES if key in given}),
        "representations": entries,
        "methods": [_method(entry, shared, own) for entry in _listed(methods)],
        **{_KEYS[key]: value for key, value in given.items() if key in _KEYS},
    }
    if "map" in given:
        if given["map"] not in _MAPS:
            raise unknown("map", given["map"], _MAPS)
        values["explorer"] = {"map": given["map"]}
    config = parsed_with(parse_experiment, values, given.get("changes", ()), source="compare")
    _refuse_without_rdx(config, own)
    return _at_own_scales(config)


def _two(values: Any, name: str) -> Sequence[Any]:
    """`values`, where they are two, of a and of b."""
    if isinstance(values, (str, Mapping)) or not isinstance(values, Sequence) or len(values) != 2:
        raise InputError(f"{name} must be two, of a and of b, not {values!r}")
    return values


def _own_titles(values: Iterable[Any], specs: Iterable[str], given: Sequence[str | None]) -> tuple[str, ...]:
    """What names the two, and their folder: a SPEC's title; of values their title, else A and B."""
    of_specs = side_by_side(*map(parse_spec, specs))
    sides = zip(values, of_specs, given, "AB", strict=True)
    return tuple(own if isinstance(value, str) else title or letter for value, own, title, letter in sides)


def _listed(methods: Any) -> list[Any]:
    if isinstance(methods, (str, Mapping)):
        return [methods]
    if not isinstance(methods, Iterable):
        raise InputError(f"methods must be a list of names or dicts, not {methods!r}")
    return list(methods)


def _method(entry: Any, shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A method with its parameters: its own, else those that all share, and those of RDX."""
    chosen = {"method": entry} if isinstance(entry, str) else entry
    if not isinstance(chosen, Mapping) or not isinstance(chosen.get("method"), str):
        raise InputError(f"methods: {entry!r} must be a name, or a dict with its name as 'method' and its parameters")
    name = chosen["method"]
    return {"name": name, **shared, **(own if name == "rdx" else {}), **chosen}


def _refuse_without_rdx(config: Experiment, own: Mapping[str, Any]) -> None:
    """Refuse what would say nothing: parameters of RDX where it is not among the methods."""
    names = [entry.method for entry in config.methods]
    if own and "rdx" not in names:
        is_one = "is a parameter" if len(own) == 1 else "are parameters"
        methods = f"rdx, which is not among the methods: {', '.join(names)}"
        raise InputError(f"compare: {' and '.join(own)} {is_one} of {methods}")


def _at_own_scales(config: Experiment) -> Experiment:
    """RDX looks for each concept's own scale, unless something is set that belongs to one scale for all."""
    methods = [
        entry.model_copy(update={"scale": "auto"}) if entry.method == "rdx" and _leaves_scale(entry.settings) else entry
        for entry in config.methods
    ]
    return config.model_copy(update={"methods": methods})


def _leaves_scale(settings: Mapping[str, Any]) -> bool:
    return settings.get("solver", "auto") == "auto" and not {"scale", *scales.DEFAULTS} & settings.keys()


def _data(images: Any, labels: Any, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    given = {} if labels is None else {"labels": labels_of(labels)}
    if images is not None:
        return {"dataset": "image_folder", "root": str(images_of(images)), **given, **settings}
    if settings:
        raise InputError(f"{next(iter(settings))} is a setting of images, and there are none")
    return {"dataset": "features", **given} if given else None


def _short(title: str) -> str:
    """A title as a folder's name."""
    return re.sub(r"[^A-Za-z0-9._=+-]+", "-", title)[:_LONGEST].strip("-.") or "model"
