"""What a run prints: its plan beforehand, and a short table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rdx.experiment.folder import pair_name
from rdx.experiment.measures import merged_by
from rdx.experiment.tables import make_up, read_explanations, read_table
from rdx.method.concepts import DIRECTIONS, Concept

if TYPE_CHECKING:
    from rdx.data import Items
    from rdx.experiment.prepare import Prepared

_CONCEPTS = 5  # concepts named in one row


def plan(prepared: Prepared) -> list[str]:
    """The steps with what will happen to each, and roughly how long it takes."""
    todo = prepared.todo
    waiting = {step.name for step in todo}
    seconds = sum(step.cost for step in todo)
    folder, steps = prepared.folder, prepared.steps
    if not todo:
        head = f"{prepared.config.name}: all {len(steps)} steps are done"
    else:
        head = f"{prepared.config.name}: {len(todo)} of {len(steps)} steps to do, about {_duration(seconds)}"
    head = f"{head} ({len(prepared.items)} items → {folder.root})"
    lines = [head]
    lines += [f"  {'run ' if step.name in waiting else 'done'}  {step.name}" for step in steps]
    return lines + [f"  drop  {name}" for name in folder.stamps() if name not in steps]


def results(prepared: Prepared) -> list[str]:
    """One row a method and direction: success rate, concepts, and which labels they are made of."""
    lines = []
    for a, b in prepared.config.comparisons:
        folder = prepared.folder.path(pair_name(a, b))
        metrics = read_table(folder / "metrics.csv")
        main = metrics[(metrics["distance"] == "neighborhood") & (metrics["space"] == "raw")]
        rates = main.set_index(["method", "direction"])["bsr"]
        rows = [("method", "direction", "BSR", "concepts", "made of")]
        for run in prepared.runs:
            explanations = read_explanations(folder / run.name)
            for direction in DIRECTIONS:
                concepts, rate = explanations[direction].concepts, rates[run.name, direction]
                shown = "" if np.isnan(rate) else f"{rate:.2f}"
                made_of = made_up_of(concepts, prepared.items)
                rows.append((run.name, direction, shown, str(len(concepts)), made_of))
        lines += ["", folder.name, *_aligned(rows), *_known_difference(prepared, a, b)]
    return [*lines, "", f"Results: {prepared.folder.root}"]


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


def made_up_of(concepts: Sequence[Concept], items: Items) -> str:
    """The label make-up of each concept: ``3: 52%, 5: 47% | 8: 98%``."""
    parts = [make_up(concept, items) or f"{concept.size} items" for concept in concepts[:_CONCEPTS]]
    return " | ".join(parts) + (" | …" if len(concepts) > _CONCEPTS else "")


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [f"  {line.rstrip()}" for line in lines]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
