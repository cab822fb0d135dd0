"""Values from Python as files that a configuration names: features, images, labels; and what is refused of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rdx.data import load_items
from rdx.errors import InputError
from rdx.experiment.values import called, images_of, spec_of
from rdx.features.arrays import read_array
from rdx.models.spec import parse_spec

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))


def array_of(value):
    return read_array(parse_spec(spec_of(value, "a")).name)


@pytest.mark.parametrize(
    ("frame", "ids"),
    [
        (pd.DataFrame(X), None),
        (pd.DataFrame(X, columns=list("xyz"), index=list("fedcba")), tuple("fedcba")),
        (pd.DataFrame(X).assign(image_id=list("fedcba"), label="cat"), tuple("fedcba")),
        (pd.DataFrame({"embedding": list(X)}), None),
    ],
    ids=["numbers", "index", "ids and labels", "vectors"],
)
def test_a_frame_is_read_as_its_table_is(frame, ids):
    before = frame.copy()
    found = array_of(frame)
    np.testing.assert_array_equal(found.values, X)
    assert found.ids == ids
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame(X).assign(kind="cat"), "features 'a': column 'kind' .* '.drop.columns=\"kind\".'"),
        (pd.DataFrame({"u": list(X), "v": list(X)}), "features 'a': columns 'u', 'v' hold vectors"),
        (pd.DataFrame(X, columns=list("xxy")), "a: the DataFrame can't be stored as a table: Duplicate column names"),
    ],
)
def test_what_is_no_feature_of_a_frame_is_refused_in_its_own_words(frame, message):
    with pytest.raises(InputError, match=message) as caught:
        spec_of(frame, "a")
    assert "cache" not in str(caught.value) and len(str(caught.value).splitlines()) == 1


def items_of(images):
    return load_items("image_folder", root=str(images_of(images)))


@pytest.mark.parametrize("kind", ["arrays", "one array", "PIL", "channel"])
def test_images_come_back_pixel_for_pixel_in_their_order(kind):
    pixels = np.random.default_rng(1).integers(0, 256, (6, 4, 5, 1 if kind == "channel" else 3), dtype=np.uint8)
    given = {"arrays": list(pixels), "one array": pixels, "PIL": [Image.fromarray(one.squeeze()) for one in pixels]}
    items = items_of(given.get(kind, list(pixels)))
    assert items.ids == tuple("012345")
    for number in range(6):
        np.testing.assert_array_equal(np.asarray(items.image(number)), pixels[number].squeeze())


def test_a_turned_image_is_upright_and_a_list_of_paths_keeps_its_order(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    names = ["z.png", "in/b.png", "in/a.png", "y.png", "x.png"]
    (tmp_path / "in").mkdir()
    for i, name in enumerate(names):
        Image.new("L", (4, 7), 10 * i).save(tmp_path / name, exif=exif)
    opened = [Image.open(tmp_path / name) for name in names]
    for items in (items_of([tmp_path / name for name in names]), items_of(opened)):
        assert [items.image(i).size for i in range(5)] == [(7, 4)] * 5
        assert [items.image(i).getpixel((0, 0)) for i in range(5)] == [0, 10, 20, 30, 40]
    assert items_of([tmp_path / name for name in names]).ids == tuple(names)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([], "images is an empty list"),
        (3, "not a int"),
        (pd.DataFrame(X), "not a DataFrame; columns that describe items are given as labels="),
        ({"age": [1, 2]}, "not a dict; columns that describe"),
        ([np.zeros((4, 4))], r"number 0 has type float64 and shape \(4, 4\): give uint8"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((3, 5, 5), np.uint8)], r"number 1 has type uint8 and shape"),
        ([np.zeros((4, 4), np.uint8), "a.png"], "number 1 is a path, others are images"),
    ],
)
def test_images_that_could_mean_anything_are_refused(images, message):
    with pytest.raises(InputError, match=message):
        images_of(images)


def test_errors_call_files_of_the_cache_by_what_they_are(tmp_path):
    with pytest.raises(InputError, match="^'images', row 2: it is broken$"), called({tmp_path: "images"}):
        raise InputError(f"'{tmp_path}', row 2: it is broken")
