"""How far each item's neighbourhood moved: the nearest items in both models, and items.csv of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.tables import ITEMS, item_rows, read_explanations, write_table
from rdx.files import atomic_path
from rdx.method.concepts import DIRECTIONS

if TYPE_CHECKING:
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun

NEIGHBORS, TABLE = "neighbors.safetensors", "items.csv"
MOVES = ("change", "more_alone_in_a", "more_alone_in_b")
CONCEPTS = tuple(f"concept_{direction}" for direction in DIRECTIONS)
_FIRST = 2  # columns of items.csv that come before: index and id


def find_neighbors(context: Context, a: str, b: str) -> None:
    """neighbors.safetensors: "near_a", "near_b" (n, k) int32, nearest first; and (n,) how far each item moved."""
    from safetensors.numpy import save_file

    from rdx.metrics.moves import neighbors_moved

    found = neighbors_moved(*context.pair(a, b), context.config.seed)
    tensors = {"near_a": found.near_a.astype(np.int32), "near_b": found.near_b.astype(np.int32)}
    tensors |= {name: getattr(found, name) for name in MOVES}
    with atomic_path(context.folder.path(f"{pair_name(a, b)}/{NEIGHBORS}")) as temporary:
        save_file(tensors, temporary)


def read_neighbors(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Every item's nearest in A and in B, (n, k) each, from a comparison's folder."""
    found = _read(folder)
    return found["near_a"].astype(np.int64), found["near_b"].astype(np.int64)


def read_moves(folder: Path) -> dict[str, np.ndarray]:
    """How far each item moved, `MOVES` (n,) by name, from a comparison's folder."""
    found = _read(folder)
    return {name: found[name] for name in MOVES}


def write_items(context: Context, a: str, b: str, run: MethodRun) -> None:
    """items.csv of a comparison: the items' table, how far each moved, and its concepts of one method."""
    folder = context.folder.path(pair_name(a, b))
    found, explanations = _read(folder), read_explanations(folder / run.name)
    moves = np.stack([found[name] for name in MOVES], axis=1).tolist()
    concepts = np.stack([explanations[direction].shown_labels for direction in DIRECTIONS], axis=1).tolist()
    rows = [
        (*row[:_FIRST], *moved, *row[_FIRST:], *held)
        for row, moved, held in zip(item_rows(context.items), moves, concepts, strict=True)
    ]
    write_table(folder / TABLE, columns(tuple(context.items.columns)), rows)


def columns(own: Sequence[str]) -> tuple[str, ...]:
    """The columns of items.csv; those of the items' table that are called like one of its own get another name."""
    taken = (*ITEMS, *MOVES, *CONCEPTS)
    named = tuple(f"table_{name}" if name in taken else name for name in own)
    return (*ITEMS[:_FIRST], *MOVES, *ITEMS[_FIRST:], *named, *CONCEPTS)


def _read(folder: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(folder / NEIGHBORS)
