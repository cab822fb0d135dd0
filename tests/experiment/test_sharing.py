"""Several processes on one run, by hand and under torchrun: the same folder as one process leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from fnmatch import fnmatch
from pathlib import Path

import pytest
import torch
import yaml
from made_data import noise
from PIL import Image

from rdx import cli

ROOT = Path(__file__).resolve().parents[2]
N = 80  # images; of batches of 2, 3 chunks a representation
VARY = ("run.log", "environment.json", "plan.json")  # times, and the machine


@pytest.fixture(autouse=True)
def one_thread():
    """As the processes that are started here have: some kernels add up in another order with more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def config(tmp_path, monkeypatch) -> Path:
    """Two small networks on photos, written as YAML with relative paths."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    for number in range(N):
        folder = tmp_path / "images" / f"class_{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(number, 60 + 120 * (number % 2))).save(folder / f"{number:02d}.jpg")
    resnet = "timm:test_resnet?pretrained=false"
    values = {
        "name": "small",
        "data": {"dataset": "image_folder", "root": "images"},
        "representations": {
            "a": {"model": resnet, "batch_size": 2},
            "b": {"model": resnet, "layer": "layer2", "batch_size": 2},
            "c": {"model": "timm:test_vit?pretrained=false", "batch_size": 2},
        },
        "comparisons": [["a", "b"], ["a", "c"]],
        "methods": [{"method": "kmeans", "n_clusters": 2}],
        "statistics": "off",
        "figures": False,
        "explorer": False,
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def rdx(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([str(argument) for argument in arguments])
    return left.value.code or 0


def contents(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".steps" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found if path.name not in VARY}


def features(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (cache / "features").rglob("*.safetensors")}


@pytest.fixture
def alone(config, monkeypatch, capsys) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """What one process leaves: the run's folder, and the features in the cache."""
    with monkeypatch.context() as own:
        own.setenv("RDX_CACHE", "cache_alone")
        assert rdx("run", config, "--quiet", "--output-dir", "alone") == 0
    capsys.readouterr()
    return contents(Path("alone")), features(Path("cache_alone"))


def test_shards_by_hand_leave_what_one_process_leaves(config, alone, capsys):
    assert rdx("run", config, "--gather", "--output-dir", "shared") == 2
    assert capsys.readouterr().err.endswith(
        "\nerror: small, representations/a: no chunk of it is there; run its shards (--shard i/N), or leave --gather "
        "out to compute what is missing here\n"
    )
    assert rdx("run", config, "--shard", "2/2", "--quiet", "--output-dir", "shared") == 0
    out = capsys.readouterr().out
    assert out.startswith("shard 2/2: 64 images at ") and out.count("\n") == 1 and "--gather" in out
    assert rdx("run", config, "--gather", "--output-dir", "shared") == 2
    assert "representations/a: 2 of 3 chunks are missing (1, 3, of shard 1 of 2);" in capsys.readouterr().err
    assert not Path("shared").exists()
    assert rdx("run", config, "--shard", "1/2", "--quiet", "--output-dir", "shared") == 0
    assert rdx("run", config, "--shard", "1/2", "--quiet", "--output-dir", "shared") == 0
    assert "shard 1/2: nothing was left to compute; when all 2" in capsys.readouterr().out
    assert rdx("run", config, "--gather", "--output-dir", "shared") == 0
    assert (contents(Path("shared")), features(Path("cache"))) == alone


def test_a_plain_call_uses_what_shards_left(config, alone, capsys):
    rdx("run", config, "--shard", "2/3", "--quiet")
    assert rdx("run", config, "--output-dir", "rest") == 0
    assert (contents(Path("rest")), features(Path("cache"))) == alone
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("  representations/a "))
    assert "computed before at " in line and line.endswith(" images/s)")
    log = Path("rest/run.log").read_text(encoding="utf-8")
    assert "representations/a: features computed at " in log


def test_options_that_contradict_each_other(config, capsys, monkeypatch):
    for options, said in (
        (("--shard", "3/2"), "--shard must be i/N"),
        (("--shard", "1/2", "--gather"), "give one of them"),
        (("--shard", "1/2", "--force"), "--force throws features away"),
        (("--gather", "--force"), "--force throws features away"),
    ):
        assert rdx("run", config, *options) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ") and said in err and err.count("\n") == 1
    for key, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(key, value)
    assert rdx("run", config, "--shard", "1/2") == 2
    assert "--shard and torchrun don't go together" in capsys.readouterr().err
    assert not Path("outputs").exists() and not Path("cache").exists()


def test_compare_is_shared_too(config, capsys):
    model = "timm:test_resnet?pretrained=false"
    chosen = ["--a", model, "--b", model + "&seed=1", "--images", "images", "--methods", "kmeans"]
    chosen += ["--statistics", "off"]
    for shard in ("1/2", "2/2"):
        assert rdx("compare", *chosen, "--shard", shard, "--quiet") == 0
    assert "images" in capsys.readouterr().out
    assert rdx("compare", *chosen, "--gather", "--output-dir", "pair") == 0
    assert Path("pair/a_vs_b/kmeans/assignments.csv").is_file()


def test_the_first_process_takes_over_what_does_not_come(config, alone, capsys, monkeypatch, caplog):
    monkeypatch.setattr("rdx.experiment.sharing.PATIENCE", 0.5)
    for key, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(key, value)
    assert rdx("run", config, "--output-dir", "taken") == 0
    assert "missing ones are computed here" in caplog.text
    assert (contents(Path("taken")), features(Path("cache"))) == alone


def test_other_processes_of_torchrun_say_nothing(config, capsys, monkeypatch):
    for key, value in {"TORCHELASTIC_RUN_ID": "x", "RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(key, value)
    assert rdx("run", config) == 0
    assert capsys.readouterr() == ("", "")
    assert not Path("outputs").exists() and len(list(Path("cache").rglob("0*-of-*"))) == 3
    assert rdx("run", config, "--dry-run") == 0
    assert capsys.readouterr().out == ""


def started(*arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def chunks(pattern: str = "0*-of-*") -> list[str]:
    """The cache's finished chunks; unlike rglob, os.walk takes it that folders vanish while it looks."""
    return [name for _, folders, files in os.walk("cache") for name in (*folders, *files) if fnmatch(name, pattern)]


@pytest.mark.slow
def test_torchrun(config, alone):
    run = started("torch.distributed.run", "--nproc-per-node", "2", "-m", "rdx", "run", str(config))
    out, err = run.communicate(timeout=300)
    assert run.returncode == 0, err
    assert out.count("steps to do") == 1 and out.count("Results: ") == 1
    assert (contents(Path("outputs/small")), features(Path("cache"))) == alone


@pytest.mark.slow
def test_a_shard_that_is_killed_is_started_again(config, alone, capsys):
    shards = {i: started("rdx", "run", str(config), "--shard", f"{i}/2") for i in (1, 2)}
    deadline = time.monotonic() + 200
    while not chunks("00001-of-*") and time.monotonic() < deadline:
        time.sleep(0.01)
    shards[1].send_signal(signal.SIGKILL)
    assert shards[1].wait() == -signal.SIGKILL
    assert shards[2].wait(timeout=200) == 0
    assert rdx("run", config, "--gather", "--output-dir", "shared") == 2
    assert "of shard 1 of 2" in capsys.readouterr().err
    kept = {path: path.stat().st_mtime_ns for path in Path("cache").rglob("0*-of-*")}
    assert rdx("run", config, "--shard", "1/2") == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert rdx("run", config, "--gather", "--output-dir", "shared") == 0
    assert contents(Path("shared")) == alone[0]
    assert features(Path("cache")) == alone[1]


@pytest.mark.slow
def test_one_process_of_torchrun_killed(config, alone):
    """The others end with it, and the same command goes on."""
    run = started("torch.distributed.run", "--nproc-per-node", "2", "-m", "rdx", "run", str(config))
    deadline = time.monotonic() + 200
    while not chunks() and time.monotonic() < deadline:
        time.sleep(0.01)
    children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    run.communicate(timeout=100)
    assert run.returncode != 0
    assert chunks()
    again = started("torch.distributed.run", "--nproc-per-node", "2", "-m", "rdx", "run", str(config))
    _, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert (contents(Path("outputs/small")), features(Path("cache"))) == alone
