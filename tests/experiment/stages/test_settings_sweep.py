"""`rdx sweep`: its table, its suggestion, and that nothing else is computed."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import yaml
from made_commands import rdx
from PIL import Image

from rdx.config import load_experiment, parse_experiment
from rdx.errors import InputError
from rdx.experiment.plan.prepare import prepare
from rdx.experiment.stages.settings_sweep import as_sweep

GRID = {"n_clusters": [2, 3], "gamma": [0.1, 0.3], "beta": [5.0], "subsamples": 2}


@pytest.fixture
def values(tmp_path):
    rng = np.random.default_rng(3)
    A = rng.normal(size=(90, 5))
    B = A + 0.05 * rng.normal(size=A.shape)
    A[:20] = 0.1 * rng.normal(size=(20, 5)) + 4  # a group that only A holds together
    np.save(tmp_path / "a.npy", A)
    np.save(tmp_path / "b.npy", B)
    return {
        "name": "tiny",
        "representations": {key: {"model": f"features:{tmp_path / key}.npy"} for key in "ab"},
        "methods": ["kmeans", {"method": "rdx", "version": "v1"}],
        "sweep": GRID,
    }


def test_the_command_writes_the_table_the_map_and_a_suggestion(values, tmp_path, monkeypatch, capsys):
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(values))
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    command = ["sweep", str(config), "--output-dir", str(tmp_path / "out"), "--quiet"]
    printed = done(command, capsys)
    pair = tmp_path / "out" / "a_vs_b"
    assert sorted(path.name for path in pair.iterdir() if path.is_dir()) == ["rdx"]  # no baseline was fitted
    with open(pair / "sweep.csv", newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [(row["n_clusters"], row["gamma"], row["direction"]) for row in rows] == [
        (k, gamma, direction) for k in "23" for gamma in ("0.1", "0.3") for direction in ("a_not_b", "b_not_a")
    ]
    assert all(int(row["concepts"]) == int(row["n_clusters"]) for row in rows)  # v1 has exactly k
    found = json.loads((pair / "sweep.json").read_text(encoding="utf-8"))
    assert set(found["suggested"]) == {"n_clusters", "gamma", "beta"}
    assert f"suggested: n_clusters {found['suggested']['n_clusters']}" in printed
    with Image.open(pair / "sweep.png") as image:
        assert min(image.size) > 300
    first = (pair / "sweep.csv").stat().st_mtime_ns
    done(command, capsys)
    assert (pair / "sweep.csv").stat().st_mtime_ns == first


def done(command: list[str], capsys) -> str:
    """What a command prints that succeeds."""
    assert rdx(*command) == 0
    return capsys.readouterr().out


def test_a_run_with_a_sweep_has_it_beside_its_methods(values, tmp_path):
    prepared = prepare(parse_experiment(values, source="test"), tmp_path / "run")
    assert "a_vs_b/sweep" in prepared.steps and "a_vs_b/kmeans" in prepared.steps


def test_without_a_grid_in_the_configuration_the_default_one(values):
    del values["sweep"]
    swept = as_sweep(parse_experiment(values, source="test"))
    assert swept.name == "tiny_sweep" and swept.sweep.n_clusters == [3, 5, 8]
    assert [entry.name for entry in swept.methods] == ["rdx"] and swept.statistics.level == "off"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": ["kmeans"]}, "'sweep' needs a method 'rdx'"),
        ({"sweep": {"gamma": [-0.1]}}, "gamma must be a number ≥ 1e-06"),
    ],
)
def test_what_cannot_be_swept_is_refused_before_the_run(values, tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        prepare(parse_experiment(values | changes, source="test"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_wrong_grids_are_refused_by_the_configuration(values, tmp_path):
    for sweep, message in (
        ({"gama": [0.1]}, "unknown key of 'sweep' 'gama'; did you mean 'gamma'"),
        ({"gamma": [0.1, 0.1]}, "a value stands there twice"),
        ({"beta": []}, "beta"),
    ):
        path = tmp_path / "wrong.yaml"
        path.write_text(yaml.safe_dump(values | {"sweep": sweep}))
        with pytest.raises(InputError, match=message):
            load_experiment(path)
    with pytest.raises(InputError, match="a sweep needs a method 'rdx'"):
        as_sweep(parse_experiment(values | {"methods": ["kmeans"]}, source="test"))
