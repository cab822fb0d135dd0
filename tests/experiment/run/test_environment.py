"""environment.json: what ran and with what, and that a run's own configuration repeats it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import rdx
from rdx.config import parse_experiment
from rdx.experiment.plan.prepare import prepare
from rdx.experiment.run import environment as module
from rdx.experiment.run import runner
from rdx.experiment.run.environment import commit

N = 30


@pytest.fixture
def values(in_a_folder) -> dict:
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.normal(size=(N, 4)).astype(np.float32))
    np.save("b.npy", rng.normal(size=(N, 3)).astype(np.float32))
    Path("labels.txt").write_text("x\ny\n" * (N // 2), encoding="utf-8")
    return {
        "name": "small",
        "seed": 7,
        "data": {"dataset": "features", "labels": "labels.txt"},
        "representations": {"a": "features:a.npy", "b": "features:b.npy"},
        "methods": [{"name": "pca", "method": "pca", "n_clusters": 2}],
        "statistics": "off",
        "figures": False,
    }


def told(values: dict, folder: Path) -> dict:
    runner.run(prepare(parse_experiment(values, source="test"), folder))
    return json.loads((folder / "environment.json").read_text(encoding="utf-8"))


def test_it_says_what_ran(values, tmp_path):
    found = told(values, tmp_path / "run")
    assert found["rdx"] == rdx.__version__ and found["python"] == sys.version.split()[0]
    assert found["packages"]["numpy"] == np.__version__ and found["packages"]["torch"] == version("torch")
    hardware = found["hardware"]
    assert hardware["device"] == "cpu" and hardware["processor"] and hardware["cores"] == os.cpu_count()
    assert found["seeds"] == {"run": 7}


def test_inputs_are_told_apart_by_their_bytes(values, tmp_path):
    first = told(values, tmp_path / "first")["inputs"]
    sha256 = hashlib.sha256(Path("a.npy").read_bytes()).hexdigest()
    assert first["sha256"][str(tmp_path / "a.npy")] == sha256
    assert set(first["sha256"]) == {str(tmp_path / name) for name in ("a.npy", "b.npy", "labels.txt")}
    again = told(values, tmp_path / "again")["inputs"]
    assert again == first
    array = np.load("a.npy")
    np.save("a.npy", array + np.float32(1))
    other = told(values, tmp_path / "other")["inputs"]
    assert other["representations"]["a"] != first["representations"]["a"]
    assert other["representations"]["b"] == first["representations"]["b"]
    assert other["sha256"][str(tmp_path / "a.npy")] != sha256
    values["seed"] = 8
    assert told(values, tmp_path / "seed")["inputs"]["configuration"] != other["configuration"]


def test_seed_of_the_items_is_told(values, tmp_path):
    values["data"] = {"dataset": "digits", "images_per_class": 4, "seed": 3}
    values["representations"] = {key: f"timm:test_vit?pretrained=false&seed={i}" for i, key in enumerate("ab")}
    assert told(values, tmp_path / "run")["seeds"] == {"run": 7, "data": 3}


@pytest.fixture
def git(tmp_path):
    """Runs git in a new repository, whatever the user's own settings are."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    env = {name: value for name, value in env.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    env |= {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    folder = tmp_path / "repository"
    folder.mkdir()

    def run(*arguments: str) -> str:
        try:
            done = subprocess.run(["git", *arguments], cwd=folder, env=env, capture_output=True, text=True, check=True)
        except FileNotFoundError:
            pytest.skip("git is not installed")
        return done.stdout.strip()

    run("init", "-q")
    (folder / "file").write_text("one")
    run("add", "file")
    run("commit", "-q", "-m", "first")
    return folder, run


def test_the_commit_and_whether_files_were_changed(git):
    folder, run = git
    assert commit(folder) == {"id": run("rev-parse", "HEAD"), "changed": False}
    (folder / "new").write_text("files of one's own are no change")
    assert commit(folder)["changed"] is False
    (folder / "file").write_text("two")
    assert commit(folder)["changed"] is True


def test_no_commit_where_there_is_no_repository(git, tmp_path, monkeypatch):
    folder, _ = git
    (folder / "site-packages").mkdir()
    assert commit(folder / "site-packages") is None  # the repository above is somebody else's
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError("git")))
    assert commit(folder) is None
