"""A module written as a float and an int8 file: what `scripts/int8_example.sh` compares."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rdx.models import load_model
from rdx.models.vision_model import OUTPUT, VisionModel

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from made_onnx import net  # noqa: E402  (it needs onnx)

from rdx.models.int8 import main, write_float, write_int8  # noqa: E402


def test_both_files_give_what_the_module_gives(tmp_path):
    module = net()
    model = VisionModel(module, lambda image: torch.zeros(3, 16, 16), OUTPUT, "made")
    images = np.random.default_rng(0).normal(size=(8, 3, 16, 16)).astype(np.float32)
    write_float(model, tmp_path / "float.onnx")
    write_int8(tmp_path / "float.onnx", tmp_path / "int8.onnx", iter(images[:, None]))
    with torch.inference_mode():
        expected = module(torch.from_numpy(images))
        found = {
            name: load_model(f"onnx:{tmp_path}/{name}.onnx?mean=0.5&std=0.5").module(torch.from_numpy(images))
            for name in ("float", "int8")
        }
    torch.testing.assert_close(found["float"], expected, rtol=1e-4, atol=1e-5)
    assert 1e-5 < (found["int8"] - expected).abs().max() < 0.05


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("timm:test_resnett float.onnx int8.onnx --images .", "error: images '"),
        ("onnx:a.onnx float.onnx int8.onnx --images .", "error: 'onnx:a.onnx' has no torch module to write"),
        ("timm:test_resnet none/float.onnx int8.onnx --images .", "error: folder 'none' does not exist"),
        ("timm:test_resnet float.onnx --images .", "error: missing argument 'INT8.onnx'"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(words.split())
    printed = capsys.readouterr().err
    assert ended.value.code == 2 and printed.startswith(said) and printed.count("\n") == 1
