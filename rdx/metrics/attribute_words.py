"""What a concept's images have in common, in one sentence.

"87 images, brighter than the rest (AUC 0.94); label “tool” 59 % (4 % of the rest), “dessert” 41 % (6 %); in B 84 % of
their neighbours lie outside (in A 12 %), of 12 other labels": what is named stands out at a false discovery rate of
5 %, and not by a hair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rdx.metrics.attributes import Attribute, Finding

LABEL = "label"  # the attribute of that name is said in words of its own
FALSE = 0.05  # q of what is named, at most
CLEAR = 0.1  # |AUC − ½|, or half the difference of two shares, at least; also among items of the same label
_LABELS, _LEAST_SHARE = 3, 0.1  # labels that are named, and the share of the smallest
_NUMBERS, _CATEGORIES = 3, 2  # named, at most
_LITTLE, _MOST = 0.25, 0.5  # of a group: labels are named that are commoner by most of it, or by a little that one has
_SAME = 0.7  # attributes that go together so closely are one: a correlation of ranks, or a share of common items
_ABOUT = 0.8  # of the clearest: about as clear
SEEN = 0.2  # |AUC − ½| from which one sees an attribute in a few images
_MOVED = 0.1  # a share of neighbours
UNTESTED = "nothing is known here that could be tested on them"
UNEXPLAINED = "nothing known here (labels, columns, pixel measures) sets them apart as a group"


@dataclass(frozen=True)
class Surroundings:
    """Where the nearest items of a concept's members are, in the model that holds it together and in the other."""

    outside_own: float  # share of the members' neighbours that lie outside the concept
    outside_other: float
    same_label_own: float | None = None  # share that has the label of the member it is near to
    same_label_other: float | None = None
    other_labels: int | None = None  # labels of the neighbours outside, in the other model, that few members have


def surroundings(
    members: np.ndarray, near_own: np.ndarray, near_other: np.ndarray, labels: np.ndarray | None = None
) -> Surroundings:
    """Of members (s,); near_own, near_other (n, k): every item's nearest in the two models; labels (n,) int."""
    inside = np.zeros(len(near_own), dtype=bool)
    inside[members] = True
    k = max(1, min(near_own.shape[1], len(members) - 1))  # all of them could be members
    own, other = near_own[members, :k], near_other[members, :k]
    found = [float(1.0 - inside[near].mean()) for near in (own, other)]
    if labels is None:
        return Surroundings(*found)
    same = [float((labels[near] == labels[members, None]).mean()) for near in (own, other)]
    values, counts = np.unique(labels[members], return_counts=True)
    its_own = values[counts >= _LEAST_SHARE * len(members)]
    there = np.setdiff1d(labels[other[~inside[other]]], its_own)
    return Surroundings(*found, *same, len(there))


def named(findings: Sequence[Finding]) -> tuple[list[Finding], list[Finding]]:
    """What sets a concept apart from the rest, clearest first: also from its neighbours in the other model; and not so.

    Labels aside, of which a sentence tells the shares. Of attributes that go together only the clearest is there.
    """
    near = {(f.attribute.name, f.value): f for f in findings if f.vs_neighbors}
    chosen: tuple[list[Finding], list[Finding]] = ([], [])
    clear = [f for f in findings if not f.vs_neighbors and _is_clear(f) and f.attribute.name != LABEL]
    for finding in sorted(clear, key=lambda f: -round(f.strength, 2)):
        beside = near.get((finding.attribute.name, finding.value))
        own = beside is None or (_is_clear(beside) and (beside.effect > 0.5) == (finding.effect > 0.5))
        here = chosen[0 if own else 1]
        alike = [f for f in here if f.attribute.is_category == finding.attribute.is_category]
        most = _CATEGORIES if finding.attribute.is_category else _NUMBERS
        if len(alike) < most and not any(_go_together(f, finding) for f in alike):
            here.append(finding)
    return chosen


def sentence(
    size: int, findings: Sequence[Finding], around: Surroundings | None, own: str = "A", other: str = "B",
    noun: str = "images",
) -> str:  # fmt: skip
    """One sentence about a concept of ``size`` items; ``own`` is the model that holds it together, ``other`` not."""
    if around is None:  # a baseline's concept to which no item belongs
        return f"no {noun}"
    return f"{size:,} {noun}, " + "; ".join([shares(findings, other, noun), *_neighbors(around, own, other)])


def shares(findings: Sequence[Finding], other: str = "B", noun: str = "images") -> str:
    """What a concept's items share, without their number and their neighbours."""
    parts = in_common(findings)
    if parts:
        return "; ".join(parts)
    both = _said(_of_both(findings))
    if both:
        return f"{both[0]}, but no more so than the {noun} that {other} puts next to them"
    return UNEXPLAINED if findings else UNTESTED


def in_common(findings: Sequence[Finding], others: str = "the rest") -> list[str]:
    """What sets a group apart, labels and attributes, in parts of a sentence, the clearest first; empty for nothing.

    What is much less clear than the clearest, or follows from what is said, is left out: it would read as a cause, too.
    """
    labels = _labels(findings)
    apart = [
        f for f in named(findings)[0]
        if not f.attribute.is_category or not any(_go_together(f, label) for label in labels)
    ]  # fmt: skip
    apart = _foremost(apart, _of_labels(labels))
    parts = _said(apart, others)
    if labels:
        rest = [f"{percent(f.outside)} of {others}" if f is labels[0] else percent(f.outside) for f in labels]
        shares = ", ".join(
            f"“{f.attribute.names[f.value]}” {percent(f.inside)} ({outside})"
            for f, outside in zip(labels, rest, strict=True)
        )
        first = _of_labels(labels) >= max(map(_clarity, apart), default=0.0)
        parts.insert(0 if first else len(parts), f"label {shares}")
    return parts


def is_seen(findings: Sequence[Finding]) -> bool:
    """Whether what sets a group apart, see `in_common`, shows in a few of its images: labels, or an attribute."""
    return bool(_labels(findings)) or any(finding.strength >= SEEN for finding in named(findings)[0])


def clearest(findings: Sequence[Finding]) -> list[Finding]:
    """Of what `shares` says, labels aside: all that is about as clear as the clearest, labels included."""
    (own, _), labels = named(findings), _labels(findings)
    return _foremost(own or ([] if labels else _of_both(findings)), _of_labels(labels))


def _of_both(findings: Sequence[Finding]) -> list[Finding]:
    """The clearest that the other model goes by, too, where one sees it: what is little and of both says nothing."""
    return [one for one in named(findings)[1][:1] if one.strength >= SEEN]


def _foremost(findings: Sequence[Finding], least: float) -> list[Finding]:
    """Those about as clear as the clearest, or as ``least``, that do not follow from another one of them."""
    most = max([least, *map(_clarity, findings)])
    clear = [one for one in findings if _clarity(one) >= _ABOUT * most]
    return [one for one in clear if not any(_follows(one, cause) for cause in clear)]


def _clarity(finding: Finding) -> float:
    """How far from none, 0 … 0.5; of a category 0.5 where all members have it, however common it is."""
    if not finding.attribute.is_category or finding.outside >= 1:
        return finding.strength
    return (finding.inside - finding.outside) / (1 - finding.outside) / 2


def _follows(finding: Finding, cause: Finding) -> bool:
    """Whether a number is what it is because images are turned over, or have a mark that it goes along with."""
    if finding.attribute.is_category or finding.attribute.signed:
        return False
    return cause.attribute.signed or (is_mark(cause.attribute) and go_together(finding.attribute, cause.attribute))


def is_mark(attribute: Attribute) -> bool:
    """Whether it is a yes or no with words of its own: see `marks`."""
    return attribute.is_category and all(attribute.words)


def _of_labels(labels: Sequence[Finding]) -> float:
    return sum(finding.effect - 0.5 for finding in labels)


def go_together(first: Attribute, second: Attribute) -> bool:
    """Whether two numbers of n items rise together, or against each other; of marks it is whether an item has one."""
    known = [np.where(one.values < 0, np.nan, one.values) if is_mark(one) else one.values for one in (first, second)]
    both = np.stack(known)
    both = both[:, ~np.isnan(both).any(axis=0)]
    ranks = [np.unique(values, return_inverse=True)[1] for values in both]
    return not both.size or any(len(set(r.tolist())) < 2 for r in ranks) or abs(np.corrcoef(ranks)[0, 1]) >= _SAME


def _is_clear(finding: Finding) -> bool:
    """Whether it is sure, not small, and more than what the members' labels look like anyway."""
    within = finding.effect if finding.within_labels is None else finding.within_labels
    same_side = (within - 0.5) * (1 if finding.effect > 0.5 else -1)
    if finding.attribute.signed and not 0 <= finding.outside <= -2 * finding.inside:
        return False
    return finding.q_value <= FALSE and finding.strength >= CLEAR and same_side >= CLEAR


def _go_together(first: Finding, second: Finding) -> bool:
    """Whether two numbers rise together (or against each other), or two categories are of the same items."""
    if first.attribute.is_category:
        one, two = (f.attribute.holds(f.value) for f in (first, second))
        return bool((one & two).sum() >= _SAME * (one | two).sum())
    return go_together(first.attribute, second.attribute)


def _said(findings: Sequence[Finding], others: str = "the rest") -> list[str]:
    """"upside down relative to the rest (AUC 0.99)"; numbers together, "brighter than the rest (AUC 0.94)" or, of
    several, "brighter (AUC 0.94) and wider (AUC 0.81) than the rest"; a part for every category, marks before
    all."""
    numbers = [f for f in findings if not f.attribute.is_category]
    turned = [f"{_more(f)} relative to {others} {_auc(f)}" for f in numbers if f.attribute.signed]
    plain = [f for f in numbers if not f.attribute.signed]
    told = [f"{_more(plain[0])} than {others} {_auc(plain[0])}"] if len(plain) == 1 else []
    if len(plain) > 1:
        *first, last = [f"{_more(f)} {_auc(f)}" for f in plain]
        told = [f"{', '.join(first)} and {last} than {others}"]
    kinds = sorted((f for f in findings if f.attribute.is_category), key=lambda f: not is_mark(f.attribute))
    shared = [f"{_value(f)} {percent(f.inside)} ({percent(f.outside)} of {others})" for f in kinds]
    marks = sum(is_mark(f.attribute) for f in kinds)
    return [*shared[:marks], *turned, *told, *shared[marks:]]


def _more(finding: Finding) -> str:
    text = finding.attribute.words[0 if finding.effect > 0.5 else 1]
    return f"a little {text}" if finding.strength < SEEN and not text.startswith("with ") else text


def _auc(finding: Finding) -> str:
    return f"(AUC {0.5 + finding.strength:.2f})"


def _value(finding: Finding) -> str:
    """A value of a category: "site: north", or in words of its own."""
    return f"{finding.attribute.words[finding.value]}:" if is_mark(finding.attribute) else finding.name


def _labels(findings: Sequence[Finding]) -> list[Finding]:
    """The labels that are commoner inside than in the rest, the commonest first; none where most of the group has
    others."""
    labels = [
        f for f in findings
        if f.attribute.name == LABEL and not f.vs_neighbors and f.q_value <= FALSE and f.inside >= _LEAST_SHARE
    ]  # fmt: skip
    labels = sorted(labels, key=lambda f: -f.inside)[:_LABELS]
    more = sum(f.inside - f.outside for f in labels)
    return labels if more >= _MOST or (more >= _LITTLE and labels[0].inside >= _LITTLE) else []


def _neighbors(around: Surroundings, own: str, other: str) -> list[str]:
    parts = []
    if around.outside_other - around.outside_own >= _MOVED:
        count = around.other_labels
        groups = f", of {count} other label{'s' if count > 1 else ''}" if count else ""
        parts.append(
            f"in {other} {percent(around.outside_other)} of their neighbours lie outside "
            f"(in {own} {percent(around.outside_own)}){groups}"
        )
    if around.same_label_own is not None and abs(around.same_label_other - around.same_label_own) >= _MOVED:
        parts.append(
            f"of their neighbours {percent(around.same_label_own)} share the label in {own}, "
            f"{percent(around.same_label_other)} in {other}"
        )
    return parts


def percent(share: float) -> str:
    return "<1 %" if 0 < share < 0.005 else f"{share:.0%}".replace("%", " %")
