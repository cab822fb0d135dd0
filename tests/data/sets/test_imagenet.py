"""Data set `imagenet`: numbers and names of the full list over the folders that are there."""

from __future__ import annotations

import numpy as np
import pytest
from made_data import SYNSETS, make_imagenet, write_picture

from rdx.data import load_items
from rdx.data.sets.imagenet import LEFT_OUT, check_names, class_names, class_numbers, synsets
from rdx.errors import InputError, MissingInput


@pytest.fixture
def imagenet(tmp_path):
    root = tmp_path / "imagenet"
    return root, make_imagenet(root)


def test_the_classes_of_the_experiments():
    expected = {
        658: "mitten", 496: "Christmas stocking", 806: "sock", 874: "trolleybus", 779: "school bus",
        705: "passenger car", 172: "whippet", 176: "Saluki", 171: "Italian greyhound", 368: "gibbon", 369: "siamang",
        381: "spider monkey",
    }  # fmt: skip
    assert {number: class_names()[number] for number in expected} == expected
    check_names(expected)
    assert len(synsets()) == 1000 and list(synsets()) == sorted(synsets())
    assert len(set(class_names().values())) == 1000 and class_names()[134] == "crane (n02012849)"


def test_classes_by_number_synset_or_name(imagenet):
    root, _ = imagenet
    items = load_items("imagenet", root=root, classes=["whippet", "n02091032", 176], names={176: "saluki"})
    assert items.labels.tolist() == [172] * 4 + [171] * 4 + [176] * 4
    assert items.ids[0] == "train/n02091134/n02091134_0.JPEG"
    assert items.label_name(4) == "Italian greyhound" and items.notes == ()
    assert class_numbers(["trackless trolley", "874"][:1]) == [874] and class_numbers(["658"]) == [658]


def test_all_folders_ascending_and_the_draw(imagenet):
    root, ids = imagenet
    assert list(load_items("imagenet", root=root).ids) == ids
    drawn = load_items("imagenet", root=root, classes=[176, 171], images_per_class=3, seed=7)
    rng = np.random.default_rng(7)
    expected = []
    for synset in ("n02091831", "n02091032"):
        own = sorted(name for name in ids if synset in name)
        rng.shuffle(own)
        expected += own[:3]
    assert list(drawn.ids) == expected


def test_validation_images_and_links(imagenet, tmp_path):
    root, _ = imagenet
    make_imagenet(tmp_path / "elsewhere", split="val", per_class=2)
    (root / "val").symlink_to(tmp_path / "elsewhere/val")
    items = load_items("imagenet", root=root, split="val")
    assert len(items) == 6 and items.ids[0].startswith("val/")


def test_the_png_in_disguise_is_left_out(tmp_path):
    root = tmp_path / "imagenet"
    make_imagenet(root, ["n04266014"], per_class=5)
    write_picture(root / LEFT_OUT, 1, 50)
    assert LEFT_OUT not in load_items("imagenet", root=root).ids
    write_picture(root / LEFT_OUT.replace("train", "val"), 1, 50)
    for i in range(4):
        write_picture(root / f"val/n04266014/{i}.JPEG", i, 50)
    assert len(load_items("imagenet", root=root, split="val")) == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"classes": ["whipet"]}, "unknown class 'whipet'; did you mean 'whippet'"),
        ({"classes": ["n02091133"]}, "unknown synset of ImageNet-1k 'n02091133'; did you mean 'n0"),
        ({"classes": [1000]}, "unknown class '1000'"),
        ({"classes": [172, "whippet"]}, "names a class twice"),
        ({"classes": "whippet"}, "classes must be a list"),
        ({"classes": ["crane"]}, r"'crane' names 2 classes.*n02012849 \(134\) and n03126707 \(517\); give the number"),
        ({"names": {658: "glove"}}, "class 658 of data set 'imagenet' is 'mitten', not 'glove'"),
        ({"names": ["mitten"]}, "names must be a mapping"),
        ({"split": "test"}, "split of data set 'imagenet' 'test'"),
        ({"images_per_class": 0}, "images_per_class must be a whole number"),
    ],
)
def test_wrong_settings_whatever_is_on_disk(imagenet, settings, said):
    root, _ = imagenet
    with pytest.raises(InputError, match=said):
        load_items("imagenet", root=root, **settings)


def test_missing_folders_name_the_script(imagenet, tmp_path):
    root, _ = imagenet
    for settings, path in (
        ({"root": tmp_path / "none"}, tmp_path / "none"),
        ({"root": root, "split": "val"}, root / "val"),
        ({"root": root, "classes": [172, 658]}, root / "train/n03775071"),
    ):
        with pytest.raises(MissingInput, match=rf"'{path}'.* is missing: run `bash download_imagenet.sh`"):
            load_items("imagenet", **settings)
    (tmp_path / "empty/train").mkdir(parents=True)
    with pytest.raises(MissingInput, match="has no synset folders .*download_imagenet.sh"):
        load_items("imagenet", root=tmp_path / "empty")


def test_wrong_layouts(imagenet, tmp_path):
    root, _ = imagenet
    with pytest.raises(InputError, match=r"'.*train' holds synset folders itself; root must be the folder above"):
        load_items("imagenet", root=root / "train")
    with pytest.raises(InputError, match=f"the synset folders lie in '{root}/train'; set root to '{root}'"):
        load_items("imagenet", root=root.parent)
    deep = tmp_path / "kaggle"
    make_imagenet(deep / "ILSVRC/Data/CLS-LOC")
    with pytest.raises(InputError, match=f"set root to '{deep}/ILSVRC/Data/CLS-LOC'"):
        load_items("imagenet", root=deep)
    flat = tmp_path / "flat"
    write_picture(flat / "val/ILSVRC2012_val_00000001.JPEG", 1, 9)
    with pytest.raises(InputError, match="holds images without synset folders .*download_imagenet.sh"):
        load_items("imagenet", root=flat, split="val")


def test_empty_classes_and_folders_too_deep(imagenet):
    root, _ = imagenet
    (root / "train/n03775071").mkdir()
    with pytest.raises(InputError, match=r"class folder '.*n03775071' has no images$"):
        load_items("imagenet", root=root)
    assert len(load_items("imagenet", root=root, classes=[171, 172])) == 8  # nobody asked for mittens
    write_picture(root / "train/n03775071/images/1.JPEG", 1, 9)
    with pytest.raises(InputError, match=r"n03775071' has no images: they lie one folder deeper, in '.*images'"):
        load_items("imagenet", root=root)
    (root / "train/n99999999").mkdir()
    with pytest.raises(InputError, match="n99999999' is none of the 1,000 classes"):
        load_items("imagenet", root=root)


def test_fewer_images_than_asked_for(imagenet):
    root, _ = imagenet
    items = load_items("imagenet", root=root, classes=[171, 172], images_per_class=500)
    assert len(items) == 8
    assert items.notes == ("fewer than 500 images in Italian greyhound 4, whippet 4",)


def test_a_spoilt_image_is_named(imagenet):
    root, _ = imagenet
    path = root / f"train/{SYNSETS[0]}/{SYNSETS[0]}_1.JPEG"
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(InputError, match=f"image '{path}' cannot be read"):
        load_items("imagenet", root=root)
    items = load_items("imagenet", root=root, skip_bad_images=True)
    assert len(items) == 11 and len(items.dropped) == 1
