"""Which axis is the channel, and whose rows are images: every layer against a plain forward hook averaged by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from made_commands import rdx
from PIL import Image
from torch import nn

from rdx._torchvision import ensure_torchvision
from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import check_representation
from rdx.features.description import shell
from rdx.features.extraction import extract, try_layer
from rdx.features.layouts import layouts
from rdx.features.request import parse_request
from rdx.models import load_model, parse_spec
from rdx.models.convnet import GreyTransform
from rdx.models.vision_model import VisionModel

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8), dtype=np.uint8))
CHANNELS = {  # model → layer → how many channels it has, as its module says
    "samvit_base_patch16?img_size=64": {"blocks.11": 768, "blocks.2.mlp.fc1": 3072, "neck.0": 256},
    "tiny_vit_5m_224": {"stages.3": 320, "stages.1": 128, "stages.1.blocks.0.local_conv": 128},
    "convnext_atto": {"stages.3.blocks.1.mlp.fc1": 1280, "stages.3.blocks.1": 320, "stages.0.blocks.0.norm": 40},
    "swin_tiny_patch4_window7_224": {"layers.1.downsample.reduction": 192, "layers.3": 768},
    "mixer_s32_224": {"blocks.0.mlp_tokens.fc2": 512, "blocks.0.mlp_tokens": 512, "blocks.0.mlp_channels.fc1": 2048},
}


def tried(name):
    return load_model(f"timm:{name}{'&' if '?' in name else '?'}pretrained=false", weights=False)


LARGE = ["samvit_base_patch16?img_size=64", "swin_tiny_patch4_window7_224", "mixer_s32_224"]


@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.slow] * (one in LARGE)) for one in CHANNELS])
def test_as_many_numbers_as_the_layer_has_channels(name):
    model = tried(name)
    for layer, channels in CHANNELS[name].items():
        assert try_layer(model, IMAGE, layer, "mean") == channels, layer


class Mixed(nn.Module):
    """Maps, then channels last, then tokens, then windows: each as some architecture of timm has them."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(1, 5, 2, stride=2), nn.LayerNorm(5), nn.ReLU()
        self.fc, self.drop, self.across = nn.Linear(5, 7), nn.Dropout(), nn.Linear(16, 16)
        self.windows, self.pair = nn.Identity(), Pair()

    def forward(self, images):
        maps = self.norm(self.conv(images).permute(0, 2, 3, 1))  # (b, 4, 4, 5)
        tokens = self.drop(self.fc(self.act(maps))).flatten(1, 2)  # (b, 16, 7)
        tokens = self.across(tokens.transpose(1, 2)).transpose(1, 2)
        self.windows(tokens.reshape(-1, 8, 7))
        return self.pair(tokens)[1].mean(1)


class Pair(nn.Module):
    def forward(self, tokens):
        return tokens.reshape(-1, 4, 7), tokens * 2


@pytest.fixture(scope="module")
def mixed():
    torch.manual_seed(0)
    return VisionModel(Mixed().eval(), GreyTransform(size=(8, 8)), "fc", "mixed")


SPACE = {"conv": (2, 3), "norm": (1, 2), "act": (1, 2), "fc": (1, 2), "drop": (1, 2), "across": 2, "pair": 1}


def test_every_layer_is_a_plain_hook_averaged_by_hand(mixed):
    items = load_items("digits", images_per_class=2, classes=[0, 1, 2])
    images, kept = torch.stack([mixed.transform(items.image(i)) for i in range(6)]), {}
    handles = [
        module.register_forward_hook(lambda _, __, out, name=name: kept.update({name: out}))
        for name, module in mixed.module.named_children()
    ]
    with torch.no_grad():
        mixed.module(images)
    for handle in handles:
        handle.remove()
    for layer, space in SPACE.items():
        value = kept[layer][1] if layer == "pair" else kept[layer]
        found = extract(mixed, items, layer=layer, pool="mean")
        np.testing.assert_allclose(found, value.mean(space), atol=1e-6, err_msg=layer)


def test_rows_that_are_no_images_are_named_before_anything_is_computed(mixed):
    with pytest.raises(InputError, match="layer 'windows' has 4 rows for 2 images .* nearest that can be used: "):
        try_layer(mixed, IMAGE, "windows", "mean")


def test_two_readings_are_refused_until_the_spec_says_which(mixed):
    model = tried("test_vit")
    layer = "blocks.0.attn.q_norm"  # (b, heads, t, width): its channels are two axes
    with pytest.raises(InputError, match=r"gives out \(b, 2, 101, 32\), and which axis .* 'layout=nchw'"):
        try_layer(model, IMAGE, layer, "mean")
    assert try_layer(model, IMAGE, layer, "flatten") == 2 * 101 * 32
    for layout, width in (("nchw", 2), ("nhwc", 32)):
        model.layout = layout
        assert try_layer(model, IMAGE, layer, "mean") == width
    model.layout = "tokens"
    with pytest.raises(InputError, match="layout 'tokens' does not fit"):
        try_layer(model, IMAGE, layer, "mean")
    with pytest.raises(InputError, match="did you mean 'nhwc'"):
        parse_request({"model": "timm:test_vit?layout=nhcw"})


@pytest.mark.slow
def test_tnt_gives_patches_and_a_window_is_refused_by_the_plan():
    items = load_items("digits", images_per_class=3, classes=[0, 1])
    spec = "timm:tnt_s_legacy_patch16_224?pretrained=false"
    model = shell(parse_spec(spec))
    assert try_layer(model, IMAGE, model.default_layer, None) == 384
    with pytest.raises(InputError, match="layer 'blocks.0.mlp_in' has 392 rows for 2 images"):
        check_representation({"model": spec, "layer": "blocks.0.mlp_in"}, items)


def test_only_layers_after_it_have_the_class_token():
    model = tried("vit_tiny_patch16_224?img_size=32")
    found = layouts(model, (3, 32, 32))
    layers = ("patch_embed", "norm_pre", "blocks.0", "norm")
    assert [found[name].prefix_tokens for name in layers] == [0, 1, 1, 1]
    assert try_layer(model, IMAGE, "patch_embed", None) == 192
    with pytest.raises(InputError, match="'cls' does not fit layer 'patch_embed': there is no class token"):
        try_layer(model, IMAGE, "patch_embed", "cls")


@pytest.mark.parametrize(
    ("name", "default"),
    [("beit_base_patch16_224", False), ("eva02_tiny_patch14_224", False), ("vit_small_patch16_dinov3", True)],
)
def test_a_class_token_that_is_not_put_out_is_no_default(name, default):
    model = tried(name)
    assert model.class_token and model.class_token_by_default == default
    assert model.default_layer == ("blocks.11" if default else "pre_logits")


class Across(nn.Module):
    """Convolutions of one dimension: over class tokens, as CoaT's, and along the channels, as ECA's."""

    def __init__(self):
        super().__init__()
        self.norm, self.merged = nn.LayerNorm(7), nn.Conv1d(3, 1, 1)
        from timm.layers import LayerNormAct2d

        self.with_act = LayerNormAct2d(5)  # as in ViTamin
        self.bn, self.attention, self.own = nn.BatchNorm2d(5), nn.Conv1d(1, 1, 3, padding=1), nn.Conv1d(5, 6, 1)

    def forward(self, images):
        maps = self.bn(self.with_act(images[:, :, :4, :4].expand(-1, 5, 4, 4)))
        self.attention(maps.mean((2, 3))[:, None])  # (b, 1, 5)
        self.own(maps.flatten(2))  # (b, 5, 16)
        tokens = self.norm(images.flatten(1)[:, :63].reshape(-1, 9, 7))
        return self.merged(torch.stack([tokens[:, i] for i in range(3)], 1)).squeeze(1)  # (b, 3, 7)


def test_a_convolution_over_tokens_or_along_channels_leaves_the_channels_where_they_are():
    ensure_torchvision()
    model = VisionModel(Across().eval(), GreyTransform(size=(8, 8)), "own", "across")
    widths = {"merged:input": 7, "merged": 7, "attention:input": 5, "attention": 5, "own": 6, "with_act": 5}
    for layer, width in widths.items():
        assert try_layer(model, IMAGE, layer, "mean") == width, layer


QUIET = ("--quiet", "--statistics", "off", "--n-clusters", "2")


def test_the_plan_of_a_layer_of_windows_is_one_line_and_leaves_no_cache(in_a_folder, tmp_path, capsys):
    (tmp_path / "images").mkdir()
    for i in range(6):
        IMAGE.save(tmp_path / f"images/{i}.png")
    spec = "timm:test_maxvit?pretrained=false"
    layers = (f"{spec}&layer=stages.0.blocks.0.attn_block.attn", "timm:test_resnet?pretrained=false")
    assert rdx("compare", "--images", "images", "--a", layers[0], "--b", layers[1], "--dry-run", *QUIET) == 2
    said = capsys.readouterr().err
    assert "rows for 2 images" in said and said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
