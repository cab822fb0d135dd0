"""Data set `inaturalist`: data.json, its splits, and what can be wrong with it."""

from __future__ import annotations

import json

import pytest
from made_data import make_inaturalist

from rdx.data import load_items
from rdx.errors import InputError, MissingInput


@pytest.fixture
def inat(tmp_path):
    root = tmp_path / "inat_subset"
    root.mkdir()
    return root, make_inaturalist(root)


def rewrite(root, **changes):
    content = json.loads((root / "data.json").read_text()) | changes
    (root / "data.json").write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def test_splits_classes_and_names(inat):
    root, content = inat
    train, test = load_items("inaturalist", root=root), load_items("inaturalist", root=root, split="test")
    assert list(train.ids) == [content["file_paths"][i] for i in content["train_indices"]]
    assert list(test.ids) == [content["file_paths"][i] for i in content["test_indices"]]
    assert len(load_items("inaturalist", root=root, split="all")) == len(train) + len(test) == 48
    gator = load_items("inaturalist", root=root, classes=[6, 0])
    assert gator.labels.tolist() == [6] * 4 + [0] * 4 and gator.label_name(0) == "Madeus species6"
    by_name = load_items("inaturalist", root=root, classes=["Madeus species3", 5], images_per_class=3)
    assert by_name.labels.tolist() == [3] * 3 + [5] * 3 and by_name.notes == ()
    assert train.image(0).mode == "RGB" and train.paths[0] == str(root / train.ids[0])


def test_fewer_than_asked_for(inat):
    root, _ = inat
    items = load_items("inaturalist", root=root, classes=[0, 6], images_per_class=500)
    assert items.notes == ("fewer than 500 images in Madeus species0 4, Madeus species6 4",)


@pytest.mark.parametrize("prefix", ["/somebody/else/inat_subset", "inat_subset"])
def test_paths_noted_elsewhere_are_found_below_root(inat, prefix):
    root, content = inat
    here = load_items("inaturalist", root=root)
    rewrite(root, file_paths=[f"{prefix}/{path}" for path in content["file_paths"]])
    items = load_items("inaturalist", root=root)
    assert items.paths == here.paths and items.ids[0] == f"{prefix}/{here.ids[0]}"


def test_names_one_an_image_or_by_number(inat):
    root, content = inat
    each = [content["class_names"][label] for label in content["class_labels"]]
    for names in (each, {str(i): name for i, name in enumerate(content["class_names"])}):
        rewrite(root, class_names=names)
        assert load_items("inaturalist", root=root).label_names[7] == "Madeus species7"
    each[3] = "Another"
    rewrite(root, class_names=each)
    with pytest.raises(InputError, match="class_names calls class 0 'Madeus species0' and 'Another'"):
        load_items("inaturalist", root=root)


def test_links_and_what_is_missing(inat, tmp_path):
    root, content = inat
    (tmp_path / "link").symlink_to(root)
    assert len(load_items("inaturalist", root=tmp_path / "link")) == 32
    with pytest.raises(InputError, match=f"data.json lies in '{root}'; set root to it"):
        load_items("inaturalist", root=tmp_path)
    first = root / content["file_paths"][3]
    first.unlink()
    with pytest.raises(MissingInput, match=f"'{first}' is missing: run `bash download_inaturalist.sh`"):
        load_items("inaturalist", root=root)
    (root / "data.json").unlink()
    with pytest.raises(MissingInput, match="data.json' is missing: run `bash download_inaturalist.sh`"):
        load_items("inaturalist", root=root)
    with pytest.raises(MissingInput, match="none' is missing: run `bash download_inaturalist.sh`"):
        load_items("inaturalist", root=tmp_path / "none")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"test_indices": None}, "has no 'test_indices'"),
        ({"file_paths": "images"}, "file_paths is not a list of paths"),
        ({"file_paths": []}, "file_paths is not a list of paths"),
        ({"class_labels": [1, 2]}, "class_labels is not a list of 48 numbers"),
        ({"class_labels": ["a"] * 48}, "something else than whole numbers"),
        ({"class_names": ["only one"]}, "class 1 has no name in class_names"),
        ({"class_names": 3}, "class_names is neither a list nor a mapping"),
        ({"train_indices": [0, 48]}, "train_indices is not a list of whole numbers from 0 to 47"),
        ({"train_indices": [0.5]}, "train_indices is not a list of whole numbers"),
        ({"train_indices": [0, 0, 1, 2, 3]}, "two items have the same id"),
        ({"train_indices": [0, 1, 2]}, "3 items are too few"),
    ],
)
def test_wrong_lists(inat, changes, said):
    root, _ = inat
    rewrite(root, **changes)
    with pytest.raises(InputError, match=said):
        load_items("inaturalist", root=root)


def test_classes_that_are_not_there(inat):
    root, content = inat
    with pytest.raises(InputError, match="unknown class 'Madeus species9'; did you mean"):
        load_items("inaturalist", root=root, classes=["Madeus species9"])
    rewrite(root, train_indices=[i for i in content["train_indices"] if content["class_labels"][i]])
    with pytest.raises(InputError, match="class 0 has no items"):
        load_items("inaturalist", root=root, classes=[0, 6])
    (root / "data.json").write_text("{")
    with pytest.raises(InputError, match="data.json' is not a whole JSON file"):
        load_items("inaturalist", root=root)
