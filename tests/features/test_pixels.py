"""What is measured on pixels says what one sees."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from rdx.features.pixels import COLUMNS, COPY, MEASURES, measure_images

RNG = np.random.default_rng(0)
PHOTO = Image.fromarray(RNG.integers(60, 190, (12, 16, 3), dtype=np.uint8)).resize((320, 240))
NOISE = Image.fromarray(RNG.integers(0, 256, (240, 320, 3), dtype=np.uint8))


def measured(*images: Image.Image) -> list[dict[str, float]]:
    values = measure_images(images.__getitem__, range(len(images))).measures
    return [dict(zip(COLUMNS, row.tolist(), strict=True)) for row in values]


def filled(color, box=(0, 0, 320, 240)) -> Image.Image:
    image = PHOTO.copy()
    image.paste(color, box)
    return image


@pytest.mark.parametrize(
    ("measure", "more", "less"),
    [
        ("brightness", filled((220, 220, 220)), PHOTO),
        ("contrast", PHOTO, Image.blend(PHOTO, Image.new("RGB", PHOTO.size, (128, 128, 128)), 0.5)),
        ("saturation", PHOTO, PHOTO.convert("L").convert("RGB")),
        ("red to green", filled((200, 60, 60)), filled((60, 200, 60))),
        ("yellow to blue", filled((200, 200, 60)), filled((60, 60, 200))),
        ("sharpness", PHOTO, PHOTO.filter(ImageFilter.GaussianBlur(8))),
        ("edges", PHOTO, filled((120, 120, 120), (0, 0, 320, 200))),
        ("aspect ratio", PHOTO, PHOTO.resize((240, 320))),
        ("pixels", PHOTO, PHOTO.resize((160, 120))),
        ("symmetry", filled((255, 255, 255), (100, 0, 220, 240)), filled((255, 255, 255), (200, 0, 320, 240))),
        ("upper half, brightness", filled("white", (0, 0, 320, 60)), filled("white", (0, 180, 320, 240))),
        ("left half, brightness", filled("white", (0, 0, 80, 240)), filled("white", (240, 0, 320, 240))),
        ("upper half, edges", filled("white", (0, 140, 320, 240)), filled("white", (0, 0, 320, 100))),
        ("left half, edges", filled("white", (180, 0, 320, 240)), filled("white", (0, 0, 140, 240))),
        ("upper left, brightness", filled("white", (0, 0, 60, 50)), PHOTO),
        ("top, brightness", filled("white", (130, 10, 180, 60)), PHOTO),
        ("lower right, brightness", PHOTO, filled("black", (260, 190, 320, 240))),
        ("lower left, red to green", filled("red", (0, 190, 60, 240)), PHOTO),
        ("middle, red to green", filled("magenta", (130, 100, 180, 150)), PHOTO),
        ("right, yellow to blue", filled("yellow", (260, 100, 320, 150)), PHOTO),
        ("fine structure", NOISE, NOISE.filter(ImageFilter.GaussianBlur(3))),
        ("coarse structure", PHOTO, Image.new("RGB", PHOTO.size)),
        ("most saturated spot", filled("red", (120, 90, 160, 130)), PHOTO),
    ],
)
def test_more_of_it_is_more(measure, more, less):
    larger, smaller = measured(more, less)
    assert larger[measure] > smaller[measure] + 1e-3


def test_grey_images_have_no_colours():
    grey, colour = measured(PHOTO.convert("L"), PHOTO)
    colours = [name for name in MEASURES if "saturat" in name or " to " in name]
    assert all(np.isnan(grey[name]) and not np.isnan(colour[name]) for name in colours)
    assert grey["brightness"] == pytest.approx(colour["brightness"], abs=0.01)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (8, 8), (1, 500)])
def test_the_smallest_images_are_measured(size):
    (found,) = measured(Image.new("L", size, 51))
    assert found["brightness"] == pytest.approx(0.2) and found["contrast"] == pytest.approx(0.0, abs=1e-6)
    assert np.isnan(found["sharpness"]) and found["pixels"] == size[0] * size[1]


def test_an_image_is_measured_alike_in_any_company():
    images = [PHOTO, filled("red"), PHOTO.resize((50, 40)), PHOTO.convert("L")]
    together = measure_images(images.__getitem__, range(4))
    alone = [measure_images(images.__getitem__, [i]) for i in range(4)]
    np.testing.assert_allclose(together.measures, np.concatenate([one.measures for one in alone]), rtol=1e-6)
    assert (together.copies == np.concatenate([one.copies for one in alone])).all()


@pytest.mark.parametrize("image", [PHOTO, PHOTO.convert("L"), PHOTO.resize((8, 40))])
def test_a_copy_is_the_whole_image_in_little(image):
    (copy,) = measure_images([image].__getitem__, [0]).copies
    assert copy.shape == (COPY, COPY, 3)
    wanted = np.asarray(image.convert("RGB").resize((COPY, COPY), Image.Resampling.BOX)).astype(int)
    assert abs(copy - wanted).max() <= 6  # of 255: a copy is made in two steps


def test_the_copy_of_an_image_turned_over_is_its_copy_turned_over():
    images = [PHOTO, PHOTO.transpose(Image.Transpose.FLIP_TOP_BOTTOM)]
    copy, turned = measure_images(images.__getitem__, range(2)).copies
    assert abs(copy[::-1].astype(int) - turned).max() <= 2


def test_a_patch_changes_its_own_place_alone():
    plain, patched = measured(PHOTO, filled("magenta", (10, 10, 80, 60)))
    places = [name for name in MEASURES if ", " in name and "half" not in name]
    changed = [name for name in places if abs(plain[name] - patched[name]) > 0.05]
    assert len(places) == 27 and changed and all(name.startswith("upper left, ") for name in changed)


def test_structure_is_of_a_size_beside_the_image_and_small_images_have_none():
    """Blur takes fine structure and leaves coarse; a stripe pattern is measured by its width."""
    noise, blurred, small = measured(NOISE, NOISE.filter(ImageFilter.GaussianBlur(2)), NOISE.resize((127, 200)))
    lost = {size: noise[size] - blurred[size] for size in ("fine structure", "coarse structure")}
    assert lost["fine structure"] > 2 * lost["coarse structure"]
    assert np.isnan(small["fine structure"]) and np.isnan(small["coarse structure"])
    stripes = [Image.fromarray((np.indices((256, 256))[1] // width % 2 * 255).astype(np.uint8)) for width in (2, 8)]
    thin, wide = measured(*stripes)
    assert thin["fine structure"] > wide["fine structure"] and thin["coarse structure"] < wide["coarse structure"]
