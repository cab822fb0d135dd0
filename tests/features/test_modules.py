"""Torch modules in memory: features as by hand, nothing of the module changed, and what can't be used refused."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from rdx.data.items import items_from_pixels
from rdx.errors import InputError
from rdx.features.modules import features_of, is_module

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 8, 8), dtype=np.uint8)


def plain(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image.convert("L"), dtype=np.float32))[None] / 255


class Net(nn.Module):
    """A small convnet; `kind` is what it gives out."""

    def __init__(self, kind: str = "array") -> None:
        super().__init__()
        self.kind = kind
        convolution = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()
        self.body = nn.Sequential(*convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 5))

    def forward(self, images):
        features = self.body(images)
        found = self.head(features)
        return {
            "array": found, "tuple": (features, found), "dict": {"logits": found, "loss": None}, "none": None,
        }[self.kind]  # fmt: skip


@pytest.fixture(scope="module")
def items():
    return items_from_pixels(PIXELS, [f"i{i}" for i in range(9)], np.zeros(9), {0: "x"})


def by_hand(net: Net, layer: str = "") -> np.ndarray:
    net = copy.deepcopy(net).eval()
    with torch.inference_mode():
        images = torch.stack([plain(Image.fromarray(one)) for one in PIXELS])
        features = net.body(images)
        return (features if layer == "body" else net.head(features)).numpy()


@pytest.mark.parametrize("layer", [None, "body"])
def test_features_are_those_by_hand_and_the_module_stays_as_it_is(items, layer):
    torch.manual_seed(0)
    net = Net().train()
    net.body[1].eval()  # one part frozen, the others not
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = features_of((net, plain), items, "a", layer=layer)
    np.testing.assert_allclose(found, by_hand(net, layer or ""), rtol=1e-5, atol=1e-6)
    assert net.training and not net.body[1].training and net.head[0].training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(part._forward_hooks for part in net.modules())


def test_without_a_transform_images_are_fed_as_other_modules_are_and_that_is_said(items, caplog):
    net = Net().eval()
    found = features_of(net, items, "a")
    assert found.shape == (9, 5) and "a: no transform is given, images are fed as L, " in caplog.text


@pytest.mark.parametrize(
    ("net", "transform", "layer", "message"),
    [
        (Net("tuple"), plain, None, r"gives out is a tuple of \(2, 4\), \(2, 5\) .* layer='…': .*body"),
        (Net("dict"), plain, None, r"gives out is a dict of 'logits' \(2, 5\), 'loss' NoneType .* head"),
        (Net("none"), plain, None, "a: what the model gives out is a value of type NoneType .* layer='…': .*body"),
        (Net(), plain, "bodi", "a: unknown layer 'bodi'; did you mean 'body'"),
        (Net(), 3, None, "a: the module's transform must be a function of an image, not 3"),
        (Net(), lambda image: image, None, "a: the transform returns a value of type Image, where a tensor"),
        (Net(), lambda image: 1 / 0, None, "a: the transform raised ZeroDivisionError: division by zero"),
        (Net(), lambda image: plain(image).repeat(3, 1, 1), None, r"on an image \(3, 8, 8\), raised Runt"),
    ],
)
def test_what_cannot_be_used_is_one_line(items, net, transform, layer, message):
    with pytest.raises(InputError, match=message) as caught:
        features_of((net, transform), items, "a", layer=layer)
    assert len(str(caught.value).splitlines()) == 1


def test_a_module_is_told_from_other_values():
    assert is_module(Net()) and is_module((Net(), plain))
    assert not any(map(is_module, ("timm:resnet18", np.ones((2, 2)), [np.ones(2), np.ones(2)], None)))
