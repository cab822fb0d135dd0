"""The explorer in a real browser, opened from disk without a network."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from made_comparison import representations
from PIL import Image

from rdx.method.difference import DifferenceGraph, compute_distances

VARIANTS = [
    {}, {"version": "v2"}, {"images": False}, {"images": False, "labels": False}, {"labels": False},
    {"version": "v2", "none_found": True}, {"tested": True},
]  # fmt: skip


A_DOT = """side => {
  const canvas = document.querySelector(`.map.${side} .dots`);
  const { width, height } = canvas;
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer);
  const box = canvas.getBoundingClientRect();
  const drawn = pixels.reduce((found, pixel, i) => (pixel !== pixels[0] ? [...found.slice(-40), i] : found), []);
  const [x, y] = [drawn[0] % width, Math.floor(drawn[0] / width)];
  return [box.left + (x * box.width) / width, box.top + (y * box.height) / height];
}"""


def point_at_dot(opened, side: str = "a") -> tuple[float, float]:
    """Moves the pointer to a pixel that is part of a dot; returns where that is."""
    x, y = opened.page.evaluate(A_DOT, side)
    opened.page.mouse.move(x, y)
    opened.page.locator(f"#map-{side}.on-dot").wait_for()
    return x, y


def click_dot(opened, side: str = "a") -> None:
    opened.page.mouse.click(*point_at_dot(opened, side))


def drag(opened, side: str = "a") -> None:
    """Drags over the whole map."""
    box = opened.page.locator(f"#map-{side}").bounding_box()
    mouse = opened.page.mouse
    mouse.move(box["x"] + 3, box["y"] + 3)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] - 3)
    mouse.up()


def selected(opened) -> str:
    return opened.text("#selection")


@pytest.mark.parametrize("options", VARIANTS, ids=str)
def test_opens_without_a_complaint_and_asks_for_nothing(opened, options):
    one = opened(**options)
    for key in ("n", "d", "m", "v", "v"):
        one.page.keyboard.press(key)
    one.page.wait_for_timeout(100)
    assert one.complaints == []
    assert one.asked_of_others() == []
    assert len([url for url in one.requests if url.startswith("file:")]) == 1


def test_nothing_but_the_file_may_be_loaded(opened):
    one = opened()
    policy = one.page.get_attribute("meta[http-equiv='Content-Security-Policy']", "content")
    assert "default-src 'none'" in policy and "unsafe" not in policy
    one.page.evaluate("fetch('https://example.org').catch(() => 0)")
    assert any("Content Security Policy" in text for text in one.complaints)


def test_hostile_names_are_shown_as_they_are(opened):
    one = opened("#i=0")
    assert "<img src=x onerror=alert(1)>" in one.text("#item")
    assert "Merged <i>model</i>" in one.text("h1")
    one.page.fill("#query", "<script>")
    assert "Select 1 image" in one.text("#found")
    one.page.fill("#query", "bird")
    assert "</script><b>bird</b>" in one.text("#found")
    one.page.keyboard.press("Enter")
    assert "</script><b>bird</b>" in selected(one)
    assert one.page.locator("img, script:not([type]) ~ b, #item b:has-text('bird')").count() == 0
    assert one.complaints == []


def test_hostile_links_do_nothing(opened):
    one = opened("#d=<script>&m=__proto__&c=1e99&i=-4&map=constructor&color=%E0%A4%A&view=x&t=NaN&s=1.-3.99999.<b>")
    assert one.complaints == []
    assert "Concept 1" in one.text("#concept")
    assert "1 image selected" in selected(one)


def test_says_in_words_what_is_seen(opened):
    one = opened()
    lead = one.text("#lead")
    assert "“Merged <i>model</i>” (A) sees 2 groups of images as alike that “Expert & Co” (B) scatters." in lead
    assert "They are mostly “cat”, “dog”" in lead
    words = one.text("#concept-words")
    assert "nearest in A, but only the" in words and "“cat”" in words
    one.page.keyboard.press("d")
    assert "“Expert & Co” (B) sees" in one.text("#lead")
    one.page.select_option("#method", "kmeans")
    assert "kmeans looks at one model at a time" in one.text("#lead")


def test_clicking_a_dot_shows_its_neighbours_everywhere(opened):
    one = opened()
    click_dot(one)
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


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_ranks_differences_and_affinities_are_those_of_the_method(opened, version):
    A, B, _ = representations()
    item = 7
    graphs = {}
    for direction, pair in (("a_not_b", (A, B)), ("b_not_a", (B, A))):
        distances = [compute_distances(X, "neighborhood", symmetric=version == "v2") for X in pair]
        graphs[direction] = DifferenceGraph(*distances, difference="locally_biased", gamma=0.1, beta=5.0)
    ranks = [np.argsort(np.argsort(np.linalg.norm(X - X[item], axis=1), kind="stable")) for X in (A, B)]
    one = opened(f"#i={item}", version=version)
    for graph in graphs.values():
        difference, affinity = (graph.matrix(what)[item] for what in ("difference", "affinity"))
        for tile in one.page.locator("#item .tile").all():
            other = int(tile.get_attribute("data-item"))
            said = tile.get_attribute("aria-label")
            assert f"rank {ranks[0][other]} in A, {ranks[1][other]} in B" in said
            value, strength = said.split("difference ")[1].split(", affinity ")
            assert float(value.replace("−", "-")) == pytest.approx(difference[other], abs=0.0051)
            assert float(strength.replace("−", "-")) == pytest.approx(affinity[other], rel=0.006)
        one.page.keyboard.press("d")


def test_baselines_leave_difference_and_affinity_empty(opened):
    one = opened("#i=7&m=kmeans")
    assert "affinity" not in one.page.locator("#item .tile").first.get_attribute("aria-label")
    assert "Affinity –" in one.text("#concept .measures")
    assert one.page.locator("#color option[value=affinity]").count() == 0
    assert "no matrix" in one.text("#matrix")


def test_pointing_at_a_dot_shows_it_in_both_maps(opened):
    one = opened("#map=pca")
    before = [one.page.evaluate(f"document.getElementById('map-{side}').toDataURL()") for side in "ab"]
    point_at_dot(one)
    after = [one.page.evaluate(f"document.getElementById('map-{side}').toDataURL()") for side in "ab"]
    assert before[0] != after[0] and before[1] != after[1]
    assert "concept" in one.text("#tip")


def test_keys_walk_through_concepts_and_directions(opened):
    one = opened()
    one.page.keyboard.press("n")
    assert one.link == "#c=2" and "Concept 2" in one.text("#concept-title")
    one.page.keyboard.press("ArrowRight")
    assert "Concept 1" in one.text("#concept-title")
    one.page.keyboard.press("p")
    assert "Concept 2" in one.text("#concept-title")
    one.page.keyboard.press("d")
    assert "d=b_not_a" in one.link
    one.page.keyboard.press("?")
    assert one.page.locator("#help").is_visible()
    one.page.keyboard.press("n")
    one.page.keyboard.press("Escape")
    assert not one.page.locator("#help").is_visible()
    assert "c=2" in one.link or one.page.locator(".card").count() < 2
    one.page.keyboard.press("/")
    one.page.keyboard.type("n")
    assert one.page.input_value("#query") == "n"


def test_links_lead_back_to_a_state(opened):
    one = opened("#d=b_not_a&m=kmeans&c=2&i=12&map=pca&color=label&view=passage&t=0.40&s=3.4.5")
    assert one.page.get_attribute("#directions [data-value=b_not_a]", "aria-pressed") == "true"
    assert one.page.input_value("#method") == "kmeans" and one.page.input_value("#color") == "label"
    assert one.page.get_attribute("#kinds [data-value=pca]", "aria-pressed") == "true"
    assert float(one.page.input_value("#passage-at")) == 0.4
    assert "3 images selected" in selected(one)
    assert "Concept 2" in one.text("#concept-title")
    assert one.page.locator("#item .row").count() == 3


def test_the_back_button_goes_back(opened):
    one = opened()
    one.page.keyboard.press("n")
    one.page.keyboard.press("d")
    one.page.go_back()
    one.page.wait_for_url("**/*#c=2")
    assert "Concept 2" in one.text("#concept-title")
    assert one.page.get_attribute("#directions [data-value=a_not_b]", "aria-pressed") == "true"
    one.page.go_back()
    one.page.wait_for_url(lambda url: "c=" not in url)
    assert "Concept 1" in one.text("#concept-title")
    assert one.complaints == []


def test_search_selects_by_label_and_by_name(opened):
    one = opened()
    one.page.fill("#query", "dog")
    assert "Select 30 images label “dog”" in one.text("#found")
    one.page.keyboard.press("Enter")
    assert "30 images selected: “dog” 100%" in selected(one)
    one.page.fill("#query", "item_012")
    one.page.get_by_role("button", name="name with “item_012”").click()
    assert "1 image selected" in selected(one)
    one.page.fill("#query", "nowhere")
    assert "Nothing has such a label or name" in one.text("#found")
    one.page.keyboard.press("Escape")
    one.page.keyboard.press("Escape")
    assert "selected" not in selected(one)


@pytest.mark.parametrize("tool", ["box", "lasso"])
def test_dragging_selects(opened, tool):
    one = opened()
    one.page.click(f"#tools [data-value={tool}]")
    if tool == "box":
        drag(one)
        assert "150 images selected" in selected(one)
    else:
        box = one.page.locator("#map-b").bounding_box()
        corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
        one.page.mouse.move(box["x"] + 5, box["y"] + 5)
        one.page.mouse.down()
        for x, y in corners:
            one.page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        one.page.mouse.up()
        assert "selected" in selected(one)
    one.page.click("#clear")
    assert "selected" not in selected(one)


def saved(one, selector: str):
    with one.page.expect_download() as download:
        one.page.click(selector)
    return download.value


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
    one.page.keyboard.press("Escape")
    concept = list(csv.DictReader(io.StringIO(saved(one, "#csv").path().read_text(encoding="utf-8"))))
    assert {row["rdx_a_not_b_concept"] for row in concept} == {"1"}


def test_the_view_is_saved_as_a_picture(opened):
    one = opened()
    picture = Image.open(saved(one, "#png").path())
    assert picture.format == "PNG" and picture.width == 1600 and picture.height > 500
    assert len(np.unique(np.asarray(picture.convert("L")))) > 50


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
    one.page.wait_for_timeout(60)
    assert one.page.evaluate(dots) == start
    assert one.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_the_systems_and_can_be_switched(opened, scheme):
    one = opened(scheme=scheme)
    ground = "getComputedStyle(document.body).backgroundColor"
    first = one.page.evaluate(ground)
    assert (sum(int(part) for part in first[4:-1].split(",")) < 200) == (scheme == "dark")
    one.page.click("#theme")
    assert one.page.evaluate(ground) != first
    assert one.page.get_attribute("html", "data-theme") != scheme


def test_colours_can_be_by_label_prediction_and_affinity(opened):
    one = opened()
    legends = {}
    for color in ("concept", "label", "prediction_a", "affinity"):
        one.page.select_option("#color", color)
        legends[color] = one.text("#legend")
    assert "concept 1" in legends["concept"] and "no concept" in legends["concept"]
    assert "dog" in legends["label"]
    assert "dog" not in legends["prediction_a"] and "cat" in legends["prediction_a"]
    assert len(legends["affinity"].split()) == 5
    one.page.select_option("#color", "label")
    one.page.locator("#legend button", has_text="dog").click()
    assert "30 images selected" in selected(one)


def test_zero_concepts_are_an_answer(opened):
    one = opened(version="v2", none_found=True)
    assert "no difference was found" in one.text("#lead")
    assert "No concepts." in one.text("#concepts")
    assert "Zero concepts is an answer" in one.text("#concept")
    click_dot(one)
    assert one.page.locator("#item .row").count() == 2
    one.page.keyboard.press("n")
    assert one.complaints == []


def test_without_images_there_are_points_and_names(opened):
    one = opened("#i=40", images=False)
    assert one.page.locator("canvas.thumb").count() == 0
    assert one.page.locator("#concept .name-tile").count() == 6
    assert "no images here" in one.page.locator("#about").text_content()
    assert "groups of items" in one.text("#lead")


def test_statistics_are_shown_where_they_are_known(opened):
    untested, tested = opened(), opened(tested=True)
    assert "not tested" in untested.text("#concept .measures")
    assert not untested.page.locator("#verdict").is_visible()
    shown = tested.text("#concept .measures")
    for words in ("p-value 0.01 above chance", "q-value 0.02", "Stability 0.9 comes back", "BSR 91%"):
        assert words in shown
    assert tested.text("#verdict") == "Difference above chance"
    assert "1 of the 2 stands out from chance" in tested.text("#lead")
    assert tested.page.locator(".card", has_text="could be chance").count() == 1


def test_terms_explain_themselves(opened):
    one = opened()
    one.page.locator(".measures .term", has_text="BSR").focus()
    assert "share of pairs in the grid" in one.text("#term-tip")
    assert one.page.locator(".measures .term", has_text="BSR").get_attribute("aria-describedby") == "term-bsr"


def test_the_matrix_names_its_pairs(opened):
    one = opened()
    box = one.page.locator("#matrix-canvas").bounding_box()
    one.page.locator("#matrix-canvas").scroll_into_view_if_needed()
    box = one.page.locator("#matrix-canvas").bounding_box()
    one.page.mouse.move(box["x"] + 60, box["y"] + 90)
    assert "difference" in one.text("#tip")
    one.page.mouse.click(box["x"] + 60, box["y"] + 90)
    assert "i=" in one.link
    assert "Mean difference inside concept 1: −" in one.page.get_attribute("#matrix-canvas", "aria-label")


@pytest.mark.parametrize("width", [800, 480])
def test_narrow_windows_cut_nothing_off(opened, width):
    one = opened("#i=7&s=1.2.3", width=width)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("link", "scheme", "options"),
    [
        ("#i=7&s=1.2.3", "light", {"tested": True}),
        ("#i=7&s=1.2.3&view=passage&color=label", "dark", {"tested": True}),
        ("", "light", {"version": "v2", "none_found": True}), ("#i=7", "dark", {"images": False}),
    ],
    ids=["light", "dark", "nothing", "names"],
)  # fmt: skip
def test_axe_finds_nothing(opened, link, scheme, options):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    one = opened(link, scheme=scheme, **options)
    one.page.evaluate("document.querySelector('footer details').open = true")
    found = axe.Axe().run(one.page).response["violations"]
    one.page.keyboard.press("?")
    found += axe.Axe().run(one.page, context="#help").response["violations"]
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found] == []


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
    assert order == ["skip", "HEADER", "controls", "concepts", "maps", "concept", "item", "matrix", "FOOTER"]
