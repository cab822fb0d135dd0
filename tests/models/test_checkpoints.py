"""The small convnets and the files they are kept in."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load, save_file

from rdx.errors import InputError
from rdx.features import describe, description
from rdx.models import checkpoints, load_model, outline_of
from rdx.models.checkpoints import Header, read_checkpoint, save_checkpoint
from rdx.models.convnet import ConvNet, GreyTransform
from rdx.models.convnet_shapes import shapes
from rdx.models.vision_model import seeded


@pytest.fixture
def saved(tmp_path):
    with seeded(0):
        model = ConvNet((3, 5), 4).eval()
    path = tmp_path / "model.safetensors"
    header = Header((3, 5), 4, label_names={"0": "zero"}, training={"epochs": 2}, size=(8, 8), step=7)
    save_checkpoint(path, model, header)
    return path, model, header


def rewritten(path, *, tensors=None, header=None):
    """The same file with some tensors or header fields changed."""
    from safetensors import safe_open

    with safe_open(str(path), "pt") as handle:
        content = json.loads(handle.metadata()["rdx"])
    save_file(tensors or load(path.read_bytes()), path, metadata={"rdx": json.dumps(content | (header or {}))})


def test_convnet_is_the_described_one():
    model = ConvNet().eval()
    assert [name for name, _ in model.named_children()] == ["layer1", "layer2", "fc"]
    assert model.layer1[0].weight.shape == (32, 1, 5, 5) and model.layer2[0].weight.shape == (64, 32, 5, 5)
    for side in (8, 28):
        images = torch.rand(2, 1, side, side)
        assert model(images).shape == (2, 10)
        assert model.layer2(model.layer1(images)).shape == (2, 64, side // 4, side // 4)


def test_an_outline_says_what_the_model_itself_would(saved, monkeypatch):
    path, model, _ = saved
    assert shapes((3, 5), 4) == {name: tuple(value.shape) for name, value in model.state_dict().items()}
    choices = [(layer, pool) for layer in (None, "layer1", "layer2") for pool in (None, "mean", "patch")]
    asked = [{"model": f"checkpoint:{path}", "layer": layer, "pool": pool} for layer, pool in choices]
    outlined = [describe(one) for one in asked]
    assert all(outline_of(f"checkpoint:{path}").width(*one) for one in choices)
    monkeypatch.setattr(checkpoints, "outline", lambda spec: None)
    description._outline.cache_clear()
    assert [describe(one) for one in asked] == outlined
    description._outline.cache_clear()


def test_where_an_outline_does_not_tell_the_model_is_built(saved):
    path, _, _ = saved
    spec = f"checkpoint:{path}"
    assert outline_of(spec).width("layer1.0", None) is None and outline_of(spec).width("layer2", "flatten") is None
    assert describe({"model": spec, "layer": "layer2", "pool": "flatten"}).width == 5 * 2 * 2
    assert describe({"model": spec, "layer": "fc"}).width == 4
    assert outline_of(f"{spec}?layout=nhwc") is None
    with pytest.raises(InputError, match="layer 'layre2'"):
        describe({"model": spec, "layer": "layre2"})
    with pytest.raises(InputError, match="pool 'cls' does not fit"):
        describe({"model": spec, "pool": "cls"})


@pytest.mark.parametrize("wrong", ["shape", "missing", "more", "nan", "checksum", "version", "size", "cut", "half"])
def test_of_a_file_with_something_wrong_there_is_no_outline(saved, wrong):
    path, model, _ = saved
    assert outline_of(f"checkpoint:{path}") is not None
    tensors = {name: value.clone() for name, value in model.state_dict().items()}
    if wrong == "shape":
        tensors["fc.bias"] = torch.zeros(5)
    elif wrong == "missing":
        del tensors["layer1.1.running_var"]
    elif wrong == "more":
        tensors["more"] = torch.zeros(1)
    elif wrong == "nan":
        tensors["fc.bias"][0] = torch.nan
    elif wrong == "checksum":
        tensors["fc.bias"][0] += 1
    elif wrong == "half":
        tensors["fc.bias"] = tensors["fc.bias"].bfloat16()
    header = {"version": {"version": 99}, "size": {"size": None}, "nan": {"checksum": ""}}.get(wrong)
    rewritten(path, tensors=tensors, header=header)
    if wrong == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    assert outline_of(f"checkpoint:{path}") is None


def test_forward_against_plain_numpy(saved):
    _, model, _ = saved
    image = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        model.layer1[1].running_mean.uniform_(-1, 1)
        model.layer1[1].running_var.uniform_(0.5, 2)
    values = image[0].numpy().astype(np.float64)
    for block in (model.layer1, model.layer2):
        values = plain_block(values, {k: v.numpy().astype(np.float64) for k, v in block.state_dict().items()})
    expected = model.fc.weight.detach().numpy() @ values.mean(axis=(1, 2)) + model.fc.bias.detach().numpy()
    np.testing.assert_allclose(model(image).detach().numpy()[0], expected, atol=1e-5)


def plain_block(image, weights):
    """Convolution, batch norm, ReLU and pooling of one image (c, h, w), in loops."""
    _, height, width = image.shape
    padded = np.pad(image, ((0, 0), (2, 2), (2, 2)))
    out = np.empty((len(weights["0.weight"]), height, width))
    for y in range(height):
        for x in range(width):
            window = padded[:, y : y + 5, x : x + 5]
            out[:, y, x] = (weights["0.weight"] * window).sum(axis=(1, 2, 3)) + weights["0.bias"]
    scale = weights["1.weight"] / np.sqrt(weights["1.running_var"] + 1e-5)
    out = (out - weights["1.running_mean"][:, None, None]) * scale[:, None, None]
    out = np.maximum(out + weights["1.bias"][:, None, None], 0)
    return out.reshape(len(out), height // 2, 2, width // 2, 2).max(axis=(2, 4))


def test_transform_scales_and_resizes():
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    expected = (pixels / 255 - 0.5) / 0.5
    np.testing.assert_allclose(GreyTransform()(Image.fromarray(pixels))[0].numpy(), expected, atol=1e-6)
    assert GreyTransform(size=(4, 6))(Image.fromarray(pixels).convert("RGB")).shape == (1, 4, 6)
    with pytest.raises(InputError, match="3×8"):
        GreyTransform()(Image.fromarray(pixels[:3]))


def test_round_trip(saved):
    path, model, header = saved
    again, read = read_checkpoint(path)
    assert read == header and not again.training
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    loaded = load_model(f"checkpoint:{path}")
    assert loaded.default_layer == "layer2" and {"layer1", "layer2", "fc", "output"} <= set(loaded.layers())
    before = path.read_bytes()
    save_checkpoint(path, again, read)
    assert path.read_bytes() == before


def test_relative_path_is_looked_up_from_the_current_folder(saved, monkeypatch):
    path, _, header = saved
    monkeypatch.chdir(path.parent)
    assert read_checkpoint(path.name)[1] == header


def test_malformed_checkpoints(saved, tmp_path):
    path, model, _ = saved
    whole, tensors = path.read_bytes(), load(path.read_bytes())

    def refused(said):
        with pytest.raises(InputError, match="^[^\n]*$") as error:
            read_checkpoint(path)
        assert path.name in str(error.value) and said in str(error.value), str(error.value)

    path.write_bytes(whole[:-9])
    refused("not a whole safetensors file")
    path.write_bytes(b"hello, this is text")
    refused("not a whole safetensors file")
    path.write_bytes(b"")
    refused("not a whole safetensors file")
    save_file(tensors, path)
    refused("no checkpoint of rdx train")
    for header, said in (
        ({"format": "other"}, "no checkpoint of rdx train"),
        ({"version": 99}, "format version 99"),
        ({"channels": 3}, "damaged header"),
        ({"n_outputs": "many"}, "damaged header"),
        ({"std": 0}, "damaged header"),
        ({"n_outputs": 6}, "'fc.weight' has shape (4, 5), expected (6, 5)"),
    ):
        path.write_bytes(whole)
        rewritten(path, header=header)
        refused(said)
    for changed, said in (
        ({k: v for k, v in tensors.items() if k != "fc.bias"}, "'fc.bias' is missing"),
        (tensors | {"extra": torch.zeros(1)}, "'extra' does not belong there"),
        (tensors | {"fc.bias": torch.full((4,), torch.nan)}, "'fc.bias' holds NaN"),
    ):
        path.write_bytes(whole)
        rewritten(path, tensors=changed)
        refused(said)
    path.unlink()
    refused("no file")


def test_lightning_file_is_read_with_its_own_scale(saved, tmp_path):
    _, model, _ = saved
    path = tmp_path / "paper.ckpt"
    torch.save({"state_dict": {f"model.{name}": v for name, v in model.state_dict().items()}}, path)
    again, header = read_checkpoint(path)
    assert header.channels == (3, 5) and header.n_outputs == 4
    pixels = np.full((8, 8), 10, dtype=np.uint8)
    fed = GreyTransform(header.mean, header.std)(Image.fromarray(pixels))
    np.testing.assert_allclose(fed.numpy(), (10 - 0.5) / 0.5, rtol=1e-5)
    assert torch.equal(again.fc.weight, model.fc.weight)


class Planted:
    def __reduce__(self):
        return (print, ("executed",))


def test_pickle_is_never_executed(tmp_path, capsys):
    path = tmp_path / "evil.pt"
    torch.save({"state_dict": Planted()}, path)
    with pytest.raises(InputError, match="weights-only"):
        read_checkpoint(path)
    assert "executed" not in capsys.readouterr().out
    torch.save(torch.zeros(3), path)
    with pytest.raises(InputError, match="not tensors by name"):
        read_checkpoint(path)
