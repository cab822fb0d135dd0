"""The measures of a comparison: CKA, success rates of every method, and what they come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rdx.experiment.run.folder import A_TO_B, B_TO_A, RAW, pair_name
from rdx.experiment.run.tables import read_explanations, read_table, write_table
from rdx.experiment.stages import statistics
from rdx.experiment.stages.methods import METHOD_FILE
from rdx.files import write_json
from rdx.method.concepts import A_NOT_B, DIRECTIONS

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from rdx.config import Experiment
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun

METRICS = (
    "method", "direction", "distance", "space", "bsr", "tie_rate", "n_pairs", "mean_signed_difference",
)  # fmt: skip


def similarity(context: Context, a: str, b: str) -> None:
    """Debiased linear CKA of the pair, in aligned runs of both mapped forms too, as cka.json."""
    from rdx.method.cka import debiased_cka

    views = (RAW, A_TO_B, B_TO_A) if context.config.alignment else (RAW,)
    values = {view: _finite(debiased_cka(*context.pair(a, b, view))) for view in views}
    write_json(context.folder.path(f"{pair_name(a, b)}/cka.json"), values)


def measure(context: Context, a: str, b: str, runs: Sequence[MethodRun]) -> None:
    """metrics.csv: every method and direction, with the three distances, on raw and aligned pairs."""
    from rdx.method.neighborhoods import DISTANCES
    from rdx.metrics.bsr import ALL_PAIRS, SuccessMeter

    pair = pair_name(a, b)
    if len(context.items) > ALL_PAIRS:
        context.log += [f"{pair}/metrics: no rates by max_normalized for more than {ALL_PAIRS:,} items"]
    meters: dict[str, SuccessMeter] = {}
    rows = []
    for run in runs:
        explanations = read_explanations(context.folder.path(f"{pair}/{run.name}"))
        for space, views in (("raw", dict.fromkeys(DIRECTIONS, RAW)), ("aligned", run.aligned_views())):
            for direction, view in views.items():
                if view not in meters:
                    meters[view] = SuccessMeter(*context.pair(a, b, view))
                grids = [concept.indices for concept in explanations[direction].shown]
                rates = meters[view].rates(grids, direction, DISTANCES)
                for distance, rate in rates.items():
                    measured = (rate.bsr, rate.tie_rate, rate.n_pairs, rate.mean_signed_difference)
                    rows.append((run.name, direction, distance, space, *measured))
    write_table(context.folder.path(f"{pair}/metrics.csv"), METRICS, rows)


def summarise(context: Context, a: str, b: str, runs: Sequence[MethodRun]) -> None:
    """summary.json: what ran, and whether there is a difference."""
    from rdx.metrics.neighbors import same_neighbors

    folder = context.folder.path(pair_name(a, b))
    first = next((run for run in runs if run.is_rdx), None)
    ran = _read_json(folder / first.name / METHOD_FILE) if first else {}
    summary: dict[str, Any] = {
        "a": a,
        "b": b,
        "n": len(context.items),
        "version": first and first.parameters["version"],
        "scale": "auto" if first and first.own_scales(len(context.items)) else None,
        "solver": ran.get("solver"),
        "verdict": None,
        "reason": "whether the difference is above chance was not tested",
        "agreement": ran.get("agreement"),  # of a sampled path with the exact one, on a subsample
        "rank_errors": ran.get("rank_errors"),
        "statistics": None,
    }
    tested = next((run for run in runs if run.statistics != "off"), None)
    if tested:
        told = statistics.read_summary(folder / tested.name)
        summary |= {"verdict": told.pop("verdict"), "reason": told.pop("reason")}
        summary["statistics"] = {"method": tested.name, **told}
    elif same_neighbors(*context.pair(a, b)):
        summary |= {"verdict": statistics.NO_DIFFERENCE, "reason": statistics.SAME}
    write_json(folder / "summary.json", summary)


def summary_table(context: Context, pairs: list[tuple[str, str]], runs: Sequence[MethodRun]) -> None:
    """summary.csv: one row a comparison, from the tables of its folder."""
    rows = [_summary_row(context.folder.path(pair_name(a, b)), runs) for a, b in pairs]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    write_table(
        context.folder.path("summary.csv"), columns, [[row.get(column) for column in columns] for row in rows]
    )


def summary_figure(context: Context, runs: Sequence[MethodRun]) -> None:
    """summary.png: the rows of summary.csv, for the run's first RDX (else its first method)."""
    path = context.folder.path("summary.png")
    draw_summary(path, read_table(context.folder.path("summary.csv")), context.config, runs)


def draw_summary(path: Path, table: pd.DataFrame, config: Experiment, runs: Sequence[MethodRun], titled=True) -> None:
    """Draw a run's summary.csv; the method is its first RDX, else its first."""
    from rdx.figures.sweep import PairSummary, save_sweep

    run = next((run for run in runs if run.is_rdx), runs[0])
    pairs = [
        PairSummary(
            row["a"], row["b"], *(config.representations[row[side]].title or row[side] for side in "ab"),
            bsr=tuple(row[f"{run.name}_{direction}_bsr"] for direction in DIRECTIONS),
            concepts=tuple(int(row[f"{run.name}_{direction}_concepts"]) for direction in DIRECTIONS),
            cka=row["cka"],
        )
        for row in table.to_dict("records")
    ]  # fmt: skip
    save_sweep(path, pairs, heading=f"{config.name}: {run.name} over {len(pairs)} comparisons" if titled else "")


def _summary_row(folder: Path, runs: Sequence[MethodRun]) -> dict[str, Any]:
    summary = _read_json(folder / "summary.json")
    row = {"comparison": folder.name}
    row |= {key: summary[key] for key in ("a", "b", "n", "version", "solver", "verdict", "reason")}
    row["cka"] = _read_json(folder / "cka.json")[RAW]
    if (folder / "classification.csv").is_file():
        accuracy = read_table(folder / "classification.csv").groupby("representation")["accuracy"].mean()
        agreed = read_table(folder / "agreement.csv").groupby("pair")["agreement"].mean()
        row |= {"accuracy_a": accuracy[row["a"]], "accuracy_b": accuracy[row["b"]]}
        row["agreement"] = agreed[folder.name]
    metrics = read_table(folder / "metrics.csv")
    main = metrics[(metrics["distance"] == "neighborhood") & (metrics["space"] == "raw")]
    for run in runs:
        explanations = read_explanations(folder / run.name)
        rates = main[main["method"] == run.name].set_index("direction")["bsr"]
        for direction in DIRECTIONS:
            row[f"{run.name}_{direction}_bsr"] = rates[direction]
            row[f"{run.name}_{direction}_concepts"] = len(explanations[direction].shown)
    return row


def known_difference(context: Context, a: str, b: str, runs: Sequence[MethodRun]) -> None:
    """known_difference.csv: whether each concept shows what the models were trained to differ in."""
    from rdx.metrics.truth import shows_difference

    folder = context.folder.path(pair_name(a, b))
    merged = merged_by(context.config, a, b)
    rows = []
    for run in runs:
        for direction, found in read_explanations(folder / run.name).items():
            own, other = merged if direction == A_NOT_B else reversed(merged)
            for concept in found.shown:
                labels = context.items.labels[concept.members]
                rows.append((run.name, direction, concept.number, shows_difference(labels, own, other)))
    write_table(folder / "known_difference.csv", ("method", "direction", "concept", "shows_it"), rows)


def merged_by(config: Experiment, a: str, b: str) -> tuple[list[list[int]], list[list[int]]]:
    """The pairs of labels that only A merges, and those that only B merges."""
    by_a, by_b = (config.representations[key].merges for key in (a, b))
    return [pair for pair in by_a if pair not in by_b], [pair for pair in by_b if pair not in by_a]


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def _finite(value: float) -> float | None:
    """NaN, where CKA is undefined, as JSON's null."""
    return float(value) if value == value else None
