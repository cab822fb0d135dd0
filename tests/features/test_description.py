"""What a plan is told of a representation before any weights are there."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rdx.errors import InputError
from rdx.features import describe
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
        flat = {**settings, "pool": "flatten"}
        small, large = (describe(flat, Image.new("L", shape)).width for shape in ((12, 8), (24, 16)))
        assert large == 4 * small if size is None else large == small


def test_arrays(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((7, 3), dtype=np.float32))
    found = describe({"model": f"features:{tmp_path}/a.npy"})
    assert found == Description(None, None, 3, 0)


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
