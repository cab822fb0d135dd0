"""How far two representations agree, in numbers that need no test: an effect size beside what stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rdx.explorer.content import A, B, Content, besides_labels
from rdx.explorer.copies import copies_of
from rdx.explorer.sharing import LABEL, Shared, moved_sentence, shared_attributes, table_rows
from rdx.explorer.telling import (
    Unnoticed,
    better,
    goes_by_coarser,
    how,
    less_sharp,
    read_text,
    told_by_neither,
    unnoticed_turn,
)
from rdx.explorer.whereabouts import evenly, ranks_of_labels
from rdx.method.neighborhoods import Points, neighborhood_ranks
from rdx.metrics.attribute_probes import Probed, probe_attributes, read_by_one
from rdx.metrics.attribute_words import percent
from rdx.metrics.detail import Detail, detail

_ITEMS = 800  # among which the change of ranks is measured, evenly taken
_OFTEN, _SURE = 0.03, 0.01  # of neighbours that share the label, between A and B, at least; and p
_MOST = 6  # lines of the table of what neighbours share
_OF_LABEL, _LABELS = 12, 20  # items that a label must have, and labels that are looked at
_PAIRS = 3  # of labels that are named, where their ranks differ by a factor of two


@dataclass(frozen=True)
class Told:
    """What one model tells and the other does not, as it was measured on all items."""

    probed: Sequence[Probed]
    read: Mapping[str, Sequence[Probed]]  # of A and B, what is clearly better
    turn: Unnoticed | None
    finer: Detail | None


def told_of(content: Content) -> Told:
    probed = probe_attributes(content.representations, besides_labels(content.attributes))
    finer = None if content.structure is None else detail(content.representations, *content.structure)
    return Told(probed, read_by_one(probed), unnoticed_turn(probed), finer)


def agreement_payload(content: Content, views: Mapping[str, Points], told: Told | None = None) -> dict[str, Any]:
    """What the page says of the comparison as a whole; ``views``: the points of A and B."""
    told = told or told_of(content)
    read, turn, finer = told.read, told.turn, told.finer
    shared = [] if content.near is None else shared_attributes(content.near, content.attributes)
    label = next((one for one in shared if one.name == LABEL), None)
    change = content.moves.get("change")
    nothing_better = not any(read.values())
    tells = [turn and turn.sentence, less_sharp(finer) if nothing_better else better(read, turn)]
    return {
        "cka": content.cka,
        "common": None if change is None else 1.0 - float(np.mean(change)),
        "neighbors": None if content.near is None else content.near[0].shape[1],
        "label": label and [label.a, label.b],
        "labels": _placed(content, views),
        "probed": len(besides_labels(content.attributes)),
        "read": {side: [read_text(one) for one in named] for side, named in read.items()},
        "better": {side: how(named, B if side == A else A) for side, named in read.items() if named},
        "detail": goes_by_coarser(finer),
        "tells": " ".join(filter(None, tells)) or None,
        "keeps": label and _keeps_apart(label),
        "unseen": told_by_neither(told.probed),
        "copies": copies_of(turn, finer if nothing_better else None, content.structure),
        "shared": table_rows(shared)[:_MOST],
        "moved": None if change is None else _moved(content, change),
    }


def _keeps_apart(label: Shared) -> str | None:
    """Which model's neighbours share the label less often, where that is sure and more than a little."""
    if abs(label.apart) < _OFTEN or label.p_value > _SURE:
        return None
    (less, far), (more, near) = sorted([(label.a, "A"), (label.b, "B")])
    return (
        f"{far} keeps the labels apart less well than {near}: {percent(less)} of neighbours share the label, in {near} "
        f"{percent(more)}; as a shorter training does, or one on fewer, coarser labels."
    )


def _moved(content: Content, change: np.ndarray) -> str | None:
    return moved_sentence(change, content.attributes, content.items.labels, content.items.noun)


def _placed(content: Content, views: Mapping[str, Points]) -> list[list]:
    """Pairs of labels, each with its name and number of items, and their ranks in A and B."""
    labels = content.items.labels
    found = [] if labels is None else labels_placed([views[side] for side in (A, B)], labels)

    def named(label: int) -> list:
        return [content.items.label_names.get(label, str(label)), int((labels == label).sum())]

    return [[named(x), named(y), a, b] for x, y, a, b in found]


def labels_placed(views: Sequence[Points], labels: np.ndarray) -> list[tuple[int, int, float, float]]:
    """The pairs of labels that lie most differently far from each other: (label, label, rank in A, rank in B).

    labels: (n,) int.
    """
    values, counts = np.unique(labels, return_counts=True)
    values = values[counts >= _OF_LABEL]
    values = values[np.argsort(-counts[counts >= _OF_LABEL], kind="stable")[:_LABELS]]
    if len(values) < 3:  # of two labels that make up everything, each is the other's rest
        return []
    a, b = (ranks_of_labels(points, labels, values) for points in views)
    apart = np.abs(np.log2(a / b))
    first, second = np.triu_indices(len(values), 1)
    order = np.argsort(-apart[first, second], kind="stable")[:_PAIRS]
    pairs = [(first[i], second[i]) for i in order if apart[first[i], second[i]] >= 1]
    return [(int(values[i]), int(values[j]), float(a[i, j]), float(b[i, j])) for i, j in pairs]


def explained_change(views: Mapping[str, Points], groups: Sequence[np.ndarray]) -> float:
    """How much of all change of ranks lies in groups, from 0 to 1.

    R² of log2 (r_A + 1) / (r_B + 1) over all pairs of items, by which groups the two belong to.
    """
    items, change = _change(views)
    known = np.array([np.isin(items, members) for members in groups])
    block = np.unique(known.T, axis=0, return_inverse=True)[1].ravel()
    of_block = np.eye(block.max() + 1)[block]  # (n, blocks)
    sums, counts = of_block.T @ change @ of_block, np.outer(of_block.sum(axis=0), of_block.sum(axis=0))
    return float((sums**2 / counts).sum() / max(np.square(change).sum(), 1e-12))


def concentration(views: Mapping[str, Points], groups: Sequence[np.ndarray]) -> float | None:
    """How much more ranks change between two items of one group than between others, as a ratio of means.

    The change of a pair is |log2 (r_A + 1) / (r_B + 1)|. None where no pair, or every one, is inside a group.
    """
    items, change = _change(views)
    change = np.abs(change)
    inside = np.zeros(change.shape, dtype=bool)
    for members in groups:
        here = np.isin(items, members)
        inside |= here[:, None] & here
    others = ~inside
    for pairs in (inside, others):
        np.fill_diagonal(pairs, False)
    if not inside.any() or not change[others].any():
        return None
    return float(change[inside].mean() / change[others].mean())


def _change(views: Mapping[str, Points]) -> tuple[np.ndarray, np.ndarray]:
    """Some items (m,), and log2 (r_A + 1) / (r_B + 1) of their ranks among each other, (m, m)."""
    items = evenly(np.arange(len(views[A])), _ITEMS)
    ranks = [neighborhood_ranks(views[side].subset(items)).astype(np.float64) for side in (A, B)]
    return items, np.log2((ranks[0] + 1) / (ranks[1] + 1))
