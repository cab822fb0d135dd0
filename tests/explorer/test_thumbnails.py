"""Thumbnails: every image in its cell, inside the budget, the grids' first."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rdx.explorer.thumbnails import SIDES, Thumbnails, make_thumbnails


def digit(i: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(i).integers(0, 255, (14, 10), dtype=np.uint8))


def photo(i: int) -> Image.Image:
    """A wide image of one colour with a dark left half."""
    pixels = np.full((150, 300, 3), [10 * (i % 25), 200, 60], dtype=np.uint8)
    pixels[:, :150] = 0
    return Image.fromarray(pixels)


def noise(i: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(i).integers(0, 255, (160, 160, 3), dtype=np.uint8))


def cell(found: Thumbnails, i: int) -> np.ndarray:
    """One item's pixels, as the page cuts them out."""
    number, place = divmod(int(found.position[i]), found.columns * found.rows)
    sheet = np.asarray(Image.open(io.BytesIO(found.sheets[number])).convert("RGB"))
    x, y = place % found.columns * found.cell, place // found.columns * found.cell
    width, height = map(int, found.shape[i])
    return sheet[y : y + height, x : x + width]


def test_small_images_keep_every_pixel():
    found = make_thumbnails(digit, 300, np.array([5]), 1.0)
    assert found.pixels and found.cell == 14
    for i in (0, 5, 299):
        assert (cell(found, i)[..., 0] == np.asarray(digit(i))).all()


def test_photos_keep_their_shape_and_colours():
    found = make_thumbnails(photo, 200, np.array([], dtype=np.int64), 20.0)
    assert not found.pixels and found.cell == SIDES[0]
    for i in (0, 7, 199):
        seen = cell(found, i).astype(int)
        assert seen.shape[:2] == (64, 128)
        assert abs(seen[20:40, 80:120].mean(axis=(0, 1)) - [10 * (i % 25), 200, 60]).max() < 12
        assert seen[20:40, 10:50].max() < 40


@pytest.mark.parametrize("megabytes", [3.0, 1.2])
def test_the_side_follows_the_budget(megabytes):
    found = make_thumbnails(noise, 300, np.array([], dtype=np.int64), megabytes)
    assert found.cell < SIDES[0] and (found.position >= 0).all()
    assert sum(map(len, found.sheets)) * 4 / 3 <= megabytes * 1e6


def test_where_all_do_not_fit_the_grids_come_first():
    first = np.array([199, 3, 77])
    found = make_thumbnails(noise, 200, first, 0.15)
    kept = np.flatnonzero(found.position >= 0)
    assert set(first) <= set(kept) and 3 < len(kept) < 200
    assert found.cell == SIDES[-1]
    assert sum(map(len, found.sheets)) * 4 / 3 <= 0.15e6
    assert (np.diff(kept[kept > 77][:-1]) < 60).all()  # the rest evenly over all items


def test_a_budget_too_small_for_the_grids_gives_none():
    assert make_thumbnails(noise, 50, np.arange(30), 0.01) is None
