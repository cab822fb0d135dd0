"""Each architecture that the paper's experiments name: layers, tokens, image size, width. Nothing is downloaded."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from PIL import Image

from rdx.errors import InputError
from rdx.features import describe
from rdx.features.capture import looking
from rdx.features.extraction import try_layer
from rdx.models import load_model, needs_download
from rdx.models.open_clip_models import _KNOWN

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8))
BIOMEDCLIP = "hf-hub:microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224"
INAT = "vit_large_patch14_clip_336.laion2b_ft_in12k_in1k_inat21"


@dataclass
class Expected:
    spec: str
    blocks: int
    side: int  # of the images, in pixels
    width: int
    patch: int
    prefix: int = 1  # tokens before the patches
    trunk: str = ""
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)


CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)
PAPER = {
    "dino": Expected("timm:vit_base_patch16_224.dino", 12, 224, 768, 16),
    "dinov2": Expected("timm:vit_base_patch14_reg4_dinov2.lvd142m", 12, 518, 768, 14, prefix=5),
    "clip": Expected("timm:vit_large_patch14_clip_336.openai", 24, 336, 1024, 14, mean=CLIP_MEAN, std=CLIP_STD),
    "clip_inat": Expected(f"timm:{INAT}", 24, 336, 1024, 14, mean=HALF, std=HALF),
    "biomedclip": Expected(
        f"open_clip:{BIOMEDCLIP}", 12, 224, 768, 16, trunk="trunk.", mean=CLIP_MEAN, std=CLIP_STD
    ),
}


# One of timm and the one of open_clip; the others differ from them in sizes, and are large.
EVERY_TIME = ["dino", "biomedclip"]
OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in PAPER if name not in EVERY_TIME]


@pytest.fixture(params=[*EVERY_TIME, *OTHERS])
def expected(request, tmp_path):
    """The paper's models; BiomedCLIP from a folder as open_clip keeps it."""
    wanted = PAPER[request.param]
    if request.param != "biomedclip":
        return wanted
    text = {"hf_model_name": "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract", "hf_proj_type": "mlp",
            "hf_pooler_type": "cls_last_hidden_state_pooler", "context_length": 256}  # fmt: skip
    vision = {"timm_model_name": "vit_base_patch16_224", "timm_model_pretrained": False, "timm_pool": "",
              "timm_proj": "linear", "image_size": 224}  # fmt: skip
    config = {
        "model_cfg": {"embed_dim": 512, "vision_cfg": vision, "text_cfg": text},
        "preprocess_cfg": {"mean": list(CLIP_MEAN), "std": list(CLIP_STD)},
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    return replace(wanted, spec=f"open_clip:local-dir:{tmp_path}")


def in_numbers(model, trunk):
    """The shell with one block left, and random weights in it."""
    trunk.blocks = trunk.blocks[:1]
    model.module.to_empty(device="cpu")
    drawn = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in model.module.parameters():
            value.copy_(torch.randn(value.shape, generator=drawn) * 0.05)
    return model


@torch.inference_mode()
def test_architecture(expected):
    model = load_model(expected.spec, weights=False)
    trunk = model.module.trunk if expected.trunk else model.module
    blocks = [f"{expected.trunk}blocks.{number}" for number in range(expected.blocks)]
    assert next(model.module.parameters()).is_meta
    assert len(trunk.blocks) == expected.blocks and set(blocks) <= set(model.layers())
    assert {f"{expected.trunk}{name}" for name in ("norm", "blocks.0:input")} <= set(model.layers())
    assert model.default_layer == blocks[-1]
    assert model.image_size() == (expected.side, expected.side)
    white = model.transform(Image.new("RGB", (30, 50), "white"))[:, expected.side // 2, expected.side // 2]
    normalised = (1 - np.array(expected.mean)) / expected.std
    np.testing.assert_allclose(white, normalised, rtol=1e-5)

    for layer, width in ((None, expected.width), (f"{expected.trunk}blocks.0:input", expected.width),
                         (f"{expected.trunk}norm", expected.width)):  # fmt: skip
        assert describe({"model": expected.spec, "layer": layer, "pool": "cls"}).width == width
    if expected.trunk:
        assert describe({"model": expected.spec, "layer": "output"}).width == 512

    model = in_numbers(model, trunk)
    images = model.transform(IMAGE)[None]
    first = f"{expected.trunk}blocks.0"
    choices = [(f"{first}:input", "cls"), (first, "cls"), (first, None), (first, "patch"), (first, "mean")]
    choices += [(f"{expected.trunk}norm", "cls"), ("output", None)]
    with looking(model, choices) as look:
        found = look(images)
    patches = (expected.side // expected.patch) ** 2
    tokens = trunk.norm_pre(trunk._pos_embed(trunk.patch_embed(images)))
    assert tokens.shape == (1, expected.prefix + patches, expected.width)
    torch.testing.assert_close(found[f"{first}:input", "cls"], tokens[:, 0])
    tokens = trunk.blocks[0](tokens)
    torch.testing.assert_close(found[first, "cls"], tokens[:, 0])
    torch.testing.assert_close(found[first, None], tokens[:, 0])
    torch.testing.assert_close(found[first, "patch"], tokens[:, expected.prefix :].mean(dim=1))
    torch.testing.assert_close(found[first, "mean"], tokens.mean(dim=1))
    normed = trunk.norm(tokens)[:, 0]
    torch.testing.assert_close(found[f"{expected.trunk}norm", "cls"], normed)
    if expected.trunk:
        torch.testing.assert_close(found["output", None], normed @ model.module.head.proj.weight.T)


def test_biomedclip_by_its_own_name_needs_no_network_but_for_its_weights(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    model = load_model(f"open_clip:{BIOMEDCLIP}", weights=False)
    assert model.default_layer == "trunk.blocks.11" and try_layer(model, IMAGE, "output", None) == 512
    assert not any(name.startswith("text") for name in model.layers())
    assert needs_download(f"open_clip:{BIOMEDCLIP}") and not needs_download(f"open_clip:{BIOMEDCLIP}?pretrained=false")
    with pytest.raises(InputError, match="^the weights of [^\n]*BiomedCLIP[^\n]*can't be downloaded[^\n]*$"):
        load_model(f"open_clip:{BIOMEDCLIP}")
    before = json.dumps(_KNOWN)
    load_model(f"open_clip:{BIOMEDCLIP}", weights=False)
    assert json.dumps(_KNOWN) == before


def test_weights_that_timm_publishes_but_does_not_list(monkeypatch, tmp_path):
    import timm
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert INAT not in timm.list_models(pretrained=True)
    assert load_model(f"timm:{INAT}", weights=False).module.head.out_features == 10_000
    with pytest.raises(InputError, match=f"^the weights of [^\n]*{INAT}[^\n]*can't be downloaded[^\n]*$"):
        load_model(f"timm:{INAT}")
    with pytest.raises(InputError, match=f"did you mean '{INAT}'"):
        load_model(f"timm:{INAT[:-1]}", weights=False)
    assert needs_download(f"timm:{INAT}")
    made_by_the_hub(tmp_path, f"timm/{INAT}", "model.safetensors")
    assert not needs_download(f"timm:{INAT}")


def made_by_the_hub(cache, repository, file):
    """A file in the hub's cache, laid out as the hub's own library does."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    (folder / "snapshots" / ("0" * 40) / file).write_bytes(b"x")


@pytest.mark.parametrize(
    ("spec", "repository", "file"),
    [
        ("timm:vit_base_patch16_224.dino", "timm/vit_base_patch16_224.dino", "model.safetensors"),
        ("timm:hf-hub:some/model", "some/model", "pytorch_model.bin"),
        ("open_clip:ViT-B-32/laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
         "open_clip_model.safetensors"),
        (f"open_clip:{BIOMEDCLIP}", BIOMEDCLIP.removeprefix("hf-hub:"), "open_clip_pytorch_model.bin"),
    ],
)  # fmt: skip
def test_whether_weights_are_on_disk(spec, repository, file, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert needs_download(spec) and not needs_download(f"{spec}?pretrained=false")
    made_by_the_hub(tmp_path, repository, file)
    assert not needs_download(spec)
