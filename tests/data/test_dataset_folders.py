"""Folders of the datasets library, in the form its 5.2 writes them: rows, names of classes, splits, and refusals."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from made_data import noise
from PIL import Image
from pyarrow import ipc, parquet

from rdx.data import load_items
from rdx.data.items import Items
from rdx.errors import InputError

NAMES = ["cat", "dog", "eel"]


def cell(i: int) -> dict:
    buffer = io.BytesIO()
    Image.fromarray(noise(i, 40, (8, 6))).save(buffer, format="PNG")
    return {"bytes": buffer.getvalue(), "path": None}


def rows(numbers, names=NAMES, **more) -> pyarrow.Table:
    """Images with labels, a second kind of class and a caption, described as the library does it."""
    columns = {
        "image": [cell(i) for i in numbers], "label": [i % 3 for i in numbers], "coat": [i % 2 for i in numbers],
        "caption": [f"thing {i}" for i in numbers], **more,
    }  # fmt: skip
    classes = {"label": names, "coat": ["short", "long"]}
    features = {name: {"names": given, "_type": "ClassLabel"} for name, given in classes.items() if name in columns}
    told = {"info": {"features": {"image": {"_type": "Image"}, **features}}}
    return pyarrow.table(columns).replace_schema_metadata({"huggingface": json.dumps(told)})


def stream(path: Path, table: pyarrow.Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with ipc.new_stream(path, table.schema) as file:
        file.write_table(table)
    return path


def saved(folder: Path, *parts: pyarrow.Table) -> Path:
    """What Dataset.save_to_disk leaves."""
    names = [f"data-{i:05d}-of-{len(parts):05d}.arrow" for i in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        stream(folder / name, part)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return folder


def shards(folder: Path, **tables: pyarrow.Table) -> Path:
    """Parquet files, `__` for a folder's stroke."""
    for name, table in tables.items():
        path = folder / f"{name.replace('__', '/')}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        parquet.write_table(table, path)
    return folder


def load(root: Path, **settings) -> Items:
    return load_items("image_folder", root=root, **settings)


def test_rows_that_were_saved_to_disk(tmp_path):
    items = load(saved(tmp_path / "x", rows(range(4)), rows(range(4, 7))))
    assert items.ids == tuple("0123456") and items.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert items.label_names == dict(enumerate(NAMES))
    assert items.columns["coat"] == ("short", "long") * 3 + ("short",)
    assert items.columns["caption"] == tuple(f"thing {i}" for i in range(7))
    assert np.array_equal(np.asarray(items.image(5)), noise(5, 40, (8, 6)))
    named = "data-00000-of-00002.arrow … data-00001-of-00002.arrow (2 files)"
    assert items.notes == (f"rows of {named}, one after the other",)
    assert load(tmp_path / "x", label_column="coat", classes=["long", "short"]).labels.tolist() == [1, 1, 1, 0, 0, 0, 0]


def test_parquet_shards_as_on_the_hub(tmp_path):
    parts = {"data__train-00000-of-00002": rows(range(5)), "data__train-00001-of-00002": rows(range(5, 8))}
    root = shards(tmp_path / "x", **parts, data__test=rows(range(8, 14)))
    (root / "README.md").write_text("---\nlicense: mit\n---\n")
    assert load(root, split="train").columns["caption"] == tuple(f"thing {i}" for i in range(8))
    assert load(root, split="test").labels.tolist() == [2, 0, 1, 2, 0, 1]
    assert load(shards(tmp_path / "y", part_0=rows(range(3)), part_1=rows(range(3, 6)))).ids == tuple("012345")
    converted = shards(tmp_path / "z", en__train__0000=rows(range(6)), en__test__0000=rows(range(5)))
    assert len(load(converted, split="train")) == 6 and len(load(converted, split="en/test")) == 5


def test_splits_are_chosen_by_name_and_never_guessed(tmp_path):
    for name in ("train", "test"):
        saved(tmp_path / name, rows(range(6 if name == "train" else 5)))
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": ["train", "test"]}))
    assert len(load(tmp_path, split="test")) == len(load(tmp_path / "test")) == 5
    with pytest.raises(InputError, match=r"holds several splits \(train, test\): say which with data.split"):
        load(tmp_path)
    with pytest.raises(InputError, match="unknown split of '.*' 'tset'; did you mean 'test'"):
        load(tmp_path, split="tset")


def test_labels_are_what_is_declared_as_classes(tmp_path):
    only = rows(range(6)).drop_columns("label")
    assert load(saved(tmp_path / "one", only)).label_names == {0: "short", 1: "long"}
    unknown = load(saved(tmp_path / "none", rows(range(6), label=[-1] * 6)))
    assert unknown.labels is None and unknown.columns["table_label"] == ("-1",) * 6


def test_texts(tmp_path):
    items = load(saved(tmp_path / "x", pyarrow.table({"text": list("abcdef"), "label": [0, 1] * 3})))
    assert items.texts == tuple("abcdef") and items.label_names == {0: "0", 1: "1"}


def _cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def _without(path: Path, pattern: str) -> Path:
    next(path.glob(pattern)).unlink()
    return path


REFUSED = {
    "data-00001-of-00002.arrow' does not exist": lambda x: _without(x, "*1-of*"),
    "data-00000-of-00002.arrow' is not a whole Arrow file: ": lambda x: _cut(x / "data-00000-of-00002.arrow", 900),
    "is not a whole Arrow file: its end is missing": lambda x: _cut(x / "data-00001-of-00002.arrow", -8),
    "state.json' is not as the datasets library writes it: ": lambda x: (x / "state.json").write_text("{"),
    "lists '../data.arrow', which is not beside it": lambda x: (x / "state.json").write_text(
        json.dumps({"_data_files": [{"filename": "../data.arrow"}]})
    ),
    "chooses rows by an index, as old versions did": lambda x: (x / "state.json").write_text(
        json.dumps({"_data_files": [], "_indices_data_files": [{"filename": "i.arrow"}]})
    ),
    "x' has no rows": lambda x: saved(x),
    "differ in their columns: caption": lambda x: saved(x, rows(range(3)), rows(range(3)).drop_columns("caption")),
    "give their classes other names": lambda x: saved(x, rows(range(3)), rows(range(3), NAMES[::-1])),
    "its files do not go together: ": lambda x: saved(x, rows(range(3)), rows(range(3), caption=[1, 2, 3])),
    "needs a column 'path' of image files (it has: label": lambda x: saved(x, rows(range(6)).select(["label"])),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_is_refused(tmp_path, said):
    root = saved(tmp_path / "x", rows(range(4)), rows(range(4, 7)))
    REFUSED[said](root)
    with pytest.raises(InputError) as caught:
        load(root)
    assert said in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_folders_that_are_only_in_part_of_the_library(tmp_path):
    root = shards(tmp_path / "x", **{"data__train-00001-of-00002": rows(range(6))})
    with pytest.raises(InputError, match="is one of 2 files, and 'train-00000-of-00002.parquet' is missing"):
        load(root)
    with pytest.raises(InputError, match="order 'imagefolder' is for folders of images"):
        load(saved(tmp_path / "y", rows(range(6))), order="imagefolder")
    for i in range(6):
        Image.fromarray(noise(i, 40, (8, 6))).save(tmp_path / "x" / f"{i}.png")
    assert load(root).notes == ("files that are no images by their names are left out: 1 .parquet",)
    with pytest.raises(InputError, match="split 'train' is for folders of the datasets library, and this is none"):
        load(root, split="train")
