"""How a group that nothing known sets apart stands to what the headline names: else headline and cards do not join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rdx.explorer.content import A, B
from rdx.explorer.sharing import axis
from rdx.explorer.telling import Unnoticed, how, strongest
from rdx.metrics.attribute_probes import Probed
from rdx.metrics.attribute_words import CLEAR, is_mark, percent
from rdx.metrics.attributes import Attribute
from rdx.metrics.detail import Detail
from rdx.metrics.two_samples import rank_sum

_SHOWN, _SURE = 0.3, 0.01  # AUC from 0.5 of a number among the images shown, and its p: then it is said of them
_MOST, _MORE = 0.75, 0.2  # of the images shown have a mark, and so many more than of the group: then it is said of them


@dataclass(frozen=True)
class Cause:
    """What the headline names, as a property of the items."""

    attribute: Attribute
    called: str  # of numbers: which, and what the models make of it
    less: str | None = None  # the side that tells it less, and so holds together whatever it is of


def cause_of(
    turn: Unnoticed | None, read: Mapping[str, Sequence[Probed]], finer: Detail | None,
    structure: tuple[np.ndarray, np.ndarray] | None,
) -> Cause | None:  # fmt: skip
    """In the order of the headline."""
    if turn is not None:
        return Cause(turn.read.attribute, f"{turn.ends}, which {turn.side.upper()} does not tell,", turn.side)
    if any(read.values()):
        side, named = strongest(read)
        less = B if side == A else A
        known = f"which {side.upper()} {how(named, less)}"
        return Cause(named[0].attribute, f"{axis(named[0].attribute)}, {known},", less)
    if finer is not None and finer.coarser is not None:
        side = B if finer.coarser == A else A
        return Cause(Attribute("fine structure", structure[0]), f"fine structure, by which {side.upper()} goes more,")
    return None


def beside_cause(cause: Cause, own: str, members: np.ndarray, shown: np.ndarray) -> str | None:
    """Of a group's members (s,) in its ``own`` model, and of those of them that are shown; without a full stop.

    None where nobody else has a value.
    """
    rest = np.setdiff1d(np.arange(len(cause.attribute.values)), members)
    if is_mark(cause.attribute):
        return _of_mark(cause.attribute, members, rest, shown) if len(rest) else None
    if cause.attribute.is_category:
        return None
    levels = cause.attribute.levels
    counts, others = levels.counts(members), levels.counts(rest)
    if not (counts.sum() and others.sum()):
        return None
    strength = abs(rank_sum(counts, others)[0] - 0.5)
    mixed = strength < CLEAR and own == cause.less
    verb = "does not set" if strength < CLEAR else "hardly sets"
    as_the_rest = f"is as mixed in it as in the rest: {own.upper()} does not tell it"
    how_far = as_the_rest if mixed else f"{verb} this group apart"
    told = f"{cause.called} {how_far} (AUC {0.5 + strength:.2f})"
    auc, p_value = rank_sum(levels.counts(shown), others) if levels.counts(shown).sum() else (0.5, 1.0)
    if abs(auc - 0.5) < max(_SHOWN, strength + _MORE) or p_value > _SURE:
        return told
    word = cause.attribute.words[0 if auc > 0.5 else 1]
    beyond = f"the {len(shown)} shown are {word}"
    return f"{told}; {beyond} (AUC {max(auc, 1 - auc):.2f})" if word else told


def _of_mark(mark: Attribute, members: np.ndarray, rest: np.ndarray, shown: np.ndarray) -> str:
    has = mark.holds(1)
    inside, outside = (float(has[some].mean()) for some in (members, rest))
    text = f"{mark.name}: {percent(inside)} of them, {percent(outside)} of the rest"
    count = int(has[shown].sum())
    if count < _MOST * len(shown) or count / len(shown) < inside + _MORE:
        return text
    which = f"all {count}" if count == len(shown) else f"{count} of the {len(shown)}"
    return f"{text}; {which} shown have it"
