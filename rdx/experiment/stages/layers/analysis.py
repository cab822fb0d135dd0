"""The section `layer_analysis:` of a run: its checks before anything is computed, and its steps.

The steps: probes trained on other items, group tests of the concepts, and head patching; see
docs/layer_analysis.md. What they compute is in `rdx.metrics` and `rdx.features.head_patching`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from rdx.data import load_items
from rdx.data.expected import expected_items
from rdx.data.items import Items
from rdx.errors import InputError, unknown
from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.missing import noted
from rdx.experiment.run.step import Step, Steps
from rdx.experiment.stages import inputs
from rdx.experiment.stages.layers import figures as layer_figures
from rdx.experiment.stages.layers import heads as layer_heads
from rdx.experiment.stages.layers import probes as layer_probes
from rdx.models.spec import parse_spec

if TYPE_CHECKING:
    from rdx.config import Experiment, LayerAnalysis
    from rdx.experiment.stages.methods import MethodRun

PROBES = "layer_analysis/probes"  # the step that needs the features of other items


@dataclass(frozen=True)
class Analysis:
    """What `layer_analysis:` comes to in one run."""

    settings: LayerAnalysis
    run: MethodRun  # whose concepts are looked at
    others: Items | None = None  # the probes' training items
    made_by: Mapping[str, str] = field(default_factory=dict)  # fingerprints of the representations of those
    blocks: Mapping[tuple[str, str], str] = field(default_factory=dict)  # by comparison: the block between its layers


def look(
    config: Experiment,
    items: Items,
    runs: Sequence[MethodRun],
    *,
    missing: list[str] | None = None,
    progress: bool = False,
) -> Analysis | None:
    """Check the section, and read the probes' items; None where there is none.

    Raises InputError for whatever a user can have got wrong, unless `missing` takes up that it is not there.
    """
    settings = config.layer_analysis
    if settings is None:
        return None
    run = _method(settings, runs)
    for key in inputs.keys_in_use(config):
        model = config.representations[key].model
        if not parse_spec(model).is_model:
            raise InputError(f"'layer_analysis' needs models, and representation '{key}' is an array ('{model}')")
    others, made_by = None, {}
    if settings.probe_data is not None:
        others = _other_items(config, settings, items, missing, progress)
    if others is not None and not missing:
        made_by = {key: inputs.fingerprint_of(config, key, others) for key in inputs.keys_in_use(config)}
    blocks = {}
    if settings.heads:
        blocks = layer_heads.blocks_of(config)
        with noted(missing):
            layer_heads.check(config, blocks, items)
        if settings.head_neighbors >= len(items):
            raise InputError(f"layer_analysis.head_neighbors must be below the number of items, {len(items)}")
    return Analysis(settings, run, others, made_by, blocks)


def load_others(
    config: Experiment, analysis: Analysis | None, *, device: str, progress: bool, force: bool = False
) -> None:
    """Bring the probes' features into the cache, where the step will find them; `force` computes them again."""
    if analysis is None or analysis.others is None:
        return
    keys = inputs.keys_in_use(config)
    if force:
        inputs.forget_features(config, keys, analysis.others)
    for key in keys:
        inputs.load_features(config, key, analysis.others, device=device, progress=progress)


def add_steps(steps: Steps, config: Experiment, analysis: Analysis | None) -> None:
    """Append the analysis to a run's steps; those of its representations and methods come before."""
    if analysis is None:
        return
    settings, run = analysis.settings, analysis.run
    probed: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    if analysis.others is not None:
        work = partial(layer_probes.probe, others=analysis.others)
        needs = ("items", *(f"representations/{key}" for key in inputs.keys_in_use(config)))
        chosen = {"k": settings.k, "others": [analysis.others.fingerprint, dict(analysis.made_by)]}
        probed = (steps.add(Step(PROBES, work, layer_probes.FILES, needs, settings=chosen)),)
        for a, b in config.comparisons:
            pair = pair_name(a, b)
            work = partial(layer_probes.compare_with_groups, a=a, b=b, run=run)
            needs, files = (*probed, f"{pair}/{run.name}", "items"), (f"{pair}/{layer_probes.GROUP_TESTS}",)
            chosen = {"n": settings.group_tests, "seed": settings.group_seed}
            tables += (steps.add(Step(f"{pair}/layer_analysis/group_tests", work, files, needs, settings=chosen)),)
    if analysis.blocks:
        tables += _head_steps(steps, analysis, probed)
    if config.figures and tables:
        work = partial(layer_figures.draw, blocks=analysis.blocks)
        titles = [config.representations[key].title for key in inputs.keys_in_use(config)]
        chosen = [config.name, settings.head_neighbors, titles]
        files = tuple(f"layer_analysis/{name}.png" for name in layer_figures.FIGURES)
        steps.add(Step("layer_analysis/figures", work, files, (*probed, *tables), settings=chosen))


def _head_steps(steps: Steps, analysis: Analysis, probed: tuple[str, ...]) -> tuple[str, ...]:
    """One step that looks at the blocks of all comparisons, and one a comparison that patches its heads."""
    settings, names = analysis.settings, ()
    deep = tuple(f"representations/{b}" for _, b in analysis.blocks)
    work, layers = partial(layer_heads.look_at_heads, blocks=analysis.blocks), list(analysis.blocks.values())
    name = "layer_analysis/tokens"
    files, code = (f"{layer_heads.TOKENS}/",), layer_heads.CODE
    seen = steps.add(Step(name, work, files, deep, settings=layers, code=code))
    for (a, b), layer in analysis.blocks.items():
        pair = pair_name(a, b)
        work = partial(layer_heads.patch_heads, a=a, b=b, layer=layer, run=analysis.run, others=analysis.others)
        chosen = {"neighbors": settings.head_neighbors, "k": settings.k, "others": analysis.made_by.get(b)}
        files = tuple(f"{pair}/{name}" for name in layer_heads.FILES)
        needs = (seen, f"{pair}/{analysis.run.name}", *probed)
        name = f"{pair}/layer_analysis/heads"
        names += (steps.add(Step(name, work, files, needs, settings=chosen, code=code)),)
    return names


def _method(settings: LayerAnalysis, runs: Sequence[MethodRun]) -> MethodRun:
    if settings.method is not None:
        named = [run for run in runs if run.name == settings.method]
        if not named:
            raise unknown("method of 'layer_analysis'", settings.method, [run.name for run in runs])
        return named[0]
    first = next((run for run in runs if run.is_rdx), None)
    if first is None:
        raise InputError("'layer_analysis' looks at the concepts of RDX, which 'methods' has not; name a 'method'")
    return first


def _other_items(
    config: Experiment, settings: LayerAnalysis, items: Items, missing: list[str] | None, progress: bool
) -> Items:
    """The items of `probe_data`, none of which is among the run's own."""
    others = None
    with noted(missing):
        others = load_items(**settings.probe_data, skip_bad_images=config.skip_bad_images, progress=progress)
    if others is None:
        return expected_items(settings.probe_data)
    if missing:  # the run's own items only stand in for those it will have
        return others
    for name, of in (("data", items), ("layer_analysis.probe_data", others)):
        if of.labels is None or not of.has_images:
            raise InputError(f"probes need images and labels, and the items of '{name}' have none")
    _check_classes(items, others)
    if settings.k > len(others):
        raise InputError(f"layer_analysis.k is {settings.k}, and probe_data has only {len(others)} items")
    shared = _shared(items, others)
    if shared:
        raise InputError(
            f"{len(shared)} of the {len(others)} items of 'layer_analysis.probe_data' are also explained by the "
            f"run, such as '{items.ids[shared[0]]}'; probes must be trained on other items"
        )
    return others


def _check_classes(items: Items, others: Items) -> None:
    """Refuse labels that mean something else in the other items, or that those have not got."""
    for label in np.unique(items.labels).tolist():
        position = int(np.flatnonzero(items.labels == label)[0])
        trained = np.flatnonzero(others.labels == label)
        if not len(trained):
            raise InputError(
                f"'layer_analysis.probe_data' has no items of class '{items.label_name(position)}', which the run has"
            )
        theirs = others.label_name(int(trained[0]))
        if theirs != items.label_name(position):
            raise InputError(
                f"label {label} is '{items.label_name(position)}' in 'data', and '{theirs}' in "
                "'layer_analysis.probe_data'"
            )
    if len(np.unique(others.labels)) < 2:
        raise InputError("'layer_analysis.probe_data' has one class only; probes need at least two")


def _shared(items: Items, others: Items) -> list[int]:
    """Positions of items that are also among the others: the same file, or the same pixels of two arrays."""
    if items.pixels is not None and others.pixels is not None:
        if items.pixels.shape[1:] != others.pixels.shape[1:]:
            return []
        theirs = {image.tobytes() for image in others.pixels}
        return [i for i, image in enumerate(items.pixels) if image.tobytes() in theirs]
    files = {os.path.realpath(path) for path in others.paths if path}
    return [i for i, path in enumerate(items.paths) if path and os.path.realpath(path) in files]
