"""What is measured on pixels says what one sees."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from rdx.features.pixels import MEASURES, measure_images

RNG = np.random.default_rng(0)
PHOTO = Image.fromarray(RNG.integers(60, 190, (12, 16, 3), dtype=np.uint8)).resize((320, 240))


def measured(*images: Image.Image) -> list[dict[str, float]]:
    values = measure_images(images.__getitem__, range(len(images)))
    return [dict(zip(MEASURES, row.tolist(), strict=True)) for row in values]


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
        ("upper left corner, brightness", filled("white", (0, 0, 60, 50)), PHOTO),
        ("lower right corner, brightness", filled("white", (260, 190, 320, 240)), PHOTO),
        ("lower left corner, saturation", filled("red", (0, 190, 60, 240)), PHOTO),
        ("upper right corner, saturation", filled("red", (260, 0, 320, 50)), PHOTO),
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
    alone = np.concatenate([measure_images(images.__getitem__, [i]) for i in range(4)])
    np.testing.assert_allclose(together, alone, rtol=1e-6)
