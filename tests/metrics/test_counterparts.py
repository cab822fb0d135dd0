"""Images that look like others turned over are told from those that do not."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.metrics.attribute_words import in_common
from rdx.metrics.attributes import Attribute, find_common
from rdx.metrics.counterparts import WAYS, turned

N, SIDE = 120, 8
ITEMS = np.arange(N)
LABELS = ITEMS % 2
AXES = {name: axis - 1 for name, (axis, _) in WAYS.items()}  # of one image


def forms(seed: int = 0) -> np.ndarray:
    """Grey images (N, SIDE, SIDE) of two forms, one a label; turning one over changes it in that direction alone."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(2, SIDE, 1)) + rng.normal(size=(2, 1, SIDE)))[LABELS] + rng.normal(size=(N, SIDE, SIDE))


def copies(images: np.ndarray) -> np.ndarray:
    scaled = np.clip(128 + 25 * images, 0, 255).astype(np.uint8)
    return np.repeat(scaled[..., None], 3, axis=3)


def turned_over(images: np.ndarray, which: np.ndarray, axis: int) -> np.ndarray:
    images = images.copy()
    images[which] = np.flip(images[which], axis + 1)
    return images


def said(images: np.ndarray, members: np.ndarray, labels: np.ndarray | None = LABELS) -> list[str]:
    chance = Attribute("chance", np.random.default_rng(9).random(N), None, ("more", "less"))
    relative = turned(ITEMS, copies(images), labels, N)
    (found,) = find_common([chance], [(members, members[:0])], labels, relative)
    assert {one.name for one in found} == {"chance", *WAYS}
    return in_common([one for one in found if one.name != "chance"])


def test_values_are_the_mean_likeness_to_others_of_the_label_less_that_to_them_turned_over():
    images = turned_over(forms(), ITEMS < 9, 0)
    members, others = ITEMS[:30], ITEMS[40:70]
    items = ITEMS[5:]  # those that were measured
    for one in turned(items, copies(images)[items], LABELS, N):
        values = one.beside(members, others).values
        small = copies(images) @ [0.299, 0.587, 0.114]
        small = small - small.mean(axis=(1, 2), keepdims=True)
        small /= np.sqrt((small**2).sum(axis=(1, 2), keepdims=True))
        light = np.moveaxis(np.tile(np.linspace(-1, 1, SIDE), (SIDE, 1)), 1, AXES[one.name])
        light /= np.linalg.norm(light)
        small = small - np.einsum("mhw,hw->m", small, light)[:, None, None] * light  # from whichever side it comes
        for i in ITEMS:
            beside = [j for j in others if j != i and LABELS[j] == LABELS[i] and j in items]
            alike = [(small[i] * (small[j] - np.flip(small[j], AXES[one.name]))).sum() / 2 for j in beside]
            known = i in items and (i in members or i in others)
            assert values[i] == pytest.approx(np.mean(alike), abs=1e-9) if known else np.isnan(values[i])


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "one form"])
def test_a_group_that_is_turned_against_the_rest_is_named(name, labels):
    members = ITEMS[:40]
    images = forms() if labels is not None else np.repeat(forms()[::2], 2, axis=0)
    told = said(turned_over(images, members, AXES[name]), members, labels)
    assert told == [f"{WAYS[name][1][1]} relative to the rest (AUC 1.00)"]
    # seen from the other side it is the same: neither of the two is the right way
    assert said(turned_over(images, ITEMS[40:], AXES[name]), members, labels) == told


def test_a_group_that_is_turned_mostly_is_named_less_clearly():
    members, odd = ITEMS[:40], np.r_[ITEMS[:30], ITEMS[100:110]]
    (told,) = said(turned_over(forms(), odd, 0), members)
    assert told.startswith("upside down relative to the rest (AUC 0.8")


@pytest.mark.parametrize("seed", range(3))
def test_groups_that_differ_otherwise_are_not_named(seed):
    rng = np.random.default_rng(seed)
    members = np.sort(rng.permutation(N)[:40])
    inside = np.isin(ITEMS, members)[:, None, None]
    lit = np.linspace(3, -3, SIDE)[:, None] * np.where(inside, -1, 1)  # from below, the others from above
    for images in (forms(seed), forms(seed) * np.where(inside, 0.2, 1.0), forms(seed) + 2 * inside, forms(seed) + lit):
        assert said(images, members) == []


def test_fewer_of_a_form_is_not_the_other_way_up():
    """Members whose form hardly shows are less alike the rest than the rest is, but not more alike turned over."""
    faint = forms()
    faint[:40] += 6 * np.random.default_rng(3).normal(size=(40, SIDE, SIDE))
    assert said(faint, ITEMS[:40]) == []


def test_images_of_one_colour_and_labels_with_few_others_have_no_value():
    images = forms()
    images[3] = 0.0
    labels = np.where(ITEMS < 4, 7, LABELS)
    one = turned(ITEMS, copies(images), LABELS, N)[0]
    assert np.isnan(one.beside(ITEMS[:40], ITEMS[40:]).values[3])
    few = turned(ITEMS, copies(images), labels, N)[0].beside(ITEMS[:3], ITEMS[3:]).values
    assert np.isnan(few[:4]).all() and not np.isnan(few[4:]).any()
    assert turned(ITEMS[:0], copies(images)[:0], LABELS, N)[0].beside(ITEMS[:40], ITEMS[40:]).values.shape == (N,)


@pytest.mark.parametrize("name", WAYS)
def test_pairs_are_those_that_look_most_like_each_other_turned_over(name):
    images = forms()
    for number, (i, j) in enumerate([(2, 100), (5, 61), (8, 90)]):  # of one label each
        noise = number * np.random.default_rng(number).normal(size=(SIDE, SIDE))
        images[j] = np.flip(images[i], AXES[name]) + noise
    images[101] = np.flip(images[2], AXES[name])  # of the other label
    one = next(one for one in turned(ITEMS, copies(images), LABELS, N) if one.name == name)
    assert one.pairs(ITEMS[:40], ITEMS[40:], 2).tolist() == [[2, 100], [5, 61]]
    found = one.pairs(ITEMS[:40], ITEMS[40:], 12)
    assert len(set(found.ravel().tolist())) == 24 and (found[:, 0] < 40).all() and (found[:, 1] >= 40).all()
    assert (LABELS[found[:, 0]] == LABELS[found[:, 1]]).all()
    assert one.pairs(ITEMS[:0], ITEMS[40:], 3).shape == (0, 2)
    alike = turned(ITEMS, copies(np.repeat(forms()[:1], N, axis=0)), None, N)[0]
    assert len(alike.pairs(ITEMS[:40], ITEMS[40:], 3)) == 0  # nothing there looks like another turned over
