"""`onnx:PATH`: graphs through onnxruntime, their layers and preprocessing, and every way in which they can be wrong."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from made_commands import rdx

from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import describe
from rdx.features.extraction import extract, extract_layers
from rdx.models import load_model, model_fingerprint, parse_spec
from rdx.models.spec import with_absolute_paths

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from made_onnx import LAYER, net, write  # noqa: E402  (they need onnx)

HALF = "mean=0.5&std=0.5"


@pytest.fixture(scope="module")
def items():
    return load_items("digits", images_per_class=2, classes=[0, 1, 2])


@pytest.fixture(scope="module")
def module():
    return net()


@pytest.fixture
def path(tmp_path, module):
    return write(tmp_path / "net.onnx", module)


def fed(model, items):
    return torch.stack([model.transform(items.image(i)) for i in range(len(items))])


@pytest.mark.parametrize(
    "how", [{}, {"batch": 1}, {"batch": 4}, {"size": "h"}, {"last": True}, {"half": True}, {"batch": 4, "last": True}]
)
def test_features_are_those_of_the_module_called_by_hand(tmp_path, module, items, how):
    path = write(tmp_path / "net.onnx", module, **how)
    model = load_model(f"onnx:{path}?{HALF}" + ("&size=16" if "size" in how else ""))
    assert model.preprocessing == "RGB, shorter side to 16, middle 16×16, mean 0.5, std 0.5"
    images = fed(model, items)
    with torch.inference_mode():
        maps = module[1](module[0](images))
        expected = {
            (None, None): module(images), ("flat", None): maps.mean((2, 3)), ("/fc", None): module(images),
            (LAYER, None): maps.mean((2, 3)), ("maps", "mean"): module[0](images).mean((2, 3)),
            (LAYER, "flatten"): maps.flatten(1),
        }  # fmt: skip
    found = extract_layers(model, items, list(expected), batch_size=6)
    close = {"rtol": 2e-2, "atol": 2e-3} if "half" in how else {"rtol": 1e-4, "atol": 1e-5}
    for choice, values in expected.items():
        np.testing.assert_allclose(found[choice], values, **close)


def test_what_a_plan_says(path):
    described = describe({"model": f"onnx:{path}?layer={LAYER}&{HALF}"})
    assert (described.parameters, described.image_size, described.width) == (6 * 3 * 9 + 6 + 28, (16, 16), 6)
    assert described.preprocessing.startswith("RGB, ")


def test_the_transform_of_another_model(tmp_path, module):
    path = write(tmp_path / "net.onnx", module, size=160)
    spec = f"onnx:{path}?transform=timm:test_vit?pretrained=false"
    model, other = load_model(spec), load_model("timm:test_vit?pretrained=false")
    assert model.transform == other.transform or str(model.transform) == str(other.transform)
    assert model.preprocessing == "as timm:test_vit?pretrained=false prepares them"
    assert parse_spec(str(parse_spec(spec))) == parse_spec(spec)
    fingerprints = {model_fingerprint(f"onnx:{path}?{options}") for options in (HALF, "mean=0.5&std=0.4", "size=160")}
    assert len({*fingerprints, model_fingerprint(spec)}) == 4
    beside = parse_spec(f"onnx:net.onnx?transform=python:{tmp_path}/../x.py:f")
    assert with_absolute_paths(beside).options["transform"].startswith(f"python:{tmp_path}")


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_whole_numbers_are_no_layers_but_what_is_made_of_them(tmp_path, module, path, items, form):
    from onnxruntime import quantization

    class Images(quantization.CalibrationDataReader):
        def __init__(self):
            self.left = [{"images": fed(load_model(f"onnx:{path}?{HALF}"), items).numpy()}]

        def get_next(self):
            return self.left.pop() if self.left else None

    written = tmp_path / "int8.onnx"
    quantization.quantize_static(path, written, Images(), quant_format=getattr(quantization.QuantFormat, form))
    model = load_model(f"onnx:{written}?{HALF}")
    names = model.layers()
    assert not any(name.endswith(("_QuantizeLinear_Output", "_quantized")) for name in names)
    with torch.inference_mode():
        expected = module(fed(model, items))
    found = extract(model, items)
    assert 1e-5 < np.abs(found - expected.numpy()).max() < 0.05
    if form == "QDQ":
        pooled = extract(model, items, layer=f"{LAYER}_DequantizeLinear_Output")
        assert pooled.shape == (6, 6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("", "an ONNX file does not say how images are prepared: add '?transform=SPEC'"),
        ("?mean=0.5", "an ONNX file does not say"),
        (f"?{HALF}&layer=/features/relu.2", f"unknown layer '/features/relu.2'; did you mean '{LAYER}'"),
        (f"?{HALF}&size=32", "takes images of 16×16 pixels; leave 'size=' out"),
        (f"?{HALF}&transform=timm:test_vit", "leave 'mean=' out"),
        ("?transform=timm:test_vit", "takes images of 3 × 16×16, and the transform of 'timm:test_vit' makes 3 × 160"),
        ("?transform=features:x.npy", "transform= is the SPEC of a model"),
        ("?transform=tim:x", "did you mean 'timm'"),
    ],
)
def test_what_is_wrong_with_a_spec_is_said_in_a_line(path, options, said):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        describe({"model": f"onnx:{path}{options}"})
    assert said in str(error.value)


def test_what_is_wrong_with_a_file_is_said_in_a_line(tmp_path, module, path):
    def refused(path, said, options=HALF):
        with pytest.raises(InputError, match="^[^\n]*$") as error:
            describe({"model": f"onnx:{path}?{options}"})
        assert said in str(error.value)

    refused(tmp_path / "none.onnx", "no file")
    refused(write(tmp_path / "any.onnx", module, size="s"), "takes images of any size; say which with 'size=224'")
    refused(write(tmp_path / "two.onnx", module, inputs=2), "its inputs are: 'images', 'images1'")
    two = write(tmp_path / "outputs.onnx", module, outputs=("logits", "flat"))
    refused(two, "is a tuple of (2, 4), (2, 6) of two images; name a layer")
    path.write_bytes(b"not a graph")
    refused(path, "ONNX file")


def test_it_is_compared_with_a_model_of_transformers(in_a_folder, tmp_path, module, path, items, capsys):
    (tmp_path / "images").mkdir()
    for i in range(12):
        items.image(i % 6).save(tmp_path / f"images/{i}.png")
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    config = transformers.ViTConfig(**small, image_size=16, patch_size=8)
    transformers.AutoModel.from_config(config).save_pretrained("vit")
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained("vit")
    specs = ["--a", f"onnx:net.onnx?{HALF}", "--b", "hf:vit?layer=last_hidden_state&pool=mean"]
    command = ["compare", *specs, "--images", "images", "--statistics", "off", "--set", "figures=false"]
    for more in (["--dry-run"], []):
        assert rdx(*command, "--n-clusters", "2", "--methods", "rdx", "--output-dir", "o", *more) == 0
    assert "images: RGB, shorter side to 16" in capsys.readouterr().out
    assert (tmp_path / "o/a_vs_b/rdx/concepts.csv").is_file()


def test_without_the_extra(path, monkeypatch):
    for missing in ("onnx", "onnxruntime"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)
            for call in (load_model, model_fingerprint):
                with pytest.raises(InputError, match=r"need the extra 'onnx': pip install 'rdx\[onnx\]'$"):
                    call(f"onnx:{path}?{HALF}")
