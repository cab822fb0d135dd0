"""The effect size of a comparison: common neighbours, shared attributes, and how much change was found."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm, ttest_rel

from rdx.explorer.agreement import agreement_payload, concentration, explained_change, labels_placed
from rdx.explorer.sharing import shared_attributes
from rdx.explorer.telling import better
from rdx.features.pixels import MEASURES
from rdx.method.neighborhoods import as_points, neighborhood_ranks
from rdx.metrics.attribute_probes import Probed
from rdx.metrics.attributes import Attribute


def content_with(**given) -> SimpleNamespace:
    """What agreement_payload looks at, of items without labels."""
    known = {"items": SimpleNamespace(labels=None, label_names={}, noun="items"), "cka": 0.5, "attributes": []}
    known |= {"near": None, "moves": {}, "representations": {}, "structure": None}
    return SimpleNamespace(**known | given)


NEAR_A = np.array([[1, 2], [0, 2], [3, 1], [2, 1]])
NEAR_B = np.array([[2, 1], [0, 3], [0, 1], [0, 1]])


def test_common_neighbours_are_those_that_no_item_has_changed():
    """NEAR_A and NEAR_B, whose order does not count, have 2, 1, 1 and 1 of 2 in common."""
    items = SimpleNamespace(labels=None, label_names={}, noun="items")
    X = np.zeros((4, 1))
    content = content_with(items=items, near=(NEAR_A, NEAR_B), representations={"a": X, "b": X})
    assert agreement_payload(content, {})["common"] is None
    content.moves = {"change": np.array([0.0, 0.5, 0.5, 0.5], np.float32)}
    assert agreement_payload(content, {})["common"] == pytest.approx((2 + 1 + 1 + 1) / 8)


def test_change_lies_where_a_group_moved():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(200, 3))
    B = A.copy()
    B[:40] = 3 * rng.normal(size=(40, 3))  # a group that B scatters
    views = {"a": as_points(A), "b": as_points(B)}
    assert concentration(views, [np.arange(40)]) > 1.3
    assert concentration(views, [np.arange(100, 140)]) < 1.1
    assert concentration(views, [np.arange(200)]) is None


def test_how_much_of_the_change_lies_in_what_was_found():
    """Two classes that B has in one place; R² against the definition, pair by pair."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(4), 25)
    A = rng.normal(size=(100, 4)) + 12 * np.eye(4)[label]
    B = rng.normal(size=(100, 4)) + 12 * np.eye(4)[np.maximum(label, 1)]
    views = {"a": as_points(A), "b": as_points(B)}
    found = [np.flatnonzero(label == 0), np.flatnonzero(label <= 1)]
    change = np.log2((neighborhood_ranks(views["a"]) + 1.0) / (neighborhood_ranks(views["b"]) + 1.0))
    kind = np.minimum(label, 2)
    left = sum(
        np.square(pairs - pairs.mean()).sum()
        for pairs in (change[np.ix_(kind == i, kind == j)] for i in range(3) for j in range(3))
    )
    assert explained_change(views, found) == pytest.approx(1 - left / np.square(change).sum())
    assert explained_change(views, found) > 5 * explained_change(views, [np.flatnonzero(label == 3)])


@pytest.mark.parametrize(
    ("strangers", "n", "said"),
    [(0.3, 200, True), (0.2, 20, False), (0.1, 2000, False), (0.0, 200, False)],  # few items, little, and none
)
def test_labels_that_one_model_keeps_apart_less_well_are_told_where_that_is_sure_and_not_little(strangers, n, said):
    """In A, so many items have one neighbour of five of the other label; in B, all have their own."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    near = np.array([rng.choice(np.flatnonzero(labels == label), 5) for label in labels])
    mixed = near.copy()
    mixed[rng.permutation(n)[: int(strangers * n)], 0] ^= 1  # the item before or after it
    label = Attribute("label", labels, ("x", "y"))
    content = content_with(attributes=[label], near=(mixed, near))
    told = agreement_payload(content, {})
    assert told["label"] == [pytest.approx(1 - strangers / 5), 1.0] and told["probed"] == 0 and told["tells"] is None
    words = (
        f"A keeps the labels apart less well than B: {1 - strangers / 5:.0%} of neighbours share the label, in B 100%; "
        "as a shorter training does, or one on fewer, coarser labels."
    )
    assert told["keeps"] == (words.replace("%", " %") if said else None)
    content.near = content.near[::-1]
    assert said == str(agreement_payload(content, {})["keeps"]).startswith("B keeps the labels apart less well than A")


def test_whether_neighbours_share_an_attribute_alike_is_tested_over_items():
    rng = np.random.default_rng(1)
    near = rng.integers(0, 300, (2, 300, 10))
    labels = rng.integers(0, 3, 300)
    near[1, :200, :2] = np.arange(200)[:, None]  # itself, of its own label
    (shared,) = shared_attributes(tuple(near), [Attribute("label", labels, ("x", "y", "z"))])
    first, second = ((labels[side] == labels[:, None]).mean(axis=1) for side in near)
    found = ttest_rel(second, first)
    assert shared.p_value == pytest.approx(2 * norm.sf(abs(found.statistic)), rel=1e-6)


@pytest.mark.parametrize(
    ("hidden", "sentence"),
    [
        (
            [0],
            "B tells better than A, as a linear probe reads it: brighter or darker (R² A 0.00, B 0.96), as if A evened "
            "out how bright images are.",
        ),
        ([0, 1], "B tells better than A, as a linear probe reads it: brighter or darker (R² A 0.00, B 0.96) and “age”"),
        ([], None),
    ],
)  # fmt: skip
def test_what_one_tells_better_than_the_other(hidden, sentence):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 4))
    A = values.copy()
    A[:, hidden] = 0
    known = [Attribute("brightness", values[:, 0], None, ("brighter", "darker")), Attribute("age", values[:, 1])]
    content = content_with(attributes=known, representations={"a": A, "b": values})
    told = agreement_payload(content, {})
    assert told["tells"] == sentence or told["tells"].startswith(sentence)  # None where there is nothing to tell
    assert len(told["read"]["b"]) == len(hidden) and told["read"]["a"] == []


@pytest.mark.parametrize("half", ["upper half", "left half"])
def test_a_model_that_takes_no_notice_of_how_images_are_turned_is_named(half):
    rng = np.random.default_rng(0)
    bright, busy, other = rng.normal(size=(3, 200))
    seen = np.c_[bright, busy, other]
    folded = np.c_[bright**2, busy**2, other]  # the same of an image and of the image turned over
    names = [f"{half}, brightness", f"{half}, edges"]
    known = [Attribute(name, values, None, MEASURES[name]) for name, values in zip(names, (bright, busy), strict=True)]
    words = {"upper half": ("up and down", "upside-down"), "left half": ("left and right", "mirrored")}[half]
    sentence = "{} tells nothing of {}, as a model does to which an image and its {} copy are the same; {} does (R² of "
    told = agreement_payload(content_with(attributes=known, representations={"a": folded, "b": seen}), {})["tells"]
    assert told.startswith(sentence.format("A", *words, "B")) and "tells better" not in told  # which says no more
    told = agreement_payload(content_with(attributes=known, representations={"a": seen, "b": folded}), {})["tells"]
    assert told.startswith(sentence.format("B", *words, "A"))
    hardly = np.c_[bright + 2.5 * rng.normal(size=200), busy + 4 * rng.normal(size=200), other]
    told = agreement_payload(content_with(attributes=known, representations={"a": folded, "b": hardly}), {})["tells"]
    assert told.startswith(f"B hardly tells {words[0]}, and A not at all (R² of a linear probe, ")
    assert told.endswith(f": perhaps to A an image and its {words[1]} copy are the same.")
    # one that holds a little of it, one that holds one of both, and two that hold nothing
    for less, more in ((np.c_[0.1 * bright, busy, 5 * other], seen), (np.c_[busy, other], seen), (folded, folded)):
        tells = agreement_payload(content_with(attributes=known, representations={"a": less, "b": more}), {})["tells"]
        assert tells is None or "tells nothing" not in tells


def test_what_neither_model_could_tell_is_said_instead_of_guessed():
    rng = np.random.default_rng(0)
    values, other = rng.normal(size=(4, 200)), rng.normal(size=(200, 3))
    names = [f"{half}, {what}" for half in ("upper half", "left half") for what in ("brightness", "edges")]
    known = [Attribute(name, one, None, MEASURES[name]) for name, one in zip(names, values, strict=True)]

    def unseen(a, b):
        return agreement_payload(content_with(attributes=known, representations={"a": a, "b": b}), {})["unseen"]

    up = np.c_[values[:2].T, other]
    mirrored = "mirrored images (neither tells left and right apart)"
    assert unseen(up, up) == [mirrored]
    assert unseen(up, np.c_[values.T, other]) == []  # one of them tells
    assert unseen(other, other) == ["upside-down images (neither tells up and down apart)", mirrored]


def test_what_is_painted_is_told_before_what_follows_from_it():
    rng = np.random.default_rng(0)
    has = rng.random(300) < 0.5
    bright = has + rng.normal(size=300)
    mark = Attribute("red patch", has.astype(np.int64), ("no", "yes"), ("no red patch", "a red patch"))
    known = [Attribute("brightness", bright, None, MEASURES["brightness"]), mark]
    noise = rng.normal(size=(300, 3))
    views = {"a": noise, "b": np.c_[bright, 3 * has, noise]}
    told = agreement_payload(content_with(attributes=known, representations=views), {})["tells"]
    assert told.index("a red patch (R²") < told.index("brighter or darker (R²")
    known[0] = Attribute("brightness", has + 0.2 * rng.normal(size=300), None, MEASURES["brightness"])
    told = agreement_payload(content_with(attributes=known, representations=views), {})["tells"]
    assert "a red patch (R²" in told and "brighter" not in told  # which goes along with it


def test_labels_that_only_one_model_holds_close_are_named():
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 4
    A = rng.normal(size=(120, 4)) + 9 * np.eye(4)[np.where(labels == 1, 0, labels)]
    B = rng.normal(size=(120, 4)) + 9 * np.eye(4)[np.where(labels == 3, 2, labels)]
    found = labels_placed([as_points(A), as_points(B)], labels)
    assert {(x, y) for x, y, _, _ in found[:2]} == {(0, 1), (2, 3)}
    assert all((a < 40 < b) == ((x, y) == (0, 1)) for x, y, a, b in found[:2])
    assert labels_placed([as_points(A), as_points(A)], labels) == []
    assert labels_placed([as_points(A), as_points(B)], labels % 2) == []


def test_labels_of_few_items_are_not_compared():
    """What rests on eleven items is not said, however far they moved; else the page says of how many it is."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), [11, 40, 40, 40])
    A = rng.normal(size=(131, 4)) + 9 * np.eye(4)[np.where(labels == 1, 0, labels)]
    B = rng.normal(size=(131, 4)) + 9 * np.eye(4)[np.where(labels == 3, 2, labels)]
    views = {"a": as_points(A), "b": as_points(B)}
    assert {x for pair in labels_placed(list(views.values()), labels) for x in pair[:2]} == {2, 3}
    items = SimpleNamespace(labels=labels, label_names={2: "owl"}, noun="items")
    content = content_with(items=items, representations=dict(a=A, b=B))
    ((first, second, *_),) = agreement_payload(content, views)["labels"]
    assert (first, second) == (["owl", 40], ["3", 40])


@pytest.mark.parametrize(("colours", "said"), [(1.0, True), (0.0, False)])
def test_coarser_structure_leads_only_where_nothing_else_is_told_better(colours, said):
    rng = np.random.default_rng(0)
    fine, coarse, color = rng.normal(size=(3, 300))
    noise = rng.normal(size=(2, 300, 3))
    A = np.c_[fine, coarse, colours * color] + 0.5 * noise[0]
    B = np.c_[fine, coarse, color] + np.array([0.5, 0.7, 0.5]) * noise[1]
    known = [Attribute("red to green", color, None, MEASURES["red to green"])]
    content = content_with(attributes=known, representations={"a": A, "b": B}, structure=(fine, coarse))
    told = agreement_payload(content, {})
    first, _, figures = told["detail"].partition(" (")
    assert first == "A goes by coarser structure of the images than B"
    assert re.fullmatch(r"R² of coarse beside fine structure: ahead by 0\.\d\d ± 0\.0\d\)", figures)
    assert (told["tells"] == f"{first}, as a model does that sees them less sharp.") == said
    assert ("redder or greener" in told["tells"]) != said


@pytest.mark.parametrize(
    ("name", "a", "b", "said"),
    [
        ("red to green", 0.3, 0.7, ", as if A saw less colour"), ("contrast", 0.7, 0.1, ", as if B evened out"),
        ("red to green", 0.4, 0.7, None), ("red to green", 0.0, 0.1, None),  # too near; hardly read by either
        ("symmetry", 0.0, 0.9, None), ("upper left, red to green", 0.0, 0.9, None),  # a place, not the whole
    ],
)  # fmt: skip
def test_what_it_looks_like_is_said_of_colours_and_brightness(name, a, b, said):
    one = Probed(Attribute(name, np.arange(9.0), None, MEASURES[name]), a, b, 0.0)
    told = better({"a": [one] if a > b else [], "b": [one] if b > a else []})
    assert (said in told) if said else ("as if" not in told)


def test_a_small_difference_of_what_is_told_reads_as_small():
    rng = np.random.default_rng(1)
    values = rng.normal(size=600)
    for own, share, words in (
        (0, 0.35, "B hardly tells, and A still less"), (0.3, 0.5, "B tells a little better than A"),
        (0, 1.0, "B tells better than A"),
    ):  # fmt: skip
        A, B = rng.normal(size=(2, 600, 4))
        A[:, 0] += own * values
        B[:, 0] += share * values
        content = content_with(attributes=[Attribute("age", values)], representations={"a": A, "b": B})
        told = agreement_payload(content, {})
        assert told["tells"].startswith(words) and words == f"B {told['better']['b']}"
