"""Every command and every program in the README does what it says."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_commands import rdx
from made_runs import QUICK

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RDX_ONLY = "methods=[{name: rdx, method: rdx, n_clusters: 3}]"  # the other methods have tests of their own
QUICKLY = f"statistics={json.dumps(QUICK)}"
SMALL = ("--set", RDX_ONLY, "--set", "explorer.map=pca", "--set", QUICKLY, "--set")  # and a number of images
BARE = ("--set", "figures=false", "--set", "explorer.enabled=false", *SMALL)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


COMMANDS = [line.split("#")[0].strip() for block in blocks("bash") for line in block.splitlines() if line.strip()]


def run(command: list[str], folder: Path, **environment: str) -> str:
    env = {**os.environ, "RDX_CACHE": str(folder / "cache"), "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rdx_of(start: str, environment: str = sys.prefix) -> list[str]:
    """The README's rdx command that begins so, as arguments."""
    (line,) = [line for line in COMMANDS if line.startswith(start)]
    return [f"{environment}/bin/python", "-m", *shlex.split(line)]


@pytest.fixture
def project(tmp_path):
    """The scripts and configurations beside real digits, in the place of the ones that are downloaded."""
    from PIL import Image
    from sklearn.datasets import load_digits

    for name in ("scripts", "configs"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "setup.sh").write_text("exit 0\n")  # the environment that runs this test is set up
    digits = load_digits()
    order = np.argsort(digits.target, kind="stable")
    small = (digits.images[order] / 16 * 255).astype(np.uint8)
    images = np.stack([np.asarray(Image.fromarray(image).resize((28, 28))) for image in small])
    test = np.arange(len(images)) % 5 == 4
    folder = tmp_path / "data" / "mnist_10k"
    folder.mkdir(parents=True)
    for split, chosen in (("train", ~test), ("test", test)):
        np.save(folder / f"{split}_images.npy", images[chosen])
        np.save(folder / f"{split}_labels.npy", digits.target[order][chosen].astype(np.uint8))
    return tmp_path


@pytest.mark.slow
def test_two_models_on_a_folder_of_images(tmp_path, loaded):
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photos = tmp_path / "my_photos"
    rng = np.random.default_rng(0)
    for name, photo in zip(("temple", "flower"), load_sample_images().images, strict=True):
        (photos / name).mkdir(parents=True)
        for i in range(6):
            y, x = rng.integers(0, 300), rng.integers(0, 400)
            Image.fromarray(photo[y : y + 120, x : x + 120]).save(photos / name / f"{i}.png")
    command = [*rdx_of("rdx compare --a timm:", loaded), "--set", QUICKLY]
    command = [part + "?pretrained=false" if part.startswith("timm:") else part for part in command]  # no downloads
    text = run(command, tmp_path)
    (folder,) = (tmp_path / "outputs").iterdir()
    assert (folder / "a_vs_b" / "metrics.csv").is_file() and "a_not_b" in text


def test_two_arrays_with_labels(tmp_path, monkeypatch, plain_comparisons):

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    before = rng.normal(size=(40, 6))
    np.save(tmp_path / "before.npy", before)
    np.save(tmp_path / "after.npy", before + rng.normal(size=before.shape))
    (tmp_path / "labels.csv").write_text("id,label\n" + "".join(f"{i},{'ab'[i % 2]}\n" for i in range(40)))
    assert rdx(*rdx_of("rdx compare --a features:")[3:]) == 0
    assert len(list((tmp_path / "outputs").rglob("classification.csv"))) == 1


def test_the_program_in_python():
    (program,) = blocks("python")
    rng = np.random.default_rng(0)
    A = rng.normal(size=(60, 5))
    exec(program, {"A": A, "B": rng.normal(size=(60, 4)), "print": lambda *values: None})


@pytest.mark.slow
def test_mnist_835_from_its_script(project, loaded):
    training = project / "configs" / "train" / "mnist_835.yaml"  # the same, shorter
    text = training.read_text(encoding="utf-8")
    for long, short in (("steps: 680", "steps: 60"), ("rate: 0.001", "rate: 0.01"), ("strong: 0.95", "strong: 0.4")):
        assert text.count(long) == 1
        text = text.replace(long, short)
    training.write_text(text, encoding="utf-8")
    script = shlex.split(next(line for line in COMMANDS if "mnist_835" in line))
    text = run([*script, *SMALL, "data.images_per_class=50"], project, VIRTUAL_ENV=loaded)
    assert "rdx     a_not_b" in text
    assert (project / "outputs" / "mnist_835" / "a_vs_b" / "rdx" / "summary_b_not_a.png").is_file()


@pytest.mark.slow
def test_the_modification_experiment_from_its_script(project, loaded):
    defaults = project / "configs/defaults/train_mnist.yaml"
    short = defaults.read_text().replace("epochs: 5", "epochs: 1\ntiny: true")  # what they learn is not looked at
    defaults.write_text(short)
    script = shlex.split(next(line for line in COMMANDS if "mnist_modification_experiment" in line))
    text = run([*script, *BARE, "data.images_per_class=20"], project, VIRTUAL_ENV=loaded)
    assert text.count("known difference") == 5
    command = rdx_of("rdx run configs/mnist_modification/", loaded)
    run([*command, *BARE, "data.images_per_class=20"], project)
