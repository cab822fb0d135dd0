"""What a run prints: its plan beforehand, and a short table at the end."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rdx.experiment.plan import fits as fit_plans
from rdx.experiment.plan.needs import readable
from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.tables import make_up, read_explanations, read_statistics, read_table
from rdx.experiment.run.timings import duration
from rdx.experiment.stages import attributes, settings_sweep
from rdx.experiment.stages.measures import merged_by
from rdx.method.concepts import DIRECTIONS, Concept

if TYPE_CHECKING:
    from pathlib import Path

    from rdx.data.items import Items
    from rdx.experiment.plan.needs import Source
    from rdx.experiment.plan.prepared import Prepared
    from rdx.experiment.run.step import Step
    from rdx.experiment.stages.methods import MethodRun

_CONCEPTS = 5  # concepts named in one row
_EACH = 3  # from more comparisons on, or layers of one model, each does not get lines of its own in the plan


def plan(prepared: Prepared, *, steps: bool = False) -> list[str]:
    """What will be done, with sizes and, as far as earlier runs tell, times; with `steps` each of them too."""
    todo, folder, needs = prepared.todo, prepared.folder, prepared.needs
    if not todo:
        head = f"{prepared.config.name}: all {len(prepared.steps)} steps are done"
    else:
        head = f"{prepared.config.name}: {len(todo)} of {len(prepared.steps)} steps to do, {_time(prepared, todo)}"
    expected = "" if needs.items_known else ", as far as the configuration tells"
    lines = [f"{head} ({needs.items} items{expected} → {folder.root})"]
    lines += [f"  note: {note}" for note in prepared.items.notes]
    if todo:
        lines += _sizes(prepared)
    if steps:
        lines += _aligned(_steps(prepared))
    return lines + [f"  drop  {name}" for name in folder.stamps() if name not in prepared.steps]


def _steps(prepared: Prepared) -> list[tuple[str, str, str]]:
    """One row a step; where there are many comparisons, one row each."""
    waiting = {step.name for step in prepared.todo}
    pairs = [pair_name(a, b) for a, b in prepared.config.comparisons]
    groups: dict[str, list[Step]] = {}
    for step in prepared.steps:
        pair = step.name.partition("/")[0]
        groups.setdefault(pair if pair in pairs and len(pairs) > _EACH else step.name, []).append(step)
    rows = []
    for name, members in groups.items():
        to_do = [step for step in members if step.name in waiting]
        count = f" ({len(to_do)} of {len(members)} steps)" if len(members) > 1 and to_do else ""
        rows.append(("run " if to_do else "done", name + count, _time(prepared, to_do) if to_do else ""))
    return rows


def _time(prepared: Prepared, steps: Sequence[Step]) -> str:
    """How long steps take, as far as earlier runs tell."""
    found = [prepared.forecast(step) for step in steps]
    known = [one for one in found if not isinstance(one, str)]
    if len(found) == 1 and not known:
        return found[0]
    if len(known) < len(found) and not any(known):
        return "no earlier run on this machine tells how long"
    rest = "" if len(known) == len(found) else f" for {len(known)} of them (no earlier run tells of the others)"
    return f"{'about ' if sum(known) >= 1 else ''}{duration(sum(known))}{rest}"


def missing(checked: Iterable[Prepared]) -> list[str]:
    """Why runs cannot start yet, each reason once; nothing where they can."""
    return not_ready(list(dict.fromkeys(reason for prepared in checked for reason in prepared.needs.missing)))


def not_ready(reasons: Sequence[str]) -> list[str]:
    """The end of a plan that cannot be carried out yet."""
    if not reasons:
        return []
    count = "1 thing is" if len(reasons) == 1 else f"{len(reasons)} things are"
    return ["", f"not ready: {count} missing", *(f"  {reason}" for reason in reasons)]


def _sizes(prepared: Prepared) -> list[str]:
    """The representations, memory and disk space of a run."""
    needs = prepared.needs
    by_model: dict[str, list[Source]] = {}
    for source in needs.sources:
        by_model.setdefault(source.model, []).append(source)
    rows = []
    for sources in by_model.values():
        if len(sources) > _EACH:
            rows.append((f"{len(sources)} layers", _representations(sources, needs.items)))
        else:
            rows += [(source.key, _representations([source], needs.items)) for source in sources]
    rows += fit_plans.lines(prepared.plans, prepared.widths)
    largest = needs.largest.partition("/")[2]  # "rdx": which of the comparisons it is does not matter
    rows.append(("memory", f"up to {readable(needs.memory)}" + (f", for {largest}" if largest else "")))
    for space in needs.spaces:
        rows.append(("disk", f"about {readable(space.needed)}, {readable(space.free)} free in {space.folder}"))
    return _aligned(rows)


def _representations(sources: Sequence[Source], n: int) -> str:
    """``timm:resnet18, layer3: 64 × 256 (66 kB) · 11.7 M parameters, 224×224 pixels · at least 45 MB to download``."""
    first, widths = sources[0], [source.width for source in sources if source.width]
    name = first.model + (f", {first.layer}" if first.layer and len(sources) == 1 else "")
    if widths:
        wide = f"{min(widths)}" if min(widths) == max(widths) else f"{min(widths)}…{max(widths)}"
        name += f": {n} × {wide} ({readable(4 * n * sum(widths))})"
    parts = [f"{name}: cached" if first.is_there and not widths else name]
    if first.parameters:
        size = f", {first.image_size[1]}×{first.image_size[0]} pixels" if first.image_size else ""
        parts.append(f"{first.parameters / 1e6:.1f} M parameters{size}")
    if first.preprocessing:
        parts.append(f"images: {first.preprocessing}")
    if first.download:
        parts.append(f"at least {readable(first.download)} to download")
    return " · ".join(parts)


def results(prepared: Prepared) -> list[str]:
    """One row a method and direction: success rate, concepts, and which labels they are made of."""
    lines = []
    for a, b in prepared.config.comparisons:
        folder = prepared.folder.path(pair_name(a, b))
        metrics = read_table(folder / "metrics.csv")
        main = metrics[(metrics["distance"] == "neighborhood") & (metrics["space"] == "raw")]
        rates = main.set_index(["method", "direction"])["bsr"]
        shares = "" if prepared.items.labels is None else "label shares"
        rows = [("method", "direction", "BSR", "concepts", shares)]
        for run in prepared.runs:
            explanations, weak = read_explanations(folder / run.name), _may_be_chance(prepared, folder, run)
            for direction in DIRECTIONS:
                found, rate = explanations[direction], rates[run.name, direction]
                made_of = made_up_of(found.shown, prepared.items, weak[direction])
                if rest := len(found.concepts) - len(found.shown):
                    made_of += f"{'  ' if made_of else ''}(may be chance: {rest})"
                score = "" if np.isnan(rate) else f"{rate:.2f}"
                rows.append((run.name, direction, score, str(len(found.shown)), made_of))
        lines += ["", folder.name, *_aligned(rows), *_in_common(prepared, folder), *_verdict(folder)]
        lines += _known_difference(prepared, a, b)
        if f"{folder.name}/sweep" in prepared.steps:
            lines += settings_sweep.said(folder)
    return [*lines, "", f"Results: {prepared.folder.root}"]


def _verdict(folder: Path) -> list[str]:
    """Whether there is a difference above chance, and why; nothing where that was not tested.

    Where not all pairs were compared, also how well that agrees with the exact comparison.
    """
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    lines = ["", f"  {summary['verdict']}: {summary['reason']}"] if summary["verdict"] else []
    if summary["agreement"]:
        told = summary["agreement"]
        scores = " and ".join(f"{told[direction]:.2f} ({direction})" for direction in DIRECTIONS)
        what = f"on {told['n']:,} of the items its labels agree with the exact ones"
        again = " and ".join(f"{told['exact'][direction]:.2f}" for direction in DIRECTIONS)
        lines += ["", f"  {summary['solver']} path: {what} (adjusted Rand index) to {scores}"]
        lines += [f"  (the exact labels themselves, with those of 80 % of these items, to {again})"]
    if summary["rank_errors"]:
        off = ", ".join(f"{name} {value:.2f}" for name, value in summary["rank_errors"].items())
        lines += [f"  rank error (log2): {off}"]
    return lines


def _known_difference(prepared: Prepared, a: str, b: str) -> list[str]:
    """How many concepts show what the models were trained to differ in; nothing where that is not known."""
    path = prepared.folder.path(f"{pair_name(a, b)}/known_difference.csv")
    if f"{pair_name(a, b)}/known_difference" not in prepared.steps:
        return []
    merged = [
        f"“{prepared.config.representations[key].title or key}” does not tell "
        + ", ".join(" from ".join(str(label) for label in pair) for pair in pairs)
        for key, pairs in zip((a, b), merged_by(prepared.config, a, b), strict=True)
        if pairs
    ]
    table = read_table(path)
    rows = [("concepts that show it", *DIRECTIONS)]
    for run in prepared.runs:
        row = [run.name]
        for direction in DIRECTIONS:
            shows = table[(table["method"] == run.name) & (table["direction"] == direction)]["shows_it"].astype(bool)
            row.append(f"{int(shows.sum())} of {len(shows)}")
        rows.append(tuple(row))
    return ["", f"  known difference: {'; '.join(merged)}", *_aligned(rows)]


def _in_common(prepared: Prepared, folder: Path) -> list[str]:
    """What the images of RDX's first concepts have in common, a sentence each; nothing without RDX or concepts."""
    first = next((run for run in prepared.runs if run.is_rdx), None)
    said = attributes.read_sentences(folder / first.name) if first else {}
    explanations = read_explanations(folder / first.name) if first else {}
    weak = _may_be_chance(prepared, folder, first) if first else {}
    lines = []
    for direction in DIRECTIONS:
        shown = explanations[direction].shown[:_CONCEPTS] if first else []
        here = [f"    {one.number}{_mark(one, weak[direction])}: {said[direction, one.number]}" for one in shown]
        lines += ["", f"  in common, {first.name} {direction}", *here] if here else []
    return lines


def _may_be_chance(prepared: Prepared, folder: Path, run: MethodRun) -> dict[str, set[int]]:
    """By direction, the concepts of a method tested at one scale for all that may be chance, as the explorer has it.

    At scales of their own, those are not listed in the first place.
    """
    weak: dict[str, set[int]] = {direction: set() for direction in DIRECTIONS}
    if run.statistics == "off" or run.own_scales(len(prepared.items)):
        return weak
    from rdx.metrics.significance import stands_out

    p_values = {key: row["p_value"] for key, row in read_statistics(folder / run.name).items()}
    if not all(np.isnan(p) for p in p_values.values()):  # else none was tested
        for (direction, number), p in p_values.items():
            if not stands_out(p):
                weak[direction].add(number)
    return weak


def _mark(concept: Concept, weak: Collection[int]) -> str:
    return " (may be chance)" if concept.number in weak else ""


def made_up_of(concepts: Sequence[Concept], items: Items, weak: Collection[int] = ()) -> str:
    """The label make-up of each concept: ``3: 52%, 5: 47% | 8: 98%``; the numbers in `weak` may be chance."""
    parts = [(make_up(one, items) or f"{one.size} items") + _mark(one, weak) for one in concepts[:_CONCEPTS]]
    return " | ".join(parts) + (" | …" if len(concepts) > _CONCEPTS else "")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [f"  {line.rstrip()}" for line in lines]
