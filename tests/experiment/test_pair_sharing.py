"""Several processes on the pairs of sparse fits, by hand and under torchrun: the same folder as one process leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from made_data import noise
from PIL import Image

from rdx import cli
from rdx.experiment.plan import prepare

ROOT = Path(__file__).resolve().parents[2]
N = 600  # items: three chunks a pass
VARY = ("run.log", "environment.json", "plan.json")  # times, and the machine
SPARSE = {"method": "rdx", "solver": "sparse", "pairs_per_item": 30}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2"}
KILLED = """
import os, signal, sys
from rdx import cli
from rdx.shards import Chunks

write = Chunks.write
def killed(self, number, *others):
    write(self, number, *others)
    if (self.folder.name, str(number)) == tuple(sys.argv[1:3]):
        os.kill(os.getpid(), signal.SIGKILL)

Chunks.write = killed
cli.main(sys.argv[3:])
"""  # the command after its pass and chunk: once that is written, the process is gone


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder of its own, and one thread, as the processes that are started here have."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def written(**changes) -> str:
    """An experiment on two arrays: three sparse fits, of which two draw the same pairs, and a dense one."""
    rng = np.random.default_rng(0)
    for name, d in (("a", 8), ("b", 6)):
        np.save(f"{name}.npy", rng.normal(size=(N, d)).astype(np.float32))
    methods = [
        {**SPARSE, "name": "rdx", "n_clusters": 2},
        {**SPARSE, "name": "more", "n_clusters": 3},
        {**SPARSE, "name": "paper", "n_clusters": 2, "version": "v1"},
        {"method": "rdx", "name": "exact", "n_clusters": 2, "solver": "dense"},
    ]
    values = {
        "name": "pairs", "representations": {key: {"model": f"features:{key}.npy"} for key in ("a", "b")},
        "methods": methods, "statistics": "off", "figures": False, "explorer": False, **changes,
    }  # fmt: skip
    Path("pairs.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return "pairs.yaml"


def rdx(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([*arguments, "--device", "cpu"])
    return left.value.code or 0


def contents(folder: str) -> dict[str, bytes]:
    found = (path for path in Path(folder).rglob("*") if path.is_file() and ".steps" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found if path.name not in VARY}


def chunks(name: str = "*") -> list[Path]:
    return sorted(Path("cache/pairs").glob(f"*/{name}/0*-of-*.safetensors"))


def alone(config: str, monkeypatch, capsys) -> dict[str, bytes]:
    """What one process leaves that knows nothing of others."""
    with monkeypatch.context() as own:
        own.setenv("RDX_CACHE", "cache_alone")
        assert rdx("run", config, "--quiet", "--output-dir", "alone") == 0
    assert not Path("cache_alone").exists()
    capsys.readouterr()
    return contents("alone")


def as_torchrun(monkeypatch, rank: int) -> None:
    for key, value in {**TORCHRUN, "RANK": str(rank), "LOCAL_RANK": str(rank)}.items():
        monkeypatch.setenv(key, value)


def log(folder: str) -> str:
    return Path(folder, "run.log").read_text(encoding="utf-8")


def test_shards_by_hand_in_their_order(monkeypatch, capsys):
    config = written()
    expected = alone(config, monkeypatch, capsys)

    def shard(name: str) -> str:
        assert rdx("run", config, "--shard", name, "--quiet", "--output-dir", "shared") == 0
        return capsys.readouterr().out

    def refused() -> str:
        assert rdx("run", config, "--gather", "--quiet", "--output-dir", "shared") == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        return said

    assert refused() == (
        "error: pairs, a_vs_b/rdx, pairs: no chunk of them is there; run the shards again (--shard i/N), or "
        "leave --gather out to compute what is missing here\n"
    )
    assert shard("1/2") == (
        "shard 1/2: 4 chunks of pairs; when all 2 shards are done, run them once more (the second pass over the "
        "pairs, which needs all of the first), then the same command with --gather in the place of --shard\n"
    )  # two of v2, which two methods share, and two of v1
    assert "a_vs_b/rdx, first pass over the pairs: 1 of 3 chunks is missing (2, of shard 2 of 2); run" in refused()
    assert shard("2/2").startswith("shard 2/2: 3 chunks of pairs; when all 2 shards are done, run the same command ")
    said = "pairs, a_vs_b/rdx, second pass over the pairs: 2 of 3 chunks are missing (1, 3, of shard 1 of 2); run"
    assert said in refused()
    assert not Path("shared").exists()
    assert shard("1/2").startswith("shard 1/2: 2 chunks of pairs; when all 2 shards are done, run the same command ")
    for name in ("1/2", "2/2"):
        assert shard(name).startswith(f"shard {name}: nothing was left to compute; when all 2")
    for name in ("choose", "rank"):  # all are there
        monkeypatch.setattr(f"rdx.method.many.pair_parts.ProcessorParts.{name}", lambda *given, **options: None)
    assert rdx("run", config, "--gather", "--quiet", "--output-dir", "shared") == 0
    assert contents("shared") == expected
    assert log("shared").count(": 6 chunks of pairs were there") == 2 and "a_vs_b/paper: 3 chunks" in log("shared")
    assert not chunks() and not list(Path("cache/pairs").iterdir())


@pytest.mark.parametrize("alignment", ["cka", "ridge"])
def test_aligned_runs_share_their_maps_too(alignment, monkeypatch, capsys):
    config = written(alignment=alignment, methods=[{**SPARSE, "n_clusters": 2}])
    expected = alone(config, monkeypatch, capsys)
    assert rdx("run", config, "--gather") == 2
    assert "a_vs_b/rdx, alignment: no map is there; run" in capsys.readouterr().err
    for name in ("2/3", "1/3", "3/3", "1/3", "2/3"):
        assert rdx("run", config, "--shard", name, "--quiet") == 0
        monkeypatch.setattr("rdx.experiment.stages.alignment.learn", None)  # once is enough
    assert len(chunks("chosen")) == len(chunks("both_ends")) == 2 * 3
    assert rdx("run", config, "--gather", "--quiet", "--output-dir", "shared") == 0
    assert contents("shared") == expected and not list(Path("cache/pairs").iterdir())


def test_features_come_before_pairs(monkeypatch, capsys):
    for number in range(24):
        Path("images").mkdir(exist_ok=True)
        Image.fromarray(noise(number, 60 + 120 * (number % 2))).save(f"images/{number:02d}.jpg")
    resnet = "timm:test_resnet?pretrained=false"
    models = {"a": {"model": resnet}, "b": {"model": f"{resnet}&seed=1"}}
    models = {key: {**value, "batch_size": 1} for key, value in models.items()}
    config = written(
        data={"dataset": "image_folder", "root": "images"}, representations=models,
        methods=[{**SPARSE, "n_clusters": 2, "images_per_concept": 2}],
    )  # fmt: skip
    with monkeypatch.context() as own:
        own.setenv("RDX_CACHE", "cache_alone")
        assert rdx("run", config, "--quiet", "--output-dir", "alone") == 0
    capsys.readouterr()
    assert rdx("run", config, "--shard", "1/2", "--quiet") == 0
    out = capsys.readouterr().out
    assert out.startswith("shard 1/2: 32 images at ") and "run them once more (the pairs of sparse fits, which" in out
    assert not Path("cache/pairs").exists()
    assert rdx("run", config, "--gather") == 2
    assert "representations/a: 1 of 2 chunks is missing (2, of shard 2 of 2); run its shards" in capsys.readouterr().err
    assert rdx("run", config, "--shard", "2/2", "--quiet") == 0  # of whose pairs there is but one chunk, the first's
    assert "run them once more (the second pass" in capsys.readouterr().out
    assert rdx("run", config, "--shard", "1/2", "--quiet") == 0
    assert capsys.readouterr().out.startswith("shard 1/2: 2 chunks of pairs; when all 2 shards are done, run the same")
    assert rdx("run", config, "--gather", "--quiet", "--output-dir", "shared") == 0
    assert contents("shared") == contents("alone")


def test_a_plain_call_uses_what_shards_left(monkeypatch, capsys):
    config = written()
    expected = alone(config, monkeypatch, capsys)
    rdx("run", config, "--shard", "1/2", "--quiet")
    assert rdx("run", config, "--quiet", "--output-dir", "rest") == 0
    assert contents("rest") == expected
    assert "a_vs_b/rdx: 2 chunks of pairs were there" in log("rest") and not chunks()


def test_chunks_of_other_pairs_are_left_alone(monkeypatch, capsys):
    config = written(methods=[{**SPARSE, "n_clusters": 2}])
    rdx("run", config, "--shard", "1/2", "--quiet")
    kept = chunks()
    assert len(kept) == 1 + 2
    for change in ("seed=1", "methods.0.gamma=0.2", "methods.0.pairs_per_item=31"):
        assert rdx("run", config, "--quiet", "--set", change, "--output-dir", "other") == 0
        assert "chunks of pairs" not in log("other") and chunks() == kept
    np.save("a.npy", np.load("a.npy") + np.eye(N, 8, dtype=np.float32))
    assert rdx("run", config, "--quiet", "--output-dir", "other") == 0
    assert "chunks of pairs" not in log("other") and chunks() == kept


@pytest.mark.parametrize("name", ["choice", "chosen", "both_ends"])
def test_a_damaged_chunk_is_computed_again(name, monkeypatch, capsys, caplog):
    config = written(methods=[{**SPARSE, "n_clusters": 2}])
    expected = alone(config, monkeypatch, capsys)
    for shard in ("1/2", "2/2", "1/2"):
        rdx("run", config, "--shard", shard, "--quiet")
    path = chunks(name)[0]
    data = path.read_bytes()
    path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    assert rdx("run", config, "--quiet", "--output-dir", "plain") == 0
    assert contents("plain") == expected
    assert [f"{path.name}' is damaged" in line for line in caplog.messages] == [True]


def test_the_first_process_takes_over_what_does_not_come(monkeypatch, capsys, caplog):
    config = written()
    expected = alone(config, monkeypatch, capsys)
    monkeypatch.setattr("rdx.experiment.sharing.PATIENCE", 0.5)
    as_torchrun(monkeypatch, 0)
    assert rdx("run", config, "--quiet", "--output-dir", "taken") == 0
    assert "no new chunk of the first pass over the pairs for " in caplog.text
    assert "missing ones are computed here" in caplog.text
    assert contents("taken") == expected and not list(Path("cache/pairs").iterdir())


def test_other_processes_of_torchrun_say_nothing_and_end(monkeypatch, capsys):
    config = written()
    for shard in ("1/2", "2/2"):
        rdx("run", config, "--shard", shard, "--quiet")
    capsys.readouterr()
    for path in chunks("chosen"):
        if path.name.startswith("00002"):
            path.unlink()
    as_torchrun(monkeypatch, 1)
    assert rdx("run", config) == 0
    assert capsys.readouterr() == ("", "") and not Path("outputs").exists()
    assert [path.name[:5] for path in chunks("both_ends")] == ["00002"] and len(chunks("chosen")) == 3


def test_a_process_that_is_late_leaves_nothing(monkeypatch, capsys):
    config = written()
    assert rdx("run", config, "--quiet") == 0
    as_torchrun(monkeypatch, 1)
    look = prepare.look
    before = lambda *given, **options: look(*given, **{**options, "force": True})  # noqa: E731, all was to do then
    monkeypatch.setattr(prepare, "look", before)
    assert rdx("run", config) == 0
    assert not list(Path("cache").rglob("*.safetensors"))


def started(*arguments: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments, "--device", "cpu"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def torchrun(*arguments: str) -> tuple[int, str, str]:
    run = started("-m", "torch.distributed.run", "--nproc-per-node", "2", *arguments)
    out, err = run.communicate(timeout=300)
    return run.returncode, out, err


@pytest.mark.slow
def test_torchrun(monkeypatch, capsys):
    config = written()
    expected = alone(config, monkeypatch, capsys)
    code, out, err = torchrun("-m", "rdx", "run", config)
    assert code == 0, err
    assert out.count("steps to do") == 1 and out.count("Results: ") == 1 and "computed here" not in err
    assert contents("outputs/pairs") == expected and not list(Path("cache/pairs").iterdir())
    assert "a_vs_b/rdx: 6 chunks of pairs were there" in log("outputs/pairs")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chosen", "both_ends"])
def test_one_process_of_torchrun_killed(name, monkeypatch, capsys):
    """The others end with it, and the same command goes on."""
    config = written()
    expected = alone(config, monkeypatch, capsys)
    Path("killed.py").write_text(KILLED, encoding="utf-8")
    assert torchrun("killed.py", name, "1", "run", config)[0] != 0
    assert chunks(name) and not Path("outputs/pairs/a_vs_b/paper").exists()
    code, _, err = torchrun("-m", "rdx", "run", config)
    assert code == 0, err
    assert contents("outputs/pairs") == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chosen", "both_ends"])
def test_a_shard_that_is_killed_is_started_again(name, monkeypatch, capsys):
    config = written()
    expected = alone(config, monkeypatch, capsys)
    Path("killed.py").write_text(KILLED, encoding="utf-8")
    if name == "both_ends":
        for shard in ("1/2", "2/2"):
            assert rdx("run", config, "--shard", shard) == 0
        for path in chunks(name):
            path.unlink()
    shards = [
        started("killed.py", name, "0", "run", config, "--shard", "1/2"),
        started("-m", "rdx", "run", config, "--shard", "2/2"),
    ]
    for run in shards:
        run.communicate(timeout=200)
    assert [run.returncode for run in shards] == [-signal.SIGKILL, 0]
    capsys.readouterr()
    assert rdx("run", config, "--gather") == 2
    assert "1 of 3 chunks is missing (3, of shard 1 of 2)" in capsys.readouterr().err
    kept = {path: path.stat().st_mtime_ns for path in chunks()}
    for shard in ("1/2", "2/2", "1/2"):
        assert rdx("run", config, "--shard", shard) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert rdx("run", config, "--gather", "--output-dir", "shared") == 0
    assert contents("shared") == expected
