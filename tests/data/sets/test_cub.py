"""Data set `cub`: its lists, its text files, and what is said where something is missing or wrong."""

from __future__ import annotations

import pickle
import shutil

import numpy as np
import pytest
from made_data import cub_attributes, make_cub

from rdx.data import load_items
from rdx.data.sets.cub import read_catalogue, read_split
from rdx.data.sets.cub_attributes import class_majority, frequent, read_attributes, readable
from rdx.errors import InputError, MissingInput


@pytest.fixture
def cub(tmp_path):
    root = tmp_path / "CUB_200_2011"
    return root, make_cub(root)


def change(path, edit):
    rows = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps(edit(rows)))


def test_the_train_list_in_its_order(cub):
    root, train = cub
    items = load_items("cub", root=root)
    assert list(items.ids) == train and len(train) == 12
    assert train != sorted(train)  # the list has an order of its own, which is kept
    assert items.labels.tolist() == [int(name.split("/")[1][:3]) for name in train]
    assert items.label_names[1] == "Made Crow" and items.notes == ()
    assert items.image(0).mode == "RGB" and items.paths[0] == str(root / train[0])
    test = load_items("cub", root=root, split="test")
    everything = load_items("cub", root=root, split="all")
    assert not set(test.ids) & set(train) and everything.ids == items.ids + test.ids


def test_text_files_stand_in_for_the_lists(tmp_path):
    train = make_cub(tmp_path, pickles=False)
    items = load_items("cub", root=tmp_path)
    assert list(items.ids) == train == sorted(train)
    assert items.notes == (
        "the 12 images are those of train_test_split.txt; published concept-bottleneck features follow "
        "class_attr_data_10/train.pkl, which is missing",
    )
    assert len(load_items("cub", root=tmp_path, split="all")) == 24


def test_classes_draw_and_links(cub, tmp_path):
    root, _ = cub
    (tmp_path / "data").mkdir()
    (tmp_path / "data/CUB_200_2011").symlink_to(root)
    items = load_items("cub", root=tmp_path / "data/CUB_200_2011", split="all", classes=[3, "Made Crow", 12])
    assert items.labels.tolist() == [3, 3, 1, 1, 12, 12]
    drawn = load_items("cub", root=root, split="all", classes=[3, 1, 2, 5, 4], images_per_class=1, seed=4)
    rng = np.random.default_rng(4)
    expected = []
    for label in (3, 1, 2, 5, 4):
        own = sorted(name for name in load_items("cub", root=root, split="all").ids if f"/{label:03d}." in name)
        rng.shuffle(own)
        expected.append(own[0])
    assert list(drawn.ids) == expected


def test_fewer_images_than_asked_for_is_noted(cub):
    root, _ = cub
    items = load_items("cub", root=root, split="all", classes=[1, 2, 3], images_per_class=5)
    assert len(items) == 6
    assert items.notes == ("fewer than 5 images in Made Crow 2, Made Jay 2, Made Wren 2",)
    assert items.subset([0, 1]).notes == items.notes


@pytest.mark.parametrize(
    "gone", [".", "images", "images.txt", "image_class_labels.txt", "classes.txt", "class_attr_data_10/test.pkl"]
)
def test_what_is_missing_is_named_with_its_script(cub, gone):
    root, _ = cub
    path = (root / gone).resolve()
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(MissingInput) as caught:
        load_items("cub", root=root, split="test")
    assert f"'{root / gone}' is missing: run `bash download_cub.sh`" in str(caught.value)


def test_a_missing_image_names_itself_and_its_script(cub):
    root, train = cub
    (root / train[3]).unlink()
    with pytest.raises(MissingInput, match=f"'{root / train[3]}' is missing: run `bash download_cub.sh`"):
        load_items("cub", root=root)
    left = load_items("cub", root=root, split="all", skip_bad_images=True)
    assert [name for name, _ in left.dropped] == [train[3]] and len(left) == 23
    with pytest.raises(InputError, match=r"no image of class '.*' can be read"):  # it was the only one of its class
        load_items("cub", root=root, skip_bad_images=True)


def test_one_folder_too_high(cub):
    root, _ = cub
    with pytest.raises(InputError, match=f"images.txt lies in '{root}'; set root to it"):
        load_items("cub", root=root.parent)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("images.txt", "1 a.jpg\nx b.jpg\n", "images.txt', line 2: expected '<number> <text>', not 'x b.jpg'"),
        ("images.txt", "1 a.jpg\n1 b.jpg\n", "line 2: number 1 appears twice"),
        ("images.txt", "\n", "images.txt' is empty"),
        ("image_class_labels.txt", "1 1\n2 77\n", "image_class_labels.txt' gives image 2 no class of classes.txt"),
    ],
)
def test_wrong_text_files(cub, name, text, said):
    root, _ = cub
    (root / name).write_text(text)
    with pytest.raises(InputError, match=said):
        load_items("cub", root=root)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda rows: {"a": 1}, "train.pkl' is not a list of rows"),
        (lambda rows: [], "train.pkl' is not a list of rows"),
        (lambda rows: [*rows[:2], {"id": 1}], "row 2: no 'img_path'"),
        (lambda rows: [{**rows[0], "img_path": "x/images/9.Gone/1.jpg"}], "'9.Gone/1.jpg' is not in images.txt"),
        (lambda rows: [rows[0], {**rows[1], "class_label": 99}], "row 1: class_label 99 is not the image's class"),
        (lambda rows: [rows[0], {**rows[1], "attribute_label": [1]}], "row 1: attribute_label is not the row of 0"),
        (lambda rows: [{**rows[0], "x": object()}], "is refused: it asks for"),
        (lambda rows: [*rows, rows[0]], "two items have the same id"),
    ],
)  # fmt: skip
def test_wrong_lists(cub, edit, said):
    root, _ = cub
    change(root / "class_attr_data_10/train.pkl", edit)
    with pytest.raises(InputError, match=said) as caught:
        load_items("cub", root=root)
    assert "\n" not in str(caught.value)


def test_a_split_that_is_misspelt(cub):
    root, _ = cub
    with pytest.raises(InputError, match="split of data set 'cub' 'trian'; did you mean 'train'"):
        load_items("cub", root=root, split="trian")


def attributes_of(root, **settings):
    catalogue = read_catalogue(root)
    split = read_split(root, "train", catalogue)
    return catalogue, split, read_attributes(root, split, catalogue, **settings)


@pytest.mark.parametrize("pickles", [True, False])
def test_attributes_are_those_frequent_among_classes(tmp_path, pickles):
    make_cub(tmp_path, pickles=pickles)
    catalogue, split, found = attributes_of(tmp_path)
    assert found.ids == list(range(1, 113))  # the 8 rare ones are left out
    assert found.names[:2] == ["back color: yellow", "back color: black"]
    expected = cub_attributes()[[catalogue.classes[image] - 1 for image in split.images], :112]
    assert np.array_equal(found.present, expected)


def test_lists_whose_columns_are_others_get_no_names(cub):
    root, _ = cub
    change(
        root / "class_attr_data_10/train.pkl",
        lambda rows: [{**row, "attribute_label": row["attribute_label"][:7]} for row in rows],
    )
    found = attributes_of(root)[2]
    assert found.present.shape == (12, 7) and found.names[6] == "attribute 6" and found.ids == [None] * 7
    change(
        root / "class_attr_data_10/train.pkl",
        lambda rows: [{**row, "attribute_label": [1 - i % 2 for i in range(112)]} for row in rows],
    )
    assert attributes_of(root)[2].names[0] == "attribute 0"  # as many, but not the same
    shutil.rmtree(root / "attributes")
    assert attributes_of(root)[2].names[0] == "attribute 0"


def test_majority_of_the_votes(cub):
    """Every vote counts one for its image, but not the "no" of those who could not see; a tie is present."""
    root, _ = cub
    votes = ["1 1 1 3 9.9", "1 2 0 1 9.9", "1 3 0 3 9.9 odd", "2 1 0 4 1", "2 2 0 4 1", "2 3 1 4 1"]
    (root / "attributes/image_attribute_labels.txt").write_text("\n".join(votes) + "\n")
    catalogue = read_catalogue(root)
    both = type(read_split(root, "train", catalogue))([1, 2], None, root)  # two images of class 1
    found = class_majority(root, both, catalogue)
    assert found == {1: {1: True}, 2: {1: False}, 3: {1: True}}
    assert frequent(found, 1) == [1, 3] and frequent(found, 2) == []
    with pytest.raises(InputError, match="has no row for image 3"):
        class_majority(root, type(both)([1, 3], None, root), catalogue)
    (root / "attributes/image_attribute_labels.txt").write_text("1 1 yes 3\n")
    with pytest.raises(InputError, match="line 1: expected image, attribute, 0 or 1, certainty"):
        class_majority(root, both, catalogue)


def test_attributes_txt_may_lie_beside_the_folder_as_in_the_archive(tmp_path):
    root = tmp_path / "CUB_200_2011"
    make_cub(root, pickles=False)
    (root / "attributes/attributes.txt").rename(tmp_path / "attributes.txt")
    assert attributes_of(root)[2].names[0] == "back color: yellow"
    (tmp_path / "attributes.txt").unlink()
    with pytest.raises(MissingInput, match="attributes.txt' is missing: run `bash download_cub.sh`"):
        attributes_of(root)


def test_too_rare_everywhere(tmp_path):
    make_cub(tmp_path, pickles=False)
    with pytest.raises(InputError, match="no attribute is present in 13 classes or more"):
        attributes_of(tmp_path, min_classes=13)


def test_names_become_readable():
    assert readable("has_back_color::yellow") == "back color: yellow"
    assert readable("has_head_pattern::eyebrow") == "head pattern: eyebrow"
    assert readable("odd_name") == "odd name"
