"""Extraction: hooks against a forward pass by hand, batches, several layers, errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from rdx.data import load_items
from rdx.errors import InputError
from rdx.features.extraction import extract, extract_layers, try_layer
from rdx.models import load_model
from rdx.models.convnet import ConvNet, GreyTransform
from rdx.models.vision_model import VisionModel, seeded


@pytest.fixture(scope="module")
def items():
    return load_items("digits", images_per_class=1, classes=[0, 1, 2, 3, 4, 5, 6])


@pytest.fixture(scope="module")
def vit():
    return load_model("timm:test_vit?pretrained=false")


@pytest.fixture(scope="module")
def convnet():
    with seeded(0):
        module = ConvNet((3, 5)).eval()
    return VisionModel(module, GreyTransform(), "layer2", "convnet")


def stacked(model, items):
    return torch.stack([model.transform(items.image(i)) for i in range(len(items))])


@torch.no_grad()
def test_vit_blocks_by_hand(vit, items):
    module = vit.module
    patches = module.patch_embed.proj(stacked(vit, items))  # (b, c, h, w)
    tokens = patches.flatten(2).transpose(1, 2)
    tokens = torch.cat([module.cls_token.expand(len(items), -1, -1), tokens], dim=1) + module.pos_embed
    choices = [(None, None), ("norm_pre", "cls"), ("blocks.1", "patch"), ("blocks.5", "cls"), ("norm", "cls")]
    choices += [("patch_embed", "mean"), ("patch_embed.proj", "mean")]
    found = extract_layers(vit, items, choices, batch_size=3)
    for layer in ("patch_embed", "patch_embed.proj"):
        np.testing.assert_allclose(found[layer, "mean"], patches.mean(dim=(2, 3)), atol=1e-5)
    np.testing.assert_allclose(found["norm_pre", "cls"], tokens[:, 0], atol=1e-5)
    for number, block in enumerate(module.blocks):
        tokens = block(tokens)
        if number == 1:
            np.testing.assert_allclose(found["blocks.1", "patch"], tokens[:, 1:].mean(1), atol=1e-4)
    assert number == 5 and vit.default_layer == "blocks.5"
    np.testing.assert_allclose(found["blocks.5", "cls"], tokens[:, 0], atol=1e-4)
    np.testing.assert_array_equal(found[None, None], found["blocks.5", "cls"])
    np.testing.assert_allclose(found["norm", "cls"], module.norm(tokens)[:, 0], atol=1e-4)


@torch.no_grad()
def test_pooled_features_of_a_cnn(items):
    model = load_model("timm:test_resnet?pretrained=false")
    images = stacked(model, items)
    features = model.module.forward_features(images)
    choices = [(None, None), ("layer3", None), ("output", None), ("fc", None)]
    found = extract_layers(model, items, choices)
    assert model.default_layer == "pre_logits"
    np.testing.assert_allclose(found[None, None], features.mean(dim=(2, 3)), atol=1e-4)
    np.testing.assert_allclose(found["output", None], model.module(images), atol=1e-4)
    np.testing.assert_array_equal(found["output", None], found["fc", None])
    early = model.module.maxpool(model.module.act1(model.module.bn1(model.module.conv1(images))))
    third = model.module.layer3(model.module.layer2(model.module.layer1(early)))
    np.testing.assert_allclose(found["layer3", None], third.mean(dim=(2, 3)), atol=1e-4)


@torch.no_grad()
def test_convnet_second_block(convnet, items):
    images = stacked(convnet, items)
    expected = convnet.module.layer2(convnet.module.layer1(images)).mean(dim=(2, 3))
    found = extract(convnet, items)
    assert found.shape == (7, 5) and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(extract(convnet, items, layer="output"), convnet.module(images), atol=1e-5)


def test_batch_size_does_not_matter(vit, items):
    whole = extract(vit, items, batch_size=64)
    for batch_size in (1, 3, 7):
        np.testing.assert_allclose(extract(vit, items, batch_size=batch_size), whole, rtol=1e-4, atol=1e-5)


def test_what_goes_into_a_layer(vit, items):
    choices = [("blocks.0:input", "cls"), ("norm_pre", "cls"), ("blocks.3:input", "patch"), ("blocks.2", "patch")]
    choices += [("head:input", None), ("pre_logits", None), ("norm:input", "mean"), ("blocks.5", "mean")]
    found = list(extract_layers(vit, items, choices).values())
    for went_in, came_out in zip(found[::2], found[1::2], strict=True):
        np.testing.assert_array_equal(went_in, came_out)


@torch.no_grad()
def test_layers_before_work_in_place(items):
    """A ReLU that works in place does not change what the layer before it gave out."""
    model = load_model("timm:test_resnet?pretrained=false")
    assert model.module.act1.inplace
    expected = model.module.bn1(model.module.conv1(stacked(model, items))).flatten(1)
    found = extract(model, items, layer="bn1", pool="flatten")
    assert found.min() < -0.1
    np.testing.assert_allclose(found, expected, atol=1e-4)
    into = extract_layers(model, items, [("act1:input", "mean"), ("bn1", "mean")])
    np.testing.assert_array_equal(into["act1:input", "mean"], into["bn1", "mean"])


class Twice(torch.nn.Module):
    """A submodule that sees maps first, to which no class token can belong, and vectors in the end."""

    def __init__(self):
        super().__init__()
        self.again = torch.nn.Identity()

    def forward(self, images):
        return self.again(self.again(images).amax(dim=(2, 3)) * 2)


def test_of_a_layer_that_runs_twice_the_last_counts(items):
    model = VisionModel(Twice().eval(), GreyTransform(), "output", "twice")
    images = stacked(model, items)
    np.testing.assert_array_equal(extract(model, items, layer="again"), images.amax(dim=(2, 3)) * 2)
    with pytest.raises(InputError, match="'cls' does not fit layer 'again'"):
        extract(model, items, layer="again", pool="cls")


def test_many_layers_are_each_what_they_are_alone(vit, items):
    choices = [(f"blocks.{number}", pool) for number in range(6) for pool in ("cls", "patch")]
    choices += [("pre_logits", None), ("output", None), (None, None)]
    for choice, values in extract_layers(vit, items, choices, batch_size=4).items():
        alone = extract(vit, items, layer=choice[0], pool=choice[1], batch_size=4)
        np.testing.assert_array_equal(values, alone)


def test_nothing_is_left_on_the_model(vit, items):
    extract_layers(vit, items, [("blocks.1", "cls"), ("blocks.1:input", "cls")])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in vit.module.modules())


def test_misspelt_layer(vit, items):
    wrong = (("block.5", "blocks.5"), ("pre_logit", "pre_logits"), ("outptu", "output"))
    for layer, nearest in (*wrong, ("block.0:input", "blocks.0:input"), ("head:inptu", "head:input")):
        with pytest.raises(InputError, match="^[^\n]*$") as error:
            extract(vit, items, layer=layer)
        assert nearest in str(error.value), str(error.value)
    with pytest.raises(InputError, match="did you mean 'blocks.5'.*blocks.4, blocks.5"):
        extract(vit, items, layer="block.5")


def test_layers_that_give_nothing(convnet, items):
    convnet.module.spare = torch.nn.Identity()
    try:
        with pytest.raises(InputError, match="layer 'spare' gives out no array"):
            extract(convnet, items, layer="spare")
    finally:
        del convnet.module.spare
    with pytest.raises(InputError, match="batch_size"):
        extract(convnet, items, batch_size=0)
    with pytest.raises(InputError, match="no items"):
        extract(convnet, items.subset([]))


def test_a_shell_tells_whether_a_pooling_fits(items):
    shell = load_model("timm:test_resnet?pretrained=false", weights=False)
    assert next(shell.module.parameters()).is_meta
    try_layer(shell, items.image(0), "layer3", "mean")
    with pytest.raises(InputError, match="does not fit layer 'layer3'"):
        try_layer(shell, items.image(0), "layer3", "cls")


def test_unreadable_image_is_named(convnet, tmp_path):
    for number in range(6):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
    items = load_items("image_folder", root=str(tmp_path))
    (tmp_path / "4.png").write_bytes((tmp_path / "4.png").read_bytes()[:40])
    with pytest.raises(InputError, match="4.png"):
        extract(convnet, items, batch_size=2)


def test_images_of_two_sizes(convnet, tmp_path):
    for number in range(6):
        Image.new("L", (8 + number // 5, 8), number).save(tmp_path / f"{number}.png")
    with pytest.raises(InputError, match="differ in size"):
        extract(convnet, load_items("image_folder", root=str(tmp_path)))
