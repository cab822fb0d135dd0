"""What a finding says: a sentence, and how near its labels are to each other in both models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdx.explorer.content import A, B, Content, Method, other_side, own_side
from rdx.explorer.standing import Standing
from rdx.explorer.whereabouts import label_ranks, main_labels
from rdx.method.neighborhoods import Points

CLOSER = 1.5  # labels that both models mix, or tell apart, are closer in one where their ranks differ by so much


@dataclass(frozen=True)
class Table:
    """How near labels are: the median rank of the column's items as seen from the row's."""

    labels: tuple[int, ...]
    ranks: Mapping[str, np.ndarray]  # A and B → (l, l)


@dataclass(frozen=True)
class Finding:
    """Concepts that say the same of the two models."""

    faces: tuple[Standing, ...]
    sentence: str
    table: Table | None = None


def finding_of(content: Content, method: Method, faces: Sequence[Standing], views: Mapping[str, Points]) -> Finding:
    """``views``: the points of A and B."""
    members = [_concept(method, face).members for face in faces]
    table = _table(content, members, views) if method.is_rdx else None  # baselines ask nothing of the other model
    sentence = _told_apart(content, table, members) if table else None
    return Finding(tuple(faces), sentence or _generic(content, method, faces[0], len(members[0])), table)


def _table(content: Content, members: Sequence[np.ndarray], views: Mapping[str, Points]) -> Table | None:
    """Of the labels that the faces are made of, where there are several."""
    labels = content.items.labels
    if labels is None:
        return None
    found = [label for group in members for label in main_labels(group, labels)]
    names = sorted(dict.fromkeys(found))[:4]
    if len(names) < 2:
        return None
    every = np.concatenate(members)
    items = [np.unique(every[labels[every] == label]) for label in names]
    return Table(tuple(names), {side: label_ranks(views[side], items) for side in (A, B)})


def _told_apart(content: Content, table: Table, members: Sequence[np.ndarray]) -> str | None:
    """"A holds “3” and “5” together as one group; B tells them apart", where the ranks say so.

    Together: an item of one label is nearer to one of another than the finding has items.
    """
    size = len(np.unique(np.concatenate(members)))
    across = {side: _across(table.ranks[side]) for side in (A, B)}
    near, far = sorted(across, key=lambda side: across[side])
    names = _listed([f"“{content.items.label_names.get(label, str(label))}”" for label in table.labels])
    if across[near] <= size < across[far]:
        return f"{near.upper()} holds {names} together as one group; {far.upper()} tells them apart."
    if across[far] >= CLOSER * across[near]:
        return f"{near.upper()} holds {names} closer together than {far.upper()} does."
    return None


def _across(ranks: np.ndarray) -> float:
    """The rank of one label's items as seen from another's, at the median over pairs of labels."""
    return float(np.nanmedian(ranks[~np.eye(len(ranks), dtype=bool)]))


def _generic(content: Content, method: Method, face: Standing, size: int) -> str:
    own, other = own_side(face.direction).upper(), other_side(face.direction).upper()
    things = f"{size:,} {content.items.noun}"
    told = method.sentences.get((face.direction, face.number), "")
    common = told.partition(", ")[2]
    tail = f": {common}." if common else "."
    if not method.is_rdx:
        return f"{own} holds {things} together{tail}"
    return f"{own} holds {things} together that {other} scatters{tail}"


def _concept(method: Method, face: Standing):
    return next(one for one in method.explanations[face.direction].concepts if one.number == face.number)


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
