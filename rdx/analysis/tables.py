"""The tables of a family of comparisons: method × direction, as CSV and as Markdown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdx.experiment.finished import FinishedComparison
from rdx.experiment.run.tables import read_table, write_table
from rdx.files import write_text
from rdx.method.concepts import DIRECTIONS

if TYPE_CHECKING:
    import pandas as pd

MEASURES = ("bsr", "tie_rate", "mean_signed_difference")
DISTANCE_NAMES = {"neighborhood": "ranks", "local_scaling": "local scaling", "max_normalized": "max-normalised"}


def family_metrics(comparisons: Sequence[FinishedComparison]) -> pd.DataFrame:
    """Every comparison's metrics.csv below one another, with the columns family, run and comparison."""
    import pandas as pd

    tables = []
    for pair in comparisons:
        table = pair.metrics.copy()
        for column, value in (("comparison", pair.name), ("run", pair.run.config.name), ("family", pair.run.family)):
            table.insert(0, column, value)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def mean_metrics(metrics: pd.DataFrame) -> pd.DataFrame:
    """Means over the comparisons: one row a method, direction, distance and space, in the methods' order."""
    keys = ["space", "method", "direction", "distance"]
    groups = metrics.groupby(keys, sort=False)
    table = groups[list(MEASURES)].mean()
    table["bsr_lowest"], table["bsr_highest"] = groups["bsr"].min(), groups["bsr"].max()
    table["comparisons"] = groups["bsr"].count()
    return table.reset_index()


def concept_rows(comparisons: Iterable[FinishedComparison]) -> list[tuple[Any, ...]]:
    """One row a comparison, method and direction: concepts, how many are significant, stability, verdict."""
    rows = []
    for pair in comparisons:
        summary = json.loads((pair.folder / "summary.json").read_text(encoding="utf-8"))
        for method in pair.run.methods:
            concepts = read_table(pair.folder / method.name / "concepts.csv")
            shown = concepts[~concepts["is_null"].astype(bool)]
            for direction in DIRECTIONS:
                own = shown[shown["direction"] == direction]
                tested = own["p_value"].notna().any()
                rows.append((
                    pair.run.config.name, pair.name, method.name, direction, len(own),
                    _significant(pair.folder / method.name, own, direction) if tested else None,
                    float(own["p_value"].min()) if tested else None,
                    float(own["stability"].mean()) if own["stability"].notna().any() else None,
                    summary["verdict"] if method.is_rdx else None,
                ))  # fmt: skip
    return rows


def _significant(folder: Path, own: pd.DataFrame, direction: str) -> int:
    """How many concepts of a direction stand out: at scales of their own those with a finding, else p < 0.05."""
    told = read_table(folder / "statistics.csv") if (folder / "statistics.csv").is_file() else pd.DataFrame()
    if "gamma" in told and told["gamma"].notna().any():
        return int(told.loc[told["direction"] == direction, "finding"].notna().sum())
    return int((own["p_value"] < 0.05).sum())


CONCEPT_COLUMNS = ("run", "comparison", "method", "direction", "concepts", "significant", "lowest_p_value",
                   "mean_stability", "verdict")  # fmt: skip


def write_tables(folder: Path, comparisons: Sequence[FinishedComparison]) -> pd.DataFrame:
    """metrics.csv (every comparison), mean_metrics.csv and .md, concepts.csv; returns the first."""
    metrics = family_metrics(comparisons)
    means = mean_metrics(metrics)
    write_table(folder / "metrics.csv", metrics.columns, _plain(metrics))
    write_table(folder / "mean_metrics.csv", means.columns, _plain(means))
    write_text(folder / "mean_metrics.md", as_markdown(means, len(comparisons)))
    write_table(folder / "concepts.csv", CONCEPT_COLUMNS, concept_rows(comparisons))
    return metrics


def as_markdown(means: pd.DataFrame, n_comparisons: int) -> str:
    """One Markdown table a space: methods as rows, direction × distance as columns, the best of a column in bold."""
    parts = []
    for space, rows in means.groupby("space", sort=False):
        parts += _space_as_markdown(str(space), rows, n_comparisons)
    return "\n".join(parts)


def _space_as_markdown(space: str, rows: pd.DataFrame, n_comparisons: int) -> list[str]:
    distances = [name for name in DISTANCE_NAMES if name in set(rows["distance"])]
    columns = [(direction, distance, "bsr") for direction in DIRECTIONS for distance in distances]
    columns += [(direction, "neighborhood", what) for direction in DIRECTIONS for what in MEASURES[1:]]
    values = rows.set_index(["method", "direction", "distance"])
    methods = list(dict.fromkeys(rows["method"]))
    heads = {"bsr": "BSR, {distance}", "tie_rate": "ties", "mean_signed_difference": "signed difference"}
    titles = [
        f"{direction}: {heads[what].format(distance=DISTANCE_NAMES[distance])}" for direction, distance, what in columns
    ]
    of = "one comparison" if n_comparisons == 1 else f"mean of {n_comparisons} comparisons"
    lines = [f"## On {space} representations ({of})", "", _row(["method", *titles]), _row(["---"] * (1 + len(titles)))]
    cells = {method: [method] for method in methods}
    for direction, distance, what in columns:
        column = {m: float(values[what].get((m, direction, distance), float("nan"))) for m in methods}
        best = max((value for value in column.values() if value == value), default=None) if what == "bsr" else None
        digits = 1 if what == "mean_signed_difference" else 3
        for method, value in column.items():
            text = "" if value != value else f"{value:.{digits}f}"
            cells[method].append(f"**{text}**" if text and best is not None and text == f"{best:.3f}" else text)
    return [*lines, *(_row(row) for row in cells.values()), ""]


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(table: pd.DataFrame) -> list[list[Any]]:
    return table.astype(object).where(table.notna(), None).to_numpy().tolist()
