"""Pairs of representations whose difference is known, item by item: made ones. Pictures are in real_pairs.py.

    for spec in made_pairs():
        pair = spec.make()          # pair.A (n, d_a), pair.B (n, d_b), pair.truth

* null: no structured difference. B is A rotated, scaled or shifted, or there is noise on A's side, B's or both.
* unrelated: nothing in common.
* merge: two of six classes lie nearer together in A, by a share of their distance.
* groups: half of them lie together in A and among the rest in B, half the reverse; the rest lies alike in both.
* mirrored: B tells an attribute that A folds away, as a net that sees which images are mirrored.

All are Gaussian mixtures with unit noise whose classes lie about 12 apart, and seeded by their names.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from rdx.method.concepts import A_NOT_B, B_NOT_A
from rdx.method.scales.noise import with_noise

DIMENSIONS, SPREAD = 16, 2.1  # of a mixture's centres
NOISE = (0.01, 0.03, 0.1, 0.2, 0.3)
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
SIZES = (300, 1000, 4000)


@dataclass(frozen=True)
class Truth:
    """What was planted. Arrays hold items, ascending.

    groups: by direction, what that side holds together and the other does not. beside: by direction, (moved, [others])
    that come together there as a consequence, such as a class and those that it moved towards. changed: all items that
    were moved. attribute (n,): told by B and folded away by A, so that A's concepts mix its values and B's do not.
    differences: how many were planted. judged: False where nobody knows which concepts are right.
    """

    changed: np.ndarray
    groups: dict[str, list[np.ndarray]] = field(default_factory=lambda: {A_NOT_B: [], B_NOT_A: []})
    beside: dict[str, list[tuple[np.ndarray, list[np.ndarray]]]] = field(
        default_factory=lambda: {A_NOT_B: [], B_NOT_A: []}
    )
    attribute: np.ndarray | None = None
    differences: int = 1
    judged: bool = True


NOTHING = Truth(np.arange(0), differences=0)


class Pair(NamedTuple):
    name: str
    kind: str
    A: np.ndarray
    B: np.ndarray
    truth: Truth


class Spec(NamedTuple):
    """A pair that is made when it is asked for: ``maker(rng)`` returns A, B and the truth."""

    kind: str
    name: str
    n: int
    maker: Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray, Truth]]

    def make(self) -> Pair:
        return Pair(self.name, self.kind, *self.maker(np.random.default_rng(zlib.crc32(self.name.encode()))))


def centres_of(classes: int, rng: np.random.Generator) -> np.ndarray:
    return SPREAD * rng.normal(size=(classes, DIMENSIONS))


def rotated(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same geometry in eight dimensions more."""
    width = features.shape[1]
    return features @ np.linalg.qr(rng.normal(size=(width + 8, width)))[0].T


def mixture(n: int, classes: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Values (n, 16) and classes (n,)."""
    centres, label = centres_of(classes, rng), rng.integers(0, classes, n)
    return centres[label] + rng.normal(size=(n, DIMENSIONS)), label


def merged(n: int, share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Six classes, apart (n, 16) and with class 1 moved towards class 0; the classes (n,), both centres (2, 6, 16)."""
    centres = centres_of(6, rng)
    near = centres.copy()
    near[1] += share * (centres[0] - centres[1])
    label, noise = rng.integers(0, 6, n), rng.normal(size=(n, DIMENSIONS))
    return noise + centres[label], noise + near[label], label, np.stack([centres, near])


def copied(rng: np.random.Generator, *, how: str, n: int, classes: int):
    A = mixture(n, classes, rng)[0]
    B = {"rotated": lambda: rotated(A, rng), "scaled": lambda: 1000.0 * A, "shifted": lambda: A + 37.0}[how]()
    return A, B, NOTHING


def noisy(rng: np.random.Generator, *, side: str, level: float, n: int, classes: int):
    A = mixture(n, classes, rng)[0]
    B = rotated(A, rng)
    return (
        with_noise(A, level, rng) if side in ("a", "both") else A,
        with_noise(B, level, rng) if side in ("b", "both") else B,
        NOTHING,
    )


def unrelated(rng: np.random.Generator, *, n: int):
    (A, _), (B, _) = mixture(n, 6, rng), mixture(n, 5, rng)
    return A, rotated(B, rng), Truth(np.arange(n), judged=False)


def merge(rng: np.random.Generator, *, share: float, n: int):
    """Noise of 10 % on B's side, as in calibration.py."""
    B, A, label, (apart, near) = merged(n, share, rng)
    one, other = (np.flatnonzero(label == number) for number in (1, 0))
    both = np.union1d(one, other)
    truth = Truth(both, {A_NOT_B: [both], B_NOT_A: [one, other]})
    closer, further = [], []
    for neighbour in range(2, 6):
        nearer = np.linalg.norm(near[1] - near[neighbour]) < np.linalg.norm(apart[1] - apart[neighbour])
        (closer if nearer else further).append(np.flatnonzero(label == neighbour))
    truth.beside[A_NOT_B].append((one, closer))
    truth.beside[B_NOT_A].append((one, further))
    return A, with_noise(rotated(B, rng), 0.1, rng), truth


def groups(rng: np.random.Generator, *, count: int, size: int, level: float, n: int):
    """The first half of the groups is held together by A, the other one by B."""
    base = mixture(n, 6, rng)[0]
    planted = [np.sort(items) for items in np.split(rng.permutation(n)[: count * size], count)]
    A, B, held = base.copy(), base.copy(), {A_NOT_B: planted[: count // 2], B_NOT_A: planted[count // 2 :]}
    for values, direction in ((A, A_NOT_B), (B, B_NOT_A)):
        for items in held[direction]:
            values[items] = centres_of(1, rng) + rng.normal(size=(size, DIMENSIONS))
    truth = Truth(np.sort(np.concatenate(planted)), held, differences=count)
    return A, with_noise(rotated(B, rng), level, rng), truth


def mirrored(rng: np.random.Generator, *, distance: float, level: float, n: int):
    """Six classes in both; in B the halves of each class lie apart, in a direction of their own."""
    content, label = mixture(n, 6, rng)
    side = rng.integers(0, 2, n)
    B = np.column_stack([content, distance * (side - 0.5) + rng.normal(size=n)])
    A = np.column_stack([content, rng.normal(size=n)])
    halves = [np.flatnonzero(side == value) for value in (0, 1)]
    classes = [np.flatnonzero(label == number) for number in range(6)]
    truth = Truth(np.arange(n), {A_NOT_B: classes, B_NOT_A: halves}, attribute=side)
    return A, with_noise(rotated(B, rng), level, rng), truth


def _specs(kind: str, make: Callable, repeats: int, **settings) -> Iterator[Spec]:
    """The pair that the settings make, ``repeats`` times: other draws of the same kind."""
    told = "-".join(f"{value:g}" if isinstance(value, float) else str(value) for value in settings.values())
    for run in range(repeats):
        yield Spec(kind, f"{make.__name__}-{told}-{run}", settings["n"], partial(make, **settings))


def made_pairs(share: float = 1.0) -> Iterator[Spec]:
    """All kinds; ``share``: of the draws of each, at least one."""

    def times(repeats: int) -> int:
        return max(1, round(share * repeats))

    for classes in range(1, 7):
        for how in ("rotated", "scaled", "shifted"):
            yield from _specs("null, copies", copied, 1, how=how, n=300, classes=classes)
    for level in NOISE:
        for side in ("a", "b", "both"):
            for classes in range(1, 7):
                yield from _specs("null, noise", noisy, times(3), side=side, level=level, n=300, classes=classes)
    yield from _specs("unrelated", unrelated, times(4), n=300)
    for merged_by in SHARES:
        for n in SIZES:
            repeats = {300: 16, 1000: 4, 4000: 1}[n]
            yield from _specs(f"merge {100 * merged_by:g} %", merge, times(repeats), share=merged_by, n=n)
    for level in (0.0, 0.1):
        for count, size in ((4, 25), (2, 25), (8, 25), (4, 10), (4, 50)):
            kind = f"groups {count} × {size}" + (", noise" if level else "")
            yield from _specs(kind, groups, times(10 if (count, size) == (4, 25) else 4),
                              count=count, size=size, level=level, n=500)  # fmt: skip
    for size, n in ((12, 2000), (25, 4000)):  # few of each group are among the items that are looked at
        yield from _specs(f"groups 4 × {size} of {n:,}", groups, times(4), count=4, size=size, level=0.1, n=n)
    for distance in (4.0, 8.0):
        yield from _specs(f"mirrored {distance:g}", mirrored, times(4), distance=distance, level=0.1, n=400)
