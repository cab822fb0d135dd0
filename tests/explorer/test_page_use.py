"""The explorer in a real browser: what clicks, keys, links and searches do."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image


def drag(opened, side: str = "a") -> None:
    """Drags over the whole map."""
    box = opened.show_map(side)
    mouse = opened.page.mouse
    mouse.move(box["x"] + 3, box["y"] + 3)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3)
    mouse.up()


def saved(one, selector: str):
    with one.page.expect_download() as download:
        one.page.click(selector)
    return download.value


def test_clicking_a_dot_shows_its_neighbours_everywhere(opened):
    one = opened()
    one.click_dot()
    assert "#" in one.link and "i=" in one.link
    item = int(one.link.split("i=")[1].split("&")[0])
    rows = one.page.locator("#item .row")
    assert rows.count() >= 2
    assert one.page.locator("#item .row").first.locator(".tile").count() == 9
    one.page.locator("#item .row").first.locator(".tile").first.click()
    assert f"i={item}" not in one.link
    one.page.keyboard.press("Escape")
    assert "i=" not in one.link
    assert "Click a dot" in one.text("#item")


@pytest.mark.slow
def test_pointing_at_a_dot_shows_it_in_both_maps(opened):
    one = opened("#map=pca")
    before = [one.page.evaluate(f"document.getElementById('map-{side}').toDataURL()") for side in "ab"]
    one.point_at_dot()
    after = [one.page.evaluate(f"document.getElementById('map-{side}').toDataURL()") for side in "ab"]
    assert before[0] != after[0] and before[1] != after[1]
    assert "concept" in one.text("#tip")


def test_keys_walk_through_concepts_and_directions(opened):
    one = opened()
    one.page.keyboard.press("n")
    assert one.link == "#c=2" and "Concept A2" in one.text("#concept-title")
    one.page.keyboard.press("ArrowRight")
    assert "Concept A1" in one.text("#concept-title")
    one.page.keyboard.press("p")
    assert "Concept A2" in one.text("#concept-title")
    one.page.keyboard.press("d")
    assert "d=b_not_a" in one.link
    one.page.keyboard.press("?")
    assert one.page.locator("#help").is_visible()
    one.page.keyboard.press("n")
    one.page.keyboard.press("Escape")
    assert not one.page.locator("#help").is_visible()
    assert "Concept B1" in one.text("#concept-title")  # a direction opens on its first
    one.page.keyboard.press("/")
    one.page.keyboard.type("n")
    assert one.page.input_value("#query") == "n"


def test_links_lead_back_to_a_state(opened):
    one = opened("#d=b_not_a&m=kmeans&c=2&i=12&map=pca&color=label&view=passage&t=0.40&s=3.4.5")
    assert one.page.get_attribute("#directions [data-value=b_not_a]", "aria-pressed") == "true"
    assert one.page.input_value("#method") == "kmeans" and one.page.input_value("#color") == "label"
    assert one.page.get_attribute("#kinds [data-value=pca]", "aria-pressed") == "true"
    assert float(one.page.input_value("#passage-at")) == 0.4
    assert "3 images selected" in one.selected
    assert "Concept B2" in one.text("#concept-title")
    assert one.page.locator("#item .row").count() == 3


@pytest.mark.slow
def test_the_back_button_goes_back(opened):
    one = opened()
    one.page.keyboard.press("n")
    one.page.keyboard.press("d")
    one.page.go_back()
    one.page.wait_for_url("**/*#c=2")
    assert "Concept A2" in one.text("#concept-title")
    assert one.page.get_attribute("#directions [data-value=a_not_b]", "aria-pressed") == "true"
    one.page.go_back()
    one.page.wait_for_url(lambda url: "c=" not in url)
    assert "Concept A1" in one.text("#concept-title")
    assert one.complaints == []


@pytest.mark.slow
def test_search_selects_by_label_and_by_name(opened):
    one = opened()
    one.page.fill("#query", "dog")
    assert "Select 30 images label “dog”" in one.text("#found")
    one.page.keyboard.press("Enter")
    assert "30 images selected: “dog” 100 %" in one.selected
    one.page.fill("#query", "item_012")
    one.page.get_by_role("button", name="name with “item_012”").click()
    assert "1 image selected" in one.selected
    one.page.fill("#query", "nowhere")
    assert "Nothing has such a label or name" in one.text("#found")
    one.page.keyboard.press("Escape")
    one.page.keyboard.press("Escape")
    assert "selected" not in one.selected


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["box", "lasso"])
def test_dragging_selects(opened, tool):
    one = opened()
    one.page.click(f"#tools [data-value={tool}]")
    if tool == "box":
        drag(one)
        assert "150 images selected" in one.selected
    else:
        box = one.show_map("b")
        corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
        one.page.mouse.move(box["x"] + 5, box["y"] + 5)
        one.page.mouse.down()
        for x, y in corners:
            one.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        one.page.mouse.up()
        assert "selected" in one.selected
    one.page.click("#clear")
    assert "selected" not in one.selected


def test_selected_items_are_saved_as_csv(opened):
    one = opened("#s=0.1.2.3.9")
    download = saved(one, "#csv")
    assert download.suggested_filename == "selected.csv"
    rows = list(csv.DictReader(io.StringIO(download.path().read_text(encoding="utf-8"))))
    assert [int(row["index"]) for row in rows] == [0, 1, 2, 3, 9]
    assert rows[0]["id"] == "<img src=x onerror=alert(1)>"
    assert rows[2]["id"].startswith("'=")  # no formula for a spreadsheet
    assert rows[3]["id"] == 'a,"b"\u2028<b>'
    assert rows[4]["label_name"] == "owl" and rows[4]["label"] == "4"
    assert float(rows[4]["rdx_a_not_b_affinity"]) > 0
    assert rows[0]["brightness"] == "" and rows[4]["camera"] == "</b>Leica" and rows[4]["note"] == "note 9"
    one.page.keyboard.press("Escape")
    concept = list(csv.DictReader(io.StringIO(saved(one, "#csv").path().read_text(encoding="utf-8"))))
    assert {row["rdx_a_not_b_concept"] for row in concept} == {"1"}


@pytest.mark.slow
def test_the_view_is_saved_as_a_picture(opened):
    one = opened()
    picture = Image.open(saved(one, "#png").path())
    assert picture.format == "PNG" and picture.width == 1600 and picture.height > 500
    assert len(np.unique(np.asarray(picture.convert("L")))) > 50


@pytest.mark.slow
def test_the_passage_moves_the_dots(opened):
    one = opened("#view=passage")
    dots = "document.querySelector('.passage .dots').toDataURL()"
    start = one.page.evaluate(dots)
    one.page.fill("#passage-at", "1")
    one.page.wait_for_timeout(60)
    end = one.page.evaluate(dots)
    assert start != end and one.link == "#view=passage&t=1.00"
    one.page.click("#play")
    one.page.wait_for_url("**/*#view=passage")
    one.page.wait_for_function(f"start => {dots} === start", arg=start)
    assert one.complaints == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_systems_and_can_be_switched(opened, scheme):
    one = opened(scheme=scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    first = one.page.evaluate(ground)
    assert (sum(int(part) for part in first[4:-1].split(",")) < 200) == (scheme == "dark")
    one.page.click("#theme")
    assert one.page.evaluate(ground) != first
    assert one.page.get_attribute("html", "data-theme") != scheme


@pytest.mark.slow
def test_colours_can_be_by_label_prediction_and_affinity(opened):
    one = opened()
    legends = {}
    for color in ("concept", "label", "prediction_a", "affinity"):
        one.page.select_option("#color", color)
        legends[color] = one.text("#legend")
    assert "concept A1" in legends["concept"] and "no concept" in legends["concept"]
    assert "dog" in legends["label"]
    assert "dog" not in legends["prediction_a"] and "cat" in legends["prediction_a"]
    assert len(legends["affinity"].split()) == 5
    one.page.select_option("#color", "label")
    one.page.locator("#legend button", has_text="dog").click()
    assert "30 images selected" in one.selected
    for color, entries in {"camera": ["</b>Leica", "Nikon"], "brightness": ["0", "1.5", "3", "4.5", "6"]}.items():
        one.page.select_option("#color", label=color)
        assert one.page.locator("#legend li").all_inner_texts() == entries
    assert one.complaints == []


def test_items_are_filtered_and_sorted_by_any_column(opened):
    one = opened("#c=0")
    assert one.text("#table-title") == "150 images in all"
    one.page.select_option("#filter-field", label="camera")
    one.page.select_option("#filter-value select", label="Nikon")
    assert one.text("#table-title") == "75 images in all, filtered"
    assert "</b>Leica" not in one.text("#rows") and one.complaints == []
    one.page.select_option("#filter-field", label="change")
    one.page.fill("#filter-value input >> nth=0", "0.9")
    one.page.keyboard.press("Tab")
    assert one.text("#table-title") == "15 images in all, filtered"
    assert "f=f0%3A0.9%3A" in one.link
    one.page.click("#rows th button:has-text('change')")
    first = one.page.locator("#rows tbody tr").first
    assert first.locator("td").nth(4).inner_text() == "1"
    one.page.click("#rows th button:has-text('change')")
    assert first.locator("td").nth(4).inner_text() == "0.906"
    assert one.page.locator("#rows [aria-sort=ascending]").count() == 1
    one.page.select_option("#column", label="note")
    assert "note 149" in first.inner_text()
    one.page.click("#select-rows")
    assert "15 images selected" in one.selected and one.text("#table-title") == "15 images selected, filtered"


def test_a_concept_is_shown_as_the_other_model_divides_it(opened):
    one = opened()
    assert one.page.locator("#looks .half").count() == 2
    halves = one.text("#looks .half >> nth=0") + one.text("#looks .half >> nth=1")
    assert "“cat” 100 %" in halves and "“dog” 100 %" in halves
    mean = "i => { const c = document.querySelectorAll('.means canvas')[i]; return c.toDataURL().length }"
    one.page.wait_for_function(f"(({mean})(0) > 2000) && (({mean})(1) > 2000)")


@pytest.mark.slow
def test_the_matrix_names_its_pairs(opened):
    one = opened()
    box = one.page.locator("#matrix-canvas").bounding_box()
    one.page.locator("#matrix-canvas").scroll_into_view_if_needed()
    box = one.page.locator("#matrix-canvas").bounding_box()
    one.page.mouse.move(box["x"] + 60, box["y"] + 90)
    assert "difference" in one.text("#tip")
    one.page.mouse.click(box["x"] + 60, box["y"] + 90)
    assert "i=" in one.link
    assert "Mean difference inside concept A1: −" in one.page.get_attribute("#matrix-canvas", "aria-label")


@pytest.mark.slow
def test_every_control_can_be_reached_and_named_with_the_keyboard(opened):
    one = opened("#i=7")
    order = []
    for _ in range(120):
        one.page.keyboard.press("Tab")
        place = one.page.evaluate(
            "(() => { const e = document.activeElement; const s = e.closest('header, .controls, nav, section, footer');"
            " return s ? (s.id || s.className || s.tagName) : e.id; })()"
        )
        if place and (not order or order[-1] != place):
            order.append(place)
        if place == "FOOTER":
            break
    places = ["skip", "HEADER", "agreement", "concepts", "controls", "maps", "concept", "matrix"]
    assert order == [*places, "looks", "item", "items", "FOOTER"]
