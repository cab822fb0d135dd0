"""Damage to what a run relies on is said, on the console and in run.log, and mended or refused."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_commands import rdx

from rdx.experiment.compare import compare
from rdx.features.cache import cache_folder

N = 40


def flip(path: Path) -> bytes:
    data = path.read_bytes()
    path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    return data


def test_damaged_features_are_said_in_the_log_too(in_a_folder, caplog):
    config = {
        "name": "small", "data": {"dataset": "digits", "images_per_class": 2},
        "representations": {
            "a": "timm:test_vit?pretrained=false&img_size=32", "b": "timm:test_resnet?pretrained=false",
        },
        "methods": [{"name": "kmeans", "method": "kmeans", "n_clusters": 2}], "statistics": "off", "figures": False,
    }  # fmt: skip
    Path("small.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    assert rdx("run", "small.yaml", "--quiet") == 0
    whole = {path: flip(path) for path in sorted((in_a_folder / "cache/features").iterdir())}
    assert len(whole) == 2
    with caplog.at_level(logging.WARNING, "rdx"):
        assert rdx("run", "small.yaml", "--quiet", "--output-dir", "again") == 0
    log = Path("again/run.log").read_text()
    for path, data in whole.items():
        assert path.read_bytes() == data
        assert caplog.text.count(str(path)) == log.count(str(path)) == 1
    tables = [path.relative_to("again") for path in Path("again").rglob("*.csv")]
    assert tables
    for name in tables:
        assert Path("again", name).read_bytes() == Path("outputs/small", name).read_bytes()


def test_a_changed_output_is_said_and_made_again(in_a_folder, caplog):
    rng = np.random.default_rng(0)
    options = {"methods": ["kmeans"], "statistics": "off", "figures": False}
    compare(rng.random((N, 6)), rng.random((N, 4)), output_dir="run", **options)
    whole = {name: flip(Path("run", name)) for name in ("items.csv", "representations/a.safetensors")}
    with caplog.at_level(logging.WARNING, "rdx"):
        assert rdx("run", "run/config.yaml", "--quiet") == 0
    for name, data in whole.items():
        assert Path("run", name).read_bytes() == data
        assert f"{name}' is not as it was written" in caplog.text
        assert f"{name}' is not as it was written" in Path("run/run.log").read_text()


@pytest.mark.parametrize("suffix", [".npy", ".csv"])
def test_a_damaged_input_that_only_its_caller_can_bring_again_is_refused(in_a_folder, capsys, suffix):
    rng = np.random.default_rng(0)
    values = rng.random((N, 6)), rng.random((N, 4))
    options = {"labels": ["x", "y"] * (N // 2), "methods": ["kmeans"], "statistics": "off", "figures": False}
    compare(*values, output_dir="run", **options)
    path = sorted((cache_folder() / "inputs").glob(f"*{suffix}"))[0]
    data = flip(path)
    assert rdx("run", "run/config.yaml", "--quiet") == 2
    assert f"'{path}' is damaged (its checksum is wrong)" in capsys.readouterr().err
    compare(*values, output_dir="run", **options)
    assert path.read_bytes() == data


@pytest.mark.parametrize("name", ["last.safetensors", "early.safetensors", "metrics.csv"])
def test_a_damaged_training_is_done_again(in_a_folder, capsys, caplog, name):
    config = {
        "name": "net", "data": {"dataset": "digits", "split": "train", "images_per_class": 10}, "steps": 4,
        "tiny": True, "checkpoint_fractions": {"early": 0.5},
    }  # fmt: skip
    Path("net.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    assert rdx("train", "net.yaml", "--quiet") == 0
    data = flip(Path("checkpoints/net", name))
    capsys.readouterr()
    with caplog.at_level(logging.WARNING, "rdx"):
        assert rdx("train", "net.yaml", "--quiet") == 0
    assert "checksum is wrong" in caplog.text and name in caplog.text
    assert "was there" not in capsys.readouterr().out
    assert Path("checkpoints/net", name).read_bytes() == data
