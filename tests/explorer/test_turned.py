"""Which way up images are, and how sharp, is shown beside a counterpart or a copy, and only where it is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_comparison import made_content, with_evidence

from rdx.data.items import items_from_pixels
from rdx.explorer.build import explorer_page
from rdx.explorer.copies import copies_of
from rdx.explorer.payload import make_payload
from rdx.explorer.telling import unnoticed_turn
from rdx.features.pixels import MEASURES, measure_images
from rdx.method.concepts import Explanations
from rdx.metrics.attribute_probes import Probed
from rdx.metrics.attributes import Attribute
from rdx.metrics.counterparts import turned
from rdx.metrics.detail import Detail
from rdx.metrics.moves import neighbors_moved

N, GROUP = 120, 60
ITEMS = np.arange(N)
OVER = ITEMS % 2 == 1  # the images that are upside down
RNG = np.random.default_rng(0)


def pictures() -> np.ndarray:
    """One form (N, 12, 12) with some noise, half of them upside down."""
    form = np.full((12, 12), 40)
    form[1:4, 2:10], form[4:10, 3:5] = 220, 160  # as an F
    images = np.clip(form + RNG.integers(-30, 31, (N, 12, 12)), 0, 255).astype(np.uint8)
    images[OVER] = images[OVER, ::-1]
    return images


def content_of(images: np.ndarray):
    """A holds the first GROUP together, B divides them by which way up they are."""
    made = made_content()
    items = items_from_pixels(images, [f"item {i}" for i in ITEMS], np.zeros(N, dtype=int), {0: "F"})
    A = np.c_[9.0 * (ITEMS < GROUP), RNG.normal(size=(N, 3))]
    B = np.c_[9.0 * (ITEMS < GROUP), 9.0 * OVER, RNG.normal(size=(N, 3))]
    group = np.where(ITEMS < GROUP, 1, 0)
    found = made.methods[0].explanations["a_not_b"].concepts[0]
    concept = replace(found, members=ITEMS[:GROUP], indices=ITEMS[:9])
    explained = {"a_not_b": Explanations("a_not_b", group, [concept])}
    explained["b_not_a"] = Explanations("b_not_a", 0 * group, [])
    method = replace(made.methods[0], explanations=explained, matrices={}, rows={"a_not_b": [], "b_not_a": []})
    method = with_evidence(method, {"a_not_b": [1], "b_not_a": []})
    measured = measure_images(items.image, ITEMS)
    known = [Attribute(n, measured.measures[:, i].astype(float), None, w) for i, (n, w) in enumerate(MEASURES.items())]
    moved = neighbors_moved(A, B)
    return replace(
        made, items=items, representations={"a": A, "b": B}, maps={"pca": (A[:, :2], B[:, :2])}, methods=[method],
        predictions={}, attributes=known, relative=turned(ITEMS, measured.copies, items.labels, N), moves={},
        near=(moved.near_a, moved.near_b),
    )  # fmt: skip


def shown(content) -> dict:
    (concept,) = make_payload(content, None)[0]["methods"][0]["directions"]["a_not_b"]["concepts"]
    return concept


def test_a_group_of_both_ways_up_is_shown_in_pairs():
    concept = shown(content_of(pictures()))
    assert "upside down relative to the others" in concept["divided"]
    assert concept["turned"]["words"] == "In pairs from this group, upside down relative to each other"
    pairs = np.array(concept["turned"]["items"])
    assert pairs.shape == (4, 2) and (pairs < GROUP).all()
    assert (OVER[pairs[:, 0]] != OVER[pairs[:, 1]]).all()


def test_where_it_is_not_said_no_pairs_are_shown():
    images = pictures()
    images[OVER] = images[OVER, ::-1]  # all one way up again
    concept = shown(content_of(images))
    assert "upside down" not in concept["divided"] and concept["turned"] is None


def probed(name: str, a: float, b: float) -> Probed:
    return Probed(Attribute(name, np.array([0.1, -3.0, np.nan, 2.0, 0.0, 1.0]), None, MEASURES[name]), a, b, 0.0, 0.0)


@pytest.mark.parametrize(("half", "copy"), [("upper half", "upside-down"), ("left half", "mirrored")])
def test_images_are_shown_beside_copies_that_a_model_may_not_tell_apart(half, copy):
    found = unnoticed_turn([probed(f"{half}, brightness", 0.5, 0.0), probed(f"{half}, edges", 0.3, 0.01)])
    assert (found.side, found.copy) == ("b", copy)
    told = copies_of(found, None, None)
    assert told["way"] == copy and told["items"] == [1, 3, 5, 0]  # the clearest; none without a value
    assert told["words"] == f"Images beside {copy} copies (made here), which B hardly tells apart:"


def test_less_sharp_copies_are_shown_only_where_it_is_said():
    fine, coarse = np.array([0.0, 5.0, np.nan, 3.0, 1.0, 2.0]), np.zeros(6)
    sure = Detail({"a": 0.5, "b": 0.5}, {"a": 0.7, "b": 0.5}, 0.03, 1e-6)
    told = copies_of(None, sure, (fine, coarse))
    assert (told["way"], told["items"]) == ("less sharp", [1, 3, 5, 4]) and "as A may see them" in told["words"]
    assert copies_of(None, replace(sure, p_value=0.5), (fine, coarse)) is None
    assert copies_of(None, None, None) is None


@pytest.mark.parametrize("way", ["upside-down", "mirrored", "less sharp"])
def test_copies_are_made_on_the_page(browser, tmp_path, monkeypatch, way):
    told = {"way": way, "words": "words", "items": [0, 1]}
    monkeypatch.setattr("rdx.explorer.agreement.copies_of", lambda *_: told)
    (tmp_path / "page.html").write_text(explorer_page(content_of(pictures())), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((tmp_path / "page.html").as_uri())
    pair = page.locator("#agreement .pair-of-two").first
    pair.wait_for()
    page.wait_for_timeout(300)
    read = "two => [...two.children].map(c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data])"
    first, copy = (np.array(one).reshape(56, 56, 4)[:, :, 0].astype(int) for one in pair.evaluate(read))
    same = {"upside-down": first[::-1], "mirrored": first[:, ::-1], "less sharp": first}[way]
    assert abs(copy - first).mean() > 0 and abs(copy - same).mean() < (25 if way == "less sharp" else 1)
    assert page.locator(".card .pair-of-two").count() == 4
    page.close()
