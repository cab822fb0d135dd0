"""From a comparison to what its page is given: one JSON object and one block of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rdx.explorer.agreement import agreement_payload, told_of
from rdx.explorer.arrays import ArrayBlock, smallest_unsigned
from rdx.explorer.content import A, B, Content, own_side
from rdx.explorer.fields import fields_payload
from rdx.explorer.joined import cause_of
from rdx.explorer.methods import added_columns, every_label, method_payload
from rdx.explorer.neighbors import NeighborLists, nearest, nearest_members, with_ranks
from rdx.explorer.pictures import whose_pictures
from rdx.explorer.thumbnails import Thumbnails
from rdx.figures import style
from rdx.method.neighborhoods import Points, as_points

SHOWN = 9  # neighbours in a list
LEAST_SHOWN = 3  # inside a concept, where there are many methods
EVERY = 20_000  # more items, and only those of the grids have lists of neighbours
INSIDE_BYTES = 5e6  # for the lists inside concepts, of all methods together


def make_payload(content: Content, thumbnails: Thumbnails | None) -> tuple[dict[str, Any], ArrayBlock]:
    """The page's JSON object, and its arrays."""
    block = ArrayBlock()
    views = {name: as_points(X) for name, X in content.representations.items()}
    for kind, planes in content.maps.items():
        for side, plane in zip((A, B), planes, strict=True):
            block.add(f"map.{kind}.{side}", np.asarray(plane, dtype=np.float32))
    told = told_of(content)
    agreement = agreement_payload(content, views, told)
    cause = cause_of(told.turn, told.read, told.finer, content.structure)
    methods = [
        method_payload(content, number, method, views, agreement, cause, block)
        for number, method in enumerate(content.methods)
    ]
    rows = np.arange(content.n) if content.n <= EVERY else np.sort(grid_items(content))
    lists = _neighbor_lists(content, rows, views)
    _add_lists(lists, list(views), block)
    if len(rows) < content.n:
        block.add("rows", rows.astype(np.uint32))
    payload = {
        "titles": dict(content.titles),
        "n": content.n,
        "ids": list(content.items.ids),
        "labels": _labels(content, block),
        "predictions": sorted(content.predictions),
        "maps": list(content.maps),
        "views": list(views),
        "methods": methods,
        "measures": added_columns(content),
        "agreement": agreement,
        "fields": fields_payload(content, block),
        "lists": {name: found.neighbors.shape[1] for name, found in lists.items()},
        "pictures": whose_pictures(content),
        "verdict": content.verdict,
        "reason": content.reason,
        "facts": [list(pair) for pair in content.facts],
        "sources": [list(pair) for pair in content.sources],
        "notes": [*content.notes, *_list_notes(content)],
        "thumbnails": _thumbnails(thumbnails, block),
        "colors": list(style.CONCEPT_COLORS),
    }
    payload["arrays"] = block.directory
    return payload, block


def grid_items(content: Content) -> np.ndarray:
    """Every item that is in a grid of any method, in the order of first appearance."""
    grids = [
        concept.indices
        for method in content.methods
        for found in method.explanations.values()
        for concept in found.concepts
    ]
    return np.array(list(dict.fromkeys(np.concatenate(grids).tolist() if grids else [])), dtype=np.int64)


def _neighbor_lists(
    content: Content, rows: np.ndarray, views: Mapping[str, Points]
) -> dict[str, NeighborLists]:
    """The nearest in A, in B, and inside every method's concepts, of ``rows`` (m,), by the name of their arrays."""
    if not len(rows):
        return {}
    shown = min(SHOWN, content.n - 1)
    found = {f"near.{side}": nearest(views[side], rows, shown) for side in (A, B)}
    inside = [
        (f"inside.{number}.{direction}", own_side(direction), explanations.labels)
        for number, method in enumerate(content.methods)
        for direction, explanations in method.explanations.items()
        if explanations.concepts
    ]
    width = np.dtype(np.min_scalar_type(content.n - 1)).itemsize
    one_more = max(1, len(inside)) * len(rows) * (1 + 2 * len(views)) * width
    shown = int(np.clip(INSIDE_BYTES // one_more, min(LEAST_SHOWN, shown), shown))
    for name, side, labels in inside:
        found[name] = nearest_members(views[side], labels, rows, shown)
    return dict(zip(found, with_ranks(list(found.values()), rows, views), strict=True))


def _add_lists(lists: Mapping[str, NeighborLists], views: list[str], block: ArrayBlock) -> None:
    """Neighbours (m, k) and ranks (views, 2, m, k) of every list."""
    for name, found in lists.items():
        block.add(name, smallest_unsigned(found.neighbors))
        block.add(f"{name}.ranks", smallest_unsigned(np.stack([found.ranks[view] for view in views])))


def _list_notes(content: Content) -> list[str]:
    if content.n <= EVERY:
        return []
    return [f"Nearest items are there for the images of the grids only, as there are more than {EVERY:,} items."]


def _labels(content: Content, block: ArrayBlock) -> dict[str, Any] | None:
    """The names of all labels that occur, as items' own or predicted; the arrays hold positions in that list."""
    items = content.items
    if items.labels is None:
        return None
    every = every_label(content)
    block.add("labels", smallest_unsigned(np.searchsorted(every, items.labels)))
    for side, predicted in content.predictions.items():
        block.add(f"prediction.{side}", smallest_unsigned(np.searchsorted(every, predicted)))
    return {
        "names": [items.label_names.get(int(label), str(label)) for label in every],
        "values": every.tolist(),
    }


def _thumbnails(thumbnails: Thumbnails | None, block: ArrayBlock) -> dict[str, Any] | None:
    if thumbnails is None:
        return None
    block.add("thumbnail.position", thumbnails.position)
    block.add("thumbnail.shape", thumbnails.shape)
    return {
        "sheets": len(thumbnails.sheets),
        "cell": thumbnails.cell,
        "columns": thumbnails.columns,
        "rows": thumbnails.rows,
        "pixels": thumbnails.pixels,
        "missing": int((thumbnails.position < 0).sum()),
    }
