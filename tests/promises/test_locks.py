"""Locks: one holder at a time, named to whoever waits; nothing stays behind."""

from __future__ import annotations

import contextlib
import dis
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rdx import files, locks
from rdx.errors import InputError
from rdx.files import PART, atomic_path, remove_temporaries
from rdx.locks import InUse, alone, alone_at, locked

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import sys, time
from rdx.locks import alone
with alone([sys.argv[1]]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the folder `run`."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, "run"], cwd=tmp_path, stdout=subprocess.PIPE,
                               env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True)  # fmt: skip
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_told_who_holds_it_and_a_killed_holder_lets_go(tmp_path, holder, caplog):
    path = tmp_path / "run/.lock"
    said = f"'x' is in use by process {holder.pid} on .* since 20"
    with pytest.raises(InUse, match=said), locked(path, "'x'", wait=False):
        pass
    threading.Timer(0.5, holder.kill).start()
    start = time.monotonic()
    with caplog.at_level(logging.WARNING, "rdx"), alone([tmp_path / "run"]):
        assert time.monotonic() - start > 0.3
        assert path.is_file()
    assert caplog.messages == [f"waiting for '{tmp_path / 'run'}', which is in use by process {holder.pid} on "
                               + caplog.messages[0].partition(" on ")[2]]  # fmt: skip
    assert not path.exists()


def test_threads_of_one_process_wait_for_each_other(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(5):
            with alone([tmp_path / "run"]):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.002)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 20 and set(most) == {1}


def test_a_thread_that_holds_a_lock_goes_on(tmp_path):
    with alone([tmp_path / "run"]), alone([tmp_path / "run"]):
        pass
    assert not list(tmp_path.iterdir())


def test_folders_that_stay_empty_are_taken_away_again(tmp_path):
    with pytest.raises(ValueError), alone([tmp_path / "a/b/c"]):
        raise ValueError
    assert not list(tmp_path.iterdir())
    with alone([tmp_path / "a/b/c"]):
        (tmp_path / "a/b/file").write_text("x")
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["file"]


@pytest.mark.parametrize("context", [
    lambda place: locked(place / "new/.lock", "x"), lambda place: alone([place / "new"]),
    lambda place: alone_at([place / "new/a.npy"]), lambda place: atomic_path(place / "new/a.npy"),
], ids=["locked", "alone", "alone_at", "atomic_path"])  # fmt: skip
def test_ctrl_c_at_any_moment_leaves_nothing_behind(tmp_path, context):
    moment = 0
    while _interrupted_at(moment, context, tmp_path / str(moment)):
        assert not [path for path in (tmp_path / str(moment)).rglob("*") if path.suffix in (".lock", PART)], moment
        with locked(tmp_path / str(moment) / "new/.lock", "x", wait=False):
            moment += 1
    assert moment > 50


def _interrupted_at(moment: int, context, place: Path) -> bool:
    """Whether there was such a moment: one in our own code at which Python looks for signals."""
    left = moment
    moments = {}

    def trace(frame, event, _):
        nonlocal left
        code = frame.f_code
        if code.co_filename not in (locks.__file__, files.__file__):
            return trace if code.co_filename == contextlib.__file__ else None
        frame.f_trace_opcodes = True
        if event == "opcode":
            if code not in moments:
                steps = list(dis.get_instructions(code))
                moments[code] = {after.offset for step, after in zip(steps, steps[1:], strict=False)
                                 if step.opname.startswith(("CALL", "RESUME", "JUMP_BACKWARD"))}  # fmt: skip
            if frame.f_lasti in moments[code]:
                left -= 1
                if left == -1:
                    raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with context(place) as path:
            if path:
                path.write_text("whole")
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    for name, said in (("file", "is a file"), ("file/run", "would lie in the file")):
        with pytest.raises(InputError, match=said), alone([tmp_path / name]):
            pass


def test_a_disk_without_locks_is_said_and_used(tmp_path, monkeypatch, caplog):
    import errno
    import fcntl

    def unsupported(*_):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with alone([tmp_path / "run"]):
        pass
    assert "on a disk without locks" in caplog.text


def half(folder: Path, stem: str) -> Path:
    """What a killed process leaves of a file that it was writing."""
    path = folder / f".{stem}.0123456789ab.part"
    path.mkdir(parents=True)
    (path / ".tmpX1y2Z3").write_text("half")
    return path


def test_what_a_killed_process_left_is_removed_but_not_what_others_are_writing(tmp_path):
    run, other = tmp_path / "run", tmp_path / "run/other"
    left, below, of_other = half(run, "items"), half(run / "a_vs_b/rdx", "concepts"), half(other, "items")
    (other / ".lock").write_text("{}")
    (run / ".items.part").write_text("a user's")
    with alone([run]):
        assert not left.exists() and not below.exists()
        assert of_other.exists() and (run / ".items.part").exists()
    remove_temporaries(other)
    assert not of_other.exists()


def test_a_cache_is_tidied_but_for_what_is_in_use(tmp_path):
    left, used = half(tmp_path, "left"), half(tmp_path, "used")
    (tmp_path / ".gone.lock").write_text("")
    ready, done = threading.Event(), threading.Event()

    def use():
        with locked(tmp_path / ".used.lock", "used"):
            ready.set()
            done.wait(30)

    thread = threading.Thread(target=use)
    thread.start()
    ready.wait(30)
    try:
        with alone_at([tmp_path / "mine.npy"]):
            assert not left.exists() and used.exists()
            assert sorted(path.name for path in tmp_path.glob(".*.lock")) == [".mine.lock", ".used.lock"]
    finally:
        done.set()
        thread.join()
    with alone_at([tmp_path / "mine.npy"]):
        assert not used.exists()
    assert not list(tmp_path.iterdir())
