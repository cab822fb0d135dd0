"""A thing that is painted at one place of many images is found, and what images merely show is not."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.metrics.marks import marks

N, SIDE = 160, 16
RNG = np.random.default_rng(0)
HAS = np.arange(N) % 3 == 0


def pictures() -> np.ndarray:
    """Blobs of any colour on white, as photos of things are."""
    rows, columns = np.indices((SIDE, SIDE))
    centres = RNG.uniform(4, 12, (N, 2, 1, 1))
    blob = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2 < RNG.uniform(9, 40, (N, 1, 1))
    shown = np.where(blob[..., None], RNG.integers(0, 256, (N, 1, 1, 3)), 250)
    return np.clip(shown + RNG.integers(-20, 21, shown.shape), 0, 255).astype(np.uint8)


def painted(color, rows, columns, which=HAS) -> np.ndarray:
    images = pictures()
    images[which, rows, columns] = color
    return images


@pytest.mark.parametrize(
    ("color", "rows", "columns", "words"),
    [
        ((255, 0, 255), slice(2, 5), slice(3, 5), "a magenta patch at the upper left, 2 % of the image"),
        ((240, 230, 20), slice(12, 16), slice(11, 16), "a yellow patch at the lower right, 8 % of the image"),
        ((20, 60, 220), slice(7, 9), slice(0, 2), "a blue patch on the left side, 2 % of the image"),
        ((0, 90, 20), slice(0, 2), slice(7, 10), "a dark green patch at the top, 2 % of the image"),
        ((10, 10, 10), slice(14, 16), slice(7, 9), "a black patch at the bottom, 2 % of the image"),
    ],
)
def test_a_mark_is_found_with_its_colour_place_and_size(color, rows, columns, words):
    (mark,) = marks(np.arange(N), painted(color, rows, columns), N)
    assert mark.words[1] == words and mark.names == ("no", "yes")
    assert mark.name == words.removeprefix("a ").partition(",")[0] and mark.words[0] == f"no {mark.name}"
    assert (mark.values == HAS).mean() > 0.97  # a thing of that colour may lie there


def test_colours_that_vary_a_little_are_one_mark_and_two_marks_are_two():
    images = painted((255, 0, 255), slice(1, 4), slice(1, 4))
    images[HAS, 1:4, 1:4] = abs(images[HAS, 1:4, 1:4] - RNG.integers(0, 25, (HAS.sum(), 1, 1, 1)))
    images[:30, 12:15, 12:15] = (0, 200, 220)
    found = marks(np.arange(N), images, N)
    assert [one.name for one in found] == ["magenta patch at the upper left", "turquoise patch at the lower right"]
    assert found[1].values.sum() == 30


def strokes() -> np.ndarray:
    """White strokes of any place, with grey edges on black, as digits are."""
    rows = np.indices((SIDE, SIDE))[0]
    apart = np.abs(rows - rows.T - RNG.uniform(-6, 6, (N, 1, 1)) + RNG.uniform(-0.5, 0.5, (N, 1, 1)) * rows)
    luma = np.clip(RNG.uniform(200, 330, (N, 1, 1)) - 45 * apart, 0, 255).astype(np.uint8)
    return np.repeat(luma[..., None], 3, axis=3)


@pytest.mark.parametrize("color", [255, 200])
def test_a_white_or_grey_patch_among_white_and_grey_is_told_by_its_equal_pixels(color):
    assert marks(np.arange(N), strokes(), N) == []
    images = strokes()
    images[HAS, 12:15, 1:4] = color
    (mark,) = marks(np.arange(N), images, N)
    assert mark.name == f"{'white' if color == 255 else 'light grey'} patch at the lower left"
    assert (mark.values == HAS).mean() > 0.9
    uneven = strokes()
    uneven[HAS, 12:15, 1:4] = RNG.integers(120, 256, (HAS.sum(), 3, 3, 1))  # bright there, but no patch
    assert marks(np.arange(N), uneven, N) == []


@pytest.mark.parametrize("kind", ["photos", "noise", "white corners", "one colour", "few", "all"])
def test_what_is_no_mark_is_not_found(kind):
    images = {
        "photos": pictures,
        "noise": lambda: RNG.integers(0, 256, (N, SIDE, SIDE, 3), dtype=np.uint8),
        "white corners": lambda: np.pad(pictures()[:, 2:-2, 2:-2], ((0, 0), (2, 2), (2, 2), (0, 0))),
        "one colour": lambda: np.full((N, SIDE, SIDE, 3), 77, np.uint8),
        "few": lambda: painted((255, 0, 255), slice(2, 5), slice(3, 5), np.arange(N) < 7),
        "all": lambda: painted((255, 0, 255), slice(2, 5), slice(3, 5), np.arange(N) < N),
    }[kind]()
    assert marks(np.arange(N), images, N) == []


def test_items_that_were_not_measured_have_no_value():
    items = np.arange(20, 20 + N)
    (mark,) = marks(items, painted((255, 0, 255), slice(2, 5), slice(3, 5)), 300)
    assert (mark.values[:20] == -1).all() and (mark.values[20 + N :] == -1).all()
    assert (mark.values[items] >= 0).all() and mark.values.shape == (300,)
    assert marks(items[:0], np.zeros((0, SIDE, SIDE, 3), np.uint8), 300) == []
