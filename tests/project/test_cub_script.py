"""The CUB experiment's own script, from end to end, on a made CUB with random weights."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from made_data import make_cub

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "scripts/cub_pcbm_v_cub_masked_pcbm.sh"
BACKBONE = "timm:test_resnet?pretrained=false"
PAIRS = [f"without_{column}_vs_full" for column in (27, 37, 81, 105, 109)]
FAST = [  # what would take long on two cores; every method stays
    "--set", "methods.usae.epochs=2", "--set", "methods.sae.epochs=2", "--set", "methods.topk_sae.epochs=2",
    "--set", "figures=false", "--set", "explorer=false", "--set", "statistics=off",
]  # fmt: skip


@pytest.fixture
def project(tmp_path):
    """A project folder of its own around this code, with a made CUB in data/ and nothing to set up."""
    root = tmp_path / "my project"
    root.mkdir()
    for name in ("rdx", "baselines", "configs"):
        (root / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "scripts", root / "scripts")
    (root / "setup.sh").write_text("exit 0\n")
    make_cub(root / "data/CUB_200_2011", per_class=4)
    return root


def run(project: Path, loaded: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "VIRTUAL_ENV": loaded, "RDX_CACHE": str(project / "cache")}
    command = ["bash", str(project / SCRIPT), *arguments]
    return subprocess.run(command, cwd=project.parent, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_a_dry_run_trains_nothing_and_says_what_is_missing(project, loaded):
    done = run(project, loaded, "--dry-run", "--backbone", BACKBONE)
    assert done.returncode == 0, done.stderr
    assert not (project / "checkpoints").exists() and not (project / "outputs").exists()
    assert f"cub_pcbm: 24 items through {BACKBONE}" in done.stdout
    assert "python -m rdx train configs/train/cub_pcbm.yaml" in done.stdout  # what the run still lacks
    shutil.rmtree(project / "data")
    done = run(project, loaded, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "bash download_cub.sh" in done.stdout
    done = run(project, loaded)
    assert done.returncode == 2 and "run `bash download_cub.sh`" in done.stderr


@pytest.mark.slow
def test_five_comparisons_with_every_method(project, loaded):
    done = run(project, loaded, "--backbone", BACKBONE, "--device", "cpu", "--quiet", *FAST)
    assert done.returncode == 0, done.stderr
    folder = project / "outputs/cub_pcbm_v_cub_masked_pcbm"
    names = {row["dimension"]: row["name"] for row in rows(project / "checkpoints/cub_pcbm/attributes.csv")}
    config = (folder / "config.yaml").read_text(encoding="utf-8")
    for pair in PAIRS:
        metrics = rows(folder / pair / "metrics.csv")
        methods = {row["method"] for row in metrics}
        assert {"rdx", "kmeans", "pca", "cnmf", "sae", "topk_sae", "usae", "nlmcd", "spec"} < methods
        assert len(methods) == 12
        assert json.loads((folder / pair / "cka.json").read_text())
        assert len(rows(folder / pair / "classification.csv"))
        assert f"without {names[pair.split('_')[1]]}" in config  # the title, from the file of names
    assert [row["id"] for row in rows(folder / "items.csv")] == make_cub(project / "data/CUB_200_2011", per_class=4)


@pytest.mark.slow
def test_published_projections_are_picked(project, loaded):
    place = project / "checkpoints/post-hoc-cbm/output/cub_resnet18"
    place.mkdir(parents=True)
    values = np.random.default_rng(0).normal(size=(24, 112)).astype(np.float32)
    np.save(place / "train-proj_cub__resnet18_cub__cub_resnet18_cub_0.npy", values)
    few = '[{method: kmeans, n_clusters: 2, name: kmeans}]'
    done = run(project, loaded, "--device", "cpu", "--set", f"methods={few}", *FAST[-6:])
    assert done.returncode == 0, done.stderr
    assert "taking the published projections" in done.stdout
    from safetensors.numpy import load_file

    folder = project / "outputs/cub_pcbm_v_cub_masked_pcbm"
    found = load_file(folder / "representations/without_27.safetensors")["features"]
    assert np.array_equal(found, np.delete(values, 27, axis=1))


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))
