"""Everything that can be checked before a run's folder is touched, and the table of its steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.config import Experiment
from rdx.data.expected import expected_items
from rdx.errors import InputError
from rdx.experiment.plan import fits as fit_plans
from rdx.experiment.plan import needs as plan
from rdx.experiment.plan import sizes
from rdx.experiment.plan.numbers import check_features, check_numbers, check_same_number
from rdx.experiment.plan.origin import origin_of
from rdx.experiment.plan.prepared import Prepared
from rdx.experiment.plan.steps import table_of_steps
from rdx.experiment.run import timings
from rdx.experiment.run.folder import RunFolder
from rdx.experiment.run.log import heard
from rdx.experiment.run.missing import noted
from rdx.experiment.stages import inputs, kept_inputs, methods, naming, probes
from rdx.experiment.stages.layers import analysis as layer_analysis
from rdx.method.alignment import LEAST_ITEMS
from rdx.models.python_models import begin as begin_models
from rdx.models.spec import parse_spec

if TYPE_CHECKING:
    from rdx.compute.engine import Engine
    from rdx.data.items import Items
    from rdx.experiment.stages.methods import MethodRun
    from rdx.features import Features


def prepare(
    config: Experiment, folder: Path, *, device: str = "cpu", progress: bool = False, force: bool = False,
    engine: Engine | None = None,
) -> Prepared:
    """Check names, files, items, models, features and methods. Only caches may grow; the folder is read.

    Raises:
        InputError: whatever a user can have got wrong.
    """
    prepared = look(config, folder, device=device, progress=progress, force=force)
    check_features(prepared, device=device, progress=progress, force=force, engine=engine)
    return prepared


def look(
    config: Experiment, folder: Path, *, device: str = "cpu", progress: bool = False, force: bool = False,
    list_missing: bool = False, source: str | None = None,
) -> Prepared:  # fmt: skip
    """`prepare` up to the point where features are needed: nothing is computed.

    With `list_missing` (for --dry-run), data, checkpoints, weights or disk space that are not there do not
    stop it; they are listed in the result's `needs.missing`, and expected items stand in for those
    missing. `source` names the configuration where something in it is wrong.

    Raises:
        InputError: whatever a user can have got wrong.
    """
    remarks: list[str] = []
    begin_models()
    origin = origin_of(config, source, folder)
    with heard(remarks.append):
        with _named(source):
            runs = methods.method_runs(config)
            for run in runs:
                methods.check_settings(run, config)
            config = naming.with_absolute_paths(inputs.with_absolute_paths(methods.with_all_parameters(config)))
        found = _look(
            config, runs, folder, device=device, progress=progress, force=force, list_missing=list_missing
        )  # fmt: skip
        used = [config.representations[key].model for key in inputs.keys_in_use(config)]
        arrays = not any(parse_spec(model).is_model for model in used)
        if list_missing and arrays and not found.needs.missing and found.words is None:
            check_numbers(found, device=device)  # nothing is computed for that
    return replace(found, remarks=remarks, origin=origin)


@contextmanager
def _named(source: str | None) -> Iterator[None]:
    """Inside, an error says in which file it is."""
    try:
        yield
    except InputError as error:
        raise type(error)(f"{source}: {error}" if source else str(error)) from None


def _look(
    config: Experiment, runs: list[MethodRun], folder: Path, *,
    device: str, progress: bool, force: bool, list_missing: bool,
) -> Prepared:  # fmt: skip
    if folder.exists() and not folder.is_dir():
        raise InputError(f"the output folder '{folder}' is a file")
    kept_inputs.check(config)
    used = inputs.keys_in_use(config)
    missing: list[str] | None = [] if list_missing else None
    loaded: dict[str, Features] = {}
    items = None
    with noted(missing):
        items = inputs.read_items(config, progress)
    known = not missing
    if missing:
        items = expected_items(config.data)
    elif items is None:
        loaded = {key: _array(config, key) for key in used}
        items = _items_of(config, loaded)
    _check_items(config, items)
    if known:
        sizes.check(config, runs, len(items))
        config = sizes.with_values(config, runs, len(items))
    made_by, said = {}, {}
    for key in used:
        made_by[key], notes = _made_by(config, key, items, known, missing)
        for note in notes:
            said.setdefault(note, []).append(key)
    items = replace(items, notes=(*items.notes, *(f"{', '.join(keys)}: {note}" for note, keys in said.items())))
    place = RunFolder(folder.absolute())
    analysis = layer_analysis.look(config, items, runs, missing=missing, progress=progress)
    words = naming.look(config, items, missing=missing)
    shapes = plan.widths_of(config, items, made_by, loaded, missing)
    plans = fit_plans.plans_of(config, len(items), shapes, runs, missing, device)
    steps = table_of_steps(config, items, made_by, runs, plans, analysis, words)
    todo = [step for step in steps if force or not place.is_done(step.name, steps.fingerprints[step.name])]
    names = {step.name for step in todo}
    there = set() if force else {key for key in used if _is_there(made_by[key], len(items))}
    to_compute = {key: f"representations/{key}" in names and key not in there for key in used}
    with_model, to_look = naming.sources(config, words, naming.STEP in names, force)
    widths = {key: features.values.shape[1] for key, features in loaded.items()}
    sources = plan.sources_of(with_model, items, {**to_compute, **to_look}, missing, widths)
    demands = list(fit_plans.demands(config, len(items), shapes, runs, plans))
    needs = plan.needs_of(config, place.root, items, known, sources, runs, names, demands, missing)
    return Prepared(
        config, place, items, runs, steps, todo, needs, loaded, analysis, words, plans=plans, widths=shapes,
        device=device, earlier=timings.read(),
    )


def _made_by(
    config: Experiment, key: str, items: Items, known: bool, missing: list[str] | None
) -> tuple[str, tuple[str, ...]]:
    """The fingerprint of a representation after its model was checked, of no meaning where something is missing; and
    how a file was read."""
    with noted(missing):
        notes = inputs.check_model(config, key, items)
        return inputs.fingerprint_of(config, key, items) if known else "", notes
    return "", ()


def _is_there(made_by: str, n: int) -> bool:
    """Whether features are in the cache, be it in chunks."""
    from rdx.features.cache import cached_path
    from rdx.features.chunked import started

    return bool(made_by) and (
        cached_path(made_by).is_file() or any(not chunks.absent() for chunks in started(made_by, n))
    )


def _array(config: Experiment, key: str) -> Features:
    model = config.representations[key].model
    if parse_spec(model).is_model:
        needed = "give 'data' (compare: --images)"
        raise InputError(f"representation '{key}' is a model ('{model}'), so images are needed: {needed}")
    return inputs.load_features(config, key, None, device="cpu", progress=False)


def _items_of(config: Experiment, loaded: Mapping[str, Features]) -> Items:
    """Items for runs on arrays alone: as many as there are rows, named as the arrays name them."""
    first = next(key for key in config.representations if key in loaded)
    n = len(loaded[first].values)
    named = {key: features.ids for key, features in loaded.items() if features.ids is not None}
    for key, features in loaded.items():
        check_same_number(first, n, key, len(features.values))
    for key, ids in named.items():
        other, others = next(iter(named.items()))
        if ids != others:
            row = next(i for i, pair in enumerate(zip(others, ids, strict=True)) if pair[0] != pair[1])
            what = "the same items in another order" if set(ids) == set(others) else "different items"
            ask = "sort both by id" if set(ids) == set(others) else "give the same items"
            both = f"row {row} is '{others[row]}' and '{ids[row]}'"
            raise InputError(f"'{other}' and '{key}' name {what}: {both}; {ask}")
    counted = [key for key in loaded if key not in named]
    if named and counted:
        _refuse_other_order(counted[0], *next(iter(named.items())))
    return inputs.items_of_arrays(config, n, next(iter(named.values()), None))


def _refuse_other_order(counted: str, key: str, ids: tuple[str, ...]) -> None:
    """Rows without ids are called 0, 1, …; where others are called so in another order, one of the two is shuffled."""
    numbers = tuple(map(str, range(len(ids))))
    if ids != numbers and set(ids) == set(numbers):
        raise InputError(
            f"'{key}' numbers its rows in another order ('{ids[0]}' first), and '{counted}' does not name its own: "
            f"sort '{key}' by its ids, or leave them out ('?drop=NAME') where the order is right"
        )


def _check_items(config: Experiment, items: Items) -> None:
    """What alignment, guidance and probes need of the items."""
    if config.alignment and len(items) < LEAST_ITEMS:
        raise InputError(f"alignment needs at least {LEAST_ITEMS} items, there are {len(items)}")
    if not config.guidance:
        return
    why = probes.possible(items)
    if why:
        raise InputError(f"guidance '{config.guidance}' needs labels that can be predicted: {why}")
    from rdx.method.guidance import make_groups

    make_groups(config.guidance, items.labels, items.labels, config.positive_class)
