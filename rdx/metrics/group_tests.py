"""Are a concept's items special, or would any group of that size look the same?

A concept of s items is held against N random groups of s items, drawn without replacement from all n.
The statistic is a share of the group, so it depends on a group only through a count:

* ``share_test``: the share of items that are marked (the probe predicts another class than before). The
  counts of random groups follow a hypergeometric distribution, from which they are drawn directly.
* ``class_tests``: the share of the concept's majority class (the class is chosen by looking at the concept,
  so a group without any preference has a majority too, and small p-values come a little too easily), and the
  purity, that is the share of each group's *own* majority class, which is free of that. The class counts of
  random groups follow a multivariate hypergeometric distribution.

p = (1 + #{random ≥ observed}) / (1 + N), never 0 (Phipson and Smyth, 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rdx.errors import InputError, check_whole


@dataclass(frozen=True)
class GroupTest:
    """One concept's share beside those of random groups of its size."""

    observed: float  # share in the concept, 0 … 1
    random_mean: float  # mean share of the random groups
    p_value: float

    @property
    def ratio(self) -> float:
        """Enrichment, observed / random_mean; NaN where no random group has any."""
        return self.observed / self.random_mean if self.random_mean else float("nan")


def share_test(
    marked: np.ndarray, groups: Sequence[np.ndarray], *, n_random: int = 1000, seed: int = 42
) -> list[GroupTest]:
    """Tests of the share of ``marked`` (n,) items in each group, an array of distinct items.

    Raises InputError for an empty group, one with an item twice or outside 0 … n − 1, and n_random < 1.
    """
    marked = np.asarray(marked, dtype=bool)
    groups = _checked(groups, len(marked), n_random)
    if not groups:
        return []
    sizes = np.array([len(group) for group in groups])
    total = int(marked.sum())
    rng = np.random.default_rng(seed)
    random = rng.hypergeometric(total, len(marked) - total, sizes[:, None], size=(len(groups), n_random))
    observed = np.array([np.count_nonzero(marked[group]) for group in groups])
    return [_test(*counts) for counts in zip(observed, random, sizes, strict=True)]


def class_tests(
    labels: np.ndarray, groups: Sequence[np.ndarray], *, n_random: int = 1000, seed: int = 42
) -> list[tuple[int, GroupTest, GroupTest]]:
    """Each group's majority label (the lowest of several), the test of its share, and that of the purity.

    labels: (n,) int. Raises InputError as `share_test`.
    """
    labels = np.asarray(labels)
    groups = _checked(groups, len(labels), n_random)
    values, position, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rng = np.random.default_rng(seed)
    tests = []
    for group in groups:
        own = np.bincount(position[group], minlength=len(values))
        largest = int(own.argmax())
        random = rng.multivariate_hypergeometric(counts, len(group), size=n_random)  # (n_random, classes)
        share = _test(own[largest], random[:, largest], len(group))
        purity = _test(own[largest], random.max(axis=1), len(group))
        tests.append((int(values[largest]), share, purity))
    return tests


def _test(observed: int, random: np.ndarray, size: int) -> GroupTest:
    """From counts: of the group, and of the random groups (n_random,)."""
    p_value = (1 + np.count_nonzero(random >= observed)) / (1 + len(random))
    return GroupTest(float(observed / size), float(random.mean() / size), float(p_value))


def _checked(groups: Sequence[np.ndarray], n: int, n_random: int) -> list[np.ndarray]:
    check_whole("n_random", n_random, 1)
    checked = [np.asarray(group, dtype=np.int64) for group in groups]
    for number, group in enumerate(checked, start=1):
        if not len(group):
            raise InputError(f"group {number} is empty")
        if group.min() < 0 or group.max() >= n or len(np.unique(group)) < len(group):
            raise InputError(f"group {number} must hold distinct items of 0 … {n - 1}")
    return checked
