"""Is something painted at the same place of many images: a sticker, a stamp, a logo?

What images show has its colours anywhere; a mark has its own at one place only. So a mark is a colour that many images
have at the pixels of one small piece of their copies, and that few have at any other.

White and grey marks are hidden among what is white and grey in the images. But what images show comes in all shades,
and a mark's pixels are nearly equal wherever it is. So a mark is as well a colour that many images have at the pixels
of one small piece, where hardly any has a shade next to it, and that ends at the border of the piece.

No group is looked at, so that it is still open whether a mark sets one apart.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rdx.metrics.attribute_words import percent
from rdx.metrics.attributes import Attribute
from rdx.metrics.places import where

_LEVELS = 6  # of each channel: colours that count as one
_SHARE, _FEWEST = 0.05, 12  # of the images, at least, have a mark
_RARER = 4  # times as many as at any other place, but for one piece of
_LARGEST = 0.15  # of the image
_BETWEEN = 10  # times as many images have a mark that is told by its equal pixels, as a shade next to it
_WHOLE, _ENDS = 0.9, 0.5  # of those that have such a mark, at least, have its colour at its pixels, another around them
_NEAR = 0.15  # root mean square difference of two colours that are one, of a range of 1
_NAMES = ("black", "dark grey", "grey", "light grey", "white")
_HUES = (
    "red", "orange", "yellow", "green", "green", "green", "turquoise", "blue", "blue", "purple", "magenta", "pink",
)  # fmt: skip


def marks(items: np.ndarray, copies: np.ndarray, n: int) -> list[Attribute]:
    """Which of n items have each mark, the commonest first; those that were not measured have −1.

    items (m,); copies: their images (m, s, s, 3) uint8, each stretched to one size.
    """
    found = []
    for name, size, has in _marks(copies):
        values = np.full(n, -1, dtype=np.int64)
        values[items] = has
        found.append(Attribute(name, values, ("no", "yes"), (f"no {name}", f"a {name}, {percent(size)} of the image")))
    return found


def _marks(copies: np.ndarray) -> Iterator[tuple[str, float, np.ndarray]]:
    """The name of each mark, its share of an image, and which images have it (m,) bool."""
    from scipy import ndimage

    m, s = copies.shape[:2]
    codes = copies.astype(np.int64) * _LEVELS // 256 @ np.array([_LEVELS**2, _LEVELS, 1])
    counts = np.stack([np.bincount(each, minlength=_LEVELS**3) for each in codes.reshape(m, s * s).T])  # (s², colours)
    ways = np.stack([counts, _without_shades(counts)])  # by the second, a mark has to end
    taken = np.zeros((s, s), dtype=bool)
    for each in np.argsort(-ways.max(axis=1), axis=None, kind="stable").tolist():
        ends, color = divmod(each, _LEVELS**3)
        often = ways[ends, :, color].reshape(s, s)
        place = np.unravel_index(often.argmax(), (s, s))
        if often[place] < max(_FEWEST, _SHARE * m) or taken[place]:
            continue
        pieces, count = ndimage.label(often > often[place] / _RARER, np.ones((3, 3)))
        if count > 1 or (pieces > 0).mean() > _LARGEST:
            continue
        there = copies[:, *place] / 255.0
        middle = np.median(there[codes[:, *place] == color], axis=0)
        has = _apart(there, middle) <= _NEAR
        if has.all():
            continue
        if ends and not _ends(copies[has], place, middle):
            continue
        around = ndimage.binary_dilation(pieces > 0, np.ones((3, 3)))
        cover = _cover(copies, has, middle) * around
        yield f"{_color(middle)} patch {where(cover)}", float(cover.sum()) / s**2, has
        taken |= around


def _without_shades(counts: np.ndarray) -> np.ndarray:
    """Of (s², colours): how many images have each colour, 0 where too many have one of those next to it."""
    from scipy import ndimage

    cube = counts.reshape(-1, _LEVELS, _LEVELS, _LEVELS)
    shades = ndimage.convolve(cube, np.ones((1, 3, 3, 3), dtype=cube.dtype), mode="constant") - cube
    return np.where(_BETWEEN * shades <= cube, cube, 0).reshape(counts.shape)


def _ends(copies: np.ndarray, place: tuple[int, int], color: np.ndarray) -> bool:
    """Whether the piece of one colour that nearly all images (m, s, s, 3) have at a place ends for most of them."""
    from scipy import ndimage

    share = (_apart(copies / 255.0, color) <= _NEAR).mean(axis=0)
    pieces, _ = ndimage.label(share >= _WHOLE, np.ones((3, 3)))
    piece = pieces == pieces[place]
    border = ndimage.binary_dilation(piece, np.ones((3, 3))) & ~piece
    return bool(pieces[place] > 0 and (share[border] <= 1 - _ENDS).all())


def _apart(colors: np.ndarray, one: np.ndarray) -> np.ndarray:
    return np.sqrt(((colors - one) ** 2).mean(axis=-1))


def _cover(copies: np.ndarray, has: np.ndarray, color: np.ndarray) -> np.ndarray:
    """How much of each pixel (s, s) a mark covers: how much nearer to its colour it is where images have the mark."""
    apart = _apart(copies / 255.0, color)
    return 1 - np.minimum(1, apart[has].mean(axis=0) / np.maximum(apart[~has].mean(axis=0), _NEAR))


def _color(color: np.ndarray) -> str:
    """A colour's (3,) plain name."""
    most, least = color.max(), color.min()
    chroma = most - least
    if chroma < 0.15:
        return _NAMES[min(4, int(color.mean() * 5))]
    red, green, blue = color
    turn = ((green - blue) / chroma % 6, (blue - red) / chroma + 2, (red - green) / chroma + 4)[int(color.argmax())]
    hue = _HUES[round(turn * 2) % 12]
    return f"dark {hue}" if most < 0.45 else hue
