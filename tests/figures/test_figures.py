"""Figures: pixels where they must be, text that stays inside, the same bytes every time."""

from __future__ import annotations

import io
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from made_pictures import contains, edges_are_white, pixels
from matplotlib import colormaps
from PIL import Image

from rdx.errors import WriteError
from rdx.figures import style
from rdx.figures.cards import text_card
from rdx.figures.grids import CELL, arrange, save_grid
from rdx.figures.maps import draw_map, pca_map
from rdx.figures.matrices import draw_matrix
from rdx.figures.overview import save_overview
from rdx.figures.png import png_bytes, write_png, written_behind
from rdx.figures.scales import Scale
from rdx.figures.summary import save_summary


def pictures(count: int, side: int = 8, seed: int = 0) -> list[Image.Image]:
    rng = np.random.default_rng(seed)
    return [Image.fromarray(rng.integers(0, 256, (side, side), dtype=np.uint8)) for _ in range(count)]


@pytest.fixture
def overview():
    rng = np.random.default_rng(0)
    s = 40
    blocks = SimpleNamespace(
        distances_a=rng.integers(0, 60, (s, s)),
        distances_b=rng.integers(0, 60, (s, s)),
        difference=rng.uniform(-1, 1, (s, s)).astype(np.float32),
        affinity=rng.uniform(0.01, 100, (s, s)).astype(np.float32),
    )
    labels = rng.integers(0, 4, 60)
    return dict(
        map_a=rng.normal(size=(60, 2)), map_b=rng.normal(size=(60, 2)), labels=labels, blocks=blocks,
        block_labels=labels[:s], title_a="one", title_b="other", heading="rdx: near in one, not in other",
    )  # fmt: skip


def test_small_images_are_enlarged_by_whole_pixels():
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8) * 4)
    sheet, corners, cell = arrange([image], 1, CELL, 8)
    assert cell == CELL == 168 and sheet.shape == (168, 168, 3) and corners == [(0, 0)]
    inside = slice(1, -1)  # without the line around it
    expected = np.kron(np.asarray(image), np.ones((21, 21), dtype=np.uint8))
    np.testing.assert_array_equal(sheet[inside, inside, 0], expected[inside, inside])


def test_large_images_keep_their_shape_and_the_cells_are_equal():
    wide, tall = Image.new("RGB", (640, 320), (9, 9, 200)), Image.new("L", (100, 400), 50)
    sheet, corners, cell = arrange([wide, tall, wide], 2, CELL, 8, below=20)
    assert corners == [(0, 0), (176, 0), (0, 196)]
    assert sheet.shape == (2 * 196 - 8, 344, 3) and cell == 168
    assert (sheet[84, 84] == (9, 9, 200)).all() and (sheet[20, 84] == 255).all()
    assert (sheet[84, 176 + 84] == 50).all() and (sheet[84, 176 + 20] == 255).all()
    assert (sheet[196 + 84, 84] == (9, 9, 200)).all()


def test_the_grid_holds_the_images_pixel_for_pixel(tmp_path):
    images = pictures(9)
    save_grid(images, tmp_path / "grid.png")
    shown = pixels(tmp_path / "grid.png")
    sheet, _, _ = arrange(images, 3, CELL, 8)
    height, width, _ = sheet.shape
    assert shown.shape == (height + 48, width + 48, 3)
    np.testing.assert_array_equal(shown[24:-24, 24:-24], sheet)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 16])
def test_grids_of_any_size_stay_inside_the_picture(tmp_path, count):
    title = "a very long title with a $ and_names " * 4 + "and/one/word/that/cannot/be/broken/" * 5
    captions = ["n04266014/n04266014_10835_of_the_collection.JPEG"] * count
    save_grid(pictures(count), tmp_path / "grid.png", title=title, captions=captions)
    assert edges_are_white(tmp_path / "grid.png")


def test_captions_and_titles_must_match_their_images(tmp_path):
    with pytest.raises(ValueError, match="1 captions for 2 images"):
        save_grid(pictures(2), tmp_path / "grid.png", captions=["x"])
    with pytest.raises(ValueError, match="0 titles for 1 concepts"):
        save_summary([pictures(2)], tmp_path / "summary.png", titles=[], heading="x")
    assert not list(tmp_path.iterdir())


def test_summary_has_one_coloured_strip_per_concept(tmp_path):
    titles = [f"Concept {i} · 12 items · " + "cat 50 %, dog 25 %, " * 8 for i in (1, 2, 3)]
    save_summary([pictures(9), pictures(4), []], tmp_path / "s.png", titles=titles, heading="heading " * 30)
    shown = pixels(tmp_path / "s.png")
    assert edges_are_white(tmp_path / "s.png")
    for number in (1, 2, 3):
        assert contains(shown, style.concept_color(number))
    assert not contains(shown, style.concept_color(4))


def test_long_strips_take_rows(tmp_path):
    save_summary([pictures(16)], tmp_path / "long.png", titles=["16"], heading="h")
    save_summary([pictures(8)], tmp_path / "short.png", titles=["8"], heading="h")
    long, short = pixels(tmp_path / "long.png"), pixels(tmp_path / "short.png")
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] == short.shape[0] + 112 + 6


def test_no_concepts_is_a_picture_with_words(tmp_path, overview):
    save_summary([], tmp_path / "summary.png", titles=[], heading="rdx")
    assert (pixels(tmp_path / "summary.png") < 200).any()
    overview["labels"], overview["block_labels"] = np.zeros(60, dtype=int), np.zeros(40, dtype=int)
    save_overview(tmp_path / "overview.png", **overview)
    shown = pixels(tmp_path / "overview.png")
    assert edges_are_white(tmp_path / "overview.png")
    assert not any(contains(shown[:, :600], color) for color in style.CONCEPT_COLORS)


def test_overview_shows_concepts_in_their_order(tmp_path, overview):
    save_overview(tmp_path / "overview.png", **overview)
    assert edges_are_white(tmp_path / "overview.png")
    first = pixels(tmp_path / "overview.png")
    for number in range(4):
        assert contains(first, style.concept_color(number))
    # Handing the items over sorted already, null last, must not change a pixel.
    order = np.lexsort((overview["block_labels"], overview["block_labels"] == 0))
    blocks = {name: block[np.ix_(order, order)] for name, block in vars(overview["blocks"]).items()}
    overview["blocks"] = SimpleNamespace(**blocks)
    overview["block_labels"] = overview["block_labels"][order]
    save_overview(tmp_path / "sorted.png", **overview)
    np.testing.assert_array_equal(pixels(tmp_path / "sorted.png"), first)


def test_overview_of_equal_representations_and_many_concepts(tmp_path, overview):
    overview["labels"] = np.arange(60) % 33
    overview["block_labels"] = overview["labels"][:40]
    overview["title_a"] = "timm:vit_base_patch16_224.dino?layer=blocks.11&pool=token " * 3
    overview["heading"] *= 9
    zeros = np.zeros((40, 40))
    overview["blocks"] = SimpleNamespace(
        distances_a=zeros, distances_b=zeros, difference=zeros, affinity=zeros + 1
    )
    save_overview(tmp_path / "overview.png", **overview)
    assert edges_are_white(tmp_path / "overview.png")


def test_a_matrix_is_shown_cell_by_cell_between_its_borders():
    values = np.random.default_rng(0).random((10, 10))
    scale = Scale("magma", 0.2, 0.9)
    with style.drawing(None, 700, 560) as figure:
        draw_matrix(figure, values, np.repeat([1, 0], [4, 6]), scale, 40, 40, 500)
    shown = np.asarray(figure.canvas.buffer_rgba())[40:540, 40:540, :3]
    expected = colormaps["magma"](np.clip((values - 0.2) / 0.7, 0, 1), bytes=True)[..., :3]
    middles = np.arange(25, 500, 50)
    assert np.abs(shown[np.ix_(middles, middles)].astype(int) - expected).max() <= 3  # one step of the colour map
    assert (shown[200, 1:-1] == style.rgb(style.INK)).all() and (shown[1:-1, 200] == style.rgb(style.INK)).all()
    strip = np.asarray(figure.canvas.buffer_rgba())[40:540, 30, :3]
    assert (strip[:200] == style.rgb(style.concept_color(1))).all()
    assert (strip[200:] == style.rgb(style.NULL_COLOR)).all()


def test_a_scale_says_its_numbers():
    assert list(Scale("viridis", 0, 1).ticks().values()) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    assert list(Scale("RdBu", -0.3, 0.3).ticks().values()) == ["−0.3", "−0.2", "−0.1", "0.0", "0.1", "0.2", "0.3"]
    assert list(Scale("magma", 1, 22, True).ticks()) == [1, 2, 5, 10, 20]
    logarithmic = Scale("magma", 1, 100, True)
    assert logarithmic.share([0, 1, 10, 1000]).tolist() == pytest.approx([0, 0, 0.5, 1])
    ends = Scale("viridis", 0, 1).colored(np.array([-1.0, 0.0, 1.0, 7.0]))
    assert (ends[0] == ends[1]).all() and (ends[2] == ends[3]).all() and (ends[0] != ends[3]).any()


def test_a_map_shows_every_item_where_it_is():
    plane = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 5.0]])
    with style.drawing(None, 300, 300) as figure:
        draw_map(figure, plane, np.array([1, 2, 3]), 50, 50, 200)
    shown = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    for number, (x, y) in enumerate(plane, start=1):  # 10 is 200 pixels less the margins; the middle is (5, 2.5)
        column, row = 150 + (x - 5) * 200 / 10.8, 150 - (y - 2.5) * 200 / 10.8
        color = style.rgb(style.concept_color(number)).astype(int)  # 85 % of it, on white
        rows, columns = np.nonzero((np.abs(shown - (0.85 * color + 0.15 * 255)) < 5).all(axis=2))
        assert (rows.mean(), columns.mean()) == pytest.approx((row, column), abs=1.5)


def test_same_bytes_without_dates_whatever_the_users_settings(tmp_path, overview):
    import matplotlib

    def draw(folder):
        folder.mkdir()
        save_grid(pictures(4), folder / "grid.png", title="t", captions=list("abcd"))
        save_summary([pictures(4)], folder / "summary.png", titles=["t"], heading="h")
        save_overview(folder / "overview.png", **overview)
        save_grid(pictures(4), folder / "grid.pdf", title="t")
        names = ("grid.png", "summary.png", "overview.png", "grid.pdf")
        return [(folder / name).read_bytes() for name in names]

    first = draw(tmp_path / "first")
    with matplotlib.rc_context({"font.size": 30, "savefig.bbox": "tight", "axes.facecolor": "red"}):
        assert draw(tmp_path / "second") == first
        assert matplotlib.rcParams["font.size"] == 30
    assert b"matplotlib" not in first[0] and b"CreationDate" not in first[3]


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 1, 3), (1, 9, 3), (40, 31, 3)])
def test_a_png_holds_the_pixels_it_was_given(shape):
    given = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with Image.open(io.BytesIO(png_bytes(given[:, ::-1], dpi=150))) as image:
        assert image.mode == "RGB" and image.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        np.testing.assert_array_equal(np.asarray(image), given[:, ::-1])


def test_files_that_are_written_behind_are_the_same_and_there_at_the_end(tmp_path):
    given = [np.random.default_rng(seed).integers(0, 256, (50, 60, 3), dtype=np.uint8) for seed in range(5)]
    with written_behind():
        for number, one in enumerate(given):
            write_png(tmp_path / f"{number}.png", one, dpi=150)
    for number, one in enumerate(given):
        assert (tmp_path / f"{number}.png").read_bytes() == png_bytes(one, dpi=150)


def test_an_error_behind_is_raised_and_the_other_files_are_whole(tmp_path):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    one = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(WriteError, match="bad.png"), written_behind():
        write_png(tmp_path / "file" / "bad.png", one, dpi=150)
        write_png(tmp_path / "good.png", one, dpi=150)
    assert (tmp_path / "good.png").read_bytes() == png_bytes(one, dpi=150)
    write_png(tmp_path / "after.png", one, dpi=150)  # nobody writes behind any more
    assert (tmp_path / "after.png").is_file()


def test_shortened_text_fits_and_keeps_both_ends():
    text = "root/some/folder/with/many/images/picture_0001.png"
    short = style.shortened(text, 8, 200)
    assert style.text_width(short, 8) <= 200 < style.text_width(text, 8)
    assert short.startswith("root") and short.endswith(".png") and "…" in short
    lines = style.wrapped("one two three four five six seven", 10, 160)
    assert " ".join(lines) == "one two three four five six seven" and len(lines) > 1
    assert all(style.text_width(line, 10) <= 160 for line in lines)


@pytest.mark.parametrize("weight", ["normal", "bold"])
@pytest.mark.parametrize("text", ["Other Vegetables", "1 · 182 items · 3: 52%", "n04_1.JPEG", "AVAV To", "ill W", "漢"])
def test_text_is_as_wide_as_it_is_drawn_or_kerned_a_little_narrower(text, weight):
    with style.drawing(None, 1600, 100) as figure:
        drawn = figure.text(0.01, 0.5, text, fontsize=style.TITLE, fontweight=weight)
    width = drawn.get_window_extent(figure.canvas.get_renderer()).width
    assert width - 2 <= style.text_width(text, style.TITLE, weight) <= 1.12 * width + 2


def test_concept_colours_and_markers_are_told_apart():
    looks = {(style.concept_color(i), style.concept_marker(i)) for i in range(1, 41)}
    assert len(looks) == 40
    assert style.concept_color(0) == style.NULL_COLOR not in style.CONCEPT_COLORS


@pytest.mark.parametrize("shape", [(50, 7), (12, 40), (5, 1), (6, 6)])
def test_map_is_pca_with_a_fixed_sign(shape):
    from sklearn.decomposition import PCA

    X = np.random.default_rng(1).normal(size=shape) * np.linspace(3, 1, shape[1]) + 10
    plane = pca_map(X)
    parts = min(2, shape[1])
    expected = PCA(parts, svd_solver="full").fit_transform(X)
    np.testing.assert_allclose(np.abs(plane[:, :parts]), np.abs(expected), atol=1e-8)
    assert (plane[:, parts:] == 0).all() and plane.dtype == np.float64
    assert (plane.max(axis=0) >= -plane.min(axis=0)).all()
    assert pca_map(X).tobytes() == plane.tobytes()


def test_letters_that_no_font_has_are_boxes_without_a_warning(tmp_path):
    text = "漢字 日本語 한국어 \U0001f426 नमस्ते"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lines = style.wrapped(text, style.BODY, 380)
        with style.drawing(tmp_path / "a.png", 400, 200) as figure:
            style.write_lines(figure, lines, 5, 5, style.BODY)
    assert (pixels(tmp_path / "a.png") < 128).any()


def test_letters_of_other_alphabets_take_an_installed_font(monkeypatch):
    from matplotlib.font_manager import fontManager

    for name in ("Noto Sans CJK JP", "Comic Sans MS"):
        monkeypatch.setattr(fontManager, "ttflist", [*fontManager.ttflist, SimpleNamespace(name=name)])
    style.fonts.cache_clear()
    try:
        assert style.fonts() == ("DejaVu Sans", "Noto Sans CJK JP")
    finally:
        style.fonts.cache_clear()


TEXTS = ["", "one", "many words, " * 400, "W" * 3000, "没有空格的文字" * 60, "a\ud800\x00$b$\nc"]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("side", [60, 252])
def test_a_text_becomes_a_card_that_it_fits_into(text, side):
    card = np.asarray(text_card(text, side)).astype(int)
    assert card.shape == (side, side, 3)
    edges = (card[:4], card[-4:], card[:, :4], card[:, -4:])
    assert all((edge == 250).all() for edge in edges) and (card < 200).any()


def test_grids_and_summaries_of_texts(tmp_path):
    texts = ["short", "long " * 200, ""]
    sheet, corners, cell = arrange(texts, 2, CELL, 8)
    assert cell == 252 and sheet.shape == (512, 512, 3) and corners == [(0, 0), (260, 0), (0, 260)]
    save_grid(texts, tmp_path / "grid.png", captions=["a", "b", "c"])
    save_summary([texts, texts[:1]], tmp_path / "summary.png", titles=["1", "2"], heading="texts")
    assert edges_are_white(tmp_path / "grid.png") and edges_are_white(tmp_path / "summary.png")
