"""Real runs of the commands in processes of their own, quick to start and free to be killed.

`Commands` keeps a process that has everything loaded; each command is a fork of it. `SMALL` is an experiment with
training, extraction, statistics, figures and an explorer, all of the smallest. Use: `from made_runs import Commands`
(the tests' folder is on the path).
"""

from __future__ import annotations

import gc
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
QUICK = {"n_surrogates": 20, "n_subsamples": 2, "n_groups": 50, "n_items": 20}  # statistics in a second
NET = {
    "data": {"dataset": "digits", "split": "train", "images_per_class": 20},
    "tiny": True, "steps": 8, "batch_size": 32, "checkpoint_fractions": {"early": 0.5},
}  # fmt: skip
SMALL = {
    "name": "small",
    "data": {"dataset": "digits", "split": "test", "images_per_class": 6},
    "representations": {
        "a": {"model": "checkpoint:checkpoints/a/early.safetensors", "layer": "layer2"},
        "b": {"model": "checkpoint:checkpoints/b/last.safetensors", "layer": "layer2"},
    },
    "methods": [{"name": "rdx", "method": "rdx", "n_clusters": 1, "images_per_concept": 4}],
    "statistics": QUICK,
    "explorer": {"map": "pca"},
}
TRAIN = ["train", "a.yaml", "b.yaml", "--quiet"]
RUN = ["run", "small.yaml", "--output-dir", "run"]
PICTURE = b"a picture" * 5_000  # more than any test allows a file to have


def write_experiment(folder: Path) -> None:
    """The configurations of `TRAIN` and `RUN` in a new folder."""
    folder.mkdir(parents=True)
    nets = {"a": NET, "b": {**NET, "data": {**NET["data"], "variant": "m35"}}}
    for name, values in {**{key: {"name": key, **net} for key, net in nets.items()}, "small": SMALL}.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, hidden ones too, by its name; what tells the time is left out of them."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name.startswith("timings"):  # of the cache: how long steps took
            continue
        if path.is_dir():
            found[f"{name}/"] = b""
        elif path.name in ("run.log", "environment.json", "plan.json"):
            found[name] = b""
        elif path.suffix == ".unfinished":  # notes of tries
            continue
        elif ".steps" in path.parts:
            stamp = json.loads(path.read_text(encoding="utf-8"))
            found[name] = json.dumps({**stamp, "seconds": 0}).encode()
        else:
            found[name] = path.read_bytes()
    return found


def sketch_pictures(patch) -> None:
    """A run's pictures are files of a few bytes, its joint maps plain ones: what matters is that they are there."""
    from rdx.explorer.maps import pca_maps
    from rdx.files import atomic_path

    def sketched(draw):
        def sketch(*arguments, **settings):
            path = next((one for one in arguments if isinstance(one, (str, Path))), None)
            if path is None:
                return draw(*arguments, **settings)  # a figure that is no file
            with atomic_path(path) as temporary:
                Path(temporary).write_bytes(b"a picture")

        return sketch

    for name in ("coefficients.save_coefficients", "grids.save_grid", "loss.save_loss", "overview.save_overview",
                 "summary.save_summary"):  # fmt: skip
        module, _, function = name.partition(".")
        draw = getattr(import_module(f"rdx.figures.{module}"), function)
        patch.setattr(f"rdx.figures.{name}", sketched(draw))
    patch.setattr("rdx.explorer.maps.joint_maps", lambda A, B, *_: pca_maps(A, B))


@dataclass(frozen=True)
class Command:
    """A command that was started."""

    commands: Commands
    pid: int
    out: Path
    err: Path

    def wait(self) -> int:
        """Its exit code; negative: the signal that ended it."""
        wait_for(lambda: False, self, 600)
        return self.commands.ask({"wait": self.pid})

    def send(self, number: int) -> None:
        if self.is_running():
            os.kill(self.pid, number)

    def is_running(self) -> bool:
        return self.commands.ask({"running": self.pid})


class Commands:
    """Starts commands of `rdx` as forks of one process that has loaded, and carried out, everything once.

    `python`: that of an environment (made_environment.py) in which the libraries are loaded already.
    """

    def __init__(self, python: str, folder: Path, cache: Path) -> None:
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
        environment = {**os.environ, **threads, "RDX_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
        self._server = subprocess.Popen(
            [python, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        self._notes, self._count = folder, 0
        folder.mkdir(parents=True)

    def ask(self, question: dict):
        self._server.stdin.write(json.dumps(question) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())

    def start(self, arguments: Sequence[str], cwd: Path, **options) -> Command:
        """`options`: largest_file (bytes), audit (a file for the paths that are written), closed_pipe (for stdout)."""
        self._count += 1
        out, err = (self._notes / f"{self._count}.{name}" for name in ("out", "err"))
        question = {"start": list(arguments), "cwd": str(cwd), "out": str(out), "err": str(err), **options}
        return Command(self, self.ask(question), out, err)

    def warm_up(self, commands: Sequence[Sequence[str]], cwd: Path) -> None:
        """Carry commands out in the process that is forked, which has everything loaded from then on."""
        for arguments in commands:
            code = self.ask({"warm": list(arguments), "cwd": str(cwd)})
            assert code == 0, f"{arguments} ended with {code}"

    def close(self) -> None:
        self._server.stdin.close()
        self._server.wait(timeout=600)
        self._server.stdout.close()


def wait_for(ready, command: Command, seconds: float = 120.0) -> bool:
    """Whether `ready()` came true while the command was running."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if ready():
            return True
        if not command.is_running():
            return bool(ready())
        time.sleep(0.003)
    command.send(signal.SIGKILL)
    raise TimeoutError(f"the command neither went on nor ended: {command.err.read_text()}")


def _serve() -> None:
    from rdx.figures import overview, style
    from rdx.metrics import probes
    from rdx.models import training

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what commands print while warming up is not an answer
    ended: dict[int, int] = {}
    # OpenMP's threads do not come along in a fork: whatever used more than one before would wait for them for ever.
    training._THREADS = 1
    # That a picture is written is looked at here, not what is in it: drawing is most of a run's time.
    overview.draw_map = overview.draw_matrix = lambda *_: None
    style._png = lambda canvas: PICTURE
    probes.N_FOLDS = 2
    for line in sys.stdin:
        question = json.loads(line)
        if "warm" in question:
            os.chdir(question["cwd"])
            answer = _carried_out(question["warm"])
            sys.stdout.flush()  # or every fork would print it again
            gc.freeze()  # what is loaded is not looked through, and so not copied, in every fork
        elif "start" in question:
            answer = os.fork()
            if answer == 0:
                _be_the_command(question)
        elif "running" in question:
            answer = _reap(ended, question["running"], os.WNOHANG) is None
        else:
            answer = _reap(ended, question["wait"], 0)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _reap(ended: dict[int, int], pid: int, flags: int) -> int | None:
    if pid not in ended:
        found, status = os.waitpid(pid, flags)
        if found == 0:
            return None
        ended[pid] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def _carried_out(arguments: list[str]) -> int:
    from rdx import cli

    try:
        cli.main(arguments)
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def _be_the_command(question: dict) -> None:
    code = 70
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(question["cwd"])
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(question[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.close(0)
        if question.get("closed_pipe"):
            reader, writer = os.pipe()
            os.close(reader)
            os.dup2(writer, 1)
        if "largest_file" in question:  # which counts for what is printed into a file too
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            resource.setrlimit(resource.RLIMIT_FSIZE, (question["largest_file"],) * 2)
        if "audit" in question:
            _note_writes(question["audit"])
        code = _carried_out(question["start"])
        sys.stdout.flush()
    finally:
        os._exit(code)


def _note_writes(path: str) -> None:
    """Note every path that is opened for writing, made, renamed to or removed from here on."""
    notes = os.open(path, os.O_WRONLY | os.O_CREAT)
    places = {"os.mkdir": [0], "os.rename": [0, 1], "os.remove": [0], "os.rmdir": [0], "os.truncate": [0],
              "os.link": [1], "os.symlink": [1], "shutil.rmtree": [0], "tempfile.mkstemp": [0],
              "tempfile.mkdtemp": [0]}  # fmt: skip
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def hook(event: str, arguments: tuple) -> None:
        found = places.get(event, [])
        if event in ("os.remove", "os.rmdir") and arguments[1] != -1:
            return  # relative to a folder that rmtree holds open, which was noted by its path
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & writes:
            found = [0]
        for place in found:
            if isinstance(arguments[place], (str, bytes, os.PathLike)):
                os.write(notes, os.path.abspath(os.fsdecode(arguments[place])).encode() + b"\n")

    sys.addaudithook(hook)


if __name__ == "__main__":
    _serve()
