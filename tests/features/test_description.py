"""What a plan is told of a representation before any weights are there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rdx.errors import InputError
from rdx.features import describe, description
from rdx.features.description import Description
from rdx.models import load_model
from rdx.models.checkpoints import Header, save_checkpoint
from rdx.models.convnet import ConvNet


def test_a_vit(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    found = describe({"model": "timm:vit_base_patch16_224.dino", "layer": "blocks.3", "pool": "patch"})
    assert (found.parameters, found.image_size, found.width) == (85_798_656, (224, 224), 768)
    assert found.download == 4 * 85_798_656
    tokens, width, blocks = 197, 768, 12
    products = blocks * 2 * (tokens * 12 * width**2 + 2 * tokens**2 * width) / 1e9
    patches = 2 * 196 * 16 * 16 * 3 * width / 1e9
    np.testing.assert_allclose([found.gflops, found.convolutions], [products + patches, patches], rtol=1e-6)
    assert describe({"model": "timm:vit_base_patch16_224.dino?pretrained=false"}).download == 0


def test_widths_follow_layer_and_pool():
    model = "timm:test_resnet?pretrained=false"
    widths = {pair: describe({"model": model, "layer": pair[0], "pool": pair[1]}).width
              for pair in ((None, None), ("layer3", "mean"), ("layer3", "flatten"), ("output", None))}  # fmt: skip
    module = load_model(model).module
    assert widths[None, None] == module.num_features and widths["output", None] == 1000
    side = 160 // 16
    assert widths["layer3", "flatten"] == widths["layer3", "mean"] * side**2


def test_a_convnet_takes_images_of_any_size(tmp_path):
    for size, expected in ((None, None), ((28, 28), (28, 28))):
        save_checkpoint(tmp_path / "m.safetensors", ConvNet((8, 16)), Header((8, 16), 10, size=size))
        settings = {"model": f"checkpoint:{tmp_path}/m.safetensors"}
        found = describe(settings, Image.new("L", (12, 8)))
        assert (found.image_size, found.width, found.download) == (expected, 16, 0)
        assert found.parameters == sum(value.numel() for value in ConvNet((8, 16)).parameters())
        larger = describe(settings, Image.new("L", (24, 16))).gflops
        assert larger > 3.9 * found.gflops if size is None else larger == found.gflops


def test_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((7, 3), dtype=np.float32))
    found = describe({"model": f"features:{tmp_path}/a.npy"})
    assert found == Description(None, None, 3, None, None, 0) and found.seconds() is None


def test_seconds_grow_with_the_work(monkeypatch):
    monkeypatch.setattr(description, "_speed", {"cpu": 100.0, "cuda": 1e4}.__getitem__)
    small = Description(1, (32, 32), 8, 7.0, 0.0, 0)
    large, slow = Description(1, (32, 32), 8, 70.0, 0.0, 0), Description(1, (32, 32), 8, 7.0, 7.0, 0)
    np.testing.assert_allclose(small.seconds(), 0.11)
    np.testing.assert_allclose(large.seconds(), 1.01)
    np.testing.assert_allclose(slow.seconds(), 0.36)
    np.testing.assert_allclose(large.seconds("cuda"), 0.02)


def test_the_speed_of_this_machine_is_measured():
    assert 0.1 < description._speed("cpu") < 1e5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": "timm:test_vit?pretrained=false", "layer": "blocks.9"}, "did you mean 'blocks."),
        ({"model": "timm:test_vit?pretrained=false", "pool": "cls", "layer": "output"}, "does not fit layer 'output'"),
        ({"model": "timm:tset_vit"}, "did you mean 'test_vit'"),
        ({"model": "checkpoint:none.safetensors"}, "no file"),
    ],
)
def test_mistakes_are_named(settings, said):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        describe(settings)
    assert said in str(error.value)
