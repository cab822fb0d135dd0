"""What a concept's items have in common: planted attributes are found and named, others are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from rdx.data.column_kinds import categories
from rdx.features.pixels import MEASURES, measure_images
from rdx.metrics.attribute_words import (
    UNEXPLAINED,
    Surroundings,
    clearest,
    in_common,
    percent,
    sentence,
    shares,
    surroundings,
)  # fmt: skip
from rdx.metrics.attributes import Attribute, Finding, find_common, neighbors_outside, usable
from rdx.metrics.moves import neighbors_moved

N = 200
RNG, AT = np.random.default_rng(0), np.random.default_rng(1)
KIND = np.array(["cat", "dog"])[np.arange(N) % 2]  # what B goes by
HALF = np.arange(N) < 60  # what A goes by
MEMBERS = np.flatnonzero(HALF)
A = np.c_[8.0 * HALF, RNG.normal(size=(N, 2))]
B = np.c_[8.0 * (KIND == "dog"), RNG.normal(size=(N, 2))]
MOVES = neighbors_moved(A, B)
AROUND = surroundings(MEMBERS, MOVES.near_a, MOVES.near_b, (KIND == "dog").astype(int))


def pictures(changed) -> list[Attribute]:
    """The measures of N pictures of any colours, blurred by chance, those of the concept changed."""
    rng, images = np.random.default_rng(7), []
    for i in range(N):
        coarse = Image.fromarray(rng.integers(60, 200, (*rng.integers(2, 9, 2), 3), dtype=np.uint8))
        square = np.asarray(coarse.resize((24, 24), Image.Resampling.BICUBIC)) + rng.integers(0, 9, (24, 24, 1))
        images.append(Image.fromarray(np.clip(changed(square) if HALF[i] else square, 0, 255).astype(np.uint8)))
    values = measure_images(images.__getitem__, range(N)).measures.astype(np.float64)
    return [Attribute(name, values[:, i], None, words) for i, (name, words) in enumerate(MEASURES.items())]


def said(attributes: list[Attribute], members: np.ndarray = MEMBERS, around: Surroundings = AROUND) -> str:
    used, _ = usable([categories("label", KIND), *attributes])
    (found,) = find_common(used, [(members, neighbors_outside(MOVES.near_b, members))])
    return sentence(len(members), found, around)


def sticker(square: np.ndarray) -> np.ndarray:
    square = square.copy()
    square[:6, -6:] = (250, 40, 40)
    return square


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (lambda square: square + 60, "brighter"),
        (lambda square: square - 60, "darker"),
        (lambda square: square.mean(axis=2, keepdims=True) + 0.2 * (square - square.mean()), "less saturated"),
        (sticker, "redder at the upper right"),
        (sticker, "with a more colourful spot somewhere"),
        (lambda square: np.roll(sticker(square), (9, -9), (0, 1)), "redder in the middle"),
        (lambda square: np.roll(sticker(square), AT.integers(24, size=2), (0, 1)), "with a more colourful spot"),
        (lambda square: square * [1.0, 1.0, 0.5], "yellower"),
        (lambda square: square[:, ::-1] / 2 + square / 2, "more alike left and right"),
        (lambda square: np.repeat(np.repeat(square[::4, ::4], 4, 0), 4, 1), "sharper"),
        (lambda square: np.concatenate([square[:12], square[12:] // 4]), "brighter in the upper half"),
    ],
)
def test_planted_pixels_are_named(changed, words):
    found = said(pictures(changed))
    assert words in found.partition(" than the rest")[0], found


def test_a_planted_column_is_named():
    site = np.where(RNG.random(N) < 0.1, ~HALF, HALF)
    found = said([categories("site", np.where(site, "north", "south")), Attribute("years", RNG.random(N), None)])
    assert "site: north " in found and " of the rest)" in found and "years" not in found


def test_a_concept_without_items_is_said_to_have_none():
    (findings,) = find_common([], [(np.arange(0), np.arange(0))])
    assert sentence(0, findings, None) == "no images"
    assert sentence(2, [], Surroundings(0.1, 0.1)) == "2 images, nothing is known here that could be tested on them"


def test_nothing_in_common_is_said():
    noise = [Attribute(f"x{i}", RNG.random(N), None, ("more", "less")) for i in range(10)]
    assert said(noise) == (
        "60 images, nothing known here (labels, columns, pixel measures) sets them apart as a group; in B 70 % of "
        "their neighbours lie outside (in A 0 %); of their neighbours 50 % share the label in A, 100 % in B"
    ).replace("70 %", f"{AROUND.outside_other:.0%}".replace("%", " %")).replace(
        "50 %", f"{AROUND.same_label_own:.0%}".replace("%", " %")
    )


def test_what_the_other_model_goes_by_too_is_said_to_be_so():
    members = np.flatnonzero((KIND == "dog") & HALF)
    kind = Attribute("loudness", (KIND == "dog") + RNG.random(N) / 9, None, ("louder", "quieter"))
    (found,) = find_common([kind], [(members, neighbors_outside(MOVES.near_b, members))])
    text = sentence(30, found, AROUND, noun="items")
    assert text.startswith("30 items, louder than the rest (AUC 0.8")
    assert "), but no more so than the items that B puts next to them; " in text


def test_labels_are_told_with_their_shares():
    labels = categories("label", np.where(HALF, np.where(np.arange(N) % 3, "dessert", "tool"), "sky"))
    (found,) = find_common([labels], [(MEMBERS, neighbors_outside(MOVES.near_b, MEMBERS))])
    assert sentence(60, found, Surroundings(0.1, 0.5, 0.9, 0.9, 12)) == (
        "60 images, label “dessert” 67 % (0 % of the rest), “tool” 33 % (0 %); in B 50 % of their neighbours lie "
        "outside (in A 10 %), of 12 other labels"
    )


@pytest.mark.parametrize(("every", "kinds", "told"), [(5, 1, False), (3, 1, True), (3, 2, False), (1, 6, True)])
def test_labels_of_few_members_are_not_told(every, kinds, told):
    """A label of a fifth of the group, or two of a sixth, do not describe it; six that make up all of it do."""
    items = np.arange(N)
    others = np.array(list("abcd"))[items % 4]
    names = np.array([f"spice {i}" for i in range(6)])[items // every % kinds]
    labels = categories("label", np.where(HALF & (items % every == 0), names, others))
    (found,) = find_common([labels], [(MEMBERS, MEMBERS[:0])])
    assert bool(in_common(found)) == told


def test_values_without_members_count_in_the_correction_and_are_not_told():
    label = categories("label", np.where(HALF, "in", np.array(list("abcd"))[np.arange(N) % 4]))
    (found,) = find_common([label], [(MEMBERS, MEMBERS[:0])])
    assert [finding.name for finding in found] == ["label: in"]
    assert found[0].q_value == pytest.approx(5 * found[0].p_value) and (found[0].inside, found[0].outside) == (1.0, 0.0)
    assert found[0].effect == 1.0


def test_random_concepts_have_nothing_in_common():
    """At a false discovery rate of 5 %, few random groups may be said to have something."""
    noise = [Attribute(str(i), RNG.random(N), None) for i in range(20)]
    noise += [categories(f"c{i}", RNG.choice(list("abcdef"), N)) for i in range(5)]
    wrong = 0
    for _ in range(30):
        members = RNG.choice(N, 30, replace=False)
        (found,) = find_common(noise, [(members, neighbors_outside(MOVES.near_b, members))])
        wrong += any(finding.q_value <= 0.05 for finding in found)
    assert wrong <= 4


def test_what_cannot_be_tested_is_left_out_with_the_reason():
    same = categories("kind", np.where(KIND == "dog", "z", "a"))
    used, why = usable([
        categories("label", KIND), same, Attribute("flat", np.ones(N)), Attribute("none", np.full(N, np.nan)),
        categories("one", ["x"] * N),
    ])  # fmt: skip
    assert [attribute.name for attribute in used] == ["label"]
    assert why == {
        "kind": "tells the items apart as 'label' does", "flat": "is the same for all items",
        "none": "no item has a value", "one": "is the same for all items",
    }  # fmt: skip


def test_few_values_are_not_tested():
    values = np.full(N, np.nan)
    values[[0, 1, 100, 101, 102]] = 1.0, 2.0, 3.0, 4.0, 5.0
    assert find_common([Attribute("rare", values)], [(MEMBERS, MEMBERS[:0])]) == [[]]


def test_a_little_is_not_nothing():
    assert [percent(share) for share in (0.0, 0.004, 0.006, 1.0)] == ["0 %", "<1 %", "1 %", "100 %"]


def finding(attribute: Attribute, inside: float, outside: float, auc: float | None = None) -> Finding:
    """One that is sure; of a category its second value."""
    value = 1 if attribute.is_category else None
    return Finding(attribute, value, False, auc or 0.5 + (inside - outside) / 2, inside, outside, 0.0, 0.0)


NOISE = np.random.default_rng(3).normal(size=(2, N))
BRIGHT = Attribute("brightness", HALF + 0.1 * NOISE[0], None, ("brighter", "darker"))
SHARP = Attribute("sharpness", NOISE[1], None, ("sharper", "blurrier"))
MARK = Attribute("patch", HALF.astype(np.int64), ("no", "yes"), ("no red patch", "a red patch"))
TURN = Attribute("upside-down counterparts", NOISE[0], None, ("", "upside down"), signed=True)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([finding(BRIGHT, 1, 0, 0.95), finding(SHARP, 1, 0, 0.70)], ["brighter than the rest (AUC 0.95)"]),
        (
            [finding(BRIGHT, 1, 0, 0.75), finding(SHARP, 1, 0, 0.72)],
            ["brighter (AUC 0.75) and sharper (AUC 0.72) than the rest"],
        ),
        ([finding(SHARP, 1, 0, 0.64)], ["a little sharper than the rest (AUC 0.64)"]),
        # what goes along with a patch, or with being turned over, is no second cause; what does not is one
        ([finding(BRIGHT, 1, 0, 0.97), finding(MARK, 1, 0.5)], ["a red patch: 100 % (50 % of the rest)"]),
        (
            [finding(SHARP, 1, 0, 0.97), finding(MARK, 1, 0.5)],
            ["a red patch: 100 % (50 % of the rest)", "sharper than the rest (AUC 0.97)"],
        ),
        ([finding(BRIGHT, 0, 1, 0.04), finding(TURN, -1, 1, 0.01)], ["upside down relative to the rest (AUC 0.99)"]),
    ],
)
def test_what_is_less_clear_or_follows_is_not_told_beside_the_cause(found, told):
    assert in_common(found) == told
    assert len(clearest(found)) == len(told) or " and " in told[0]


@pytest.mark.parametrize(("auc", "told"), [(0.75, True), (0.65, False)])
def test_what_is_faint_and_of_both_models_is_not_told(auc, told):
    both = [finding(SHARP, 1, 0, auc), replace(finding(SHARP, 1, 0, 0.5), vs_neighbors=True)]
    assert shares(both).startswith("sharper than the rest (AUC 0.75), but no more so") is told
    assert (shares(both) == UNEXPLAINED) is not told and bool(clearest(both)) is told


def test_beside_labels_only_what_is_as_clear_is_told():
    labels = categories("label", np.where(HALF, "dessert", "sky"))
    (of_labels,) = find_common([labels], [(MEMBERS, MEMBERS[:0])])
    assert in_common([*of_labels, finding(SHARP, 1, 0, 0.7)]) == ["label “dessert” 100 % (0 % of the rest)"]
    assert len(in_common([*of_labels, finding(BRIGHT, 1, 0, 0.95)])) == 2
