"""The baseline of CONTRIBUTING.md, added as that page says and run by the commands."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from made_commands import rdx

import baselines
from rdx.errors import InputError

PAGE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"
N = 60


def block(kind: str, number: int = 0) -> str:
    """A block of code of the page."""
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[number]


@pytest.fixture
def added(in_a_folder, tmp_path, monkeypatch) -> str:
    """The page's file and line in place, in a folder with two arrays; returns the baseline's name."""
    (tmp_path / "random_directions.py").write_text(block("python", 0), encoding="utf-8")
    monkeypatch.setattr(baselines, "__path__", [*baselines.__path__, str(tmp_path)])
    importlib.invalidate_caches()
    name, place = re.fullmatch(r'\s*"(\w+)": "([\w.:]+)",\s*', block("python", 1)).groups()
    monkeypatch.setitem(baselines._HOME, name, place)
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.normal(size=(N, 6)).astype(np.float32))
    np.save("b.npy", rng.normal(size=(N, 4)).astype(np.float32))
    return name


def test_the_page_s_command_fills_the_tables(added, quick_statistics, sketched_pictures):
    command = block("bash").strip()
    assert rdx(*f"{command} --n-clusters 2 --statistics off --output-dir run --quiet".split()[1:]) == 0
    metrics = pd.read_csv("run/a_vs_b/metrics.csv")
    rows = metrics[metrics["method"] == added]
    assert len(rows) == len(metrics) / 2 == 2 * 3  # directions × distances
    assert rows["bsr"].between(0, 1).all() and (rows["n_pairs"] > 0).all()
    folder = Path("run/a_vs_b") / added
    shown = pd.read_csv(folder / "explanations.csv").groupby(["direction", "concept"])["index"]
    scores = baselines.create(added, n_clusters=2, random_state=42).fit(np.load("a.npy"), np.load("b.npy"))
    for number, grid in enumerate(scores.a_not_b_.grids, start=1):
        assert shown.get_group(("a_not_b", number)).tolist() == grid.tolist()
    assert (folder / "coefficients.safetensors").is_file() and (folder / "coefficients_a_not_b.png").is_file()


def test_the_page_s_configuration_is_valid(added, capsys):
    values = {
        "name": "toy", "figures": False, "representations": {"a": "features:a.npy", "b": "features:b.npy"},
        "methods": [yaml.safe_load(re.search(r"`(\{method: .*?\})`", PAGE.read_text(encoding="utf-8"))[1])],
    }  # fmt: skip
    Path("toy.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    assert rdx("run", "toy.yaml", "--output-dir", "out", "--quiet") == 0
    assert set(pd.read_csv(next(Path("out").rglob("metrics.csv")))["method"]) == {added}
    assert rdx("run", "toy.yaml", "--set", "methods.random_directions.tries=0", "--output-dir", "bad") == 2
    assert "tries must be a whole number ≥ 1, got 0" in capsys.readouterr().err
    assert not Path("bad").exists()


def test_it_has_left_no_trace():
    with pytest.raises(InputError, match="random_directions"):
        baselines.get("random_directions")
