"""What exports have of a comparison: one row an item, with its concepts, both maps and what is said of a concept."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

from rdx.errors import InputError
from rdx.experiment.run.tables import read_table
from rdx.experiment.stages.attributes import PIXELS, read_pixels, read_sentences
from rdx.experiment.stages.explore import TABLE
from rdx.experiment.stages.moves import MOVES
from rdx.method.concepts import DIRECTIONS

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

    from rdx.experiment.finished import FinishedComparison

NONE = "none"  # the concept of an item that is in none
SMALL = 64  # images up to this side keep every pixel


def item_table(pair: FinishedComparison) -> pd.DataFrame:
    """explorer.parquet of a comparison, and how far each item moved, what its pixels measure, and of each of its
    concepts the name (`concept 1`, or `none`) and the sentence that says what its items have in common."""
    import pandas as pd

    path = pair.folder / TABLE
    if not path.is_file():
        raise InputError(f"'{path}' is missing; `rdx explore {pair.run.root}` makes it")
    table = pd.read_parquet(path)
    moved = read_table(pair.folder / "items.csv")
    added = {name: moved[name].to_numpy() for name in MOVES}
    pixels = pair.run.root / PIXELS
    if pixels.is_file():
        added |= read_pixels(pixels, len(table))
    for method in pair.run.methods:
        sentences = read_sentences(pair.folder / method.name)
        for direction in DIRECTIONS:
            own = f"{method.name}_{direction}"
            numbers = table[f"{own}_concept"]
            table[f"{own}_concept"] = [f"concept {number}" if number else NONE for number in numbers]
            added[f"{own}_in_common"] = [sentences.get((direction, number)) for number in numbers]
    for name, cells in added.items():  # a column of the items' own table keeps its name
        table[name if name not in table else f"{name}_measured"] = cells
    return table


def maps_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """The columns (x, y) of every map in the table, the joint ones first: `tsne_a_x`, `tsne_a_y`."""
    kinds = ("tsne", "umap", "pca")
    named = [f"{kind}_{side}" for kind in kinds for side in "ab" if f"{kind}_{side}_x" in table]
    return [(f"{name}_x", f"{name}_y") for name in named]


def encoded(image: Image, side: int) -> bytes:
    """An image as WebP, made smaller where its longer side is more than `side` pixels; small ones without loss."""
    if max(image.size) > side:
        image = image.copy()
        image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=max(image.size) <= SMALL, quality=88)
    return buffer.getvalue()


def members_in_order(labels: np.ndarray, number: int, affinity: np.ndarray | None) -> np.ndarray:
    """The items of a concept, (m,): the largest affinity first, else ascending."""
    members = np.flatnonzero(labels == number)
    return members if affinity is None else members[np.argsort(-affinity[members], kind="stable")]
