"""benchmarks/real_pairs.py: B sees what was done to half of the images, and A does not."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdx.data import load_items


@pytest.fixture(scope="module")
def real():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        for name in ("pairs", "calibration", "real_pairs"):
            patch.delitem(sys.modules, name, raising=False)
        import real_pairs

        yield real_pairs


def pixels(items) -> np.ndarray:
    return np.stack([np.asarray(items.image(i), dtype=np.float64).ravel() for i in range(len(items))])


def few():
    return load_items(dataset="digits").subset(np.arange(12))


@pytest.mark.parametrize("what", ["mirrored", "upside down", "darkened", "sticker"])
def test_b_tells_what_a_folds(real, what):
    A, B, truth = real.told(np.random.default_rng(0), items=few, model=pixels, what=what)
    plain, side = pixels(few()), truth.attribute == 1
    assert side.sum() == 6 and np.array_equal(truth.changed, np.flatnonzero((A != B).any(axis=1)))
    assert np.array_equal(B[~side], plain[~side]) and (B[side] != plain[side]).any(axis=1).all()
    shown = A.reshape(12, 8, 8)
    if what in real.FOLDED:
        axis = 2 if what == "mirrored" else 1
        assert np.array_equal(shown, np.flip(shown, axis))
        assert np.array_equal(np.flip(B.reshape(12, 8, 8), axis)[side], plain.reshape(12, 8, 8)[side])
    else:
        assert np.array_equal(A, plain)


@pytest.mark.parametrize("size", [(90, 30), (30, 90)])
def test_a_sticker_lies_where_a_model_that_takes_the_middle_of_a_photo_sees_it(real, size):
    shown = np.asarray(real.with_sticker(Image.new("RGB", size)))[..., 0]
    rows, columns = np.nonzero(shown)
    assert len(rows) == 36 and not shown[0, 0]
    across = columns if size[0] > size[1] else rows
    assert across.min() >= 32 and across.max() < 60


def test_a_coarse_image_has_no_fine_detail_left_and_is_another_item_to_the_cache(real):
    A, B, truth = real.blunted(np.random.default_rng(0), items=few, model=pixels, what="coarse")
    assert np.array_equal(B, pixels(few())) and not truth.judged
    assert np.abs(np.diff(A.reshape(12, 8, 8))).sum() < 0.6 * np.abs(np.diff(B.reshape(12, 8, 8))).sum()
    marks = {real.changed(few(), change).fingerprint for change in (real.coarse, real.grey, real.darkened)}
    assert len(marks | {few().fingerprint}) == 4


def test_photos_are_left_out_where_they_are_missing(real, monkeypatch):
    monkeypatch.setattr(real, "has_photos", lambda: False)
    specs = list(real.real_pairs())
    assert len({spec.name for spec in specs}) == len(specs) == 2 * (5 + 3)
    assert all(spec.kind.startswith("digits") for spec in specs)
