"""Representations as the YAML asks for them, and their cache."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import cache, check_representation, load_representation, representation_fingerprint
from rdx.features.extraction import extract, stream
from rdx.models import load_model
from rdx.models.checkpoints import Header, save_checkpoint
from rdx.models.convnet import ConvNet
from rdx.models.vision_model import seeded


@pytest.fixture(scope="module")
def items():
    return load_items("digits", images_per_class=2)


@pytest.fixture
def settings(tmp_path):
    with seeded(0):
        save_checkpoint(tmp_path / "m.safetensors", ConvNet((3, 5)), Header((3, 5), 10, size=(8, 8)))
    return {"model": f"checkpoint:{tmp_path}/m.safetensors"}


@pytest.fixture
def counted(monkeypatch):
    """How often features were really computed."""
    calls = []

    def counting(*arguments, **named):
        calls.append(named)
        return stream(*arguments, **named)

    monkeypatch.setattr("rdx.features.chunked.stream", counting)
    return calls


def test_hit_and_miss(settings, items, tmp_path, counted):
    first = load_representation(settings, items, cache_dir=tmp_path / "cache")
    again = load_representation({**settings, "title": "x", "batch_size": 3}, items, cache_dir=tmp_path / "cache")
    assert (first.from_cache, again.from_cache, len(counted)) == (False, True, 1)
    assert first.fingerprint == again.fingerprint == representation_fingerprint(settings, items)
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.values, extract(load_model(settings["model"]), items))
    for other in ({"layer": "layer1"}, {"pool": "flatten"}):
        changed = load_representation({**settings, **other}, items, cache_dir=tmp_path / "cache")
        assert not changed.from_cache and changed.fingerprint != first.fingerprint
    fewer = load_representation(settings, items.subset(range(5)), cache_dir=tmp_path / "cache")
    assert not fewer.from_cache and fewer.values.shape == (5, 5)
    assert len(counted) == 4


def test_other_weights_under_the_same_name(settings, items, tmp_path):
    before = load_representation(settings, items, cache_dir=tmp_path / "cache")
    with seeded(1):
        save_checkpoint(tmp_path / "m.safetensors", ConvNet((3, 5)), Header((3, 5), 10, size=(8, 8)))
    after = load_representation(settings, items, cache_dir=tmp_path / "cache")
    assert not after.from_cache and not np.array_equal(before.values, after.values)


def damaged(data, kind):
    if kind == "truncated":
        return data[:-7]
    position = {"flipped": len(data) - 3, "header": 20, "empty": None}[kind]
    return b"" if position is None else data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


@pytest.mark.parametrize("kind", ["truncated", "flipped", "header", "empty"])
def test_damage_is_noticed(settings, items, tmp_path, counted, caplog, kind):
    first = load_representation(settings, items, cache_dir=tmp_path / "cache")
    path = cache.cached_path(first.fingerprint, tmp_path / "cache")
    whole = path.read_bytes()
    path.write_bytes(damaged(whole, kind))
    with caplog.at_level(logging.WARNING):
        again = load_representation(settings, items, cache_dir=tmp_path / "cache")
    assert not again.from_cache and len(counted) == 2
    assert [str(path) in line and "\n" not in line for line in caplog.messages] == [True]
    np.testing.assert_array_equal(first.values, again.values)
    assert path.read_bytes() == whole


def test_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "a"))
    assert cache.cache_folder() == tmp_path / "a" and cache.cache_folder(tmp_path) == tmp_path
    monkeypatch.delenv("RDX_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert cache.cache_folder() == tmp_path / "b" / "rdx"


def test_a_cache_that_cannot_be_written_is_said_and_done_without(settings, items, tmp_path, counted, caplog):
    (tmp_path / "file").write_text("x")
    place = tmp_path / "file/cache"
    first, again = (load_representation(settings, items, cache_dir=place) for _ in range(2))
    np.testing.assert_array_equal(first.values, again.values)
    assert (first.from_cache, again.from_cache, len(counted)) == (False, True, 1)  # once a process
    assert caplog.text.count(f"the cache '{place}' cannot be written") == 1
    cached = load_representation(settings, items, cache_dir=tmp_path / "cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache.os, "access", lambda *_: False)
        assert load_representation(settings, items, cache_dir=tmp_path / "cache").from_cache
    assert cached.fingerprint == first.fingerprint


def test_gathered_chunks_are_stored_under_their_lock(settings, items, tmp_path, monkeypatch):
    """Or another process would take the half-written file for what a killed one left, and remove it."""
    place, real, locked = tmp_path / "cache", cache.store, []
    values = load_representation(settings, items, cache_dir=place).values

    def store(key, *rest):
        locked.append((place / f"features/.{key}.lock").is_file())
        return real(key, *rest)

    monkeypatch.setattr(cache, "store", store)
    monkeypatch.setattr(cache, "lookup", lambda *_: None)
    monkeypatch.setattr("rdx.features.gathered", lambda *_: values)
    load_representation(settings, items, cache_dir=place)
    assert locked == [True]


def test_layer_and_pool_in_the_spec(settings, items, tmp_path):
    beside = {**settings, "layer": "layer1", "pool": "flatten"}
    within = {"model": settings["model"] + "?layer=layer1&pool=flatten"}
    assert representation_fingerprint(beside, items) == representation_fingerprint(within, items)
    assert load_representation(within, items, cache_dir=tmp_path).values.shape == (len(items), 3 * 4 * 4)
    with pytest.raises(InputError, match="asks for layer 'layer1', and the key layer for 'layer2'"):
        representation_fingerprint({**within, "layer": "layer2"}, items)


def test_arrays(tmp_path, items):
    values = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    settings = {"model": f"features:{tmp_path}/a.npy"}
    found = load_representation(settings, None)
    np.testing.assert_array_equal(found.values, values)
    assert found.ids is None and not found.from_cache
    assert found.fingerprint == representation_fingerprint(settings, None)
    check_representation(settings, items)
    with pytest.raises(InputError, match="20 rows for 5 items"):
        load_representation(settings, items.subset(range(5)))
    with pytest.raises(InputError, match="no layer"):
        representation_fingerprint({**settings, "layer": "layer1"}, None)
    np.save(tmp_path / "a.npy", values + 1)
    assert found.fingerprint != representation_fingerprint(settings, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"layer": "layr2"}, "did you mean 'layer2'"),
        ({"pool": "maen"}, "did you mean 'mean'"),
        ({"pool": "cls"}, "does not fit layer 'layer2'"),
        ({"layers": "layer2"}, "did you mean 'layer'"),
        ({"batch_size": 0}, "batch_size"),
        ({"precision": "float61"}, "did you mean 'float16'"),
        ({"model": None}, "needs a 'model'"),
        ({"model": "timm:test_vut?pretrained=false"}, "did you mean 'test_vit'"),
        ({"model": "timm:test_vit?pretrained=false", "layer": "block.1"}, "did you mean 'blocks.1'"),
        ({"model": "checkpoint:none.safetensors"}, "no file"),
        ({"model": "features:none.npy"}, "no file"),
    ],
)
def test_wrong_settings(settings, items, tmp_path, changes, said):
    for function in (check_representation, load_representation):
        with pytest.raises(InputError, match="^[^\n]*$") as error:
            function({**settings, **changes}, items, cache_dir=tmp_path / "cache")
        assert said in str(error.value)
    assert not (tmp_path / "cache").exists()


def test_rows_with_other_ids_than_the_items_are_refused(tmp_path):
    items = load_items("digits", images_per_class=1)
    path = tmp_path / "features.csv"
    wrong = [items.ids[1], items.ids[0], *items.ids[2:]]
    for ids in (items.ids, wrong):
        path.write_text("id,x,y\n" + "".join(f"{name},{i},{i * i}\n" for i, name in enumerate(ids)))
        if ids is wrong:
            with pytest.raises(InputError, match=f"name row 0 '{wrong[0]}', the item there is '{items.ids[0]}'"):
                load_representation({"model": f"features:{path}"}, items)
        else:
            assert load_representation({"model": f"features:{path}"}, items).ids == items.ids
