"""What one model tells better than the other, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rdx.explorer.content import A, B
from rdx.explorer.sharing import axis
from rdx.metrics.attribute_probes import Probed, is_clear
from rdx.metrics.attribute_words import is_mark
from rdx.metrics.detail import Detail

_LITTLE = 0.15  # of R²: what is read better by less is read a little better; of what is less anyway, hardly a thing is
_NOTHING, _TENTH = 0.02, 0.1  # R² up to which nothing is read; or this share of the other's
# halves that change places where an image is turned over, in words, and what becomes of it
_TURNED = (("upper half", "up and down", "upside-down"), ("left half", "left and right", "mirrored"))
# what a model looks like that reads attributes of these names hardly half as well as another one
_AS_IF = (
    (("red to green", "yellow to blue", "saturation", "most saturated spot"), "saw less colour"),
    (("brightness", "contrast"), "evened out how bright images are"),
)
_ABOUT = 0.7  # of the clearest difference of R²: so much, and another attribute is named beside it


def strongest(read: Mapping[str, Sequence[Probed]]) -> tuple[str, list[Probed]]:
    """Which model tells most better, and what the headline names of it; empty where nothing is told better."""
    side = max((A, B), key=lambda side: max((abs(one.apart) for one in read[side]), default=0.0))
    if not read[side]:
        return side, []
    first, *others = sorted(read[side], key=lambda one: not is_mark(one.attribute))  # what is painted comes first
    return side, [first, *[one for one in others if abs(one.apart) >= _ABOUT * abs(first.apart)][:1]]


def better(read: Mapping[str, Sequence[Probed]], turn: Unnoticed | None = None) -> str | None:
    """The clearest of all that can be read better from one model than from the other, as a sentence; None where that
    says no more than ``turn``."""
    side, named = strongest(read)
    if not named or (turn and all(turn.covers(one) for one in named)):
        return None
    told = " and ".join(f"{axis(one.attribute)} (R² {_numbers({A: one.a, B: one.b})})" for one in named)
    return f"{side.upper()} {how(named, _other(side))}, as a linear probe reads it: {told}{_as_if(named[0])}."


def _as_if(one: Probed) -> str:
    """", as if A saw less colour"."""
    less, more = sorted([(one.a, A), (one.b, B)])
    if less[0] > more[0] / 2 or more[0] < _LITTLE:
        return ""
    return next((f", as if {less[1].upper()} {seen}" for names, seen in _AS_IF if one.attribute.name in names), "")


def how(read: Sequence[Probed], other: str) -> str:
    """Of what is read better from one than from the ``other``: a little R² must not read as much does."""
    if max(max(one.a, one.b) for one in read) < _LITTLE:
        return f"hardly tells, and {other.upper()} still less"
    little = "" if max(abs(one.apart) for one in read) >= _LITTLE else "a little "
    return f"tells {little}better than {other.upper()}"


def read_text(one: Probed) -> str:
    """"brighter or darker (A 0.11, B 0.59)"."""
    return f"{axis(one.attribute)} ({_numbers({A: one.a, B: one.b})})"


def goes_by_coarser(found: Detail | None) -> str | None:
    """By how much one model goes by coarser structure of the images than the other, as its standard error allows, where
    that is sure; without a full stop."""
    if found is None or found.coarser is None:
        return None
    places = 1 if found.error >= 0.1 else 2
    ahead = f"{abs(found.contrast):.{places}f} ± {found.error:.{places}f}"
    return f"{_coarser(found)} (R² of coarse beside fine structure: ahead by {ahead})"


def less_sharp(found: Detail | None) -> str | None:
    """What it looks like, where nothing else is told better: a model without colours goes by coarser structure, too."""
    if found is None or found.coarser is None:
        return None
    return f"{_coarser(found)}, as a model does that sees them less sharp."


def _coarser(found: Detail) -> str:
    return f"{found.coarser.upper()} goes by coarser structure of the images than {_other(found.coarser).upper()}"


def told_by_neither(probed: Sequence[Probed]) -> list[str]:
    """Which ways of turning images over would show in neither model, in words: nothing of the ends that change places
    can be read from either."""
    texts = []
    for half, ends, copy in _TURNED:
        read = [one for one in probed if one.attribute.name.startswith(f"{half}, ")]
        if len(read) >= 2 and all(max(one.a, one.b) <= _NOTHING for one in read):
            texts.append(f"{copy} images (neither tells {ends} apart)")
    return texts


@dataclass(frozen=True)
class Unnoticed:
    """A way of turning images over that one model takes no notice of while the other does."""

    side: str  # of the one that does not
    ends: str
    copy: str
    half: str
    read: Probed  # what the other one reads best of it

    @property
    def sentence(self) -> str:
        side, other = self.side.upper(), _other(self.side).upper()
        copy = f"an image and its {self.copy} copy are the same"
        figures = f"R² of a linear probe, {axis(self.read.attribute)}: {_numbers({A: self.read.a, B: self.read.b})}"
        if max(self.read.a, self.read.b) < _LITTLE:
            return f"{other} hardly tells {self.ends}, and {side} not at all ({figures}): perhaps to {side} {copy}."
        return f"{side} tells nothing of {self.ends}, as a model does to which {copy}; {other} does ({figures})."

    def covers(self, one: Probed) -> bool:
        """Whether an attribute is of these ends."""
        return one.attribute.name.startswith(f"{self.half}, ")


def unnoticed_turn(probed: Sequence[Probed]) -> Unnoticed | None:
    """What is brighter or busier in one half is in the other half of the image turned over, and nothing of it can be
    read from a model to which both are the same."""
    for half, ends, copy in _TURNED:
        read = [one for one in probed if one.attribute.name.startswith(f"{half}, ")]
        if len(read) < 2:
            continue
        for side, other in ((A, B), (B, A)):
            most = max(read, key=lambda one: getattr(one, other))
            nothing = max(_NOTHING, _TENTH * getattr(most, other))
            if all(getattr(one, side) <= nothing for one in read) and is_clear(most):
                return Unnoticed(side, ends, copy, half, most)
    return None


def _numbers(of: Mapping[str, float]) -> str:
    return f"A {max(of[A], 0):.2f}, B {max(of[B], 0):.2f}"


def _other(side: str) -> str:
    return B if side == A else A
