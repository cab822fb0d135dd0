"""The statistics step: are a method's concepts above chance, and do they come back on fewer items?"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.experiment.run.folder import A_TO_B, B_TO_A, pair_name
from rdx.experiment.run.tables import (
    METHOD_FILE,
    OF_SCALES,
    P_REFERENCE,
    STATISTICS,
    STATISTICS_FILE,
    read_explanations,
    write_table,
)
from rdx.experiment.stages import alignment, methods
from rdx.files import write_json
from rdx.method.concepts import DIRECTIONS
from rdx.method.scales.plan import DRAWS, searched
from rdx.metrics.finding_counts import Cautions, cautions, standing_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rdx.config import Experiment
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun
    from rdx.method.concepts import Explanations
    from rdx.metrics.refits import Refits
    from rdx.metrics.significance import Significance

SUMMARY_FILE = "statistics.json"
DIFFERENCE, NO_DIFFERENCE = "difference", "no difference above chance"
SAME = "both representations rank every item's neighbours alike"


@dataclass(frozen=True)
class Level:
    """What a level does: which runs are tested on a subsample of how many items, and with how many surrogates."""

    largest: int  # more items than this are too many
    n_items: int  # what is taken of too many
    n_surrogates: int


LEVELS = {"fast": Level(1000, 1000, 49), "full": Level(2500, 2000, 99)}


@dataclass(frozen=True)
class Plan:
    """What is done to one run; all of it is known beforehand, and nothing depends on the time it takes."""

    level: str
    n: int  # items that are used
    subsampled: bool
    n_surrogates: int
    n_subsamples: int
    n_groups: int
    reference: list[str] | None
    reference_margin: float | None


def plan(config: Experiment, run: MethodRun, n: int) -> Plan:
    """What a run's level and the configuration come to for n items."""
    chosen, level = config.statistics, LEVELS[run.statistics]
    if run.own_scales(n):
        used = searched(n, run.parameters["solver"])
        margin = chosen.reference_margin if chosen.reference else None
        return Plan(run.statistics, used, used < n, DRAWS, chosen.n_subsamples, 0, chosen.reference, margin)
    used = level.n_items if n > level.largest else n
    if chosen.n_items is not None:
        used = min(n, chosen.n_items)
    return Plan(
        run.statistics, used, used < n, chosen.n_surrogates or level.n_surrogates, chosen.n_subsamples,
        chosen.n_groups, chosen.reference, chosen.reference_margin if chosen.reference else None,
    )  # fmt: skip


def settings(config: Experiment, run: MethodRun, n: int) -> dict[str, Any]:
    """All that changes the statistics, but the fitted method and the representations."""
    found = {**asdict(plan(config, run, n)), "seed": config.seed}
    if config.statistics.reference and config.alignment:
        found["alignment"] = alignment.settings(config)
    return found


def outputs(pair: str, run: MethodRun) -> tuple[str, ...]:
    return tuple(f"{pair}/{run.name}/{name}" for name in (STATISTICS_FILE, SUMMARY_FILE))


def needs(config: Experiment) -> tuple[str, ...]:
    """The steps of the reference's representations."""
    return tuple(f"representations/{key}" for key in config.statistics.reference or ())


def examine(context: Context, a: str, b: str, run: MethodRun) -> None:
    """statistics.csv: gain, p, q and stability of every concept; statistics.json: how, and the verdict."""
    from rdx.metrics.neighbors import same_neighbors
    from rdx.metrics.significance import nothing_found, random_group_p
    from rdx.metrics.stability import concept_stability

    folder, seed = context.folder.path(f"{pair_name(a, b)}/{run.name}"), context.config.seed
    done = plan(context.config, run, len(context.items))
    items = np.sort(np.random.default_rng(seed).permutation(len(context.items))[: done.n])
    explanations = read_explanations(folder)
    labels = {direction: explanations[direction].labels[items] for direction in DIRECTIONS}
    told: dict[str, Any] = {**asdict(done), "surrogates": 0}
    if done.reference:
        told["reference_pairs"] = [_agreement(context, *pair) for pair in combinations(done.reference, 2)]
    if run.own_scales(len(context.items)):
        _examine_scales(context, a, b, run, told)
        return
    if not any(found.any() for found in labels.values()):
        _write(folder, [], {**told, **_verdict(NO_DIFFERENCE, "no cluster was strong enough to be a concept")})
        return
    refits = _refits(context, methods.build(run, context.config), a, b, run).subset(items)
    if same_neighbors(*context.pair(a, b)):
        found = nothing_found(refits, labels)
        told |= _verdict(NO_DIFFERENCE, SAME)
    else:
        found, how = _significance(context, refits, labels, items, done)
        told |= {"surrogates": found.draws, **how, **_judged(found, done)}
        told["null"] = {source: null.tolist() for source, null in found.null.items()}
    stability = concept_stability(refits, labels, done.n_subsamples, seed, context.engine.map)
    p_random = random_group_p(refits, labels, done.n_groups, seed)
    rows = [
        (direction, i + 1, *(_field(column[direction][i], np.count_nonzero(labels[direction] == i + 1)) for column in (
            found.gain, p_random, found.p_value, found.q_value, stability
        )))
        for direction in DIRECTIONS
        for i in range(len(found.gain[direction]))
    ]  # fmt: skip
    _write(folder, rows, told)


def _examine_scales(context: Context, a: str, b: str, run: MethodRun, told: dict[str, Any]) -> None:
    """What the fit has tested already, each concept at its scale; and whether it comes back on fewer items."""
    from rdx.method.cka import debiased_cka
    from rdx.metrics.scale_stability import scale_stability

    folder, seed = context.folder.path(f"{pair_name(a, b)}/{run.name}"), context.config.seed
    explanations = read_explanations(folder)
    ran = json.loads((folder / METHOD_FILE).read_text(encoding="utf-8"))
    told |= {"surrogates": ran["noise_pairs"], "ending": ran["ending"]}
    refits = _refits(context, methods.build(run, context.config), a, b, run)
    stability = scale_stability(refits, explanations, told["n_subsamples"], seed, context.engine.map)
    beyond = _beyond_reference(context, refits, explanations, told) if told["reference"] else None
    rows = [
        (
            direction, concept.number, shown.gain, None, shown.p_value, None,
            _field(stability[direction][concept.number - 1], concept.size),
            shown.gamma, shown.score, shown.effect, shown.round, shown.finding, shown.further,
            *([] if beyond is None else [_field(beyond[direction][concept.number - 1], concept.size)]),
        )
        for direction, found in explanations.items()
        for concept in found.concepts
        if (shown := concept.evidence) is not None
    ]  # fmt: skip
    findings, total = _findings(explanations, stability), len(rows)
    against = f"{ran['noise_pairs']} pairs that differ by noise alone"
    if ran["unrelated"]:
        told |= _verdict(DIFFERENCE, f"{ran['ending']} (CKA {debiased_cka(*context.pair(a, b)):.2f})")
    elif not findings:
        reason = f"none of {total} groups stands out from {against}" if total else ran["ending"]
        told |= _verdict(NO_DIFFERENCE, reason)
    else:
        reason = standing_out(list(findings.values()), f"{against}, each at its own scale")
        larger = None if beyond is None else len(_beyond(explanations, beyond))
        verdict = NO_DIFFERENCE if larger == 0 else DIFFERENCE
        if larger is not None:
            names = ", ".join(f"'{key}'" for key in told["reference"])
            which = f"{larger or 'none'} of {len(findings)} {'is' if larger < 2 else 'are'}"
            which = which if len(findings) > 1 else f"it is{'' if larger else ' not'}"
            reason += f"; {which} more than {told['reference_margin']:g} times what the reference ({names}) shows"
        told |= _verdict(verdict, reason)
    write_table(folder / STATISTICS_FILE, (*STATISTICS, *OF_SCALES, *([] if beyond is None else [P_REFERENCE])), rows)
    write_json(folder / SUMMARY_FILE, told)


def _beyond_reference(
    context: Context, refits: Refits, explanations: Mapping[str, Explanations], told: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """p of every concept beside the reference."""
    from rdx.metrics.scale_reference import reference_p

    pairs = [_reference(context, refits.estimator, c, d) for c, d in combinations(told["reference"], 2)]
    margin, draws, subsamples = told["reference_margin"], told["n_surrogates"], told["n_subsamples"]
    return reference_p(
        refits, explanations, pairs, margin, draws, subsamples, context.config.seed, context.engine.map
    )


def _beyond(explanations: Mapping[str, Explanations], p_values: Mapping[str, np.ndarray]) -> set[int]:
    """The findings of which a group is more than the reference shows."""
    from rdx.metrics.significance import ALPHA

    return {
        one.evidence.finding
        for direction, found in explanations.items()
        for one in found.concepts
        if one.evidence is not None and p_values[direction][one.number - 1] < ALPHA
    }


def _findings(
    explanations: Mapping[str, Explanations], stability: Mapping[str, Sequence[float]]
) -> dict[int, list[Cautions]]:
    """Of each finding, the cautions of its groups."""
    found: dict[int, list[Cautions]] = {}
    for direction, here in explanations.items():
        for one in here.concepts:
            if one.evidence is not None and one.evidence.stands_out:
                said = cautions(one.size, stability[direction][one.number - 1])
                found.setdefault(one.evidence.finding, []).append(said)
    return found


def read_summary(folder: Path) -> dict[str, Any]:
    """What a tested method's statistics.json says, but for the null distributions."""
    told = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    return {key: value for key, value in told.items() if key != "null"}


def _refits(context: Context, estimator: Any, a: str, b: str, run: MethodRun) -> Refits:
    """The comparison as the run's method saw it."""
    from rdx.metrics.refits import Refits

    beside = methods.beside(context, a, b, run)
    groups = {key: values for key, values in beside.items() if key.startswith("groups_")}
    mapped = {key: values for key, values in beside.items() if key in (A_TO_B, B_TO_A)}
    return Refits(estimator, {"A": context.features(a), "B": context.features(b), **mapped}, groups)


def _significance(
    context: Context, refits: Refits, labels: dict[str, np.ndarray], items: np.ndarray, done: Plan
) -> tuple[Significance, dict[str, Any]]:
    """p and q of every concept, and what the surrogates were."""
    from rdx.metrics import significance, surrogates

    seed = context.config.seed
    if done.reference is None:
        drawn = surrogates.NoiseSurrogates(refits, seed)
        gains = significance.gains_of(refits, labels)
        how = {"rank_change": drawn.rank_change, "noise_level": drawn.levels}
    else:
        pairs = [_reference(context, refits.estimator, c, d) for c, d in combinations(done.reference, 2)]
        drawn = surrogates.ReferencePairs([pair.subset(items) for pair in pairs], seed, done.reference_margin)
        gains = significance.subsampled_gains(refits, labels, done.n_subsamples, seed, context.engine.map)
        how = {}
    return significance.concept_significance(gains, drawn, done.n_surrogates, context.engine.map), how


def _reference(context: Context, estimator: Any, c: str, d: str) -> Refits:
    """A reference pair, seen as the comparison is: in aligned runs with maps of its own."""
    from rdx.metrics.refits import Refits

    features = {"A": context.features(c), "B": context.features(d)}
    if context.config.alignment:
        from rdx.method.alignment import learn_maps

        chosen = {**alignment.settings(context.config), "device": context.device}
        a_to_b, b_to_a = learn_maps(features["A"], features["B"], **chosen)
        features |= {A_TO_B: a_to_b.apply(features["A"]), B_TO_A: b_to_a.apply(features["B"])}
    return Refits(estimator, features)


def _agreement(context: Context, c: str, d: str) -> dict[str, Any]:
    """How far two representations of the reference agree, in the numbers that a page has of the comparison."""
    from rdx.method.cka import debiased_cka
    from rdx.metrics.moves import neighbors_moved

    pair = context.pair(c, d)
    common = 1.0 - float(neighbors_moved(*pair, context.config.seed).change.mean())
    cka = debiased_cka(*pair)
    return {"a": c, "b": d, "common": common, "cka": float(cka) if cka == cka else None}


def _judged(found: Significance, done: Plan) -> dict[str, str]:
    """The verdict, with the numbers that it rests on."""
    from rdx.metrics.significance import ALPHA

    p_values = np.concatenate([found.p_value[direction] for direction in DIRECTIONS])
    beyond, total = int(np.count_nonzero(p_values < ALPHA)), len(p_values)
    what = f"{found.draws} surrogate pairs without a difference"
    if done.reference is not None:
        names = ", ".join(f"'{key}'" for key in done.reference)
        what = f"{done.reference_margin:g} times what {found.draws} runs on the reference ({names}) show"
    which = f"{beyond or 'none'} of {total} concept{'s' if total > 1 else ''}"
    stands = "stand out" if beyond > 1 else "stands out"
    reason = f"{which} {stands} from {what} (smallest p {p_values.min():.2g})"
    return _verdict(DIFFERENCE if beyond else NO_DIFFERENCE, reason)


def _verdict(verdict: str, reason: str) -> dict[str, str]:
    return {"verdict": verdict, "reason": reason}


def _field(value: float, size: int) -> float | None:
    """A number of a table; empty for a concept of which the subsample has no pair of items."""
    return float(value) if size > 1 and not np.isnan(value) else None


def _write(folder: Path, rows: list[tuple], told: dict[str, Any]) -> None:
    write_table(folder / STATISTICS_FILE, STATISTICS, rows)
    write_json(folder / SUMMARY_FILE, told)
