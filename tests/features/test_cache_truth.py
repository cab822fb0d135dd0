"""The cache never answers for something else, and never with bytes that are not what was stored."""

from __future__ import annotations

import errno
import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import cache, load_representation, representation_fingerprint, request
from rdx.models.checkpoints import Header, save_checkpoint
from rdx.models.convnet import ConvNet
from rdx.models.vision_model import seeded

BASE = {"layer": "layer2", "pool": "mean", "precision": "float32"}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Ten images in two classes, a checkpoint, and a cache."""
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    for i in range(10):
        path = tmp_path / f"images/class_{i % 2}/{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8), dtype=np.uint8)).save(path)
    save_net(tmp_path)
    return tmp_path


def save_net(folder: Path, seed: int = 0, **header) -> None:
    with seeded(seed):
        save_checkpoint(folder / "net.safetensors", ConvNet((3, 5)), Header((3, 5), 10, size=(8, 8), **header))


def ask(here: Path, data: dict | None = None, **changes):
    """The representation of the images as `changes` would have it."""
    items = load_items("image_folder", root=str(here / "images"), **(data or {}))
    model = f"checkpoint:{here / 'net.safetensors'}"
    return load_representation({"model": model, **BASE, **changes}, items)


def one_pixel(here: Path) -> None:
    path = here / "images/class_1/3.png"
    pixels = np.array(Image.open(path))
    pixels[4, 4] ^= 1
    Image.fromarray(pixels).save(path)


def same_size_and_time(here: Path) -> None:
    """Other pixels in a file of the same size and time: contents count, not what the folder says of them."""
    import os

    path = here / "images/class_1/3.png"
    before = path.stat()
    Image.fromarray(np.array(Image.open(path))[::-1]).save(path)
    data = path.read_bytes().ljust(before.st_size, b"\0")
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "image bytes": (one_pixel, {}),
    "image bytes, same size and time": (same_size_and_time, {}),
    "another image": (lambda here: shutil.copy(here / "images/class_0/0.png", here / "images/class_1/11.png"), {}),
    "transform": (lambda here: save_net(here, mean=0.4), {}),
    "transform's spread": (lambda here: save_net(here, std=0.4), {}),
    "weights": (lambda here: save_net(here, seed=1), {}),
    "layer": (None, {"layer": "layer1"}),
    "pooling": (None, {"pool": "flatten"}),
    "seed of the draw": (None, {"data": {"images_per_class": 3, "seed": 1}}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_misses(here, change):
    prepare, changes = CHANGES[change]
    data = {"images_per_class": 3, "seed": 0} if "data" in changes else None
    first = ask(here, data=data)
    assert ask(here, data=data).from_cache
    if prepare:
        prepare(here)
    again = ask(here, **({"data": data} | changes))
    assert not again.from_cache and again.fingerprint != first.fingerprint
    assert again.values.shape != first.values.shape or not np.array_equal(again.values, first.values)


def test_another_dtype_misses(here):
    """Features in float32 are no answer to who asks for half precision, which a CPU cannot give."""
    ask(here)
    for precision in ("float16", "bfloat16"):
        with pytest.raises(InputError, match="needs a GPU"):
            ask(here, precision=precision)


@pytest.mark.parametrize(
    ("one", "other"), [("seed=0", "seed=1"), ("seed=0", "seed=0&img_size=96"), ("seed=0", "seed=0&num_classes=7")]
)
def test_a_models_own_options_miss(here, one, other):
    items = load_items("image_folder", root=str(here / "images"))
    first = load_representation({"model": f"timm:test_vit?pretrained=false&{one}"}, items)
    assert load_representation({"model": f"timm:test_vit?pretrained=false&{one}"}, items).from_cache
    again = load_representation({"model": f"timm:test_vit?pretrained=false&{other}"}, items)
    assert not again.from_cache and again.fingerprint != first.fingerprint


def test_a_flip_of_any_byte_is_noticed(here, caplog):
    """Every single byte of a cached file, its header's included."""
    first = ask(here)
    path = cache.cached_path(first.fingerprint)
    whole = path.read_bytes()
    unnoticed = []
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        with caplog.at_level(logging.WARNING, "rdx"):
            if cache.lookup(first.fingerprint) is not None:
                unnoticed.append(position)
    assert unnoticed == []
    assert len(caplog.messages) == len(whole) and all("damaged" in line for line in caplog.messages)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_computed_again(here, caplog, share):
    first = ask(here)
    path = cache.cached_path(first.fingerprint)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with caplog.at_level(logging.WARNING, "rdx"):
        again = ask(here)
    assert not again.from_cache and path.read_bytes() == whole
    assert [str(path) in line and "computed again" in line for line in caplog.messages] == [True]


def test_files_from_before_the_checksum_of_the_header_are_read(here):
    from safetensors.numpy import save_file

    from rdx.files import fingerprint

    values = np.eye(3, dtype=np.float32)
    path = cache.store("old", values, {})
    save_file({"features": values}, path, metadata={"rdx": json.dumps({"key": "old", "sha256": fingerprint(values)})})
    np.testing.assert_array_equal(cache.lookup("old"), values)


def test_computing_again_needs_a_cache_that_can_be_written(tmp_path, monkeypatch):
    path = cache.store("key", np.zeros((2, 2), np.float32), {}, tmp_path)

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(InputError, match=r"can't be removed.*Read-only file system.*leave --force out") as caught:
        cache.forget("key", tmp_path)
    assert str(path) in str(caught.value) and path.is_file()


def test_what_was_read_along_another_axis_is_not_reused(here, monkeypatch):
    items, settings = load_items("digits", images_per_class=2), {"model": "timm:test_resnet?pretrained=false"}
    before = representation_fingerprint(settings, items)
    monkeypatch.setattr(request, "_LAYER_VERSION", request._LAYER_VERSION - 1)
    assert representation_fingerprint(settings, items) != before


def test_what_a_process_left_that_was_killed_when_it_had_just_stored_them_goes(tmp_path):
    path = cache.store("key", np.ones((2, 2), np.float32), {}, tmp_path)
    for name in (".key.0123456789ab.part", ".other.0123456789ab.part"):
        (path.parent / name).mkdir()
    for name in (".key.lock", ".other.lock"):
        (path.parent / name).touch()
    assert (cache.lookup("key", tmp_path) == 1).all()
    assert sorted(each.name for each in path.parent.iterdir()) == [
        ".other.0123456789ab.part", ".other.lock", "key.safetensors"
    ]  # fmt: skip
