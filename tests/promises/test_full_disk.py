"""A full or read-only disk: one clear line that names the file, and what was there before is still there."""

from __future__ import annotations

import builtins
import errno
import os
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_runs import RUN, TRAIN, Commands, contents, write_experiment

from rdx import cli
from rdx.files import write_text

N = 40
METHODS = [{"name": "rdx", "method": "rdx", "n_clusters": 2}, {"name": "kmeans", "method": "kmeans", "n_clusters": 2}]
NUMBERS = (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT)
# What is refused → the function, and where its path is among the arguments.
CALLS = {
    "open": (builtins, "open"), "low open": (os, "open"), "mkdir": (os, "mkdir"),
    "fsync": (os, "fsync"), "rename": (os, "replace"), "remove": (os, "unlink"),
}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """A working folder with an experiment on two arrays."""
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.random((N, 6), dtype=np.float32))
    np.save("b.npy", rng.random((N, 4), dtype=np.float32))
    config = {
        "name": "small", "representations": {"a": "features:a.npy", "b": "features:b.npy"},
        "methods": METHODS, "statistics": "off", "figures": False,
    }  # fmt: skip
    Path("small.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return tmp_path


def rdx(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    return left.value.code or 0


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
        if call == "low open" and not arguments[1] & os.O_CREAT:
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
    assert rdx("run", "small.yaml", "--quiet", "--output-dir", "run") == 0
    assert rdx("run", "small.yaml", "--quiet", "--output-dir", "whole", "--set", "methods.rdx.gamma=0.2") == 0
    before, whole = contents(here / "run"), contents(here / "whole")
    again = ["run", "small.yaml", "--quiet", "--output-dir", "run", "--set", "methods.rdx.gamma=0.2"]
    capsys.readouterr()
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
def test_a_forced_run_that_fails_keeps_the_finished_one(here, capsys, number):
    command = ["run", "small.yaml", "--quiet", "--output-dir", "run"]
    assert rdx(*command) == 0
    before = contents(here / "run")
    with pytest.MonkeyPatch.context() as patch:
        assert refuse(patch, "rename", number, here / "run", 9) == []
        assert rdx(*command, "--force") == 1
    assert contents(here / "run") == before


@pytest.mark.parametrize("call", ["low open", "mkdir"])
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


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    base = tmp_path_factory.mktemp("disk")
    commands = Commands(base / "notes", base / "cache")
    write_experiment(base / "work")
    commands.warm_up([TRAIN, RUN], base / "work")
    shutil.copytree(base / "work", base / "whole")
    yield base, commands
    commands.close()


@pytest.fixture
def fresh(commands):
    """The folder of the experiment before anything was done, and what starts commands there."""
    base, server = commands
    for name in ("work/checkpoints", "work/run", "cache"):
        shutil.rmtree(base / name, ignore_errors=True)
    return base, server.start


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the size of files")
@pytest.mark.parametrize("largest", [500, 40_000, *(pytest.param(n, marks=pytest.mark.slow) for n in (2_000, 6_000))])
def test_the_system_itself_refuses_to_write_more(fresh, largest):
    """Whoever writes, in Python, C or Rust: the kernel refuses what goes beyond the largest size of a file."""
    base, start = fresh
    refused = 0
    for arguments in (TRAIN, [*RUN, "--quiet"]):
        command = start(arguments, base / "work", largest_file=largest)
        code, said = command.wait(), command.err.read_text().splitlines()
        if code:
            refused += 1
            assert code == 1 and len(said) == 1, said
            assert said[0].startswith("failed: cannot write '") and said[0].endswith("': File too large"), said
            assert ".part" not in said[0]
            assert not [name for name in contents(base / "work") if ".part" in name or name.endswith(".lock")]
            assert start(arguments, base / "work").wait() == 0
    assert refused
    assert contents(base / "work") == contents(base / "whole")


def test_nothing_is_written_outside_the_output_folder_and_the_cache(fresh):
    import matplotlib

    base, start = fresh
    allowed = {0: [base / "work/checkpoints"], 1: [base / "work/run", base / "cache"]}
    for i, arguments in enumerate((TRAIN, RUN)):
        notes = base / f"written_{i}.txt"
        assert start(arguments, base / "work", audit=str(notes)).wait() == 0
        written = {Path(line) for line in notes.read_text().splitlines()} - {Path(os.devnull)}
        assert len(written) > 10
        libraries = [Path(matplotlib.get_cachedir()), Path(sys.prefix)]
        inside = [*allowed[i], *libraries]
        assert [path for path in written if not any(path.is_relative_to(place) for place in inside)] == []


def test_a_reader_that_has_left_is_no_failure(fresh):
    """`rdx … | head`: quietly, with the exit code of a command that SIGPIPE ends, and to be gone on with."""
    base, start = fresh
    for arguments in (TRAIN, RUN):
        for options in (["--dry-run"], []):
            command = start([*arguments, *options], base / "work", closed_pipe=True)
            assert command.wait() == 141
            assert "failed" not in command.err.read_text() and "Error" not in command.err.read_text()
        assert start(arguments, base / "work").wait() == 0
    assert contents(base / "work") == contents(base / "whole")
