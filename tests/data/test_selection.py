"""The paper's rule of which items are compared, against a plain version on lists of paths."""

from __future__ import annotations

import random

import numpy as np
import pytest

from rdx.data.selection import class_labels, select
from rdx.errors import InputError


def plain_rule(paths: list[str], labels: list[int], classes: list[int], per_class: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    chosen = []
    for label in classes:
        own = sorted(path for path, its in zip(paths, labels, strict=True) if its == label)
        rng.shuffle(own)
        chosen += own[:per_class]
    return chosen


@pytest.mark.parametrize("classes", [None, [8, 3], [5]])
@pytest.mark.parametrize("seed", [0, 7])
def test_draw_equals_the_rule_on_paths(classes, seed):
    labels = random.Random(1).choices([3, 5, 8], k=300)
    ids = [f"root/{label}/{i}" for i, label in enumerate(labels)]
    chosen = select(ids, np.array(labels), classes=classes, images_per_class=20, seed=seed, source="items")
    assert [ids[i] for i in chosen] == plain_rule(ids, labels, classes or [3, 5, 8], 20, seed)


def test_the_sort_is_textual_and_independent_of_the_order_given():
    ids = [f"root/1/{i}" for i in range(200)]
    shuffled = ids[::-1]
    labels = np.ones(200, dtype=np.int64)
    first = select(ids, labels, classes=None, images_per_class=9, seed=0, source="items")
    second = select(shuffled, labels, classes=None, images_per_class=9, seed=0, source="items")
    assert [ids[i] for i in first] == [shuffled[i] for i in second]
    by_number = np.arange(200)
    np.random.default_rng(0).shuffle(by_number)
    assert first.tolist() != by_number[:9].tolist()


def test_without_a_number_everything_stays_in_order():
    labels = np.array([1, 0, 1, 0, 2, 2])
    ids = list("zyxwvu")
    assert select(ids, labels, classes=None, images_per_class=None, seed=0, source="items").tolist() == [*range(6)]
    chosen = select(ids, labels, classes=[2, 0, 1], images_per_class=None, seed=0, source="items")
    assert chosen.tolist() == [4, 5, 1, 3, 0, 2]


def test_without_labels_all_items_are_one_class():
    ids = [f"{i:03d}.png" for i in range(50)]
    chosen = select(ids, None, classes=None, images_per_class=10, seed=3, source="items")
    assert [ids[i] for i in chosen] == plain_rule(ids, [0] * 50, [0], 10, 3)
    with pytest.raises(InputError, match="items has no labels"):
        select(ids, None, classes=[1], images_per_class=None, seed=3, source="items")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images_per_class": 0}, "images_per_class must be a whole number of at least 1, not 0"),
        ({"images_per_class": 2.5}, "not 2.5"),
        ({"images_per_class": True}, "not True"),
        ({"images_per_class": 2}, "4 items are too few, a comparison needs at least 5"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"classes": [0, 9]}, "digits: class 9 has no items"),
    ],
)
def test_what_is_refused(change, message):
    settings = {"classes": None, "images_per_class": 5, "seed": 0} | change
    labels = np.repeat([0, 1], 10)
    with pytest.raises(InputError, match=message):
        select([str(i) for i in range(20)], labels, **settings, source="digits")


def test_classes_by_name_or_number():
    names = {0: "cat", 1: "dog", 2: "7"}
    assert class_labels(None, names) is None
    assert class_labels(["dog", 0], names) == [1, 0]
    assert class_labels([7, 1], names) == [2, 1]  # a folder called 7 is class 7
    with pytest.raises(InputError, match="unknown class 'dgo'; did you mean 'dog'"):
        class_labels(["dgo"], names)
    for bad in ("dog", 3, [], ["dog", "dog"], [5]):
        with pytest.raises(InputError, match="class"):
            class_labels(bad, names)
