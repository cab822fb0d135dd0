"""The explorer in a real browser, opened from disk without a network: what it shows, and that it shows it to all."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from made_comparison import made_content, representations, with_evidence
from PIL import Image

from rdx.explorer.build import explorer_page
from rdx.method.difference import DifferenceGraph, compute_distances

SLOW = pytest.mark.slow
VARIANTS = [
    {"version": "v2"}, {"images": False, "labels": False}, {"images": False}, {"labels": False},
    {"version": "v2", "none_found": True}, {"tested": True}, {"texts": True}, {},
]  # fmt: skip


@pytest.mark.parametrize("options", [*VARIANTS[:2], *(pytest.param(one, marks=SLOW) for one in VARIANTS[2:])], ids=str)
def test_opens_without_a_complaint_and_asks_for_nothing(opened, options):
    one = opened(**options)
    for key in ("n", "d", "m", "v", "v"):
        one.page.keyboard.press(key)
    one.page.wait_for_timeout(100)
    assert one.complaints == []
    assert one.asked_of_others() == []
    assert len([url for url in one.requests if url.startswith("file:")]) == 1


@SLOW
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
    assert "</script><b>bird</b>" in one.selected
    assert one.page.locator("img, script:not([type]) ~ b, #item b:has-text('bird')").count() == 0
    assert one.complaints == []


def test_texts_stand_where_images_would(opened):
    one = opened("#i=0", texts=True)
    assert "groups of texts" in one.text("#lead")
    cards = one.page.locator("#concept .grid .text-card")
    assert cards.count() > 1 and "says:" in cards.first.inner_text()
    assert "<img src=x onerror=alert(1)>" in one.text("#item .item-facts .text-card")
    one.page.fill("#query", "and more and more")
    assert "text with “and more and more”" in one.text("#found")
    assert "Of each text, at most 400 characters are here." in one.page.content()
    assert one.complaints == []


@SLOW
def test_hostile_links_do_nothing(opened):
    one = opened("#d=<script>&m=__proto__&c=1e99&i=-4&map=constructor&color=%E0 %A4 %A&view=x&t=NaN&s=1.-3.99999.<b>")
    assert one.complaints == []
    assert "Concept A1" in one.text("#concept")
    assert "1 image selected" in one.selected


def test_says_in_words_what_is_seen(opened):
    one = opened()
    lead = one.text("#lead")
    assert "Closer together in “Merged <i>model</i>” (A) than in “Expert & Co” (B): 2 groups of images" in lead
    assert "was not tested" in lead and one.text("#verdict") == "Not tested"
    assert one.page.locator("#concepts h2", has_text="Expert & Co").count() == 1
    words = one.text("#concept-words")
    assert "are of this group in A" in words and "cat" in one.text("#concept .bars")
    assert re.match(r"\d+ images. Together in A, split in two in B: ", words)
    for letter, other in ("AB", "BA"):  # each card says in whose neighbourhoods its images lie
        cards = one.page.locator(f"#concepts .{letter.lower()} .card")
        says = re.compile(rf"ogether in {letter}(, split in two in {other}| than in {other}):")
        assert cards.count() and all(says.search(text) for text in cards.all_inner_texts())
    assert "One set of pictures stands for both models" in one.text("#concepts .whose")
    assert "are of this group in A" in one.text(".card >> nth=0")
    assert re.search(r"\d\u00a0%", one.page.locator("#concept-words").inner_text())  # no line ends between them
    assert "Typical rank" in one.text("#concepts .label-table >> nth=0")
    one.page.select_option("#method", "kmeans")
    assert "kmeans looks at one model at a time" in one.text("#lead")


@pytest.mark.parametrize(
    ("shares", "ranks", "words"),
    [
        ((0.58, 0.21), (40, 90), "Of the 58 nearest to one of them, 58 % are of this group in A, 21 % in B."),
        ((0.58, 0.56), (40, 44), "58 % are of this group in A, 56 % in B. The typical rank of one as seen from"),
        ((0.054, 0.051), (40, 44), "5 % are of this group in both models; farther out, the typical rank of one as"),
        ((0.15, 0.23), (40, 44), "Among the very nearest it is the other way round: of the 58 nearest to one of them"),
    ],
)  # fmt: skip
def test_no_difference_is_told_with_equal_numbers(browser, tmp_path, monkeypatch, shares, ranks, words):
    sides = {side: {"inside": share, "rank": rank} for side, share, rank in zip("ab", shares, ranks, strict=True)}
    monkeypatch.setattr("rdx.explorer.methods._where", lambda *_: {**sides, "come": []})
    content = made_content(images=False)
    path = tmp_path / "page.html"
    path.write_text(explorer_page(replace(content, maps={"pca": content.maps["pca"]})), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    told = " ".join(page.locator("#concept-words").inner_text().split())
    page.close()
    size = int(re.search(r"f the (\d+) nearest", told)[1])
    assert words.replace("58 nearest", f"{size} nearest") in told


@pytest.mark.parametrize("version", [pytest.param("v1", marks=SLOW), "v2"])
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


@SLOW
def test_baselines_leave_difference_and_affinity_empty(opened):
    one = opened("#i=7&m=kmeans")
    assert "affinity" not in one.page.locator("#item .tile").first.get_attribute("aria-label")
    one.page.click("#numbers summary")
    assert "Affinity –" in one.text("#concept .measures")
    assert one.page.locator("#color option[value=affinity]").count() == 0
    assert "no matrix" in one.text("#matrix")


@SLOW
def test_zero_concepts_are_an_answer(opened):
    one = opened(version="v2", none_found=True)
    assert "No group of images is held together by one of" in one.text("#lead")
    none = "No group that lies closer together in A than in B was found."
    assert none in one.text("#concepts") and none in one.text("#concept")  # in the same words
    one.click_dot()
    assert one.page.locator("#item .row").count() == 2
    one.page.keyboard.press("n")
    assert one.complaints == []


@SLOW
def test_without_images_there_are_points_and_names(opened):
    one = opened("#i=40", images=False)
    assert one.page.locator("canvas.thumb").count() == 0
    assert one.page.locator("#concept .name-tile").count() == 6
    assert "no images here" in one.page.locator("#about").text_content()
    assert "2 groups of items" in one.text("#lead")


def test_statistics_are_shown_where_they_are_known(opened):
    tested = opened(tested=True)
    assert tested.page.locator("#concept .measures").is_hidden()
    tested.page.click("#numbers summary")
    shown = tested.text("#concept .measures")
    smallest = "p-value 0.01 at most, the smallest that 99 draws of noise can show"
    for words in (smallest, "q-value 0.02", "Stability 0.9 comes back", "BSR 91 %"):
        assert words in shown
    count = "2 findings"
    assert tested.text("#verdict").endswith(f"difference: {count}")
    assert tested.text("#lead").startswith(f"{count} stand out from chance. ")
    assert tested.page.locator(".card.row").count() == 2
    assert tested.page.locator(".card.row", has_text="stands out").count() == 0  # which the headline says, once
    assert tested.text("#chance") == "may be chance (2)" and tested.page.locator(".card.small:visible").count() == 0
    assert "A2" not in tested.text("#legend")
    tested.page.keyboard.press("n")  # nothing else stands out here
    assert "c=" not in tested.link
    tested.page.click("#chance summary")
    tested.page.locator(".card.small").first.click()
    assert "Concept A2" in tested.text("#concept-title") and "A2" in tested.text("#legend")
    tested.page.keyboard.press("d")
    assert "Concept B1" in tested.text("#concept-title")


@SLOW
def test_terms_explain_themselves(opened):
    one = opened()
    one.page.click("#numbers summary")
    one.page.locator(".measures .term", has_text="BSR").focus()
    assert "share of pairs in the grid" in one.text("#term-tip")
    assert one.page.locator(".measures .term", has_text="BSR").get_attribute("aria-describedby") == "term-bsr"


@SLOW
@pytest.mark.parametrize("width", [800, 390])
def test_narrow_windows_cut_nothing_off(opened, width):
    one = opened("#i=7&s=1.2.3", width=width)
    names = "document.querySelectorAll('.model, #concepts h2, #concepts .empty, figcaption span')"
    one.page.evaluate(f"{names}.forEach(each => each.append('x'.repeat(90)))")  # as long titles are
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(
    ("link", "scheme", "options"),
    [
        pytest.param("#i=7&s=1.2.3", "light", {"tested": True}, marks=SLOW),
        ("#i=7&s=1.2.3&view=passage&color=label", "dark", {"tested": True}),
        pytest.param("", "light", {"version": "v2", "none_found": True}, marks=SLOW),
        pytest.param("#i=7", "dark", {"images": False}, marks=SLOW),
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


@pytest.fixture
def shown(browser, tmp_path):
    """Opens the page of one method of a made comparison."""
    opened = []

    def show(method):
        path = tmp_path / "page.html"
        path.write_text(explorer_page(replace(made_content(), methods=[method])), encoding="utf-8")
        opened.append(browser.new_page(viewport={"width": 1280, "height": 900}))
        opened[-1].goto(path.as_uri())
        opened[-1].locator(".card").first.wait_for()
        return opened[-1]

    yield show
    for page in opened:
        page.close()


@pytest.mark.parametrize("size", [(307, 172), (172, 307)])
def test_a_bright_photo_has_no_dark_line_along_its_edge(browser, tmp_path, size):
    content = made_content()
    items = replace(content.items, loader=lambda _: Image.new("RGB", size, (250, 250, 250)), pixels=None)
    (tmp_path / "page.html").write_text(explorer_page(replace(content, items=items)), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((tmp_path / "page.html").as_uri())
    page.locator(".card canvas").first.wait_for()
    darkest = """async () => {
        await new Promise((done) => setTimeout(done, 300));
        const seen = [...document.querySelectorAll(".card canvas")].map((one) => {
            const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
            return data.filter((_, i) => i % 4 === 0 && data[i + 3] > 40);
        });
        return seen.map((one) => [one.length, Math.min(...one)]);
    }"""
    pictures = page.evaluate(darkest)
    page.close()
    assert pictures and all(count > 500 and least > 235 for count, least in pictures)


def test_what_is_small_or_unsure_is_folded_until_it_is_looked_at(shown):
    method = with_evidence(made_content().methods[0], {"a_not_b": [1, None], "b_not_a": [2, None]})
    known = {"a_not_b": 0.9, "b_not_a": 0.4}
    rows = {d: [{**row, "stability": known[d]} for row in found] for d, found in method.rows.items()}
    method = replace(method, rows=rows)
    page = shown(method)
    assert page.locator("#minor summary").inner_text() == "small or unsure (1)"
    assert page.locator(".card:visible").count() == 1
    page.keyboard.press("d")  # to what B holds together
    assert page.locator("#minor .card:visible").count() == 1 and "borders unsure" in page.locator("#minor").inner_text()
    assert not page.evaluate("document.getElementById('chance').open")


def test_a_side_of_which_nothing_stands_out_says_where_the_rest_is(shown):
    method = with_evidence(made_content().methods[0], {"a_not_b": [None, None], "b_not_a": [1, None]})
    page = shown(method)
    page.keyboard.press("d")  # to what A holds together
    said = page.locator("#concept").inner_text()
    assert "No concept is shown" in said and said.endswith("can be unfolded above.")  # colours are those of concepts


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"a_not_b": [1, None], "b_not_a": [2, None]}, ["A finding of B alone"]),  # which is no other side of A's
        ({"a_not_b": [1, 2], "b_not_a": [None, None]}, []),
    ],
)
def test_findings_beside_each_other_begin_at_one_height(shown, numbers, words):
    method = with_evidence(made_content().methods[0], numbers)
    page = shown(method)
    said = page.locator(".finding-words:not(.room)").all_inner_texts()
    assert said[0].startswith("A holds “") and said[1:] == words
    first, second = (page.locator(".finding .card").nth(place).bounding_box() for place in (0, 1))
    assert first["x"] != second["x"] and first["y"] == pytest.approx(second["y"], abs=1)


def test_of_many_faces_of_one_model_the_later_ones_are_small_below_both_columns(shown):
    method, *_ = made_content(n_clusters=4).methods
    method = with_evidence(method, {"a_not_b": [1, 1, 1, 1], "b_not_a": [1, None, None, None]})
    page = shown(method)
    assert page.locator(".faces .card.row").count() == 3
    assert page.locator(".more-faces .card.small:visible").count() == 2
    said = page.locator(".more-faces p").inner_text()
    assert said == "2 more groups of this finding, closer together in A:"
    full, small = (page.locator(which).first.bounding_box() for which in (".faces", ".more-faces"))
    assert small["y"] >= full["y"] + full["height"]


@pytest.mark.parametrize(
    ("faces", "blocks", "wide"),
    [
        ({"a_not_b": [1, 2], "b_not_a": [None, None]}, {"a": 2}, 0),  # both columns are A's
        ({"a_not_b": [1, None], "b_not_a": [None, None]}, {"a": 1}, 1),
        ({"a_not_b": [1, None], "b_not_a": [1, 1]}, {"both": 1}, 0),
        ({"a_not_b": [1, None], "b_not_a": [2, 3]}, {"a": 1, "b": 2}, 1),  # one more of B, over both columns
    ],
)
def test_no_half_of_what_was_found_is_empty(shown, faces, blocks, wide):
    method = with_evidence(made_content().methods[0], faces)
    page = shown(method)
    found = {kind: page.locator(f".finding.{kind}").count() for kind in ("a", "b", "both")}
    assert {kind: count for kind, count in found.items() if count} == blocks
    whole = page.locator("#concepts").bounding_box()["width"]
    rows = "found => found.map(each => { const box = each.getBoundingClientRect(); return [box.top, box.width]; })"
    widths: dict[float, float] = {}
    for top, width in page.locator(".finding").evaluate_all(rows):
        widths[top] = widths.get(top, 0) + width
    assert min(widths.values()) > 0.95 * whole  # in each row
    assert page.locator(".wide").count() == wide
    if set(blocks) != {"a"}:  # both models' headings are there
        for side, head in (("a", "h2.a"), ("b", "h2.b")):
            column = page.locator(head).first.bounding_box()
            boxes = [one.bounding_box() for one in page.locator(f".finding.{side}:not(.wide)").all()]
            assert all(abs(box["x"] - column["x"]) < 2 for box in boxes)  # below its own
    short = page.locator(".roomy .thumb, .both .label-table")  # beside two faces, one has larger images or the table
    assert (short.count() > 0) == ("both" in blocks)
