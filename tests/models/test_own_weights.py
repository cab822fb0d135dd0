"""`?weights=`: a stored file in the place of published weights, and every way in which it can be wrong."""

from __future__ import annotations

import argparse
import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rdx.data import load_items
from rdx.errors import InputError
from rdx.features.extraction import extract
from rdx.models import load_model, model_fingerprint


@pytest.fixture(scope="module")
def items():
    return load_items("digits", images_per_class=2, classes=[0, 1, 2])


@pytest.fixture(scope="module")
def vit():
    return load_model("timm:test_vit?pretrained=false&seed=3")


def written(path, tensors):
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth", ".bin", ".ckpt"])
def test_stored_weights_give_the_same_features(vit, items, tmp_path, suffix):
    path = written(tmp_path / f"w{suffix}", vit.module.state_dict())
    found = extract(load_model(f"timm:test_vit?weights={path}"), items)
    np.testing.assert_array_equal(found, extract(vit, items))


def test_a_seed_gives_the_same_features_again(vit, items):
    exact = extract(vit, items)
    again, other = (load_model(f"timm:test_vit?pretrained=false&seed={seed}") for seed in (3, 4))
    np.testing.assert_array_equal(extract(again, items), exact)
    assert not np.allclose(extract(other, items), exact)


def refused(spec, *said):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        load_model(spec)
    for part in said:
        assert part in str(error.value), str(error.value)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_of_another_architecture(vit, tmp_path, suffix):
    path = written(tmp_path / f"w{suffix}", vit.module.state_dict())
    missing = "do not fit timm:test_resnet: tensor 'conv1.0.weight' is missing"
    refused(f"timm:test_resnet?weights={path}", str(path), missing)
    refused(f"timm:test_vit2?weights={path}", str(path), "'reg_token' is missing")
    for outputs in (0, 7):  # timm itself would load what fits and leave the rest random
        refused(f"timm:test_resnet?weights={path}&num_classes={outputs}", missing)
        refused(f"timm:test_vit2?weights={path}&num_classes={outputs}", "'reg_token' is missing")
    refused(f"open_clip:ViT-S-32?weights={path}", str(path), "do not fit open_clip:ViT-S-32")


def test_weights_with_another_number_of_outputs(vit, items, tmp_path):
    fewer = load_model("timm:test_vit?pretrained=false&num_classes=7")
    path = written(tmp_path / "w.safetensors", fewer.module.state_dict())
    shape = "tensor 'head.weight' has shape (7, 64), expected (1000, 64)"
    refused(f"timm:test_vit?weights={path}", shape, "for its 7 outputs add 'num_classes=7'")
    found = extract(load_model(f"timm:test_vit?weights={path}&num_classes=7"), items)
    np.testing.assert_array_equal(found, extract(fewer, items))
    none = load_model(f"timm:test_vit?weights={path}&num_classes=0")  # a classifier is not needed for features
    np.testing.assert_array_equal(extract(none, items), extract(fewer, items))


def test_positions_of_another_image_size_are_converted(vit, items, tmp_path):
    path = written(tmp_path / "w.pt", vit.module.state_dict())
    smaller = load_model(f"timm:test_vit?weights={path}&img_size=96")
    assert smaller.image_size() == (96, 96) and smaller.module.pos_embed.shape[1] == 1 + 6 * 6
    for name, value in smaller.module.state_dict().items():
        assert name == "pos_embed" or torch.equal(value, vit.module.state_dict()[name])
    assert torch.equal(smaller.module.pos_embed[:, 0], vit.module.pos_embed[:, 0])
    assert extract(smaller, items).shape == (6, 64)


def test_the_authors_own_format(tmp_path):
    """DINOv2 as its authors publish it: a mask token more, and registers that the positions do not count."""
    spec = "timm:vit_small_patch14_reg4_dinov2?img_size=28"
    module = load_model(f"{spec}&pretrained=false&seed=1").module
    theirs = module.state_dict() | {"mask_token": torch.zeros(1, 384)}
    theirs["register_tokens"] = theirs.pop("reg_token")
    theirs["pos_embed"] = torch.cat([torch.ones(1, 1, 384), theirs["pos_embed"]], dim=1)
    theirs["cls_token"] = theirs["cls_token"] - 1
    path = written(tmp_path / "dinov2.pth", theirs)
    loaded = load_model(f"{spec}&weights={path}").module.state_dict()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(loaded[name], value)


class Planted:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_damaged_files(vit, tmp_path, suffix):
    path = written(tmp_path / f"w{suffix}", vit.module.state_dict())
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:-9], b"", b"<html>not found</html>"):
        path.write_bytes(damaged)
        refused(f"timm:test_vit?weights={path}", str(path))
    refused(f"timm:test_vit?weights={tmp_path}/none{suffix}", "no file", f"none{suffix}")


@pytest.mark.parametrize("save", ["torch", "pickle"])
def test_pickled_objects_are_refused(tmp_path, capsys, save):
    path = tmp_path / "evil.pt"
    if save == "torch":
        torch.save({"state_dict": Planted()}, path)
    else:
        path.write_bytes(pickle.dumps(Planted()))
    refused(f"timm:test_vit?weights={path}", str(path), "weights-only loader")
    assert "executed" not in capsys.readouterr().out


def test_folder_as_timm_keeps_it(vit, items, tmp_path, monkeypatch):
    config = {"architecture": "test_vit", "num_classes": 1000,
              "pretrained_cfg": {"input_size": [3, 160, 160], "mean": [0.1, 0.1, 0.1], "std": [0.5, 0.5, 0.5],
                                 "num_classes": 1000, "classifier": "head",
                                 "first_conv": "patch_embed.proj"}}  # fmt: skip
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    written(folder / "model.safetensors", vit.module.state_dict())
    spec = f"timm:local-dir:{folder}"
    model = load_model(spec)
    assert torch.equal(model.module.norm.weight, vit.module.norm.weight)
    from PIL import Image

    np.testing.assert_allclose(model.transform(Image.new("L", (50, 50), 255))[:, 80, 80], 0.9 / 0.5, rtol=1e-5)
    before = model_fingerprint(spec)
    folder.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    assert model_fingerprint("timm:local-dir:elsewhere") == before
    assert load_model("timm:local-dir:elsewhere", weights=False).default_layer == "blocks.5"
    other = load_model("timm:test_vit?pretrained=false&seed=9")
    written(tmp_path / "elsewhere" / "model.safetensors", other.module.state_dict())
    assert model_fingerprint("timm:local-dir:elsewhere") != before
    refused("timm:local-dir:none", "no file", "config.json")
    weights = tmp_path / "elsewhere" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])
    refused("timm:local-dir:elsewhere", "the files of timm:local-dir:elsewhere can't be read")


def test_clip_weights_with_a_text_tower_that_cannot_be_built(items, tmp_path):
    """As BiomedCLIP's file: the text tower's tensors are there, its library is not."""
    vision = {"timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear", "image_size": 160}
    text = {"hf_model_name": "some/text-tower", "hf_pooler_type": "cls_last_hidden_state_pooler"}
    config = {"model_cfg": {"embed_dim": 12, "vision_cfg": vision, "text_cfg": text}, "preprocess_cfg": {}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
    spec = f"open_clip:local-dir:{tmp_path}"
    tower = load_model(f"{spec}?pretrained=false&seed=1")
    whole = {f"visual.{name}": value for name, value in tower.module.state_dict().items()}
    whole |= {"text.transformer.embeddings.weight": torch.zeros(5, 3), "logit_scale": torch.zeros(())}
    written(tmp_path / "open_clip_model.safetensors", whole)
    found = extract(load_model(spec), items, layer="output")
    assert found.shape == (6, 12)
    np.testing.assert_array_equal(found, extract(tower, items, layer="output"))


WRITTEN = {  # how trainings write weights → what is said to be left out
    "model_best.pth.tar": (
        lambda state: {"epoch": 3, "args": argparse.Namespace(lr=0.1), "state_dict": {}, "state_dict_ema": state},
        "'state_dict_ema' is taken; left out: epoch, args, state_dict",
    ),
    "compiled.safetensors": (lambda state: {f"_orig_mod.{name}": value for name, value in state.items()}, ""),
    "params.pth": (lambda state: {"params": state}, ""),
    "net.pt": (lambda state: {"net": state, "acc": 0.5}, "left out: acc"),
    "averaged.pt": (
        lambda state: {"model_state_dict": {"n": torch.ones(1), **{f"encoder.{k}": v for k, v in state.items()}}},
        "'encoder.…' is taken; left out: n",
    ),
    "dino.pth": (
        lambda state: {"student": {}, "teacher": {f"module.backbone.{k}": v for k, v in state.items()}},
        "'teacher' is taken; left out: student",
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_checkpoints_of_trainings(vit, tmp_path, caplog, name):
    write, said = WRITTEN[name]
    path = written(tmp_path / name, write(vit.module.state_dict()))
    module = load_model(f"timm:test_vit?weights={path}").module
    assert all(torch.equal(value, vit.module.state_dict()[key]) for key, value in module.state_dict().items())
    assert said in caplog.text and bool(said) == bool(caplog.text)


def test_the_tag_is_asked_for_where_published_weights_differ(tmp_path):
    path = written(tmp_path / "w.pt", {"x": torch.ones(1)})
    refused(f"open_clip:ViT-B-32?weights={path}", "differ in quick_gelu", "'open_clip:ViT-B-32/openai?weights=…'")
    refused(f"timm:vit_base_patch16_224?weights={path}", "normalised in different ways", "timm:vit_base_patch16_224.")
    siglip = load_model("open_clip:ViT-B-16-SigLIP?pretrained=false", weights=False)
    assert "'mean': (0.5, 0.5, 0.5)" in siglip.description and "squash" in siglip.description
