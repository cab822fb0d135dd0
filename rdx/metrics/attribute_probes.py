"""What can be read from one representation better than from another: a linear probe of every attribute.

Ridge regression of an attribute's ranks (of a category: of each value, yes or no) on all features, where every item is
predicted from all others: leave-one-out in closed form, with the penalty that does best. R² is 0 where nothing can be
read, and 1 where all can. Neighbours need not go by what a probe reads: that half of the images are upside down may
move none of them to other neighbours, and is read nevertheless.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from rdx.compute.threads import one_thread_each
from rdx.metrics.attribute_words import FALSE, go_together, is_mark
from rdx.metrics.attributes import Attribute
from rdx.metrics.significance import benjamini_hochberg
from rdx.metrics.two_samples import mean_ranks

A, B = "a", "b"
_FEWEST, _ITEMS = 40, 600  # with a value: fewer are not asked, of more these many, evenly taken
_VALUES = 20  # of a category, at most
_PENALTIES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 1000.0)  # of features whose mean squared length is 1; the last: nothing
_LEAST = 0.05  # R² by which one reads more than the other,
_BETTER = 0.5  # and the share of it that the other reads at most; or by so much that any share will do:
_MUCH = 0.2
_ABOUT = 0.8  # of a difference of R²: about as clear
_NAMED = 3  # of each representation


@dataclass(frozen=True, eq=False)
class Probed:
    """R² of one attribute in A and in B."""

    attribute: Attribute = field(repr=False)
    a: float
    b: float
    p_value: float  # of both multiple correlations (√R²) being the same: Fisher's z, as of two samples
    q_value: float = float("nan")  # after Benjamini and Hochberg, over all attributes

    @property
    def apart(self) -> float:
        return self.b - self.a


def probe_attributes(views: Mapping[str, np.ndarray], attributes: Sequence[Attribute]) -> list[Probed]:
    """Every attribute of n items that can be probed; views: A and B (n, d_a) and (n, d_b)."""
    by_items: dict[bytes, list[Attribute]] = {}
    for one in attributes:
        if not one.is_category or len(one.names) <= _VALUES:
            by_items.setdefault(_has_value(one).tobytes(), []).append(one)
    found = [probed for mask, here in by_items.items() for probed in _probed(views, np.frombuffer(mask, bool), here)]
    q_values = benjamini_hochberg(np.array([one.p_value for one in found])).tolist()
    return [replace(one, q_value=q) for one, q in zip(found, q_values, strict=True)]


def read_by_one(probed: Sequence[Probed]) -> dict[str, list[Probed]]:
    """Of A and B: what can be read clearly better from it, at a false discovery rate of 5 %; clearest first.

    Of attributes that go together one is named: a mark, which the others follow from; else the first in their order,
    which has what is more particular before what follows from it, that is about as clear as the clearest.
    """
    named: dict[str, list[Probed]] = {A: [], B: []}
    for side, here in named.items():
        left = [one for one in probed if (one.apart > 0) == (side == B) and is_clear(one)]
        while left and len(here) < _NAMED:
            clearest = max(left, key=lambda one: round(abs(one.apart), 1))
            alike = [one for one in left if one is clearest or _same(one.attribute, clearest.attribute)]
            about = [one for one in alike if abs(one.apart) >= _ABOUT * abs(clearest.apart)]
            here.append(next((one for one in alike if is_mark(one.attribute)), about[0]))
            left = [one for one in left if one not in alike]
    return named


def is_clear(one: Probed) -> bool:
    """Whether one representation holds clearly more of it than the other."""
    less, more = sorted((one.a, one.b))
    clearly = more - less >= _MUCH or (more - less >= _LEAST and less <= _BETTER * more)
    return clearly and one.q_value <= FALSE


def _has_value(attribute: Attribute) -> np.ndarray:
    return np.ones(len(attribute.values), bool) if attribute.is_category else ~np.isnan(attribute.values)


def _probed(views: Mapping[str, np.ndarray], mask: np.ndarray, attributes: Sequence[Attribute]) -> list[Probed]:
    items = asked(mask)
    if not len(items):
        return []
    columns = [_columns(one, items) for one in attributes]
    wanted = np.concatenate(columns, axis=1)
    errors = {side: left_out(views[side][items], wanted).sum(axis=0) for side in (A, B)}
    ends = np.cumsum([one.shape[1] for one in columns])
    found = []
    for one, values, end in zip(attributes, columns, ends, strict=True):
        total = float((values**2).sum())
        if total > 0:
            here = slice(end - values.shape[1], end)
            a, b = (1 - float(errors[side][here].sum()) / total for side in (A, B))
            found.append(Probed(one, a, b, _p_value(a, b, len(items))))
    return found


def asked(mask: np.ndarray) -> np.ndarray:
    """Of the items that have a value (n,) bool, those that are asked; none where there are too few."""
    items = np.flatnonzero(mask)
    if len(items) < _FEWEST:
        return items[:0]
    return items[np.linspace(0, len(items) - 1, min(len(items), _ITEMS)).astype(int)]


def _columns(attribute: Attribute, items: np.ndarray) -> np.ndarray:
    """What is to be read of items (m,): (m, 1) of a number, (m, values) of a category, each with a mean of 0."""
    values = attribute.values[items]
    if attribute.is_category:
        columns = (values[:, None] == np.arange(len(attribute.names))).astype(np.float64)
    else:
        columns = mean_ranks(values)[:, None]
    return columns - columns.mean(axis=0)


def left_out(X: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Of predicting each item's wanted (m, q) from the features X (m, d) of all others: squared errors (m, q), with the
    penalty that does best for each column."""
    X = X.astype(np.float64)
    X = X - X.mean(axis=0)
    length = float((X**2).sum(axis=1).mean())
    if not length > 0:
        return wanted**2
    best = np.full(wanted.shape, np.inf)
    with one_thread_each():
        values, vectors = np.linalg.eigh(X @ X.T / length)
        turned = vectors.T @ wanted
        for penalty in _PENALTIES:
            kept = np.clip(values, 0, None) / (np.clip(values, 0, None) + penalty)
            leverage = 1 / len(X) + vectors**2 @ kept  # the mean is fitted, too
            left = np.clip(1 - leverage, 1e-6, None)[:, None]
            errors = ((wanted - vectors @ (kept[:, None] * turned)) / left) ** 2
            best = np.where(errors.sum(axis=0) < best.sum(axis=0), errors, best)
    return best


def _p_value(a: float, b: float, n: int) -> float:
    first, second = (math.atanh(math.sqrt(min(max(one, 0.0), 1 - 1e-9))) for one in (a, b))
    return math.erfc(abs(first - second) * math.sqrt((n - 3) / 2) / math.sqrt(2))


def _same(first: Attribute, second: Attribute) -> bool:
    return all(is_mark(one) or not one.is_category for one in (first, second)) and go_together(first, second)
