"""The photos example on made photos and random weights: its configurations as they are, and what its script plans."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ("unaligned", "aligned")


@pytest.fixture
def project(tmp_path):
    """The script and its configurations in a folder of their own, whose environment is set up."""
    for name in ("scripts/lib.sh", "scripts/photos_example.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("photos_example", "defaults"):
        shutil.copytree(ROOT / "configs" / name, tmp_path / "configs" / name)
    (tmp_path / "setup.sh").write_text("exit 0\n")
    return tmp_path


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "RDX_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env={**env, **environment}, capture_output=True, text=True)


def make_photos(folder: Path) -> None:
    """16 photos in two groups, with the table that the download writes."""
    from PIL import Image

    (folder / "images").mkdir(parents=True)
    rng, rows = np.random.default_rng(0), ["path,label,id,name"]
    for i in range(16):
        Image.fromarray(rng.integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(folder / "images" / f"A{i:02}.jpeg")
        rows.append(f'images/A{i:02}.jpeg,{"Roots" if i % 2 else "Fruits"},A{i:02},"Food {i}, raw"')
    (folder / "photos.csv").write_text("\n".join(rows) + "\n")


def make_weights(folder: Path) -> None:
    """Random weights under the names of another port, as in the packages: their order is all that fits."""
    import torch

    from rdx._torchvision import ensure_torchvision

    ensure_torchvision()
    import timm

    folder.mkdir(parents=True)
    for number in (0, 2):
        torch.manual_seed(number)
        state = timm.create_model(f"tf_efficientnet_lite{number}").state_dict()
        torch.save({f"_layer_{i}": value for i, value in enumerate(state.values())}, folder / f"lite{number}.pth")


def test_a_dry_run_names_what_is_missing_and_fetches_nothing(project, loaded):
    if (ROOT / "data/food_photos").exists():
        pytest.skip("this checkout has the photos, and what is not in a folder is looked for there")
    nothing = project / "nothing"
    nothing.mkdir()
    for program in ("bash", "dirname"):
        (nothing / program).symlink_to(shutil.which(program))
    done = run(["bash", "scripts/photos_example.sh", "--dry-run"], project, PATH=str(nothing), VIRTUAL_ENV=loaded)
    assert done.returncode == 0, done.stderr
    for name in ("efficientnet_lite", "food_photos"):
        assert f"missing: {name}, which `bash scripts/photos_example.sh` fetches" in done.stdout
    for name in CONFIGS:
        assert f"photos_{name}" in done.stdout
    assert "data/food_photos/photos.csv" in done.stdout and "lite2.pth" in done.stdout
    assert not any((project / name).exists() for name in ("data", "checkpoints", "outputs"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["unaligned", "aligned"])
def test_a_configuration_runs(project, loaded, name):
    make_photos(project / "data" / "food_photos")
    make_weights(project / "checkpoints" / "efficientnet_lite")
    command = [f"{loaded}/bin/python", "-m", "rdx", "run", f"configs/photos_example/{name}.yaml", "--quiet"]
    quick = ("figures=false", "explorer=false", "statistics=off", "align_steps=5", "methods.sae.epochs=20",
             "methods.topk_sae.epochs=20")  # fmt: skip
    done = run([*command, *(word for change in quick for word in ("--set", change))], project)
    assert done.returncode == 0, done.stderr
    folder = project / "outputs" / f"photos_{name}" / "a_vs_b"
    methods = {line.split(",")[0] for line in (folder / "metrics.csv").read_text().splitlines()[1:]}
    forms = ("_a_to_b", "_b_to_a") if name == "aligned" else ("",)
    baselines = ["kmeans", "pca", "cnmf", "snmf", "sae", "topk_sae", "spec"] + (["nmf"] if name == "unaligned" else [])
    # Random features may hold no concept of RDX, and topk_sae's latents may all be dead.
    assert methods >= {f"{method}{form}" for method in baselines if method != "topk_sae" for form in forms}
    assert (folder / "classification.csv").is_file()
