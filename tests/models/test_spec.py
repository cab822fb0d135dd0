"""SPEC, the one-line name of a model."""

from __future__ import annotations

import pytest

from rdx.errors import InputError
from rdx.models import model_fingerprint
from rdx.models.spec import ModelSpec, parse_spec, with_absolute_paths


def test_parts_and_canonical_form():
    spec = parse_spec(" timm:resnet50?pretrained=No&layer=layer3&pool=mean ")
    assert (spec.family, spec.name) == ("timm", "resnet50")
    assert spec.options == {"pretrained": "false", "layer": "layer3", "pool": "mean"}
    assert str(spec) == "timm:resnet50?layer=layer3&pool=mean&pretrained=false"
    assert parse_spec(str(spec)) == spec
    assert spec.switch("pretrained", True) is False and spec.number("seed") is None


def test_names_keep_colons_and_slashes():
    spec = parse_spec("open_clip:hf-hub:organisation/model?layer=trunk.blocks.3")
    assert spec.name == "hf-hub:organisation/model" and spec.options == {"layer": "trunk.blocks.3"}
    assert parse_spec("features:/a/b.npz?key=x").options == {"key": "x"}


@pytest.mark.parametrize("path", ["/a&b/w.pth", "/what?/w.pth", "/a&layer=1/w%26.pth", "/100%/50%3F%25.pth"])
def test_any_path_can_be_named(path):
    spec = ModelSpec("timm", "resnet50", {"weights": path, "layer": "layer3"})
    assert parse_spec(str(spec)) == spec
    assert parse_spec(str(ModelSpec("checkpoint", path))).name == path
    assert parse_spec("timm:resnet50?weights=/a&b/w.pth&layer=x").options == {"weights": "/a&b/w.pth", "layer": "x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tim:resnet50", "did you mean 'timm'"),
        ("timm:resnet50?lyer=layer3", "did you mean 'layer'"),
        ("checkpoint:a.safetensors?weights=b", "unknown option of 'checkpoint:'"),
        ("timm:resnet50?pretrained=maybe", "'maybe'"),
        ("timm:resnet50?seed=-1", "whole number"),
        ("timm:resnet50?layer", "has no value"),
        ("timm:resnet50?layer=a&layer=b", "given twice"),
        ("resnet50", "'timm:resnet50'"),
        ("timm:", "no name"),
        ("", "FAMILY:NAME"),
    ],
)
def test_mistakes_are_named(text, said):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        parse_spec(text)
    assert said in str(error.value)


def test_paths_are_made_absolute(tmp_path, monkeypatch):
    (tmp_path / "w.pt").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert with_absolute_paths(parse_spec("checkpoint:c.safetensors")).name == str(tmp_path / "c.safetensors")
    timm = with_absolute_paths(parse_spec("timm:resnet50?weights=w.pt&layer=layer1"))
    assert timm.name == "resnet50" and timm.options["weights"] == str(tmp_path / "w.pt")


def test_fingerprint_follows_contents_not_places(tmp_path):
    for folder, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "m.pt").write_bytes(content)
    for text in ("timm:test_vit?weights={}", "checkpoint:{}", "open_clip:ViT-S-32?weights={}"):
        a, b, c = (model_fingerprint(text.format(tmp_path / folder / "m.pt")) for folder in "abc")
        assert a == b != c
    plain = model_fingerprint("timm:test_vit?pretrained=false")
    assert plain == model_fingerprint("timm:test_vit?pretrained=false&layer=blocks.1&pool=mean")
    assert plain != model_fingerprint("timm:test_vit?pretrained=false&seed=1")
    with pytest.raises(InputError, match="no file"):
        model_fingerprint(f"checkpoint:{tmp_path}/none.safetensors")
