"""Which representation goes by coarser structure: only how far it is ahead in coarse beside fine structure counts."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.metrics.detail import detail

RNG = np.random.default_rng(0)
N = 300
FINE, COARSE = RNG.normal(size=(2, N))
NOISE = RNG.normal(size=(2, N, 4))


def seeing(fine: float, coarse: float, draw: int = 0) -> np.ndarray:
    """A representation (n, 6) that has so much of either beside noise."""
    return np.c_[fine * FINE + NOISE[0, :, draw], coarse * COARSE + NOISE[1, :, draw], NOISE[draw, :, 2:]]


@pytest.mark.parametrize(
    ("a", "b", "coarser"),
    [
        ((1, 3), (1, 1), "a"), ((1, 1), (1, 3), "b"), ((1, 1), (3, 1), "a"), ((1, 3), (3, 1), "a"),
        ((1, 1), (1, 1), None),
        ((0.5, 0.5), (3, 3), None),  # that one tells more of all is no matter of size
    ],
)  # fmt: skip
def test_who_goes_by_coarser_structure(a, b, coarser):
    found = detail({"a": seeing(*a), "b": seeing(*b, draw=1)}, FINE, COARSE)
    assert found.coarser == coarser
    assert found.contrast == pytest.approx(
        found.coarse["a"] - found.coarse["b"] - found.fine["a"] + found.fine["b"]
    )  # fmt: skip


def test_the_error_is_how_far_the_contrast_varies_from_sample_to_sample():
    found = []
    for draw in range(80):
        rng = np.random.default_rng(draw)
        fine, coarse, *noise = rng.normal(size=(8, N))
        views = {"a": np.c_[fine + noise[0], 2 * coarse + noise[1]], "b": np.c_[fine + noise[2], coarse + noise[3]]}
        found.append(detail(views, fine, coarse))
    assert np.mean([one.error for one in found]) == pytest.approx(np.std([one.contrast for one in found]), rel=0.35)


def test_chance_names_neither():
    named = 0
    for draw in range(60):
        rng = np.random.default_rng(draw)
        views = {side: rng.normal(size=(N, 8)) for side in "ab"}
        named += detail(views, *rng.normal(size=(2, N))).coarser is not None
    assert named <= 1


def test_images_without_structure_are_left_out_and_few_are_not_asked():
    views = {"a": seeing(1, 3), "b": seeing(1, 1)}
    some = np.where(np.arange(N) < 200, FINE, np.nan)
    cut = {side: X[:200] for side, X in views.items()}
    assert detail(views, some, COARSE) == detail(cut, FINE[:200], COARSE[:200])
    assert detail(views, np.where(np.arange(N) < 30, FINE, np.nan), COARSE) is None
    assert detail(views, np.zeros(N), COARSE) is None
