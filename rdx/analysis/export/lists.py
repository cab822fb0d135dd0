"""Every concept's members: a list each, and a folder of links to the images, strongest first."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.analysis.export.contents import members_in_order
from rdx.errors import InputError
from rdx.experiment.run.tables import write_table
from rdx.files import copy_file

if TYPE_CHECKING:
    import pandas as pd

    from rdx.analysis.export import Choice
    from rdx.data.items import Items
    from rdx.experiment.finished import FinishedRun


def write(run: FinishedRun, folder: Path, place: Path, choice: Choice) -> list[str]:
    """FOLDER/<a>_vs_<b>/<method>/<direction>/concept_01.csv, and concept_01/ where images are files.

    With `choice.copy` images are copied, those that lie in tables or arrays too, as PNG.
    """
    import pandas as pd

    items = run.items
    table = pd.read_csv(run.root / "items.csv", dtype=str, keep_default_na=False)  # cells as they are, not as numbers
    if choice.copy and not items.has_images:
        raise InputError(f"run '{run.root}' has no images to copy, or they are not where they were")
    lists = images = 0
    for pair in run.comparisons:
        for method in run.methods:
            for direction, found in pair.explanations(method.name).items():
                for concept in found.concepts:
                    stem = folder / pair.name / method.name / direction / f"concept_{concept.number:02d}"
                    members = members_in_order(found.labels, concept.number, found.item_affinity)
                    stem.parent.mkdir(parents=True, exist_ok=True)
                    _write_list(stem.with_suffix(".csv"), table, members, found.item_affinity)
                    images += _copied(stem, items, members) if choice.copy else _linked(stem, table, members)
                    lists += 1
    shown = f", {images} {'copies of' if choice.copy else 'links to'} images" if images else ""
    without = " (the images are no files: --copy writes them)" if items.has_images and not images else ""
    return [f"{lists} lists of concepts' members{shown}{without}: {place}"]


def _write_list(path: Path, table: pd.DataFrame, members: np.ndarray, affinity: np.ndarray | None) -> None:
    rows = [
        (rank, None if affinity is None else float(affinity[i]), *table.iloc[i]) for rank, i in enumerate(members, 1)
    ]
    own = [f"table_{name}" if name in ("rank", "affinity") else name for name in table.columns]
    write_table(path, ("rank", "affinity", *own), rows)


def _linked(folder: Path, table: pd.DataFrame, members: np.ndarray) -> int:
    """Links to the members that are files, named by their rank; how many."""
    named = [(rank, Path(table["path"].iloc[i])) for rank, i in enumerate(members, 1) if table["path"].iloc[i]]
    if named:
        folder.mkdir()
    for rank, path in named:
        (folder / _name(rank, path.name)).symlink_to(os.path.abspath(path))
    return len(named)


def _copied(folder: Path, items: Items, members: Sequence[int]) -> int:
    folder.mkdir()
    for rank, i in enumerate(map(int, members), 1):
        if items.paths[i]:
            copy_file(items.paths[i], folder / _name(rank, Path(items.paths[i]).name))
        else:
            items.image(i).save(folder / _name(rank, f"item_{i}.png"))
    return len(members)


def _name(rank: int, name: str) -> str:
    """A file's name after its rank; long ones are cut in front, where the suffix is not."""
    return f"{rank:04d}_{name[-120:]}"
