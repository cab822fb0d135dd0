"""Are a group's images the upside-down, or mirrored, counterparts of others?

With Fx an image x turned over, x = (x + Fx) / 2 + (x − Fx) / 2: turning leaves the first part as it is and changes the
sign of the second, d. Two images are more alike as they are than with one of them turned over where ⟨d, d'⟩ > 0, and
less where it is < 0. Which way up an image is cannot be told from it alone, but beside others of its label it can: its
value is the mean of ⟨d, d'⟩ over the others of its label. It is negative for images that look more like those turned
over. Of labels whose images have no form in common it is about 0, whichever way up they are. Light that falls off
evenly from one side to the other is taken out of d: it may come from anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rdx.metrics.attributes import Attribute

_LUMA = np.array([0.299, 0.587, 0.114])
_FLAT = 1e-3  # standard deviation of what is one colour, of a range of 1
_FEWEST = 3  # others of a label, or there is nothing to be beside
# name: the axis of (m, h, w) that is turned, and how to say that a group is turned relative to others; which of the two
# is the right way is not known
WAYS = {"upside-down counterparts": (1, ("", "upside down")), "mirrored counterparts": (2, ("", "mirrored"))}


@dataclass(frozen=True, eq=False)
class Turned:
    """What the m images that were measured, of n items, lose in sum with their turned selves."""

    name: str
    words: tuple[str, str]
    items: np.ndarray  # (m,)
    parts: np.ndarray  # (m, d), NaN for images of one colour
    labels: np.ndarray  # (n,) int from 0

    def beside(self, members: np.ndarray, others: np.ndarray) -> Attribute:
        """Every item's likeness to the others of its label as they are, less that to them turned over.

        members (s,), others (t,): items; all that are in neither, or beside too few, have NaN. An item is not compared
        with itself.
        """
        n = len(self.labels)
        side = np.zeros(n, dtype=np.int8)
        side[members], side[others] = 1, 2
        side, labels = side[self.items], self.labels[self.items]
        known = ~np.isnan(self.parts[:, 0])
        asked, rest = known & (side > 0), known & (side == 2)
        count = np.bincount(labels[rest], minlength=labels.max(initial=0) + 1)
        total = np.zeros((len(count), self.parts.shape[1]))
        for label in np.flatnonzero(count):
            total[label] = self.parts[rest & (labels == label)].sum(axis=0)
        beside = count[labels] - rest
        asked &= beside >= _FEWEST
        alike = np.einsum("md,md->m", self.parts[asked], total[labels[asked]])
        values = np.full(n, np.nan)
        values[self.items[asked]] = (alike - np.where(rest, self.squares, 0.0)[asked]) / beside[asked]
        return Attribute(self.name, values, None, self.words, signed=True)

    @cached_property
    def squares(self) -> np.ndarray:
        """⟨d, d⟩ of every image, (m,)."""
        return np.einsum("md,md->m", self.parts, self.parts)

    def pairs(self, members: np.ndarray, others: np.ndarray, most: int) -> np.ndarray:
        """Up to so many pairs of a member and one of the others of its label that look most like each other turned
        over, each item once: (p, 2), the clearest first."""
        known = ~np.isnan(self.parts[:, 0])
        rows = [np.flatnonzero(known & np.isin(self.items, some)) for some in (members, others)]
        first, second = (self.parts[here] / np.linalg.norm(self.parts[here], axis=1, keepdims=True) for here in rows)
        of = [self.labels[self.items[here]] for here in rows]
        turned = np.where(of[0][:, None] == of[1], -first @ second.T, 0.0)
        found = []
        while len(found) < most and turned.size and turned.max() > 0:
            i, j = np.unravel_index(turned.argmax(), turned.shape)
            found.append((self.items[rows[0][i]], self.items[rows[1][j]]))
            turned[i], turned[:, j] = 0.0, 0.0
        return np.array(found, dtype=np.int64).reshape(-1, 2)


def turned(items: np.ndarray, copies: np.ndarray, labels: np.ndarray | None, n: int) -> list[Turned]:
    """Both ways in which images can be turned over.

    items (m,) of n; copies: their images (m, h, w, 3) uint8, each stretched to one size; labels (n,) int: without any,
    all are of one.
    """
    luma = copies @ _LUMA / 255.0
    luma -= luma.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt(np.einsum("mhw,mhw->m", luma, luma))
    size = luma.shape[1] * luma.shape[2]
    luma /= np.where(length < _FLAT * np.sqrt(size), np.nan, length)[:, None, None]
    strata = np.zeros(n, dtype=np.int64) if labels is None else np.unique(labels, return_inverse=True)[1]
    return [
        Turned(name, words, items, _odd(luma, axis).reshape(-1, size), strata) for name, (axis, words) in WAYS.items()
    ]


def _odd(luma: np.ndarray, axis: int) -> np.ndarray:
    """What of images (m, h, w) changes its sign where they are turned over, without the light that falls off evenly."""
    odd = (luma - np.flip(luma, axis)) / 2
    light = np.linspace(-1, 1, luma.shape[axis])
    light = np.broadcast_to(light[:, None] if axis == 1 else light, luma.shape[1:])
    along = np.einsum("mhw,hw->m", odd, light) / (light**2).sum()
    return odd - along[:, None, None] * light
