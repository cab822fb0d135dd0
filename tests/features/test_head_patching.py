"""Head patching against brute force (hooks, weight surgery, attention written out) on every kind of ViT."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rdx._torchvision import ensure_torchvision
from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import head_patching
from rdx.features.extraction import extract
from rdx.features.head_patching import (
    block_between,
    head_means,
    head_rows,
    is_class_token,
    patched_pooled,
    patched_rows,
)
from rdx.features.request import parse_request
from rdx.metrics.head_effects import HeadMeter
from rdx.models import load_model
from rdx.models.heads import OpenAttention, find_heads, verify

N = 7
SLOW = pytest.mark.slow
# Real architectures, the smallest there are: each its own kind of attention or block.
KINDS = {
    "timm": ("timm:test_vit?img_size=32", "blocks.1", "cls"),
    "timm_scale_norm_registers": ("timm:test_vit4?img_size=32", "blocks.1", None),
    "timm_relative_positions": ("timm:test_vit_relpos", "blocks.1", None),
    "eva_rotary": ("timm:eva02_tiny_patch14_224?img_size=56", "blocks.1", "cls"),
    "open_clip_own": ("open_clip:small", "transformer.resblocks.1", "cls"),
    "open_clip_custom": ("open_clip:custom", "transformer.resblocks.1", "cls"),
    "open_clip_timm": ("open_clip:trunk", "trunk.blocks.1", "cls"),
}
SMALL = {"image_size": 32, "layers": 3, "width": 48, "patch_size": 16, "head_width": 16}
TOWERS = {
    "small": SMALL,
    "custom": {**SMALL, "block_type": "custom", "qk_norm": True, "scale_heads": True, "scale_attn_inner": True},
    "trunk": {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear", "image_size": 32},
}


@pytest.fixture(scope="module")
def items():
    return load_items("digits", classes=[3, 8], images_per_class=4).subset(range(N))


EVERY_TIME = ["timm", "eva_rotary", "open_clip_own"]


@pytest.fixture(params=[*EVERY_TIME, *(pytest.param(one, marks=SLOW) for one in KINDS if one not in EVERY_TIME)])
def kind(request, tmp_path):
    """A model with random weights, its block's layer, and a pooling."""
    spec, layer, pool = KINDS[request.param]
    skip_where_unknown(spec)
    name = spec.partition(":")[2]
    if name in TOWERS:
        import json

        folder = tmp_path / name
        folder.mkdir()
        config = {"model_cfg": {"embed_dim": 8, "vision_cfg": TOWERS[name]}, "preprocess_cfg": {}}
        (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
        spec = f"open_clip:local-dir:{folder}"
    spec += ("&" if "?" in spec else "?") + "pretrained=false"
    return spec, layer, pool


def skip_where_unknown(spec: str) -> None:
    """Older versions of timm lack some of the smallest models."""
    ensure_torchvision()
    import timm

    family, _, name = spec.partition("?")[0].partition(":")
    if family == "timm" and not timm.is_model(name):
        pytest.skip(f"this version of timm has no {name}")


def loud(model):
    """Layer scales of 1e-5, as some models begin with, would hide every head."""
    for name, value in model.module.named_parameters():
        if any(part in name for part in (".ls1.", ".ls2.", ".ls_1.", ".ls_2.", ".gamma_1", ".gamma_2")):
            torch.nn.init.constant_(value, 0.7)
    return model


def all_patched(model, items, layer, pool) -> list[np.ndarray]:
    """The original and every head, by the two ways there are."""
    block = find_heads(model, layer)
    if is_class_token(model, pool):
        return list(patched_rows(block, head_rows(model, items, [block], batch_size=3)[layer]))
    means = head_means(model, items, [block], batch_size=3)[layer]
    return list(patched_pooled(model, items, block, means, pool, batch_size=3))


def brute_force(model, items, layer, pool) -> list[np.ndarray]:
    """Every head by hooks: all items in one batch, the projection's input changed inside the model's own forward."""
    block = find_heads(model, layer)
    taken = block.block.get_submodule(block.taken_at)
    results = []
    for head in range(block.n_heads):

        def patch(module, inputs, head=head):
            heads, columns = inputs[0].clone(), block.columns(head)
            heads[..., columns] = heads[..., columns].mean(dim=0, keepdim=True)
            return (heads,)

        handle = taken.register_forward_pre_hook(patch)
        results.append(extract(model, items, layer=layer, pool=pool, batch_size=len(items)))
        handle.remove()
    return results


def test_patching_equals_hooks_and_no_patch_the_model(kind, items):
    spec, layer, pool = kind
    model = loud(load_model(spec))  # large enough that every head matters
    plain = extract(model, items, layer=layer, pool=pool)
    verify(model, find_heads(model, layer), items.image(0))
    original, *patched = all_patched(model, items, layer, pool)
    scale = np.abs(plain).max()
    np.testing.assert_allclose(original, plain, atol=2e-6 * scale)
    expected = brute_force(model, items, layer, pool)
    assert len(patched) == len(expected) >= 2
    for one, other in zip(patched, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=5e-6 * scale)
        assert np.abs(one - plain).max() > 1e-3 * scale  # a head that does something
    np.testing.assert_array_equal(extract(model, items, layer=layer, pool=pool), plain)  # the model is as it was


@pytest.mark.parametrize("pool", ["patch", *(pytest.param(one, marks=SLOW) for one in ("cls", "mean", None))])
def test_every_pooling(items, pool):
    model = loud(load_model("timm:test_vit3?pretrained=false&img_size=32"))  # without a class token
    if pool == "cls":
        model = loud(load_model("timm:test_vit?pretrained=false&img_size=32"))
    _, *patched = all_patched(model, items, "blocks.1", pool)
    for one, other in zip(patched, brute_force(model, items, "blocks.1", pool), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5 * np.abs(other).max())


def test_class_token_both_ways(items):
    """Rows of class tokens, and whole blocks batch by batch, are two computations of the same thing."""
    model = loud(load_model("timm:test_vit?pretrained=false&img_size=32"))
    block = find_heads(model, "blocks.0")
    rows = list(patched_rows(block, head_rows(model, items, [block])["blocks.0"]))
    means = head_means(model, items, [block], batch_size=2)["blocks.0"]
    for one, other in zip(rows, patched_pooled(model, items, block, means, "cls"), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_attention_written_out_and_weight_surgery(items):
    """From the weights alone: the heads' outputs in float64, and the patch as a change of the projection."""
    spec = "timm:test_vit?pretrained=false&img_size=32"  # two heads of 32
    model = loud(load_model(spec))
    block = model.module.blocks[2]
    x = extract(model, items, layer="blocks.2:input", pool="flatten").reshape(N, -1, 64)
    heads = []
    with torch.no_grad():
        normed = block.norm1(torch.from_numpy(x)).double()
        weight, bias = block.attn.qkv.weight.double(), block.attn.qkv.bias.double()
        q, k, v = (normed @ weight.T + bias).split(64, dim=-1)
        for c in (slice(0, 32), slice(32, 64)):
            scores = torch.exp((q[..., c] @ k[..., c].transpose(1, 2)) / np.sqrt(32))
            heads.append(scores / scores.sum(dim=-1, keepdim=True) @ v[..., c])
    found = find_heads(model, "blocks.2")
    rows = head_rows(model, items, [found])["blocks.2"]
    np.testing.assert_allclose(rows.heads, torch.cat(heads, dim=-1)[:, 0], atol=1e-5)

    _, *patched = patched_rows(found, rows)
    for h, one in enumerate(patched):  # the class token's constant goes into the bias, the head's columns to zero
        other = loud(load_model(spec))
        projection = other.module.blocks[2].attn.proj
        with torch.no_grad():
            columns = projection.weight[:, 32 * h : 32 * h + 32]
            projection.bias += columns @ heads[h][:, 0].mean(dim=0).float()
            columns.zero_()
        np.testing.assert_allclose(one, extract(other, items, layer="blocks.2", pool="cls"), atol=1e-5)


def test_a_head_that_says_the_same_of_every_item_does_nothing(items):
    """Planted: values of all heads but one are constant, so only that one has an effect."""
    model = load_model("timm:vit_tiny_patch16_224?pretrained=false&img_size=32")
    qkv = model.module.blocks[1].attn.qkv
    with torch.no_grad():
        qkv.weight[384:].mul_(5)
        for head in (0, 2):
            qkv.weight[384 + 64 * head : 384 + 64 * head + 64] = 0
        qkv.bias.normal_()
    for pool in ("cls", "mean"):
        original, *patched = all_patched(model, items, "blocks.1", pool)
        effects = [np.abs(one - original).max() for one in patched]
        assert effects[0] < 1e-6 and effects[2] < 1e-6 and effects[1] > 0.01
        meter = HeadMeter(original, [("b_not_a", np.arange(4))], k=3)
        lost = [meter.effect(one).cka_lost for one in patched]
        assert abs(lost[0]) < 1e-6 and abs(lost[2]) < 1e-6 and lost[1] > 1e-4


def test_several_blocks_in_one_pass(items, monkeypatch):
    model = load_model("timm:test_vit?pretrained=false&img_size=32")
    blocks = [find_heads(model, f"blocks.{i}") for i in range(3)]
    passes = []
    monkeypatch.setattr(head_patching, "extract_layers", counting(passes, head_patching.extract_layers))
    rows = head_rows(model, items, blocks)
    assert list(rows) == ["blocks.0", "blocks.1", "blocks.2"] and len(passes) == 1
    alone = head_rows(model, items, blocks[1:2])["blocks.1"]
    np.testing.assert_array_equal(rows["blocks.1"].heads, alone.heads)
    assert np.ptp(rows["blocks.0"].input, axis=0).max() == 0  # the class token before the first block
    means = head_means(model, items, blocks, batch_size=2)
    np.testing.assert_allclose(means["blocks.1"][0], rows["blocks.1"].heads.mean(axis=0), atol=1e-6)


def counting(passes, function):
    def count(*arguments, **named):
        passes.append(arguments)
        return function(*arguments, **named)

    return count


def test_fused_attention_and_the_open_one_agree():
    torch.manual_seed(0)
    fused = torch.nn.MultiheadAttention(24, 4, batch_first=True).eval()
    x = torch.randn(3, 5, 24)
    with torch.no_grad():
        expected = fused(x, x, x, need_weights=False)[0]
        torch.testing.assert_close(OpenAttention(fused)(x, x, x)[0], expected, atol=1e-6, rtol=1e-5)


def test_shells_are_checked_without_weights(kind, items):
    spec, layer, _ = kind
    shell = load_model(spec, weights=False)
    verify(shell, find_heads(shell, layer), items.image(0))


@pytest.mark.parametrize(
    ("spec", "layer"),
    [
        ("timm:test_resnet?pretrained=false", "layer1.0"),
        ("timm:test_vit?pretrained=false&img_size=32", "blocks.1.mlp"),
        ("timm:test_vit?pretrained=false&img_size=32", "blocks"),
        ("timm:test_maxvit?pretrained=false", "stages.1.blocks.0.attn_block"),
        ("timm:xcit_nano_12_p16_224?pretrained=false", "blocks.1"),
    ],
)
def test_anything_else_is_one_line_that_names_the_model(spec, layer, items):
    skip_where_unknown(spec)
    model = load_model(spec)
    with pytest.raises(InputError, match=f"heads of layer '{layer}' of {spec.partition('?')[0]}") as error:
        verify(model, find_heads(model, layer), items.image(0))
    assert "\n" not in str(error.value)


def test_a_block_that_mixes_tokens_after_its_attention_is_refused(items):
    model = load_model("timm:test_vit?pretrained=false&img_size=32")

    class Mixed(torch.nn.Module):
        def __init__(self, mlp):
            super().__init__()
            self.mlp = mlp

        def forward(self, x):
            return self.mlp(x) + x.mean(dim=1, keepdim=True)

    model.module.blocks[1].mlp = Mixed(model.module.blocks[1].mlp)
    with pytest.raises(InputError, match="token by token"):
        verify(model, find_heads(model, "blocks.1"), items.image(0))


def test_the_block_between_two_layers():
    def between(shallow: str, deep: str, a=None, b=None, model="timm:test_vit"):
        first = parse_request({"model": model, "layer": shallow, "pool": a})
        return block_between(first, parse_request({"model": "timm:test_vit", "layer": deep, "pool": b}))

    assert between("blocks.2", "blocks.3") == "blocks.3"
    assert between("blocks.3:input", "blocks.3") == "blocks.3"
    assert between("blocks.0:input", "blocks.0") == between("blocks:input", "blocks.0") == "blocks.0"
    assert between("trunk.blocks.9", "trunk.blocks.10") == "trunk.blocks.10"
    for pair in (("blocks.1", "blocks.3"), ("blocks.3", "blocks.2"), ("blocks.2", "norm"), ("norm", "blocks.0")):
        assert between(*pair) is None
    assert between("blocks.0:input", "blocks.0", a="mean", b="cls") == "blocks.0"
    assert between("blocks.2", "blocks.3", model="timm:test_vit2") is None
