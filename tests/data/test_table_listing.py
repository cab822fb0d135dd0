"""Tables of images: what is in their cells, and what else they say of each image."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow
import pytest
from made_data import noise
from PIL import Image
from pyarrow import parquet

from rdx.data import load_items
from rdx.data.items import Items
from rdx.errors import InputError
from rdx.experiment.run.tables import item_rows

PICTURES = [noise(i, 40 * i, (24, 16)) for i in range(6)]


def encoded(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


CELLS = [{"bytes": encoded(pixels), "path": f"{i}.png"} for i, pixels in enumerate(PICTURES)]


def write(path, columns: dict, features: dict | None = None):
    """As datasets.Dataset.to_parquet does it."""
    table = pyarrow.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path)
    return path


def load(path, **settings) -> Items:
    return load_items("image_folder", root=path, **settings)


def test_a_data_set_of_the_datasets_library(tmp_path):
    columns = {
        "image": CELLS, "label": [1, 0, 1, 0, 2, 2], "caption": [f"a thing, {i}" for i in range(6)], "width": [24] * 6,
        "path": ["where it was"] * 6, "boxes": [[1, 2]] * 6,
    }  # fmt: skip
    path = write(tmp_path / "x.parquet", columns, {"label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"}})
    items = load(path)
    assert items.ids == tuple(f"{i}.png" for i in range(6)) and items.paths == ("",) * 6
    for i, pixels in enumerate(PICTURES):
        assert np.array_equal(np.asarray(items.image(i)), pixels)
    assert items.labels.tolist() == [1, 0, 1, 0, 2, 2] and items.label_names == {0: "cat", 1: "dog", 2: "eel"}
    assert list(items.columns) == ["caption", "width", "table_path"] and items.columns["caption"][2] == "a thing, 2"
    assert items.notes == ("columns that hold more than one value a cell are left out: boxes",)
    some = load(path, classes=["eel", "dog", "cat"])
    assert some.columns["caption"] == tuple(f"a thing, {i}" for i in (4, 5, 0, 2, 1, 3))
    assert some.subset([3, 0]).columns["caption"] == ("a thing, 2", "a thing, 4")
    assert np.array_equal(np.asarray(some.subset([3]).image(0)), PICTURES[2])


def test_other_columns_are_in_the_table_of_items(tmp_path):
    path = write(tmp_path / "x.parquet", {"image": CELLS, "path": ["p"] * 6, "sharp": [0.5] * 6})
    items = load(path)
    assert list(items.columns) == ["table_path", "sharp"]
    assert list(item_rows(items))[1] == (1, "1.png", "", None, "", "p", "0.5")
    assert list(item_rows(Items(("a",), None, {}, ("",), None, "x"))) == [(0, "a", "", None, "")]


@pytest.mark.parametrize("paths", [[None] * 6, ["image.png"] * 6])
def test_without_telling_paths_ids_are_row_numbers(tmp_path, paths):
    cells = [{**cell, "path": own} for cell, own in zip(CELLS, paths, strict=True)]
    assert load(write(tmp_path / "x.parquet", {"image": cells})).ids == tuple("012345")
    named = load(write(tmp_path / "y.parquet", {"image": cells, "id": list("abcdef")}))
    assert named.ids == tuple("abcdef") and named.columns == {}


def test_plain_bytes_and_cells_with_a_path_alone(tmp_path):
    contents = [cell["bytes"] for cell in CELLS]
    items = load(write(tmp_path / "x.parquet", {"jpg": contents, "hash": [b"\1\2"] * 6}))
    assert np.array_equal(np.asarray(items.image(4)), PICTURES[4])
    with pytest.raises(InputError, match="needs a column 'path' of image files"):
        load(write(tmp_path / "y.parquet", {"hash": contents}))
    assert len(load(tmp_path / "y.parquet", path_column="hash")) == 6
    (tmp_path / "0.png").write_bytes(contents[0])
    mixed = [{"bytes": None, "path": "0.png"}, *CELLS[1:]]
    items = load(write(tmp_path / "z.parquet", {"image": mixed}))
    assert items.paths == (str(tmp_path / "0.png"), *[""] * 5)
    assert np.array_equal(np.asarray(items.image(0)), PICTURES[0])


def test_what_is_wrong_is_said_with_its_row_and_briefly(tmp_path):
    broken = [*CELLS[:5], {"bytes": CELLS[5]["bytes"][:100], "path": "5.png"}]
    with pytest.raises(InputError, match=r"image '.*x.parquet, row 6' cannot be read: "):
        load(write(tmp_path / "x.parquet", {"image": broken}))
    assert load(tmp_path / "x.parquet", skip_bad_images=True).ids == tuple(f"{i}.png" for i in range(5))
    with pytest.raises(InputError, match=r"x.parquet', row 6: column 'image' is empty"):
        load(write(tmp_path / "x.parquet", {"image": [*CELLS[:5], {"bytes": None, "path": ""}]}))
    with pytest.raises(InputError, match="columns image, mask hold images: say which with data.path_column"):
        load(write(tmp_path / "x.parquet", {"image": CELLS, "mask": CELLS}))
    assert len(load(tmp_path / "x.parquet", path_column="mask")) == 6
    for column in ("label_column", "id_column"):
        with pytest.raises(InputError, match="column 'image' holds struct<.*>, and not one value a cell") as caught:
            load(write(tmp_path / "x.parquet", {"image": CELLS}), **{column: "image"})
        assert len(str(caught.value)) < 400


def texts_in(tmp_path, lines: str, **settings) -> Items:
    (tmp_path / "texts.csv").write_text(lines, encoding="utf-8")
    return load(tmp_path / "texts.csv", **settings)


def test_texts_take_the_images_place(tmp_path):
    rows = "\n".join(f"{name},a text about {name},{name < 'd'},{len(name)}" for name in "abcdef")
    items = texts_in(tmp_path, f"id,text,class,words\n{rows}\n")
    assert items.ids == tuple("abcdef") and items.paths == ("",) * 6 and not items.has_images
    assert items.texts == items.columns["text"] and items.shown(2) == "a text about c" and items.noun == "texts"
    assert [items.label_name(i) for i in (0, 5)] == ["True", "False"] and list(items.columns) == ["text", "words"]
    assert items.subset([4, 0]).texts == ("a text about e", "a text about a")
    some = load(tmp_path / "texts.csv", classes=["False", "True"])
    assert len(some) == 6 and some.fingerprint != items.fingerprint
    assert load(tmp_path / "texts.csv", text_column="words").texts == ("1",) * 6


def test_which_column_is_text_and_what_is_refused(tmp_path):
    plain = "text\n" + "hello\n" * 6
    assert texts_in(tmp_path, plain).ids == tuple("012345")
    assert texts_in(tmp_path, 'text,n\n"",1\n' + "x,2\n" * 5).shown(0) == ""
    both = "path,text\n" + "".join(f"{i}.png,hello\n" for i in range(6))
    with pytest.raises(InputError, match="image '.*0.png' does not exist"):
        texts_in(tmp_path, both)
    assert texts_in(tmp_path, both, text_column="text").columns["table_path"][1] == "1.png"
    for lines, settings, said in (
        (both, {"text_column": "txt"}, "unknown text column of '.*texts.csv' 'txt'; did you mean 'text'"),
        (both, {"text_column": "text", "path_column": "path"}, "give one of the two"),
        (plain, {"text_column": "text", "label_column": "text"}, "cannot be the texts and the labels"),
        ('text,n\n"",1\n' * 1 + '"",2\n' * 5, {}, "column 'text' is empty in every row"),
        ("id,text\n" + "a,x\n" * 6, {}, "row 2: column 'id' has 'a' a second time"),
    ):
        with pytest.raises(InputError, match=said):
            texts_in(tmp_path, lines, **settings)
