"""What a finding says: a sentence, and how near its labels are to each other in both models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdx.explorer.common import Common
from rdx.explorer.content import A, B, Content, Method, other_side, own_side
from rdx.explorer.standing import Standing
from rdx.explorer.whereabouts import CLOSER, LITTLE, SPLIT, TOGETHER, main_labels, ranks_of_labels
from rdx.method.neighborhoods import Points
from rdx.metrics.finding_counts import Cautions

_NEARER = 1.5  # labels that both models mix, or tell apart, are closer in one where their ranks differ by so much
_COVERED = 0.5  # share of a label's items that a finding must have to be told of the label
_WORDS = {
    TOGETHER: "{own} holds {things} together that {other} scatters",
    SPLIT: "{own} holds {things} together that {other} splits in two",
    CLOSER: "{things} lie closer together in {own} than in {other}",
    LITTLE: "{things} lie a little closer together in {own} than in {other}",
}


@dataclass(frozen=True)
class Table:
    """How near all items of some labels are to each other: see whereabouts.ranks_of_labels."""

    labels: tuple[int, ...]
    ranks: Mapping[str, np.ndarray]  # A and B → (l, l)


@dataclass(frozen=True)
class Finding:
    """Concepts that say the same of the two models."""

    faces: tuple[Standing, ...]
    sentence: str
    table: Table | None = None  # of its labels
    of_labels: bool = False  # whether the sentence is of them

    @property
    def cautions(self) -> list[Cautions]:
        return [face.cautions for face in self.faces]


def finding_of(
    content: Content, method: Method, faces: Sequence[Standing], views: Mapping[str, Points],
    common: Mapping[tuple[str, int], Common], how: Mapping[tuple[str, int], str],
) -> Finding:  # fmt: skip
    """``views``: the points of A and B; ``common``: see `commons`; ``how``: what `held` says of concepts."""
    members = [_concept(method, face).members for face in faces]
    table = _table(content, members, views) if method.is_rdx else None  # baselines ask nothing of the other model
    sentence = _told_apart(content, table, members) if table else None
    if sentence:
        return Finding(tuple(faces), sentence, table, True)
    return Finding(tuple(faces), _generic(content, method, faces[0], members[0], common, how))


def _table(content: Content, members: Sequence[np.ndarray], views: Mapping[str, Points]) -> Table | None:
    """Of the labels that the faces are made of, where there are several and the faces have most of their items."""
    labels = content.items.labels
    if labels is None:
        return None
    found = [label for group in members for label in main_labels(group, labels)]
    names = sorted(dict.fromkeys(found))
    every = labels[np.unique(np.concatenate(members))]
    if len(names) < 2 or any((every == name).sum() < _COVERED * (labels == name).sum() for name in names):
        return None
    return Table(tuple(names), {side: ranks_of_labels(views[side], labels, names) for side in (A, B)})


def _told_apart(content: Content, table: Table, members: Sequence[np.ndarray]) -> str | None:
    """"A holds “3” and “5” together as one group; B tells them apart", where the ranks say so.

    Together: an item of one label is nearer to one of another than the finding has items. Ranks are those of all items
    of these labels, most of which the finding has.
    """
    size = len(np.unique(np.concatenate(members)))
    across = {side: _across(table.ranks[side]) for side in (A, B)}
    near, far = sorted(across, key=lambda side: across[side])
    names = _listed([f"“{content.items.label_names.get(label, str(label))}”" for label in table.labels])
    if across[near] <= size < across[far]:
        return f"{near.upper()} holds {names} together as one group; {far.upper()} tells them apart."
    if across[far] >= _NEARER * across[near]:
        return f"{near.upper()} holds {names} closer together than {far.upper()} does."
    return None


def _across(ranks: np.ndarray) -> float:
    """The rank of one label's items as seen from another's, at the median over pairs of labels."""
    return float(np.nanmedian(ranks[~np.eye(len(ranks), dtype=bool)]))


def _generic(
    content: Content, method: Method, face: Standing, members: np.ndarray, common: Mapping[tuple[str, int], Common],
    how: Mapping[tuple[str, int], str],
) -> str:  # fmt: skip
    own, other = own_side(face.direction), other_side(face.direction)
    things = f"{len(members):,} {content.items.noun}"
    shared = common.get((face.direction, face.number))
    tail = f": {shared.shares}." if shared and shared.explains and shared.seen else "."
    if not method.is_rdx:
        return f"{own.upper()} holds {things} together{tail}"
    words = how.get((face.direction, face.number))
    if words is None:  # of one item
        return f"{things} of {own.upper()}{tail}"
    return _WORDS[words].format(own=own.upper(), other=other.upper(), things=things) + tail


def _concept(method: Method, face: Standing):
    return next(one for one in method.explanations[face.direction].concepts if one.number == face.number)


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
