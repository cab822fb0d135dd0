"""What every data set returns: Items, their subsets and fingerprints, and the registry."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from rdx.data import DATASETS, dataset_settings, load_items
from rdx.data.items import Items, items_from_pixels, items_without_images
from rdx.data.locate import PROJECT_ROOT, locate
from rdx.errors import InputError


def make_items(n: int = 8) -> Items:
    pixels = np.random.default_rng(0).integers(0, 256, (n, 5, 4), dtype=np.uint8)
    return items_from_pixels(pixels, [f"root/{i % 2}/{i}" for i in range(n)], np.arange(n) % 2, {0: "even", 1: "odd"})


def test_array_items_give_their_pixels():
    items = make_items()
    assert len(items) == 8 and items.has_images and items.paths == ("",) * 8
    assert items.labels.dtype == np.int64
    for i in range(8):
        image = items.image(i)
        assert image.mode == "L" and image.size == (4, 5)
        assert np.array_equal(np.asarray(image), items.pixels[i])
    assert items.label_name(3) == "odd"
    with pytest.raises(IndexError):
        items.image(8)


def test_subset_keeps_everything_together():
    items = make_items()
    chosen = items.subset([6, 1, 3])
    assert chosen.ids == ("root/0/6", "root/1/1", "root/1/3")
    assert chosen.labels.tolist() == [0, 1, 1]
    assert np.array_equal(np.asarray(chosen.image(1)), items.pixels[1])
    assert np.array_equal(chosen.pixels[0], items.pixels[6])
    assert np.array_equal(np.asarray(chosen.subset([2]).image(0)), items.pixels[3])
    with pytest.raises(IndexError):
        items.subset([8])
    with pytest.raises(IndexError):
        items.subset([-1])


def test_fingerprint_counts_pixels_ids_labels_and_order():
    pixels, ids, labels = np.zeros((6, 2, 2), np.uint8), list("abcdef"), np.arange(6)
    names = {i: str(i) for i in range(6)}

    def of(pixels=pixels, ids=ids, labels=labels):
        return items_from_pixels(pixels, ids, labels, names).fingerprint

    changed = pixels.copy()
    changed[3, 1, 1] = 1
    prints = [of(), of(pixels=changed), of(ids=list("abcdeg")), of(labels=labels[::-1]), of(ids=list("bacdef"))]
    assert len(set(prints)) == len(prints)
    assert of() == of(pixels=pixels.copy())
    items = make_items()
    assert items.subset([0, 1]).fingerprint == items.subset(np.array([0, 1])).fingerprint
    assert len({items.subset([0, 1]).fingerprint, items.subset([1, 0]).fingerprint, items.fingerprint}) == 3


def test_items_travel_to_other_processes():
    items = make_items().subset([2, 5])
    assert pickle.loads(pickle.dumps(items.loader))(1).tobytes() == items.image(1).tobytes()


def test_items_without_images():
    items = items_without_images(4, labels=np.array([2, 2, 7, 7]))
    assert items.ids == ("0", "1", "2", "3") and not items.has_images
    assert items.label_names == {2: "2", 7: "7"}
    with pytest.raises(InputError, match="item '2' has no image"):
        items.image(2)
    assert items.subset([3, 0]).ids == ("3", "0")
    assert items.fingerprint != items_without_images(4).fingerprint
    with pytest.raises(InputError, match="4 items, but 3 ids"):
        items_without_images(4, ids=["a", "b", "c"])
    with pytest.raises(InputError, match="4 items, but 3 labels"):
        items_without_images(4, labels=np.zeros(3))
    with pytest.raises(InputError, match="same id 'b'"):
        items_without_images(4, ids=["a", "b", "c", "b"])


def test_registry_names_the_nearest_data_set_and_setting():
    with pytest.raises(InputError, match="unknown data set 'mnits'; did you mean 'mnist'"):
        load_items("mnits")
    with pytest.raises(InputError, match="setting of data set 'digits' 'varient'; did you mean 'variant'"):
        load_items("digits", varient="m35")
    with pytest.raises(InputError, match="'image_folder' needs the setting 'root'"):
        load_items("image_folder")


@pytest.mark.parametrize("dataset", DATASETS)
def test_settings_of_every_data_set(dataset):
    settings = dataset_settings(dataset)
    number = "n_items" if dataset == "rsna" else "images_per_class"  # X-rays are drawn from all classes at once
    assert {"classes", number, "seed"} <= set(settings)
    assert "skip_bad_images" not in settings and "progress" not in settings
    assert "root" in settings or dataset == "digits"


def test_locate_prefers_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate("rdx/errors.py") == PROJECT_ROOT / "rdx/errors.py"
    (tmp_path / "rdx").mkdir()
    (tmp_path / "rdx/errors.py").write_text("")
    assert locate("rdx/errors.py") == tmp_path / "rdx/errors.py"
    assert locate("nowhere.csv") == tmp_path / "nowhere.csv"
    assert locate(tmp_path / "x") == tmp_path / "x"
