"""A finished comparison in Python: what `compare` returns and `load` finds, its tables, figures and words."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import rdx
from rdx.errors import InputError

N = 48


def pair() -> tuple[np.ndarray, np.ndarray]:
    """A holds three classes apart, B two."""
    rng = np.random.default_rng(0)
    classes = np.arange(N) % 3
    a = rng.normal(size=(N, 6)) + 4 * np.eye(3, 6)[classes]
    b = rng.normal(size=(N, 5)) + 4 * np.eye(2, 5)[classes // 2]
    return a.astype(np.float32), b.astype(np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One comparison with images, and the folder it lies in."""
    place = tmp_path_factory.mktemp("desk")
    for i in range(N):
        Image.fromarray(np.full((8, 8), 2 * i, np.uint8)).save(place / f"{i:02}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDX_CACHE", str(place / "cache"))
        made = rdx.compare(
            *pair(), images=place, titles=("three <i>", "two"), output_dir=place / "runs/mine",
            n_clusters=2, version="v2", statistics="off", figures=False, changes=["explorer.enabled=true"],
        )  # fmt: skip
    return made


def test_load_finds_what_compare_returned(made):
    for folder in (made.run_folder, str(made.folder)):
        found = rdx.load(folder)
        assert (found.folder, found.methods, found.titles) == (made.folder, made.methods, ("three <i>", "two"))
        for name in ("concepts", "items", "metrics", "attributes"):
            pd.testing.assert_frame_equal(getattr(found, name), getattr(made, name))
        assert found.summary == made.summary and found.verdict is None
        assert repr(found) == repr(made)


def test_concepts_are_all_methods_tables_under_each_other(made):
    table = made.concepts
    assert list(table.columns[:3]) == ["method", "direction", "concept"] and set(table["method"]) == set(made.methods)
    for name in made.methods:
        own = pd.read_csv(made.folder / name / "concepts.csv")
        assert table.loc[table["method"] == name, "size"].tolist() == own["size"].tolist()
    assert len(made.items) == N and len(made.explanations["rdx"]["a_not_b"].labels) == N


def test_every_plot_is_a_figure_that_a_notebook_can_show(made):
    from matplotlib.figure import Figure

    for figure in (made.plot_grid(), made.plot_maps("b_not_a"), made.plot_bsr(), made.plot_overview(method="kmeans")):
        assert isinstance(figure, Figure)
        shown = Image.open(io.BytesIO(figure._repr_png_())).convert("L")
        np.testing.assert_allclose(shown.size, figure.bbox.size, atol=1)
        assert np.ptp(np.asarray(shown)) > 200
    concept = made.explanations["rdx"]["a_not_b"].concepts[0]
    words = [text.get_text() for text in made.plot_grid("a_not_b", 1).texts]
    assert words[0].startswith(f"1 · {concept.size} items")


def test_words_are_few_and_escaped(made):
    lines = repr(made).splitlines()
    assert lines[0] == f"Comparison of “three <i>” and “two”: 48 items, in {made.folder}"
    assert len(lines) == 2 + 2 * len(made.methods) and len({len(line) for line in lines[1:]}) == 1  # a table
    html = made._repr_html_()
    assert "three &lt;i&gt;" in html and "<i>" not in html and len(html) < 4000


def test_the_explorer_is_shown_in_a_frame_that_reaches_nothing_else(made):
    frame = made.show(height=500)._repr_html_()
    assert 'height="500"' in frame and 'sandbox="allow-scripts allow-downloads"' in frame
    assert "allow-same-origin" not in frame and "<script" not in frame  # the page is inside the attribute, escaped


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda made: made.plot_grid("a_not_c"), "unknown direction 'a_not_c'; did you mean 'a_not_b'"),
        (lambda made: made.plot_grid(concept=9), "a_not_b has no concept 9; there are: 1 … "),
        (lambda made: made.plot_overview(method="kmeens"), "unknown method 'kmeens'; did you mean 'kmeans'"),
        (lambda made: rdx.load(made.run_folder / "a_vs_c"), "did you mean 'a_vs_b'"),
        (lambda made: rdx.load(made.run_folder.parent), f"the nearest run is '{Path('runs/mine')}"),
        (lambda made: rdx.load(made.run_folder.parent / "mini"), "did you mean 'mine'"),
        (lambda made: rdx.load(made.run_folder / "representations"), "comparison of the run"),
    ],
)
def test_what_is_not_there_is_one_line_with_the_nearest(made, call, message):
    with pytest.raises(InputError) as caught:
        call(made)
    assert message.replace("'runs/", f"'{made.run_folder.parents[1]}/runs/") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_run_that_is_not_finished_and_one_whose_images_are_gone(made, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(made.run_folder, copy)
    config = (copy / "config.yaml").read_text(encoding="utf-8")
    (copy / "config.yaml").write_text(config.replace(str(made.run_folder.parents[1]), "/nowhere"), encoding="utf-8")
    with pytest.raises(InputError, match="has no images to show, or they are not where they were"):
        rdx.load(copy).plot_grid()
    (copy / "a_vs_b/summary.json").unlink()
    with pytest.raises(InputError, match="is not finished: 'a_vs_b/summary.json' is missing"):
        rdx.load(copy)
