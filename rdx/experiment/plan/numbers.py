"""A look at every pair's numbers, as its methods will: the last check before a run's folder is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rdx.errors import InputError
from rdx.experiment.run.context import read_features, representation_file
from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.log import heard
from rdx.experiment.stages import inputs, methods, naming
from rdx.experiment.stages.layers import analysis as layer_analysis
from rdx.method.alignment import check_alignable
from rdx.method.neighborhoods import as_array

if TYPE_CHECKING:
    from rdx.compute.engine import Engine
    from rdx.experiment.plan.prepared import Prepared


def check_same_number(a: str, n_a: int, b: str, n_b: int) -> None:
    """Raises InputError unless `a` and `b` have as many items."""
    if n_a != n_b:
        raise InputError(f"'{a}' has {n_a} items, '{b}' has {n_b}: give the same items")


def check_features(
    prepared: Prepared, *, device: str = "cpu", progress: bool = False, force: bool = False,
    engine: Engine | None = None,
) -> None:
    """Look at every pair's numbers as its methods will; finished methods passed that before.

    Raises:
        InputError: numbers that a method cannot take, or features that cannot be computed.
    """
    with heard(prepared.remarks.append):
        check_numbers(prepared, device=device, progress=progress, force=force, engine=engine)


def check_numbers(
    prepared: Prepared, *, device: str = "cpu", progress: bool = False, force: bool = False,
    engine: Engine | None = None,
) -> None:  # fmt: skip
    """`check_features`, whose warnings somebody hears already."""
    config, items, loaded = prepared.config, prepared.items, prepared.loaded
    todo = {step.name for step in prepared.todo}
    held: dict[str, np.ndarray] = {}
    if force:  # at once, so that what one pass computes for many representations is not thrown away again
        inputs.forget_features(config, inputs.keys_in_use(config), items)
    if naming.STEP in todo:
        naming.load(config, prepared.words, items, device=device, progress=progress, force=force)

    def values(key: str) -> np.ndarray:
        if key in held:
            return held[key]
        if key in loaded:
            found = loaded[key].values
        elif f"representations/{key}" in todo:
            features = inputs.load_features(config, key, items, device=device, progress=progress, engine=engine)
            if features.images_per_second:
                prepared.speeds[f"representations/{key}"] = features.images_per_second
            found = features.values
        else:
            found = read_features(prepared.folder.path(representation_file(key)))
        held[key] = as_array(found, f"representation '{key}'")
        return held[key]

    for a, b in config.comparisons:
        fresh = [run for run in prepared.runs if f"{pair_name(a, b)}/{run.name}" in todo]
        if fresh:
            check_same_number(a, len(values(a)), b, len(values(b)))
            check_same_number("data", len(items), a, len(values(a)))
        if f"{pair_name(a, b)}/alignment" in todo:
            named = {f"representation '{key}'": values(key) for key in (a, b)}
            check_alignable(named, config.seed)
        for run in fresh:
            methods.check_features(run, config, values(a), values(b))
        for key in [key for key in held if key not in (a, b)]:
            del held[key]  # a chain of layers holds two at a time
    for key in config.statistics.reference or ():
        if f"representations/{key}" in todo:
            check_same_number("data", len(items), key, len(values(key)))
    if layer_analysis.PROBES in todo:
        layer_analysis.load_others(config, prepared.analysis, device=device, progress=progress, force=force)
