"""How right is what a method found, on a pair whose difference is known? The scores of truth.py."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from pairs import Truth

from rdx.method.concepts import A_NOT_B
from rdx.method.neighborhoods import as_points, neighborhood_ranks
from rdx.metrics.truth import MIXED, PURE

WITHIN = 0.5  # least share of a finding that lies in one planted group, and that was changed
FOUND = 0.5  # least Jaccard index of a planted group with a finding


class Finding(NamedTuple):
    """A concept that is said to stand out."""

    direction: str
    members: np.ndarray  # items, ascending


def scores(truth: Truth, findings: list[Finding], n: int) -> dict[str, object]:
    """The columns of a row; "" where a score has no meaning.

    recall: changed items in findings that are not false. precision: changed items among the findings' members. What a
    class has moved towards is as right as what has moved, and so are all members of a concept that tells an attribute,
    or folds it. false: findings that show nothing planted. found: planted groups that overlap with a finding of their
    own direction, of all planted ones.
    """
    held, right, recalled = (np.zeros(n, dtype=bool) for _ in range(3))
    changed = np.isin(np.arange(n), truth.changed)
    for finding in findings:
        held[finding.members] = True
        if shows(truth, finding):
            recalled[finding.members] = True
            right[finding.members] |= truth.attribute is not None
        for items in _consequences(truth, finding):
            right[items] = True
    if truth.attribute is None:
        right |= changed
    planted = [(direction, group) for direction, all_of in truth.groups.items() for group in all_of]
    return {
        "findings": len(findings),
        "differences": truth.differences,
        "false": sum(not shows(truth, finding) for finding in findings) if truth.judged else "",
        "planted": len(planted),
        "found": sum(any(_overlap(group, f) >= FOUND for f in findings if f.direction == d) for d, group in planted),
        "recall": _share(recalled & changed, changed) if truth.judged else "",
        "precision": _share(held & right, held) if truth.judged else "",
    }


def explained(A: np.ndarray, B: np.ndarray, truth: Truth) -> float | str:
    """How much of all rank change is what was planted, from 0 to 1; "" where nothing was.

    R² of log2 of the ratio of ranks, over all pairs of items, by which planted groups the two belong to, and by the
    values of the attribute.
    """
    known = [np.isin(np.arange(len(A)), group) for groups in truth.groups.values() for group in groups]
    if not known:
        return ""
    blocks = np.unique(np.column_stack(known), axis=0, return_inverse=True)[1].ravel()
    a, b = (np.log2(neighborhood_ranks(as_points(values), threads=1).astype(np.float32) + 1) for values in (A, B))
    change = a - b
    of_block = np.eye(blocks.max() + 1, dtype=np.float32)[blocks]  # (n, blocks)
    sums, counts = of_block.T @ change @ of_block, np.outer(of_block.sum(axis=0), of_block.sum(axis=0))
    return round(float((sums**2 / counts).sum() / np.square(change).sum()), 4)


def shows(truth: Truth, finding: Finding) -> bool:
    """Whether a concept is (part of) something planted.

    Of an attribute that B tells: a concept of B has mostly one value, one of A has the values mixed as they are
    overall. Of groups: half of the concept lies in one of its direction, and half of it was changed; or it brings
    together what was moved and what that moved towards.
    """
    members = finding.members
    if truth.attribute is not None:
        values, overall = np.unique(truth.attribute, return_counts=True)
        usual = overall / overall.sum()
        share = np.array([np.mean(truth.attribute[members] == value) for value in values])
        if finding.direction == A_NOT_B:
            return bool((share >= usual / 2).all())
        return bool((share >= (1 + usual) / 2).any())
    within = any(np.isin(members, group).mean() >= WITHIN for group in truth.groups[finding.direction])
    return (within and np.isin(members, truth.changed).mean() >= WITHIN) or bool(_consequences(truth, finding))


def _consequences(truth: Truth, finding: Finding) -> list[np.ndarray]:
    """What a finding of its direction consists of: something that was moved, and what that moved towards."""
    found = []
    for moved, others in truth.beside[finding.direction]:
        share, *shares = (np.isin(finding.members, items).mean() for items in (moved, *others))
        reached = [(part, items) for part, items in zip(shares, others, strict=True) if part >= MIXED]
        if reached and share >= MIXED and share + sum(part for part, _ in reached) >= PURE:
            found += [moved, *(items for _, items in reached)]
    return found


def _overlap(group: np.ndarray, finding: Finding) -> float:
    """The Jaccard index of a planted group and a finding."""
    return len(np.intersect1d(group, finding.members)) / len(np.union1d(group, finding.members))


def _share(part: np.ndarray, whole: np.ndarray) -> float | str:
    return round(float(part.sum() / whole.sum()), 4) if whole.any() else ""
