"""The heat maps of a layer analysis: what each head does, and which concepts differ from random groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.tables import read_table
from rdx.experiment.stages.layers.heads import FILES as HEAD_FILES
from rdx.experiment.stages.layers.probes import GROUP_TESTS, TESTS
from rdx.method.concepts import A_NOT_B, B_NOT_A

if TYPE_CHECKING:
    import pandas as pd

    from rdx.experiment.run.context import Context

# Of each figure of the heads: its maps, as columns of heads.csv with their titles, and what it shows.
_PULLED, _SPREAD = "pulled together (b_not_a)", "spread apart (a_not_b)"
_HEADS = {
    "heads_neighbors": ({"neighbors_lost": "neighbours lost"}, "share of the nearest {k} neighbours that change"),
    "heads_cka": ({"cka_lost": "1 − CKA"}, "1 − debiased CKA between the representations with and without the head"),
    "heads_undone": (
        {f"undone_{way}": title for way, title in ((B_NOT_A, _PULLED), (A_NOT_B, _SPREAD))},
        "change of the mean rank inside the concepts, in ranks; positive: without the head, concepts are undone",
    ),
    "heads_undone_beyond": (
        {f"undone_beyond_{way}": title for way, title in ((B_NOT_A, _PULLED), (A_NOT_B, _SPREAD))},
        "the same, beyond the change between the concepts' items and all others",
    ),
    "heads_accuracy": (
        {f"{probe}_accuracy_lost": f"{probe} probe" for probe in ("knn", "logistic")},
        "accuracy that the probe loses without the head",
    ),
}
_TEST_TITLES = {
    "changed_knn": "k-NN prediction changed", "changed_logistic": "logistic prediction changed",
    "majority_class": "share of its majority class", "purity": "purity",
}  # fmt: skip
_SIGNIFICANT = 0.05
FIGURES = (*_HEADS, "group_tests")


def draw(context: Context, blocks: Mapping[tuple[str, str], str]) -> None:
    """All heat maps for which there are numbers."""
    pairs = context.config.comparisons
    heads = {pair: read_table(context.folder.path(f"{pair_name(*pair)}/{HEAD_FILES[0]}")) for pair in blocks}
    for name, (maps, about) in _HEADS.items():
        if heads:
            _draw_heads(context, name, heads, maps, about)
    files = {pair: context.folder.path(f"{pair_name(*pair)}/{GROUP_TESTS}") for pair in pairs}
    if all(path.is_file() for path in files.values()):
        _draw_tests(context, {pair: read_table(path) for pair, path in files.items()})


def _draw_heads(
    context: Context, name: str, tables: Mapping[tuple[str, str], pd.DataFrame], maps: Mapping[str, str], about: str
) -> None:
    from rdx.figures.heatmap import HeatMap, save_heat_maps

    widest = max(len(table) for table in tables.values())
    around = 0.0 if name not in ("heads_neighbors", "heads_cka") else None
    shown = []
    for column, title in maps.items():
        values = np.full((len(tables), widest), np.nan)
        for row, table in enumerate(tables.values()):
            values[row, table["head"].to_numpy()] = table[column].to_numpy(dtype=np.float64)
        if np.isfinite(values).any():
            shown.append(HeatMap(title, values, around=around))
    if not shown:
        return
    about = about.format(k=context.config.layer_analysis.head_neighbors)
    save_heat_maps(
        context.folder.path(f"layer_analysis/{name}.png"), shown,
        rows=[_title(context, pair) for pair in tables], columns=[str(head) for head in range(widest)],
        heading=f"{context.config.name}: what each attention head does",
        note=f"{about}. Columns: heads; rows: the block between two layers.",
    )  # fmt: skip


def _draw_tests(context: Context, tables: Mapping[tuple[str, str], pd.DataFrame]) -> None:
    from rdx.figures.heatmap import HeatMap, save_heat_maps

    most = max(1, *(int(table["concept"].max()) if len(table) else 0 for table in tables.values()))
    maps = []
    for test in TESTS:
        for way, title in ((B_NOT_A, _PULLED), (A_NOT_B, _SPREAD)):
            values, marked = np.full((len(tables), most), np.nan), np.zeros((len(tables), most), dtype=bool)
            for row, table in enumerate(tables.values()):
                own = table[(table["test"] == test) & (table["direction"] == way)]
                column = own["concept"].to_numpy(dtype=np.int64) - 1
                values[row, column] = own["ratio"].to_numpy(dtype=np.float64)
                marked[row, column] = own["q_value"].to_numpy(dtype=np.float64) <= _SIGNIFICANT
            maps.append(HeatMap(f"{_TEST_TITLES[test]}: {title}", values, around=1.0, ratios=True, marked=marked))
    save_heat_maps(
        context.folder.path("layer_analysis/group_tests.png"), maps,
        rows=[_title(context, pair) for pair in tables], columns=[str(number) for number in range(1, most + 1)],
        heading=f"{context.config.name}: concepts beside random groups of their size",
        note=f"Share in the concept divided by the mean share of random groups; framed: q ≤ {_SIGNIFICANT}. "
        "Columns: concepts; rows: comparisons.",
    )  # fmt: skip


def _title(context: Context, pair: tuple[str, str]) -> str:
    return " → ".join(context.title(key) for key in pair)
