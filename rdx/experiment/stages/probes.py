"""The classification step: linear probes of every representation of a comparison, and groups made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rdx.experiment.run.context import ALIGNED_VIEW
from rdx.experiment.run.folder import A_TO_B, B_TO_A, pair_name
from rdx.experiment.run.tables import read_table, write_table
from rdx.method.concepts import A_NOT_B, B_NOT_A

if TYPE_CHECKING:
    from pathlib import Path

    from rdx.config import Experiment
    from rdx.data.items import Items
    from rdx.experiment.run.context import Context

FILES = ("classification.csv", "agreement.csv", "predictions.csv")


def settings(config: Experiment) -> dict:
    return {"seed": config.seed, "variant": config.probe}


def possible(items: Items) -> str | None:
    """Why these items cannot be probed; None where they can."""
    if items.labels is None:
        return "there are no labels"
    counts = np.unique(items.labels, return_counts=True)[1]
    if len(counts) < 2:
        return "all items have the same label"
    return "every label occurs only once" if counts.max() < 2 else None


def probe(context: Context, a: str, b: str) -> None:
    """Probe both representations, in aligned runs the mapped ones too; write accuracies and predictions."""
    from rdx.metrics.probes import agreement, linear_probe

    pair, labels = pair_name(a, b), context.items.labels
    compared = [(a, b)]
    spaces = {a: context.features(a), b: context.features(b)}
    if context.config.alignment:
        spaces |= {view: context.mapped(a, b, view) for view in (A_TO_B, B_TO_A)}
        compared += [(a, B_TO_A), (A_TO_B, b)]
    probes = {name: linear_probe(X, labels, **settings(context.config)) for name, X in spaces.items()}

    accuracy, predictions, agreed = [], [], []
    for name, found in probes.items():
        context.log += [f"{pair}/classification {name}: {note}" for note in found.notes]
        accuracy += [(name, fold, float(value)) for fold, value in enumerate(found.fold_accuracy)]
        rows = enumerate(zip(found.folds, found.predictions, strict=True))
        predictions += [(name, i, int(fold), int(label)) for i, (fold, label) in rows]
    for first, second in compared:
        values = agreement(probes[first], probes[second])
        agreed += [(pair_name(first, second), fold, float(value)) for fold, value in enumerate(values)]

    folder = context.folder.path(pair)
    write_table(folder / FILES[0], ("representation", "fold", "accuracy"), accuracy)
    write_table(folder / FILES[1], ("pair", "fold", "agreement"), agreed)
    write_table(folder / FILES[2], ("representation", "index", "fold", "prediction"), predictions)


def read_predictions(folder: Path) -> dict[str, np.ndarray]:
    """What the probe of each representation says of the items, (n,), from a comparison's folder; {} without probes."""
    path = folder / FILES[2]
    if not path.is_file():
        return {}
    table = read_table(path)
    return {name: rows["prediction"].to_numpy(dtype=np.int64) for name, rows in table.groupby("representation")}


def groups(context: Context, a: str, b: str) -> dict[str, np.ndarray]:
    """The groups (n,) of a guided run as RDX takes them, each from that representation's own predictions."""
    from rdx.method.guidance import make_groups

    config, labels = context.config, context.items.labels
    predicted = read_predictions(context.folder.path(pair_name(a, b)))

    def of(name: str) -> np.ndarray:
        return make_groups(config.guidance, predicted[name], labels, config.positive_class)

    found = {"groups_a": of(a), "groups_b": of(b)}
    if config.alignment:
        mapped = {ALIGNED_VIEW[B_NOT_A]: "groups_a_to_b", ALIGNED_VIEW[A_NOT_B]: "groups_b_to_a"}
        found |= {key: of(view) for view, key in mapped.items()}
    return found
