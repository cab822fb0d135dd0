"""`hf:NAME`: models of transformers, from folders that are made here; nothing is downloaded."""

from __future__ import annotations

import builtins
import json
import sys

import numpy as np
import pytest
import torch

from rdx._torchvision import ensure_torchvision
from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import describe
from rdx.features.extraction import extract, extract_layers
from rdx.models import load_model, model_fingerprint, needs_download, parse_spec
from rdx.models.spec import with_absolute_paths

SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
TOWER = {**SMALL, "image_size": 32, "patch_size": 8}
TEXT = {**SMALL, "vocab_size": 50, "bos_token_id": 1, "eos_token_id": 2}
SWIN = {"image_size": 32, "patch_size": 2, "embed_dim": 12, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4}
CONFIGS = {  # name → configuration, and what its image processor is
    "vit": lambda: (transformers.ViTConfig(**TOWER), "ViT"),
    "dinov2": lambda: (transformers.Dinov2Config(**TOWER), "Bit"),
    "dinov3": lambda: (transformers.DINOv3ViTConfig(**TOWER, num_register_tokens=3), "DINOv3ViT"),
    "siglip": lambda: (transformers.SiglipConfig(vision_config=TOWER, text_config=TEXT), "Siglip"),
    "clip": lambda: (transformers.CLIPConfig(vision_config=TOWER, text_config=TEXT, projection_dim=12), "CLIP"),
    "swin": lambda: (transformers.SwinConfig(**SWIN), "ViT"),
}  # fmt: skip
TOKENS = {"vit": (1, True), "dinov2": (1, True), "dinov3": (4, True), "siglip": (0, False), "clip": (1, True),
          "swin": (0, False)}  # fmt: skip
BLOCKS = {"vit": "layers.1", "dinov2": "encoder.layer.1", "dinov3": "model.layer.1",
          "siglip": "vision_model.encoder.layers.1", "clip": "vision_model.encoder.layers.1",
          "swin": "encoder.layers.1.blocks.0"}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def library():
    """Loaded where it is needed: of processes that run tests side by side, in one."""
    global transformers
    ensure_torchvision()
    transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def items():
    return load_items("digits", images_per_class=2, classes=[0, 1, 2])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    for name, made in CONFIGS.items():
        config, kind = made()
        size = {"shortest_edge": 36} if kind in ("CLIP", "Bit") else {"height": 32, "width": 32}
        crop = {"crop_size": {"height": 32, "width": 32}} if kind in ("CLIP", "Bit") else {}
        processor = getattr(transformers, f"{kind}ImageProcessor")(size=size, **crop, image_mean=[0.4, 0.5, 0.6])
        processor.save_pretrained(place / name)
        model = transformers.AutoModel.from_config(config)
        for parameter in model.parameters():  # zeros as they are drawn would hide much
            torch.nn.init.normal_(parameter, std=0.3)
        model.save_pretrained(place / name)
    return place


def by_hand(folder, items):
    """What transformers itself gives: the model's output for the processed images."""
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    images = [items.image(i).convert("RGB") for i in range(len(items))]
    pixels = processor(images, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        if hasattr(model, "get_image_features"):
            return model.get_image_features(pixel_values=pixels)
        return model(pixels)


@pytest.mark.parametrize("name", CONFIGS)
def test_features_are_those_of_transformers(folders, items, name):
    model, whole = load_model(f"hf:{folders / name}"), by_hand(folders / name, items)
    hidden, pooled = whole.last_hidden_state, whole.pooler_output
    assert (model.prefix_tokens, model.class_token) == TOKENS[name]
    expected = {
        (None, None): hidden[:, 0] if name == "vit" else pooled,
        ("pooler_output", None): pooled,
        ("last_hidden_state", "mean"): hidden.mean(dim=1),
        ("last_hidden_state", "patch"): hidden[:, TOKENS[name][0] :].mean(dim=1),
        ("last_hidden_state", "flatten"): hidden.flatten(1),
    }
    found = extract_layers(model, items, [*expected, (BLOCKS[name], None)])
    assert found.pop((BLOCKS[name], None)).shape == (6, 24)
    for choice, values in expected.items():
        np.testing.assert_allclose(found[choice], values, rtol=1e-4, atol=1e-5)
    assert not any("text" in layer for layer in model.layers())


def test_random_weights_and_shells(folders):
    first, again, other = (load_model(f"hf:{folders}/vit?pretrained=false&seed={seed}").module for seed in (1, 1, 2))
    states = [model.state_dict()["embeddings.cls_token"] for model in (first, again, other)]
    assert torch.equal(states[0], states[1]) and not torch.equal(states[0], states[2])
    shell = load_model(f"hf:{folders}/clip", weights=False)
    assert next(shell.module.parameters()).is_meta and "vision_model.encoder.layers.0" in shell.layers()
    described = describe({"model": f"hf:{folders}/clip?layer=vision_model.encoder.layers.1"})
    assert (described.width, described.image_size, described.download) == (24, (32, 32), 0)


def test_weights_that_lack_something(folders, items, tmp_path):
    """transformers draws it at random and says so in its log: a ViT for classification has no pooler."""
    config = transformers.ViTConfig(**TOWER)
    whole = transformers.ViTForImageClassification(config).half()  # which transformers would compute with
    whole.save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    model = load_model(f"hf:{tmp_path}")
    assert next(model.module.parameters()).dtype == torch.float32
    expected = by_hand(tmp_path, items).last_hidden_state[:, 0]
    np.testing.assert_allclose(extract(model, items), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="unknown layer 'pooler_output'"):
        extract(model, items, layer="pooler_output")
    from safetensors.torch import load_file, save_file

    tensors = load_file(tmp_path / "model.safetensors")
    left = {name: value for name, value in tensors.items() if "layer.1.intermediate" not in name}
    save_file(left, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"^the weights of hf:[^\n]* lack 'layers.1.mlp.fc1.bias' and 1 more$"):
        load_model(f"hf:{tmp_path}")


def test_a_masked_autoencoder_hides_nothing(tmp_path):
    transformers.AutoModel.from_config(transformers.ViTMAEConfig(**TOWER)).save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    model = load_model(f"hf:{tmp_path}")
    image = torch.ones(1, 3, 32, 32)
    torch.testing.assert_close(*(model.module(image)[:, 0] for _ in range(2)))


def refused(spec, said, **how):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        load_model(spec, **how)
    assert said in str(error.value), str(error.value)


def test_what_is_wrong_is_said_in_a_line(folders, tmp_path, monkeypatch, capfd):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    refused("hf:./none", "no folder")
    refused("hf:some/model", "the weights of hf:some/model can't be downloaded")
    assert needs_download("hf:some/model?revision=v1") and not needs_download(f"hf:{folders}/vit")
    (tmp_path / "config.json").write_text("{}")
    refused(f"hf:{tmp_path}", "has no preprocessor_config.json")
    (tmp_path / "preprocessor_config.json").write_text((folders / "vit/preprocessor_config.json").read_text())
    refused(f"hf:{tmp_path}", "Unrecognized model")
    (tmp_path / "config.json").write_text((folders / "vit/config.json").read_text())
    whole = (folders / "vit/model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    refused(f"hf:{tmp_path}", "can't be taken: Error while deserializing header")
    (tmp_path / "model.safetensors").unlink()
    torch.save({"planted": 1}, tmp_path / "pytorch_model.bin")
    refused(f"hf:{tmp_path}", "model.safetensors")
    code = {**json.loads((folders / "vit/config.json").read_text()), "model_type": "own"}
    code["auto_map"] = {"AutoConfig": "own.Config", "AutoModel": "own.Model"}
    (tmp_path / "config.json").write_text(json.dumps(code))
    (tmp_path / "own.py").write_text("raise SystemExit('executed')")
    refused(f"hf:{tmp_path}", "can't be taken")
    assert capfd.readouterr() == ("", "")


def test_names_and_fingerprints(folders, monkeypatch):
    monkeypatch.chdir(folders)
    spec = parse_spec("hf:vit?layer=layers.0")
    assert with_absolute_paths(spec).name == str(folders / "vit") and spec.title == "vit"
    assert with_absolute_paths(spec).without_folders() == "hf:vit"
    hub = parse_spec("hf:facebook/dinov2-small")
    assert with_absolute_paths(hub) == hub and hub.title == "facebook/dinov2-small" and hub.files == []
    first = model_fingerprint("hf:vit")
    assert first == model_fingerprint(f"hf:{folders}/vit?layer=x&pool=mean")
    (folders / "vit/preprocessor_config.json").write_text(
        (folders / "vit/preprocessor_config.json").read_text().replace("0.4", "0.3")
    )
    assert len({first, *(model_fingerprint(f"hf:{name}") for name in ("vit", "clip", "vit?pretrained=false"))}) == 4


def test_without_the_extra(folders, monkeypatch):
    imported = builtins.__import__
    monkeypatch.delitem(sys.modules, "transformers")
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(builtins, "__import__", imported)
    for call in (load_model, model_fingerprint):
        with pytest.raises(InputError, match=r"need the extra 'hf': pip install 'rdx\[hf\]'$"):
            call(f"hf:{folders}/vit")
