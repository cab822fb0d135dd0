"""Commands in processes of their own, with whatever may happen to one.

Killed at any moment, the same command again finishes, with the same bytes, and nothing is left lying about. The
kernel may refuse to write more, two processes may meet in one folder, and who reads the output may have left.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from made_runs import RUN, TRAIN, Command, Commands, contents, wait_for, write_experiment

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL") or sys.platform == "darwin", reason="forks processes")
SLOW = pytest.mark.slow
RDX, STATISTICS, FIGURES, EXPLORER = (f"a_vs_b/{name}" for name in ("rdx", "rdx/statistics", "rdx/figures", "explorer"))
TRAINING, CHECKS = "training", "checks and extraction"


@dataclass
class Place:
    """Where the experiment is carried out again and again, and what an undisturbed run of it left."""

    commands: Commands
    work: Path
    cache: Path
    whole: dict[str, bytes]
    cached: dict[str, bytes]
    seconds: dict[str, float]  # by step, of `TRAINING` and of `CHECKS`

    def clean(self) -> None:
        for folder in (self.work, self.cache):
            shutil.rmtree(folder, ignore_errors=True)
        write_experiment(self.work)

    @property
    def log(self) -> str:
        path = self.work / "run/run.log"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def check(self) -> None:
        """Everything is as after the undisturbed run, the cache too."""
        for found, expected in ((contents(self.work), self.whole), (contents(self.cache), self.cached)):
            assert sorted(found) == sorted(expected)
            assert [name for name in expected if found[name] != expected[name]] == []


@pytest.fixture(scope="module")
def place(tmp_path_factory, loaded) -> Iterator[Place]:
    base = tmp_path_factory.mktemp("processes")
    commands = Commands(f"{loaded}/bin/python", base / "notes", base / "cache")
    place = Place(commands, base / "work", base / "cache", {}, {}, {})
    place.clean()
    commands.warm_up([TRAIN, RUN], place.work)
    place.clean()
    place.seconds = {TRAINING: finished(commands.start(TRAIN, place.work))}
    start = time.monotonic()
    command = commands.start(RUN, place.work)
    assert wait_for(lambda: ": started" in place.log, command)
    place.seconds[CHECKS] = time.monotonic() - start
    finished(command)
    place.seconds |= dict(durations(place.log))
    place.whole, place.cached = contents(place.work), contents(place.cache)
    yield place
    commands.close()


def finished(command: Command) -> float:
    start = time.monotonic()
    assert command.wait() == 0, command.err.read_text()
    return time.monotonic() - start


def durations(log: str) -> Iterator[tuple[str, float]]:
    for line in log.splitlines():
        name, _, rest = line[21:].rpartition(": ")
        if rest.endswith(" s"):
            yield name, float(rest[:-2])


def stop(place: Place, moment: str, delay: float, number: int) -> tuple[int, str]:
    """Carry the experiment out and send a signal `delay` after `moment` began, or what comes after it.

    Returns the exit code, and the moment in which the signal arrived.
    """
    if moment != TRAINING and not (place.work / "checkpoints/b/last.safetensors").is_file():
        finished(place.commands.start(TRAIN, place.work))
    before = len(place.log)
    command = place.commands.start(TRAIN if moment == TRAINING else RUN, place.work)
    if moment in place.seconds and moment not in (TRAINING, CHECKS):
        later = list(place.seconds)[list(place.seconds).index(moment) :]
        wait_for(lambda: any(f"  {name}: started\n" in place.log[before:] for name in later), command)
    time.sleep(delay)
    command.send(number)
    code = command.wait()
    begun = [line[21:-9] for line in place.log[before:].splitlines() if line.endswith(": started")]
    return code, moment if moment == TRAINING else begun[-1] if begun else CHECKS


def kill_through(place: Place, moments: list[str], chance: random.Random, latest: float = 1.1) -> Counter[str]:
    """SIGKILL the experiment once at each moment and finish it in between where nothing is left to kill.

    The signal is sent up to `latest` of a step's time after it began. Returns how often a process died in which step.
    """
    hits: Counter[str] = Counter()
    place.clean()
    for moment in moments:
        code, where = stop(place, moment, chance.uniform(0, latest * place.seconds[moment]), signal.SIGKILL)
        assert code in (0, -signal.SIGKILL)
        if code:
            hits[where] += 1
        elif moment != TRAINING:
            place.check()
            place.clean()
    for arguments in (TRAIN, RUN):
        finished(place.commands.start(arguments, place.work))
    place.check()
    return hits


def test_killed_a_few_times(place):
    chance, hits = random.Random(0), Counter()
    for moments in ([TRAINING, CHECKS, RDX, STATISTICS], [TRAINING, STATISTICS], [CHECKS, RDX]):
        if sum(hits.values()) < 2:  # a signal that comes after the end kills nothing
            hits += kill_through(place, moments, chance)
    assert sum(hits.values()) >= 2


@SLOW
def test_killed_fifty_times(place):
    chance = random.Random(1)
    steps = [name for name in place.seconds if name not in (TRAINING, CHECKS)]
    more = {TRAINING: 8, CHECKS: 6, RDX: 4, STATISTICS: 4, FIGURES: 4, EXPLORER: 4}
    moments = [name for name in (TRAINING, CHECKS, *steps) for _ in range(more.get(name, 2))]
    hits = kill_through(place, moments, chance)
    while sum(hits.values()) < 50:
        hits += kill_through(place, chance.choices([TRAINING, CHECKS, *steps], k=50 - sum(hits.values())), chance)
    wanted = {TRAINING, CHECKS, STATISTICS, FIGURES, EXPLORER}
    for moment in sorted(wanted - set(hits)):  # a short step may have ended before every signal
        hits += kill_through(place, [moment], chance, latest=0.0)
    assert wanted <= set(hits), hits
    assert any(name.startswith("representations/") for name in hits) or hits[CHECKS] > 2, hits


@pytest.mark.parametrize("moment", [STATISTICS, *(pytest.param(m, marks=SLOW) for m in (TRAINING, CHECKS, FIGURES))])
def test_ctrl_c_ends_with_130(place, moment):
    for share in (0.4, 0.1, 0.0):  # the machine may have become faster since the steps were timed
        place.clean()
        code, _ = stop(place, moment, share * place.seconds[moment], signal.SIGINT)
        if code != 0:
            break
    assert code == 130
    assert not [name for name in contents(place.work) if name.endswith((".part/", ".lock"))]
    for arguments in (TRAIN, RUN):
        finished(place.commands.start(arguments, place.work))
    place.check()


@SLOW
def test_the_lock_of_a_killed_process_is_free_at_once(place):
    place.clean()
    code, _ = stop(place, STATISTICS, 0.0, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert (place.work / "run/.lock").is_file()
    command = place.commands.start(RUN, place.work)
    finished(command)
    assert "waiting for" not in command.err.read_text()
    place.check()


@SLOW
def test_two_processes_in_one_folder(place):
    """The second waits, says for whom, and finds everything done."""
    place.clean()
    finished(place.commands.start(TRAIN, place.work))
    first = place.commands.start(RUN, place.work)
    assert wait_for(lambda: f"{STATISTICS}: started" in place.log, first)
    second = place.commands.start(RUN, place.work)
    assert wait_for(lambda: second.err.is_file() and "waiting for" in second.err.read_text(), second)
    assert f"is in use by process {first.pid} on " in second.err.read_text()
    finished(first)
    finished(second)
    assert "all 17 steps are done" in second.out.read_text()
    place.check()


@SLOW
def test_many_processes_at_once(place):
    """The same training, the same cache entries and the same and other folders, all begun at once."""
    place.clean()
    for arguments in (TRAIN, [*RUN[:-1], "{}"]):
        folders = ["run", "run", "other"]
        started = [place.commands.start([part.format(name) for part in arguments], place.work) for name in folders]
        for command in started:
            finished(command)
    other, whole = contents(place.work / "other"), contents(place.work / "run")
    assert other == whole
    shutil.rmtree(place.work / "other")
    place.check()


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="needs a limit on the size of files")
@SLOW
@pytest.mark.parametrize("largest", [500, 2_000, 6_000, 40_000])
def test_the_system_itself_refuses_to_write_more(place, largest):
    """Whoever writes, in Python, C or Rust: the kernel refuses what goes beyond the largest size of a file."""
    place.clean()
    refused = 0
    for arguments in (TRAIN, [*RUN, "--quiet"]):
        command = place.commands.start(arguments, place.work, largest_file=largest)
        code, said = command.wait(), command.err.read_text().splitlines()
        if code:
            refused += 1
            assert code == 1 and len(said) == 1, said
            assert said[0].startswith("failed: cannot write '") and said[0].endswith("': File too large"), said
            assert ".part" not in said[0]
            assert not [name for name in contents(place.work) if ".part" in name or name.endswith(".lock")]
            finished(place.commands.start(arguments, place.work))
    assert refused
    place.check()


@SLOW
def test_nothing_is_written_outside_the_output_folder_and_the_cache(place, tmp_path):
    import matplotlib

    place.clean()
    allowed = {0: [place.work / "checkpoints"], 1: [place.work / "run", place.cache]}
    for i, arguments in enumerate((TRAIN, RUN)):
        notes = tmp_path / f"written_{i}.txt"
        finished(place.commands.start(arguments, place.work, audit=str(notes)))
        written = {Path(line) for line in notes.read_text().splitlines()} - {Path(os.devnull)}
        assert len(written) > 10
        inside = [*allowed[i], Path(matplotlib.get_cachedir()), Path(sys.prefix)]
        assert [path for path in written if not any(path.is_relative_to(folder) for folder in inside)] == []


@SLOW
def test_a_reader_that_has_left_is_no_failure(place):
    """`rdx … | head`: quietly, with the exit code of a command that SIGPIPE ends, and to be gone on with."""
    place.clean()
    for arguments in (TRAIN, RUN):
        for options in (["--dry-run"], []):
            command = place.commands.start([*arguments, *options], place.work, closed_pipe=True)
            assert command.wait() == 141
            assert "failed" not in command.err.read_text() and "Error" not in command.err.read_text()
        finished(place.commands.start(arguments, place.work))
    place.check()
