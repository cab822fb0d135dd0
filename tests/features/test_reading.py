"""Batches read by threads and by processes: the same images, the same errors; and when which of them reads."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import reading
from rdx.features.extraction import batch_spans, default_batch_size, extract
from rdx.models import load_model
from rdx.models.convnet import GreyTransform
from rdx.models.vision_model import VisionModel


def photos(folder, n=10, size=(40, 32)):
    from made_data import noise

    for number in range(n):
        Image.fromarray(noise(number, 20 * number, size)).save(folder / f"{number}.jpg")
    return load_items("image_folder", root=str(folder))


@pytest.fixture(scope="module")
def model():
    return load_model("timm:test_resnet?pretrained=false")


@pytest.mark.slow
def test_processes_read_what_threads_read_and_fail_with_the_same_line(model, tmp_path):
    items = photos(tmp_path)
    (tmp_path / "9.jpg").write_bytes((tmp_path / "9.jpg").read_bytes()[:300])
    found, said = {0: [], 2: []}, []
    for processes, images in found.items():
        with pytest.raises(InputError, match="^image '[^\n]*9.jpg' cannot be read: [^\n]*$") as error:
            images.extend(reading.batches(model, items, batch_spans(len(items), 3), processes=processes))
        said.append(str(error.value))
    assert said[0] == said[1]
    assert [len(images) for images in found[0]] == [3, 3, 3]
    for one, other in zip(*found.values(), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(found[0][1][1], model.transform(items.image(4)))


def test_what_cannot_be_handed_over_is_read_by_threads(tmp_path):
    items = photos(tmp_path)
    closure = VisionModel(torch.nn.Identity(), lambda image: GreyTransform()(image), "output", "closure")
    assert reading._packed(closure, items) is None
    found = list(reading.batches(closure, items, batch_spans(len(items), 5), processes=2))
    assert [images.shape for images in found] == [(5, 1, 32, 40)] * 2
    digits = load_items("digits", images_per_class=1)  # in memory: there is nothing to decode
    assert reading._packed(VisionModel(torch.nn.Identity(), GreyTransform(), "output", ""), digits) is None


def test_processes_read_large_jobs_only(model, tmp_path, monkeypatch):
    items = photos(tmp_path)
    monkeypatch.setattr(reading, "cores", lambda: 16)
    monkeypatch.setattr(reading, "_main_can_be_imported", lambda: True)
    monkeypatch.setattr(reading, "_MANY", 10)
    spans = batch_spans(len(items), 5)
    assert reading._suitable(model, items, spans) == 15
    assert reading._suitable(model, items, spans[:1]) == 0
    free = SimpleNamespace(free=64 << 20)  # as containers have it; these batches are 1.5 MB each
    monkeypatch.setattr(reading.shutil, "disk_usage", lambda path: free)
    assert reading._suitable(model, items, spans) == 0
    monkeypatch.undo()
    monkeypatch.setattr(reading, "_MANY", 10)
    monkeypatch.setattr(reading, "cores", lambda: 2)
    assert reading._suitable(model, items, spans) == 0


def test_a_users_script_is_not_carried_out_again(monkeypatch):
    for name, spec, fine in (
        ("/home/x/my_script.py", None, False), ("/usr/bin/rdx", None, True),
        ("/x/rdx/__main__.py", "rdx.__main__", True), (None, None, True),
    ):  # fmt: skip
        main = SimpleNamespace(__file__=name, __spec__=spec and SimpleNamespace(name=spec))
        monkeypatch.setitem(sys.modules, "__main__", main)
        assert reading._main_can_be_imported() is fine, name


def test_the_default_batch_follows_device_and_image_size(model, tmp_path):
    items = photos(tmp_path)
    assert default_batch_size(model, items, "cuda:0") == 64
    assert default_batch_size(model, items, "cpu") == 8  # 160 × 160
    for size, expected in ((224, 4), (260, 4), (384, 2), (28, 64), (112, 16), (518, 1), (1024, 1)):
        sized = VisionModel(torch.nn.Identity(), GreyTransform(size=(size, size)), "output", "")
        assert default_batch_size(sized, items, "cpu") == expected
    own_size = VisionModel(torch.nn.Flatten(), GreyTransform(), "output", "")
    assert extract(own_size, items).shape == (10, 32 * 40)
