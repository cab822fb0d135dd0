"""timm and open_clip models: names, random and local weights, transforms; nothing is downloaded."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image

from rdx._torchvision import ensure_torchvision
from rdx.errors import InputError
from rdx.models import load_model
from rdx.models.weights import misfit

IMAGE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8))
TOWER = {"image_size": 32, "layers": 3, "width": 32, "head_width": 16, "patch_size": 16}
TEXT = {"context_length": 8, "vocab_size": 20, "width": 16, "heads": 2, "layers": 1}
CONFIG = {
    "model_cfg": {"embed_dim": 12, "vision_cfg": TOWER, "text_cfg": TEXT},
    "preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5], "interpolation": "bilinear"},
}


def same_weights(left, right):
    return misfit(left, right.state_dict()) is None and all(
        torch.equal(value, right.state_dict()[name]) for name, value in left.state_dict().items()
    )


def test_random_weights_depend_on_the_seed_alone():
    first, other = (load_model(f"timm:test_vit?pretrained=false&seed={seed}").module for seed in (0, 1))
    torch.rand(5)
    assert same_weights(first, load_model("timm:test_vit?pretrained=false").module)
    assert not same_weights(first, other)
    assert not first.training


def test_transform_is_the_models_own():
    model = load_model("timm:test_vit?pretrained=false")
    import timm

    config = timm.data.resolve_model_data_config(model.module)
    expected = timm.data.create_transform(**config, is_training=False)(IMAGE)
    assert torch.equal(model.transform(IMAGE), expected) and expected.shape == (3, 160, 160)
    assert model.transform(IMAGE.convert("L")).shape == (3, 160, 160)
    assert "Normalize" in model.description
    smaller = load_model("timm:test_vit?pretrained=false&img_size=64&num_classes=3")
    assert smaller.transform(IMAGE).shape == (3, 64, 64)
    assert smaller.module(smaller.transform(IMAGE)[None]).shape == (1, 3)


def test_tokens_before_the_patches():
    for name, layout in (("test_vit", (1, True)), ("test_vit4", (1, False)), ("test_vit_relpos", (0, False))):
        model = load_model(f"timm:{name}?pretrained=false", weights=False)
        assert (model.prefix_tokens, model.class_token) == layout
        assert model.default_layer == ("blocks.5" if layout[1] else "pre_logits")


@pytest.mark.parametrize("kind", ["safetensors", "pt", "wrapped", "renamed"])
def test_local_weights(tmp_path, kind):
    from safetensors.torch import save_file

    module = load_model("timm:test_efficientnet?pretrained=false&seed=5").module
    state = module.state_dict()
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "renamed":  # another port of the same architecture: same order, other names
        torch.save({f"layer{number}.w": value for number, value in enumerate(state.values())}, path)
    else:
        torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}} if kind == "wrapped" else state, path)
    assert same_weights(load_model(f"timm:test_efficientnet?weights={path}").module, module)


def test_local_weights_that_do_not_fit(tmp_path):
    path = tmp_path / "w.pt"
    torch.save(load_model("timm:test_resnet?pretrained=false").module.state_dict(), path)
    with pytest.raises(InputError, match="do not fit timm:test_vit: tensor '.*' is missing"):
        load_model(f"timm:test_vit?weights={path}")
    torch.save({"a": 1}, path)
    with pytest.raises(InputError, match="hold no tensors"):
        load_model(f"timm:test_vit?weights={path}")
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(InputError, match="weights-only loader"):
        load_model(f"timm:test_vit?weights={path}")
    (tmp_path / "w.txt").write_text("x")
    with pytest.raises(InputError, match="known kind"):
        load_model(f"timm:test_vit?weights={tmp_path}/w.txt")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("timm:test_vot", "did you mean 'test_vit'"),
        ("timm:test_vit.r160_in2k", "did you mean 'test_vit.r160_in1k'"),
        ("timm:test_resnet?pretrained=false&img_size=32", "does not take {'img_size': 32}"),
        ("open_clip:ViT-B-33/openai", "did you mean 'ViT-B-32'"),
        ("open_clip:ViT-B-32/opnai", "did you mean 'openai'"),
        ("open_clip:ViT-B-32", "names no weights; write 'open_clip:ViT-B-32/openai'"),
        ("open_clip:local-dir:none", "no file"),
        ("features:a.npy", "not a model"),
    ],
)
def test_mistakes_are_named(spec, said):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        load_model(spec)
    assert said in str(error.value)


@pytest.mark.parametrize("spec", ["timm:test_vit", "open_clip:ViT-B-32/openai", "open_clip:hf-hub:some/model"])
def test_no_network_is_one_line(spec, tmp_path, monkeypatch, capfd):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="^the weights of .* can't be downloaded [^\n]*$") as error:
        load_model(spec)
    assert spec in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def clip(tmp_path):
    """A small model as open_clip keeps it: a folder with its configuration and the weights of both towers."""
    from safetensors.torch import save_file

    ensure_torchvision()
    import open_clip

    (tmp_path / "open_clip_config.json").write_text(json.dumps(CONFIG))
    whole = open_clip.create_model(f"local-dir:{tmp_path}", load_weights=False).eval()
    save_file(whole.state_dict(), tmp_path / "open_clip_model.safetensors")
    return tmp_path, whole


def test_open_clip_folder(clip):
    folder, whole = clip
    model = load_model(f"open_clip:local-dir:{folder}")
    assert same_weights(model.module, whole.visual)
    fed = model.transform(IMAGE)[None]
    assert torch.equal(model.module(fed), whole.encode_image(fed))
    assert model.default_layer == "transformer.resblocks.2" and model.class_token and model.prefix_tokens == 1
    image = model.transform(Image.new("L", (40, 40), 255))
    np.testing.assert_allclose(image[:, 5, 5], [(1 - mean) / 0.5 for mean in (0.1, 0.2, 0.3)], rtol=1e-5)
    assert image.shape == (3, 32, 32) and model.module(image[None]).shape == (1, 12)


def test_open_clip_weights_that_do_not_fit(clip):
    folder, whole = clip
    torch.save({"visual.proj": torch.zeros(2)}, folder / "w.pt")
    with pytest.raises(InputError, match="do not fit open_clip:local-dir"):
        load_model(f"open_clip:local-dir:{folder}?weights={folder}/w.pt")
    torch.save(whole.visual.state_dict(), folder / "w.pt")  # a tower alone
    assert same_weights(load_model(f"open_clip:local-dir:{folder}?weights={folder}/w.pt").module, whole.visual)
    (folder / "open_clip_config.json").write_text("{}")
    with pytest.raises(InputError, match="no open_clip configuration"):
        load_model(f"open_clip:local-dir:{folder}")


def test_open_clip_built_in_name_matches_open_clip_itself():
    model = load_model("open_clip:ViT-S-32?pretrained=false", weights=False)
    import open_clip

    with torch.device("meta"):
        whole = open_clip.create_model("ViT-S-32", device="meta")
    assert misfit(model.module, whole.visual.state_dict()) is None
    expected = open_clip.image_transform(224, is_train=False)
    assert torch.equal(model.transform(IMAGE), expected(IMAGE))
