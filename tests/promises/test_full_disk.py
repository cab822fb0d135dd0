"""A full or read-only disk: one clear line that names the file, and what was there before is still there."""

from __future__ import annotations

import builtins
import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_commands import rdx
from made_runs import contents

from rdx.files import write_text

N = 40
METHODS = [{"name": "rdx", "method": "rdx", "n_clusters": 2}, {"name": "kmeans", "method": "kmeans", "n_clusters": 2}]
NUMBERS = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT)
# What is refused → the function, and where its path is among the arguments.
CALLS = {
    "open": (builtins, "open"), "mkdir": (os, "mkdir"),
    "fsync": (os, "fsync"), "rename": (os, "replace"), "remove": (os, "unlink"),
}  # fmt: skip


RUN = ("run", "small.yaml", "--quiet", "--output-dir", "run")
CHANGE = ("--set", "methods.rdx.gamma=0.2")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with an experiment on two arrays, what its run leaves (`done`), and with another γ (`whole`)."""
    folder = tmp_path_factory.mktemp("disk")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_inputs()
        for left, change in (("whole", CHANGE), ("done", ())):
            assert rdx(*RUN, *change) == 0
            Path("run").rename(left)
    return folder


@pytest.fixture
def here(place, monkeypatch) -> Path:
    """That folder, in which nothing has run."""
    monkeypatch.setenv("RDX_CACHE", str(place / "cache"))
    monkeypatch.chdir(place)
    for name in ("run", "cache"):
        shutil.rmtree(name, ignore_errors=True)
    return place


def write_inputs() -> None:
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.random((N, 6), dtype=np.float32))
    np.save("b.npy", rng.random((N, 4), dtype=np.float32))
    config = {
        "name": "small", "representations": {"a": "features:a.npy", "b": "features:b.npy"},
        "methods": METHODS, "statistics": "off", "figures": False,
    }  # fmt: skip
    Path("small.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def refuse(monkeypatch, call: str, number: int, below: Path, after: int) -> list[Path]:
    """Let the system refuse a kind of call on files below a folder, all but the first `after`; returns them."""
    owner, name = CALLS[call]
    real, refused, seen = getattr(owner, name), [], [0]

    def path_of(arguments, options) -> Path | None:
        if call == "fsync":
            return Path(os.readlink(f"/proc/self/fd/{arguments[0]}"))
        writes = arguments[1] if len(arguments) > 1 else options.get("mode", "r")
        if call == "open" and not set(str(writes)) & set("wax+"):
            return None
        return Path(os.path.abspath(os.fsdecode(arguments[-1 if call == "rename" else 0])))

    def refusing(*arguments, **options):
        if isinstance(arguments[0], (str, bytes, os.PathLike)) or call == "fsync":
            path = path_of(arguments, options)
            if path is not None and path.is_relative_to(below):
                seen[0] += 1
                if seen[0] > after:
                    refused.append(path)
                    raise OSError(number, os.strerror(number), *([] if call == "fsync" else [str(path)]))
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, refusing)
    return refused


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="reads /proc")
@pytest.mark.parametrize("after", [0, 1, 7, 12])
@pytest.mark.parametrize("call", [name for name in CALLS if name != "remove"])
def test_a_refused_write_is_one_line_and_changes_nothing_old(here, capsys, call, after):
    number = NUMBERS[(list(CALLS).index(call) + after) % len(NUMBERS)]
    shutil.copytree(here / "done", here / "run")
    before, whole = contents(here / "run"), contents(here / "whole")
    again = [*RUN, *CHANGE]
    with pytest.MonkeyPatch.context() as patch:
        refused = refuse(patch, call, number, here / "run", after)
        code = rdx(*again)
    said = capsys.readouterr().err
    if not refused:
        pytest.skip(f"this run makes only {after} such calls")
    assert code == 1
    assert said.startswith(f"failed: cannot write '{here / 'run'}") and said.count("\n") == 1
    assert said.rstrip().endswith(os.strerror(number)) and ".part" not in said
    found = contents(here / "run")
    assert not [name for name in found if ".part" in name]
    for name, data in found.items():  # nothing half written: each file is the old one or the new one
        assert data in (before.get(name), whole.get(name)), name
    for name in before:
        if "/kmeans/" in name or name.startswith(("representations", "items")):
            assert found[name] == before[name]
    assert rdx(*again) == 0
    assert contents(here / "run") == whole


@pytest.mark.parametrize("number", NUMBERS)
def test_a_forced_run_that_fails_keeps_the_finished_one(here, number):
    shutil.copytree(here / "done", here / "run")
    before = contents(here / "run")
    with pytest.MonkeyPatch.context() as patch:
        assert refuse(patch, "rename", number, here / "run", 9) == []
        assert rdx(*RUN, "--force") == 1
    assert contents(here / "run") == before


@pytest.mark.parametrize("call", ["open", "mkdir"])
def test_a_folder_that_cannot_be_written_is_noticed_before_anything_is_computed(here, capsys, monkeypatch, call):
    monkeypatch.setattr("rdx.experiment.plan.prepare.look", lambda *_, **__: pytest.fail("went on"))
    with pytest.MonkeyPatch.context() as patch:
        refuse(patch, call, errno.EROFS, here / "run", 0)
        assert rdx("run", "small.yaml", "--output-dir", "run/below") == 1
    assert capsys.readouterr().err == f"failed: cannot write '{here / 'run/below'}': Read-only file system\n"
    assert not (here / "run").exists()


def test_a_file_where_a_folder_should_be_is_wrong_input(here, capsys):
    assert rdx("run", "small.yaml", "--output-dir", "a.npy/run") == 2
    assert "would lie in the file" in capsys.readouterr().err


def test_the_cache_cannot_be_written(here, capsys):
    from rdx.features import cache

    with pytest.MonkeyPatch.context() as patch:
        refuse(patch, "rename", errno.ENOSPC, here / "cache", 0)
        with pytest.raises(OSError, match=r"^cannot write '.*/cache/features/k.safetensors': No space left on device$"):
            cache.store("k", np.eye(3, dtype=np.float32), {})
    assert not [path for path in (here / "cache").rglob("*") if path.is_file()]


def test_a_full_log_does_not_hide_what_happened(here, capsys, monkeypatch):
    from rdx.experiment.run import log

    def full(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def fail(*_, **__):
        monkeypatch.setattr(log, "writing", full)
        raise ValueError("the first thing that went wrong")

    monkeypatch.setattr("rdx.experiment.stages.measures.similarity", fail)
    assert rdx("run", "small.yaml", "--quiet") == 1
    assert "the first thing that went wrong" in capsys.readouterr().err


def test_an_error_about_another_file_is_not_taken_for_one_of_writing(tmp_path):
    from rdx.files import copy_file

    with pytest.raises(FileNotFoundError, match="gone"):
        copy_file(tmp_path / "gone", tmp_path / "copy")
    assert not list(tmp_path.iterdir())


def test_a_write_error_names_the_file_that_was_to_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match=r"^cannot write '.*/file/table.csv': Not a directory$"):
        write_text(tmp_path / "file/table.csv", "x")
