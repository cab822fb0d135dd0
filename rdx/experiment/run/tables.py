"""The tables of a method: how its concepts are written, and read back as they were."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.data.items import OWN_COLUMNS
from rdx.files import atomic_path
from rdx.method.concepts import NULL, Concept, Explanations
from rdx.method.scales.evidence import Evidence
from rdx.metrics import MEASURES

if TYPE_CHECKING:
    import pandas as pd

    from rdx.data.items import Items

ASSIGNMENTS = ("direction", "index", "concept", "affinity")
EXPLANATIONS = ("direction", "concept", "position", "index", "id", "label")
TESTED = ("p_random", "p_value", "q_value", "stability")
# Of concepts.csv, in order: its own columns, and those of measures that were added later.
CONCEPTS = tuple(dict.fromkeys(
    ("direction", "concept", "size", "mean_affinity", "bsr", *TESTED, "is_null", *MEASURES)
))  # fmt: skip
STATISTICS = ("direction", "concept", "gain", *TESTED)
OF_SCALES = ("gamma", "score", "effect", "round", "finding", "further")  # of statistics.csv as well, with scales
P_REFERENCE = "p_reference"  # and there, of a run that names a reference
METHOD_FILE, STATISTICS_FILE = "method.json", "statistics.csv"
ITEMS = OWN_COLUMNS
_PARTS = 2  # labels named for one concept
_LEAST = 0.1  # smaller shares are not named


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> None:
    """A CSV with a header, whole or not at all; None and NaN are empty fields, floats keep every digit.

    A row has its fields in the order of the columns, or by their names, and then may lack some.
    """
    columns = list(columns)

    def fields(row: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
        given = map(row.get, columns) if isinstance(row, Mapping) else row
        return ["" if cell is None or cell != cell else cell for _, cell in zip(columns, given, strict=True)]

    cells = [fields(row) for row in rows]
    # A carriage return in a file's name is a line's end to readers unless it is quoted, which it is not of itself.
    returns = any(isinstance(cell, str) and "\r" in cell for row in cells for cell in row)
    quoting = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n", quoting=quoting).writerows([columns, *cells])


def read_table(path: Path, dtype: type | None = None) -> pd.DataFrame:
    """A CSV of a run; ids stay text (all columns are of one `dtype` if given), and only empty fields are missing."""
    import pandas as pd

    text = {"id": str, "path": str, "label_name": str, "direction": str, "method": str}
    # Every digit of a number counts; from 3.1 on pandas reads them all and has no option for it any more.
    newer = tuple(int(part) for part in pd.__version__.split(".")[:2]) >= (3, 1)
    exact = {} if newer else {"float_precision": "round_trip"}
    return pd.read_csv(path, dtype=dtype or text, keep_default_na=False, na_values=[""], encoding="utf-8", **exact)


def item_rows(items: Items) -> Iterable[tuple]:
    """The rows of items.csv: `ITEMS`, then the items' own columns."""
    others = zip(*items.columns.values(), strict=True) if items.columns else ((),) * len(items)
    for i, (name, cells) in enumerate(zip(items.ids, others, strict=True)):
        label = None if items.labels is None else int(items.labels[i])
        yield i, name, items.paths[i], label, items.label_name(i), *cells


def assignment_rows(explanations: Mapping[str, Explanations]) -> Iterable[tuple]:
    """Every item's concept in both directions, 0 for null."""
    for direction, found in explanations.items():
        affinity = found.item_affinity
        for i, label in enumerate(found.labels):
            yield direction, i, int(label), None if affinity is None else float(affinity[i])


def grid_rows(explanations: Mapping[str, Explanations], items: Items) -> Iterable[tuple]:
    """The images of every grid, in the order in which they are shown."""
    for direction, found in explanations.items():
        for concept in found.concepts:
            for position, i in enumerate(concept.indices, start=1):
                label = None if items.labels is None else int(items.labels[i])
                yield direction, concept.number, position, int(i), items.ids[i], label


def concept_rows(
    explanations: Mapping[str, Explanations],
    measured: Mapping[str, Mapping[str, Sequence[float | None]]],
    tested: Mapping[tuple[str, int], Mapping[str, float]],
) -> Iterator[dict[str, Any]]:
    """One row a concept, and one for the null cluster where there is one.

    `measured`: each direction's columns of one number a concept; `tested`: the statistics by direction and number.
    """
    for direction, found in explanations.items():
        for i, concept in enumerate(found.concepts):
            row = {"direction": direction, "concept": concept.number, "size": concept.size}
            row |= {"mean_affinity": concept.mean_affinity, "is_null": False}
            row |= {column: values[i] for column, values in measured[direction].items()}
            yield row | dict(tested.get((direction, concept.number), {}))
        if found.null_size:
            yield {
                "direction": direction, "concept": NULL, "size": found.null_size,
                "mean_affinity": found.null_affinity, "is_null": True,
            }  # fmt: skip


def make_up(concept: Concept, items: Items) -> str:
    """A concept's commonest labels with their shares, ``3: 52%, 5: 47%``; empty without labels."""
    if items.labels is None:
        return ""
    counts = Counter(items.label_name(int(i)) for i in concept.members)
    shares = [(name, count / concept.size) for name, count in counts.most_common(_PARTS)]
    return ", ".join(f"{name}: {share:.0%}" for name, share in shares if share >= _LEAST) or "mixed"


def mean_affinities(explanations: Mapping[str, Explanations]) -> dict[str, dict[str, Any]]:
    """By direction, the mean affinity of the null cluster and of every concept, as they stand in method.json."""
    return {
        direction: {
            "null": found.null_affinity,
            "concepts": [[concept.number, concept.mean_affinity] for concept in found.concepts],
        }
        for direction, found in explanations.items()
    }


def evidence(explanations: Mapping[str, Explanations]) -> dict[str, list[dict[str, Any]]]:
    """By direction, the evidence of every concept that has some, as it stands in method.json."""
    return {
        direction: [asdict(concept.evidence) for concept in found.concepts if concept.evidence is not None]
        for direction, found in explanations.items()
    }


def write_coefficients(path: Path, explanations: Mapping[str, Explanations]) -> None:
    """Coefficients (n, c) and dictionaries (c, d) by direction, where the method has them; else no file."""
    from safetensors.numpy import save_file

    arrays = {
        f"{direction}.{what}": np.ascontiguousarray(getattr(found, what))
        for direction, found in explanations.items()
        for what in ("coefficients", "dictionary")
        if getattr(found, what) is not None
    }
    if not arrays:
        return
    errors = {direction: found.reconstruction_error for direction, found in explanations.items()}
    header = json.dumps({"reconstruction_error": errors})  # one entry: safetensors shuffles several
    with atomic_path(path) as temporary:
        save_file(arrays, temporary, metadata={"rdx": header})


def write_loss(path: Path, explanations: Mapping[str, Explanations]) -> None:
    """loss.csv of a method that is trained; else no file."""
    rows = [
        (direction, step, quantity, float(value))
        for direction, found in explanations.items()
        for quantity, values in (found.loss or {}).items()
        for step, value in enumerate(values)
    ]
    if rows:
        write_table(path, ("direction", "step", "quantity", "value"), rows)


def read_statistics(folder: Path) -> dict[tuple[str, int], dict[str, float]]:
    """The columns `TESTED` by direction and number, from a tested method's statistics.csv."""
    rows = read_table(folder / STATISTICS_FILE).to_dict("records")
    return {(row["direction"], row["concept"]): {column: row[column] for column in TESTED} for row in rows}


def read_explanations(folder: Path) -> dict[str, Explanations]:
    """A finished method's concepts by direction, from its two tables and method.json."""
    import pandas as pd

    # As arrays: a run reads these small tables often, and pandas takes longer to select rows than to read all.
    assignments, grids = (read_table(folder / f"{name}.csv") for name in ("assignments", "explanations"))
    sides, concepts = (assignments[name].to_numpy() for name in ("direction", "concept"))
    affinity = assignments["affinity"].to_numpy(dtype=np.float64)
    shown_sides, shown_concepts, shown_items = (grids[name].to_numpy() for name in ("direction", "concept", "index"))
    told = json.loads((folder / METHOD_FILE).read_text(encoding="utf-8"))
    means = told["mean_affinity"]
    result = {}
    for direction in pd.unique(sides):
        rows, grid = sides == direction, shown_sides == direction
        labels = concepts[rows].astype(np.int64)
        found = Explanations(direction, labels, [])
        if not np.isnan(affinity[rows]).all():
            found.item_affinity = affinity[rows]
        found.null_affinity = means[direction]["null"]
        for number, mean in means[direction]["concepts"]:
            indices = shown_items[grid & (shown_concepts == number)].astype(np.int64)
            known = told.get("evidence", {}).get(direction)
            shown = Evidence(**known[number - 1]) if known else None
            found.concepts.append(Concept(number, indices, np.flatnonzero(labels == number), mean, shown))
        result[direction] = found
    return result
