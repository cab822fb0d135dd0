"""How large a difference is, in words: that something stands out from chance does not say that it is much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rdx.metrics.attribute_words import percent

SMALL, MODERATE, LARGE = "small", "moderate", "large"
_SMALL, _MODERATE = 0.15, 0.4  # shares of neighbours that are others in the other model, at most
_DENSE = 1.5  # times as much change inside what was found as elsewhere, or the difference lies everywhere
_ALIKE, _LABELS = 0.9, 0.02  # CKA of two trainings of one model, and how differently their neighbours share the label


@dataclass(frozen=True)
class Size:
    """Of one comparison as one method sees it."""

    word: str
    spread: bool  # over everything, rather than inside what was found
    sentence: str  # why

    @property
    def badge(self) -> str:
        spread = self.spread and self.word != SMALL  # the little that there is may lie anywhere
        return f"{self.word.capitalize()} difference{', spread out' * spread}"


def size_of(
    agreement: Mapping[str, Any], concentration: float | None, things: str, referred: bool = False
) -> Size | None:
    """agreement, concentration: see agreement_payload and concentration. None where neighbours are not known.

    ``referred``: whether a reference is named, which says more than what two seeds look like in general.
    """
    common = agreement["common"]
    if common is None:
        return None
    others = round(1 - common, 2)  # as it is told
    word = SMALL if others <= _SMALL else MODERATE if others <= _MODERATE else LARGE
    told = agreement["tells"] is not None  # what one model tells of all items runs through all of them
    spread = concentration is not None and concentration < _DENSE and not told
    texts = [
        f"The difference is {word}: of the {agreement['neighbors']} {things} nearest to one, {percent(common)} are the "
        "same in both models."
    ]
    if spread:
        texts.append(
            f"It is spread out: inside what stands out ranks change {concentration:.1f} times as much as elsewhere."
        )
    if spread and not referred and _like_two_seeds(agreement, word):
        texts.append("Two trainings of one model that differ in nothing but their seed look like that, too.")
    return Size(word, spread, " ".join(texts))


def _like_two_seeds(agreement: Mapping[str, Any], word: str) -> bool:
    """Of a difference that is spread out: whether both know the same, while their neighbours differ."""
    label = agreement["label"]
    return (
        word != SMALL
        and (agreement["cka"] or 0.0) >= _ALIKE
        and (label is None or abs(label[0] - label[1]) <= _LABELS)
    )
