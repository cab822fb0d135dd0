"""benchmarks/pairs.py: each made pair has the difference that its truth says, and no other."""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from rdx.method.concepts import DIRECTIONS


@pytest.fixture(scope="module")
def pairs():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        patch.delitem(sys.modules, "pairs", raising=False)
        import pairs

        yield pairs


def made(pairs, kind: str):
    """The first small pair of every draw of a kind."""
    return [spec.make() for spec in pairs.made_pairs(0.01) if spec.kind.startswith(kind) and spec.n <= 500]


def changes(pair) -> np.ndarray:
    """By how much each two items lie farther apart in B than in A, (n, n)."""
    return cdist(pair.B, pair.B) - cdist(pair.A, pair.A)


def centre_distance(values: np.ndarray, one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(values[one].mean(axis=0) - values[other].mean(axis=0)))


def test_names_are_distinct_and_a_pair_is_the_same_when_made_again(pairs):
    specs = list(pairs.made_pairs())
    assert len({spec.name for spec in specs}) == len(specs)
    assert sum(spec.kind.startswith("null") for spec in specs) >= 200
    one, other = specs[0].make(), specs[0].make()
    assert np.array_equal(one.A, other.A) and np.array_equal(one.B, other.B)


def test_copies_keep_the_order_of_distances_and_noise_changes_no_more_than_it_says(pairs):
    for pair in made(pairs, "null, copies"):
        upper = np.triu_indices(len(pair.A), 1)
        a, b = (cdist(values, values)[upper] for values in (pair.A, pair.B))
        assert np.allclose(b / a, (b / a)[0])
    for pair in made(pairs, "null, noise"):
        assert len(pair.truth.changed) == 0 == pair.truth.differences
        assert np.abs(changes(pair)).mean() < 0.3 * cdist(pair.A, pair.A).mean()


def test_merged_classes_are_nearer_in_a_by_their_share_and_the_others_as_far_as_before(pairs):
    for pair in made(pairs, "merge"):
        share = float(pair.kind.split()[1]) / 100
        one, other = pair.truth.groups["b_not_a"]
        held = pair.truth.groups["a_not_b"][0]
        assert set(held) == set(one) | set(other) == set(pair.truth.changed)
        before = centre_distance(pair.B, one, other)
        assert centre_distance(pair.A, one, other) == pytest.approx((1 - share) * before, abs=0.08 * before)
        rest = np.setdiff1d(np.arange(len(pair.A)), held)
        assert abs(changes(pair)[np.ix_(rest, rest)]).max() < 0.25 * before  # the noise of 10 %
        for direction, sign in zip(DIRECTIONS, (1, -1), strict=True):
            [(moved, others)] = pair.truth.beside[direction]
            for neighbour in others:
                apart = centre_distance(pair.B, moved, neighbour) - centre_distance(pair.A, moved, neighbour)
                assert sign * apart > -0.02 * before
        assert sum(len(others) for side in pair.truth.beside.values() for _, others in side) == 4


def test_each_group_is_together_on_its_side_alone_and_the_rest_is_the_same_in_both(pairs):
    for pair in made(pairs, "groups"):
        change, planted = changes(pair), pair.truth.groups["a_not_b"] + pair.truth.groups["b_not_a"]
        assert len(planted) == pair.truth.differences and len(pair.truth.groups["a_not_b"]) == len(planted) // 2
        assert not any(set(one) & set(other) for one, other in combinations(planted, 2))
        assert set(np.concatenate(planted)) == set(pair.truth.changed)
        for direction, sign in zip(DIRECTIONS, (1, -1), strict=True):
            assert all(sign * change[np.ix_(items, items)].mean() > 2 for items in pair.truth.groups[direction])
        rest = np.setdiff1d(np.arange(len(pair.A)), pair.truth.changed)
        left = abs(change[np.ix_(rest, rest)]).max()
        assert left < (2.0 if "noise" in pair.kind else 1e-9)


def test_a_folds_what_b_tells(pairs):
    for pair in made(pairs, "mirrored"):
        distance, (one, other) = float(pair.kind.split()[1]), pair.truth.groups["b_not_a"]
        assert len(one) + len(other) == len(pair.A) == len(pair.truth.changed)
        assert centre_distance(pair.B, one, other) == pytest.approx(distance, abs=1.5)
        assert centre_distance(pair.A, one, other) < 1.5
        assert set(pair.truth.attribute[one]) == {0} and set(pair.truth.attribute[other]) == {1}


def test_unrelated_representations_agree_on_nothing(pairs):
    (pair,) = made(pairs, "unrelated")
    upper = np.triu_indices(len(pair.A), 1)
    a, b = (cdist(values, values)[upper] for values in (pair.A, pair.B))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.1 and not pair.truth.judged
