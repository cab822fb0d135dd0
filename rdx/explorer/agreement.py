"""How far two representations agree, in numbers that need no test: an effect size beside what stands out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rdx.explorer.content import A, B, Content
from rdx.explorer.sharing import LABEL, Shared, moved_sentence, shared_attributes, sharing_text, table_rows, told_apart
from rdx.explorer.whereabouts import evenly, ranks_of_labels
from rdx.method.neighborhoods import Points, neighborhood_ranks

_ITEMS = 800  # among which the change of ranks is measured, evenly taken
_MUCH = 0.1  # more than a little between what neighbours share in A and in B
_MOST = 6  # lines of the table of what neighbours share
_OF_LABEL, _LABELS = 5, 20  # items that a label must have, and labels that are looked at
_PAIRS = 3  # of labels that are named, where their ranks differ by a factor of two


def agreement_payload(content: Content, views: Mapping[str, Points]) -> dict[str, Any]:
    """What the page says of the comparison as a whole; ``views``: the points of A and B."""
    shared = [] if content.near is None else shared_attributes(content.near, content.attributes)
    apart = told_apart(shared)
    label = next((one for one in shared if one.name == LABEL), None)
    change = content.moves.get("change")
    return {
        "cka": content.cka,
        "common": None if change is None else 1.0 - float(np.mean(change)),
        "neighbors": None if content.near is None else content.near[0].shape[1],
        "labels": _placed(content, views),
        "label": label and [label.a, label.b],
        "sharing": {side: [sharing_text(one) for one in named] for side, named in apart.items()},
        "goesBy": _goes_by(apart),
        "shared": table_rows(shared)[:_MOST],
        "moved": None if change is None else _moved(content, change),
    }


def _goes_by(apart: Mapping[str, Sequence[Shared]]) -> str | None:
    """The clearest of all that one model's neighbours share more, as a sentence."""
    one = max((named[0] for named in apart.values() if named), key=lambda one: abs(one.apart), default=None)
    side, other = ("B", "A") if one and one.apart > 0 else ("A", "B")
    much = "" if one and abs(one.apart) >= _MUCH else "a little "
    return one and f"{side} goes {much}more by this than {other}: {sharing_text(one, 'shared by neighbours: ')}."


def _moved(content: Content, change: np.ndarray) -> str:
    return moved_sentence(change, content.attributes, content.items.labels, content.items.noun)


def _placed(content: Content, views: Mapping[str, Points]) -> list[list]:
    labels = content.items.labels
    found = [] if labels is None else labels_placed([views[side] for side in (A, B)], labels)
    return [[content.items.label_names.get(x, str(x)), content.items.label_names.get(y, str(y)), a, b]
            for x, y, a, b in found]  # fmt: skip


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


def explained_change(views: Mapping[str, Points], groups: Sequence[np.ndarray]) -> list[float]:
    """Of pairs inside any of the groups: their share of all pairs, and of all change of ranks.

    The change of a pair is |log2 (r_A + 1) / (r_B + 1)|.
    """
    n = len(views[A])
    items = evenly(np.arange(n), _ITEMS)
    ranks = [neighborhood_ranks(views[side].subset(items)).astype(np.float64) for side in (A, B)]
    change = np.abs(np.log2((ranks[0] + 1) / (ranks[1] + 1)))
    inside = np.zeros(change.shape, dtype=bool)
    for members in groups:
        here = np.isin(items, members)
        inside |= here[:, None] & here
    np.fill_diagonal(inside, False)
    pairs = len(items) * (len(items) - 1)
    return [float(inside.sum() / pairs), float(change[inside].sum() / max(change.sum(), 1e-12))]
