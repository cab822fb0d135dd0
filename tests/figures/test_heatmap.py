"""Heat maps: what their cells show, on maps of any size."""

from __future__ import annotations

import numpy as np
import pytest
from made_pictures import edges_are_white, pixels

from rdx.figures import heatmap
from rdx.figures.heatmap import HeatMap, save_heat_maps


def names(count: int, what: str) -> list[str]:
    return [f"{what} {i}" for i in range(count)]


@pytest.mark.parametrize(("rows", "columns", "maps"), [(12, 12, 1), (24, 4, 2), (1, 1, 1), (4, 6, 8)])
def test_sizes_and_edges(tmp_path, rows, columns, maps):
    values = np.random.default_rng(0).normal(size=(maps, rows, columns))
    shown = [HeatMap(f"map {i}", v, around=0.0) for i, v in enumerate(values)]
    head = dict(heading="what each head does " * 6, note="a note " * 30)
    path = tmp_path / "m.png"
    save_heat_maps(path, shown, rows=names(rows, "block"), columns=[str(i) for i in range(columns)], **head)
    height, width, _ = pixels(path).shape
    assert width >= 600 and height < 6000 and edges_are_white(path)


def test_titles_do_not_run_into_each_other(tmp_path):
    shown = [HeatMap("a title that is much wider than its few cells: MMMM", np.ones((2, 2))) for _ in range(2)]
    save_heat_maps(tmp_path / "m.png", shown, rows=["a", "b"], columns=["1", "2"], heading="h")
    below_the_head = (pixels(tmp_path / "m.png")[70:] < 200).any(axis=(0, 2))
    inked = np.flatnonzero(below_the_head)
    assert np.diff(inked).max() >= heatmap.GAP - 4


def colors_of(tmp_path, shown: HeatMap) -> np.ndarray:
    """The colour of each cell, near its upper left corner, where no number is."""
    rows, columns = shown.values.shape
    path = tmp_path / "cells.png"
    save_heat_maps(path, [shown], rows=names(rows, "row"), columns=names(columns, "c"), heading="h")
    found = pixels(path)
    filled = (np.abs(found - 255).sum(axis=2) > 4) & (np.ptp(found, axis=2) > 12)  # neither white, grey nor black
    ys, xs = np.flatnonzero(filled.sum(axis=1) > 30), np.flatnonzero(filled.sum(axis=0) > 20)
    top, left, tall = ys[0], xs[0], heatmap.ROW
    wide = (xs[-1] + 1 - left) / columns
    down = [int(top + (row + 0.1) * tall) for row in range(rows)]
    across = [int(left + (column + 0.5) * wide) for column in range(columns)]
    return found[np.ix_(down, across)]


def test_colours_go_to_both_sides_alike(tmp_path):
    values = np.array([[0.5, 2.0], [4.0, 0.25]])
    (low, high), (higher, lower) = colors_of(tmp_path, HeatMap("ratios", values, around=1.0, ratios=True))
    assert low[2] > low[0] and lower[2] > lower[0]  # blue below
    assert high[0] > high[2] and higher[0] > higher[2]  # red above
    assert higher.sum() < high.sum() and lower.sum() < low.sum()  # farther is darker
    (less, more), _ = colors_of(tmp_path, HeatMap("changes", np.array([[-3.0, 3.0], [0.5, -0.5]]), around=0.0))
    assert less[2] > less[0] and more[0] > more[2]


def test_more_is_lighter_without_a_middle(tmp_path):
    ((first, second, third),) = colors_of(tmp_path, HeatMap("share", np.array([[0.05, 0.5, 1.0]])))
    assert first.sum() < second.sum() < third.sum()


def test_odd_values(tmp_path):
    """Nothing anywhere, zeros, infinities of a ratio of nothing, and cells that are all alike."""
    for values in (np.full((2, 3), np.nan), np.zeros((2, 3)), np.full((2, 3), 1e-9), np.array([[np.nan, 0, 3.0]])):
        for options in ({}, {"around": 0.0}, {"around": 1.0, "ratios": True}):
            shown = HeatMap("odd", values, marked=np.ones(values.shape, dtype=bool), **options)
            save_heat_maps(tmp_path / "odd.png", [shown], rows=names(len(values), "r"), columns=list("abc"), heading="")
            assert (pixels(tmp_path / "odd.png") < 200).any()


def test_numbers_have_two_digits_of_the_largest():
    def texts(*values):
        form = heatmap._form([HeatMap("", np.array([values]))])
        return [form(value) for value in values]

    assert texts(0.123, -0.0456) == ["0.12", "-0.05"]
    assert texts(153.2, -4.4) == ["153", "-4"]
    assert texts(12.0, -0.2) == ["12", "0"]  # no minus before nothing
    assert texts(0.0, np.nan)[0] == "0.0"


def test_marks_are_seen(tmp_path):
    values = np.full((3, 3), 1.5)
    plain = HeatMap("m", values, around=1.0, ratios=True)
    marked = HeatMap("m", values, around=1.0, ratios=True, marked=np.eye(3, dtype=bool))
    for name, shown in (("plain", plain), ("marked", marked)):
        save_heat_maps(tmp_path / f"{name}.png", [shown], rows=list("abc"), columns=list("123"), heading="h")
    difference = np.abs(pixels(tmp_path / "plain.png") - pixels(tmp_path / "marked.png")).sum(axis=2) > 60
    assert difference.sum() > 200


def test_a_map_of_another_shape(tmp_path):
    shown = HeatMap("m", np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"'m' is \(2, 3\), not \(2, 2\)"):
        save_heat_maps(tmp_path / "m.png", [shown], rows=list("ab"), columns=list("ab"), heading="")
