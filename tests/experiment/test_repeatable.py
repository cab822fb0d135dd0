"""The same run in other circumstances: language, folder, hash seed, optimised Python, and numbers of threads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from made_commands import results

from rdx.method.alignment import learn_map
from rdx.models.training import parse_training, train

ROOT = Path(__file__).resolve().parents[2]
N = 90
DRAWN = "sae"  # trained: equal but for rounding where threads add up in another order


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with two arrays, labels, and an experiment of most kinds of tables."""
    folder = tmp_path_factory.mktemp("repeatable")
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 3
    np.save(folder / "a.npy", (rng.normal(size=(N, 40)) + 3 * np.eye(3, 40)[labels]).astype(np.float32))
    np.save(folder / "b.npy", (rng.normal(size=(N, 30)) + 3 * np.eye(2, 30)[labels // 2]).astype(np.float32))
    (folder / "labels.txt").write_text("".join(f"Größe {label}\n" for label in labels), encoding="utf-8")
    values = {
        "name": "repeatable",
        "data": {"dataset": "features", "labels": str(folder / "labels.txt")},
        "representations": {key: f"features:{folder / key}.npy" for key in "ab"},
        "methods": [
            {"name": "rdx", "method": "rdx", "n_clusters": 3, "gamma": "auto"},
            {"name": "rdx_v1", "method": "rdx", "version": "v1", "n_clusters": 3},
            {"name": "kmeans", "method": "kmeans", "n_clusters": 3},
            {"name": "pca", "method": "pca", "n_clusters": 3},
            {"name": DRAWN, "method": "sae", "n_clusters": 3, "epochs": 3},
        ],
        "statistics": {"level": "fast", "n_surrogates": 20, "n_subsamples": 2, "n_groups": 50},
        "figures": False,
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return folder


def run(
    config: Path, folder: Path, *options: str, python: str = sys.executable, cwd: Path | None = None,
    **circumstances: str,
) -> Path:  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    settings = kept | {
        "PYTHONPATH": str(ROOT), "RDX_CACHE": str(folder.parent / "cache"), "OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0", **circumstances,
    }  # fmt: skip
    command = [python, *options, "-m", "rdx", "run", str(config), "--quiet", "--device", "cpu"]
    done = subprocess.run(
        [*command, "--output-dir", str(folder)], env=settings, cwd=cwd or folder.parent, capture_output=True,
        check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return folder


@pytest.fixture(scope="module")
def first(place, loaded) -> Path:
    return run(place / "c.yaml", place / "first", python=f"{loaded}/bin/python")


@pytest.mark.slow
def test_other_language_folder_hash_seed_and_python_change_no_byte(place, first):
    elsewhere = place / "else where"
    elsewhere.mkdir()
    again = run(
        place / "c.yaml", place / "again", "-O", cwd=elsewhere, LC_ALL="C", PYTHONHASHSEED="123", TZ="Asia/Tokyo",
        PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LANGUAGE="de",
    )  # fmt: skip
    found = results(again)
    assert {"summary.csv", "a_vs_b/rdx/concepts.csv", "a_vs_b/sae/loss.csv"} < set(found)
    assert found == results(first)
    assert not list(elsewhere.iterdir())


def test_rdx_run_on_a_runs_own_configuration_repeats_it(place, loaded, first):
    python = f"{loaded}/bin/python"
    repeated = run(first / "config.yaml", place / "repeated", python=python, cwd=first)
    assert results(repeated) == results(first)
    told, again = (json.loads((folder / "environment.json").read_text("utf-8")) for folder in (first, repeated))
    assert told["inputs"] == again["inputs"] and told["seeds"] == again["seeds"] == {"run": 42}
    log = (first / "run.log").read_text("utf-8")
    run(first / "config.yaml", first, python=python, cwd=first)  # nothing is left to do there
    assert (first / "run.log").read_text("utf-8") == log


@pytest.mark.slow
def test_other_numbers_of_threads(place, first, threads="3"):
    """Ranks and labels are equal, what is trained lies within 1e-4."""
    more = {f"{name}_NUM_THREADS": threads for name in ("OMP", "MKL", "OPENBLAS", "NUMBA")}
    other = run(place / "c.yaml", place / f"threads {threads}", **more)
    expected, found = results(first), results(other)
    assert set(found) == set(expected)
    for name, data in found.items():
        trained = f"/{DRAWN}/" in name or name in ("a_vs_b/metrics.csv", "summary.csv")
        if not trained:
            assert data == expected[name], name
        elif name.endswith(".csv"):
            pd.testing.assert_frame_equal(
                pd.read_csv(other / name), pd.read_csv(first / name), rtol=1e-4, atol=1e-4, obj=name
            )


@pytest.fixture
def threads():
    """Sets torch's number of threads, for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_maps_are_the_same_to_1e_4_for_any_number_of_threads(threads):
    rng = np.random.default_rng(0)
    X, Y = (rng.normal(size=(600, 300)).astype(np.float32) for _ in range(2))
    found = []
    for count in (1, 3):
        threads(count)
        found.append(learn_map(X, Y, steps=5))
    np.testing.assert_allclose(found[0].weight, found[1].weight, atol=1e-4)
    np.testing.assert_allclose(found[0].history["train_loss"], found[1].history["train_loss"], atol=1e-4)


def test_trained_weights_are_the_same_for_any_number_of_threads(threads, tmp_path):
    from rdx.models.weights import read_safetensors

    found = []
    for count in (1, 2):
        threads(count)
        data = {"dataset": "digits", "split": "train", "images_per_class": 20}
        values = {"name": "small", "data": data, "steps": 5, "epochs": 1, "seed": 3}
        settings = parse_training(values | {"output_dir": str(tmp_path / str(count))}, source="test")
        found.append(read_safetensors(train(settings).paths[-1])[0])
    for name, tensor in found[0].items():
        assert torch.equal(tensor, found[1][name]), name  # not only to 1e-4: training sets its threads itself
    assert torch.get_num_threads() == 2
