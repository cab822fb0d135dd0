"""The table of a run's steps: every stage, in an order in which each finds its inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rdx.experiment.run.context import representation_file
from rdx.experiment.run.folder import A_TO_B, B_TO_A, pair_name
from rdx.experiment.run.maps import alignment_file
from rdx.experiment.run.step import Step, Steps
from rdx.experiment.run.tables import CONCEPTS
from rdx.experiment.stages import (
    alignment,
    attributes,
    explore,
    inputs,
    measures,
    methods,
    moves,
    naming,
    pictures,
    probes,
    settings_sweep,
    statistics,
)
from rdx.experiment.stages.layers import analysis as layer_analysis
from rdx.figures.sweep import LEAST_PAIRS
from rdx.metrics import MEASURES

if TYPE_CHECKING:
    from rdx.config import Experiment
    from rdx.data.items import Items
    from rdx.experiment.plan.fits import Plans
    from rdx.experiment.stages.methods import MethodRun
    from rdx.method.many.solver import FitPlan


def table_of_steps(
    config: Experiment, items: Items, made_by: Mapping[str, str], runs: Sequence[MethodRun], plans: Plans,
    analysis: layer_analysis.Analysis | None = None, words: naming.Words | None = None,
) -> Steps:  # fmt: skip
    """Every step of an experiment; `made_by` are the fingerprints of its representations, `plans` those of its fits."""
    steps, what = Steps(), [items.fingerprint, items.columns]
    steps.add(Step("items", inputs.write_items, ("items.csv", "dropped.csv"), settings=what))
    for key, made in made_by.items():
        work = partial(inputs.write_representation, key=key)
        file = representation_file(key)
        like = config.representations[key].extraction
        steps.add(Step(f"representations/{key}", work, (file,), settings=made, like=like))
    naming.add_step(steps, words)
    if items.has_images:
        more = {"settings": [config.seed, attributes.MOST_IMAGES], "code": attributes.PIXELS_CODE}
        steps.add(Step("pixels", attributes.write_pixels, (attributes.PIXELS,), ("items",), **more))
    summaries = [_comparison(steps, config, items, a, b, runs, plans[a, b]) for a, b in config.comparisons]
    work = partial(measures.summary_table, pairs=config.comparisons, runs=runs)
    steps.add(Step("summary", work, ("summary.csv",), tuple(sum(summaries, ()))))
    if config.figures and len(config.comparisons) >= LEAST_PAIRS:
        work = partial(measures.summary_figure, runs=runs)
        titles = {key: config.representations[key].title for key in made_by}
        settings = {"name": config.name, "titles": titles}
        steps.add(Step("summary_figure", work, ("summary.png",), ("summary",), settings=settings))
    layer_analysis.add_steps(steps, config, analysis)
    return steps


def _comparison(
    steps: Steps, config: Experiment, items: Items, a: str, b: str, runs: Sequence[MethodRun],
    plans: Mapping[str, FitPlan],
) -> tuple[str, ...]:  # fmt: skip
    """The steps of one comparison; returns those whose tables the run's summary is made of."""
    pair, both, n = pair_name(a, b), {"a": a, "b": b}, len(items)

    def add(name: str, work: Callable, outputs: Sequence[str], needs: tuple[str, ...], **more: Any) -> str:
        return steps.add(Step(f"{pair}/{name}", partial(work, **both), tuple(outputs), needs, **more))

    seen = (f"representations/{a}", f"representations/{b}")
    if config.alignment:
        files = [alignment_file(pair, view) for view in (A_TO_B, B_TO_A)] + [f"{pair}/alignment/history.csv"]
        chosen = alignment.settings(config)
        seen += (add("alignment", alignment.align, files, seen, settings=chosen),)
    results = (add("cka", measures.similarity, [f"{pair}/cka.json"], seen),)
    guide: tuple[str, ...] = ()
    if not probes.possible(items):
        files, chosen = [f"{pair}/{name}" for name in probes.FILES], probes.settings(config)
        guide = (add("classification", probes.probe, files, (*seen, "items"), settings=chosen),)
        results += guide
    fitted = tuple(
        add(
            run.name, partial(methods.fit, run=run, solver=_solver(run, plans)), methods.outputs(pair, run),
            (*seen, "items", *(guide if run.is_rdx and config.guidance else ())),
            settings=methods.settings(config, run, _solver(run, plans)), code=methods.code(run),
            like=[run.method, run.parameters, run.view, _solver(run, plans)], growth=_growth(_solver(run, plans)),
        )
        for run in runs
    )  # fmt: skip
    results += fitted + _concepts(add, config, pair, runs, seen, guide, n)
    naming.add_names(add, config, pair, runs)
    work = partial(measures.measure, runs=runs)
    results += (add("metrics", work, [f"{pair}/metrics.csv"], (*seen, *fitted)),)
    if any(measures.merged_by(config, a, b)) and items.labels is not None:
        work, merged = partial(measures.known_difference, runs=runs), measures.merged_by(config, a, b)
        needs = (*fitted, "items")
        add("known_difference", work, [f"{pair}/known_difference.csv"], needs, settings=merged)
    work = partial(measures.summarise, runs=runs)
    results += (add("summary", work, [f"{pair}/summary.json"], results),)
    _items(add, config, items, pair, runs, seen, guide)
    if config.figures:
        _figures(add, config, (a, b), runs, seen)
    swept = settings_sweep.swept(config, runs)
    if swept is not None:
        solver = plans[swept.name].solver
        work = partial(settings_sweep.sweep, run=swept, solver=solver)
        chosen = settings_sweep.settings(config, swept, solver)
        more = {"like": chosen, "growth": _growth(solver), "code": (settings_sweep.__name__, methods.__name__)}
        add("sweep", work, settings_sweep.outputs(pair), seen, settings=chosen, **more)
    if explore.wanted(config):
        _explorer(add, config, (a, b), runs, seen, results, n)
    return results


def _concepts(
    add: Callable, config: Experiment, pair: str, runs: Sequence[MethodRun], seen: tuple[str, ...],
    guide: tuple[str, ...], n: int,
) -> tuple[str, ...]:  # fmt: skip
    """The statistics of every method that is tested, and the tables of concepts, which have them in them."""
    names: tuple[str, ...] = ()
    for run in runs:
        needs = (f"{pair}/{run.name}", *seen)
        if run.statistics != "off":
            work, chosen = partial(statistics.examine, run=run), statistics.settings(config, run, n)
            below = (*needs, "items", *statistics.needs(config), *(guide if config.guidance else ()))
            files, code = statistics.outputs(pair, run), (statistics.__name__, methods.__name__)
            like = [chosen[name] for name in ("n_surrogates", "n_subsamples", "n_groups", "reference")]
            more = {"settings": chosen, "code": code, "like": like, "growth": 2, "items": chosen["n"]}
            needs += (add(f"{run.name}/statistics", work, files, below, **more),)
        work, file = partial(methods.describe, run=run), [f"{pair}/{run.name}/concepts.csv"]
        chosen, code = {"columns": CONCEPTS}, tuple(place.partition(":")[0] for place in MEASURES.values())
        table = add(f"{run.name}/concepts", work, file, (*needs, "items"), settings=chosen, code=code)
        names += (*needs[1 + len(seen) :], table)
    return names


def _items(
    add: Callable, config: Experiment, items: Items, pair: str, runs: Sequence[MethodRun], seen: tuple[str, ...],
    guide: tuple[str, ...],
) -> None:  # fmt: skip
    """Where each item's neighbours are, and what the items of every concept have in common."""
    first = next((run for run in runs if run.is_rdx), runs[0])
    near = add("neighbors", moves.find_neighbors, [f"{pair}/{moves.NEIGHBORS}"], seen[:2], settings=config.seed)
    work, needs = partial(moves.write_items, run=first), (near, "items", f"{pair}/{first.name}")
    add("items", work, [f"{pair}/{moves.TABLE}"], needs)
    known = (near, "items", *guide, *(("pixels",) if items.has_images else ()))
    for run in runs:
        work = partial(attributes.describe, run=run, first=run is first)
        files = attributes.outputs(pair, run, run is first)
        add(f"{run.name}/attributes", work, files, (*known, f"{pair}/{run.name}"), code=attributes.CODE)


def _figures(
    add: Callable, config: Experiment, keys: tuple[str, str], runs: Sequence[MethodRun], seen: tuple[str, ...]
) -> None:
    """The figures of every method; a baseline's matrices are those of the run's first RDX."""
    pair = pair_name(*keys)
    titles = [config.representations[key].title for key in keys]
    first = next((run for run in runs if run.is_rdx), None)
    for run in runs:
        blocks = run if run.is_rdx else first
        work = partial(pictures.draw, run=run, blocks=blocks)
        chosen = {"titles": titles, "blocks": blocks and pictures.block_settings(blocks)}
        needs = (f"{pair}/{run.name}", *seen, "items")
        add(f"{run.name}/figures", work, pictures.outputs(pair, run), needs, settings=chosen)


def _explorer(
    add: Callable, config: Experiment, keys: tuple[str, str], runs: Sequence[MethodRun],
    seen: tuple[str, ...], results: tuple[str, ...], n: int,
) -> None:  # fmt: skip
    """The explorer, once all tables are there; its joint map is a step of its own, as that takes longest."""
    pair = pair_name(*keys)
    needs = ("items", *seen, *results, f"{pair}/neighbors", *(f"{pair}/{run.name}/attributes" for run in runs))
    if explore.why_no_joint_map(config, n) is None:
        file = [f"{pair}/{explore.JOINT_MAP}"]
        chosen = [config.seed, config.explorer.map]
        needs += (add("joint_map", explore.write_joint_map, file, seen, settings=chosen),)
    work, chosen = partial(explore.explore, runs=runs), explore.settings(config, *keys)
    code = (explore.__name__, pictures.__name__)
    add("explorer", work, explore.outputs(pair), needs, settings=chosen, code=code)


def _solver(run: MethodRun, plans: Mapping[str, FitPlan]) -> str | None:
    return plans[run.name].solver if run.is_rdx else None


def _growth(solver: str | None) -> int:
    """The power of n that a fit's time goes with: these solvers look at all pairs."""
    return 2 if solver in ("dense", "sparse") else 1
