"""An environment for scripts whose `python -m rdx` is a fork of a process that has the libraries loaded.

Loading them takes longer than most of what the tests of scripts do. Libraries alone are loaded: every command imports
the source from the folder it is started in, as `python -m` does. Use: `with environment() as folder`, and
`VIRTUAL_ENV=folder`. Python files of this folder are forks, too; what else a script asks of `bin/python` is answered
by the real one.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import json
import os
import runpy
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TESTS = f"{Path(__file__).resolve().parent}{os.sep}"
ROOT = Path(TESTS).parent
LIBRARIES = ["filelock", "hdbscan", "huggingface_hub", "jinja2", "joblib", "matplotlib.backends.backend_agg",
             "matplotlib.figure", "numba", "open_clip", "openTSNE", "pandas", "pydantic", "safetensors.torch",
             "scipy.linalg", "scipy.ndimage", "scipy.optimize", "scipy.stats", "sklearn.cluster",
             "sklearn.decomposition", "sklearn.linear_model", "sklearn.metrics", "sklearn.model_selection",
             "sklearn.neighbors", "timm", "tqdm", "typer", "yaml"]  # fmt: skip
# The stand-in for bin/python: hands its arguments, folder, environment and streams over, and ends as the fork does.
STAND_IN = """
import json, os, socket, sys
if sys.argv[1:3] != ["-m", "rdx"] and not (*sys.argv, "")[1].startswith({tests!r}):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
command = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [len(command).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(command)
    code = server.recv(8)
sys.exit(int(code))
"""


@contextmanager
def environment() -> Iterator[str]:
    """The folder of such an environment."""
    with tempfile.TemporaryDirectory(prefix="rdx") as place:  # a socket's path has to be short
        address, stand_in, python = (Path(place, name) for name in ("server", "stand_in.py", "bin/python"))
        stand_in.write_text(STAND_IN.format(python=sys.executable, address=str(address), tests=TESTS), encoding="utf-8")
        python.parent.mkdir()
        python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -IS '{stand_in}' \"$@\"\n", encoding="utf-8")
        python.chmod(0o755)
        settings = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        settings.pop("PYTHONPATH", None)
        # Its standard input says whether we are still there, its output when it is ready.
        server = subprocess.Popen(
            [sys.executable, __file__, str(address)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=settings
        )
        try:
            assert server.stdout.readline() == b"ready\n"
            yield place
        finally:
            server.stdin.close()
            server.wait(timeout=600)
            server.stdout.close()


def _load() -> None:
    guard = importlib.util.spec_from_file_location("guard", ROOT / "rdx/_torchvision.py")
    module = importlib.util.module_from_spec(guard)
    sys.modules["guard"] = module  # which keeps the operators that it declares
    guard.loader.exec_module(module)
    gc.disable()
    module.ensure_torchvision()
    for name in LIBRARIES:
        importlib.import_module(name)
    # tqdm's own lock is one for a process and all of its forks: what is killed while it holds it stops the others.
    sys.modules["tqdm"].tqdm.set_lock(threading.RLock())
    gc.freeze()  # or every fork would look through all that is loaded, and copy it
    gc.enable()


def _serve(address: str) -> None:
    """Loads the libraries when the first command comes: there may be none."""
    with socket.socket(socket.AF_UNIX) as server, selectors.DefaultSelector() as waiting:
        server.bind(address)
        server.listen()
        waiting.register(server, selectors.EVENT_READ)
        waiting.register(sys.stdin, selectors.EVENT_READ)
        print("ready", flush=True)
        while all(key.fileobj is server for key, _ in waiting.select()):
            connection, _ = server.accept()
            if "numba" not in sys.modules:
                _load()
            if os.fork() == 0:
                server.close()
                _keep(connection)
            connection.close()
            while _one_has_ended():
                pass


def _one_has_ended() -> bool:
    """Whether a keeper was waiting to be waited for."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0] > 0
    except ChildProcessError:
        return False


def _keep(connection: socket.socket) -> None:
    """One command, in a process of its own, and its exit code when it has ended."""
    size, streams, _, _ = socket.recv_fds(connection, 8, 3)
    data = b""
    while len(data) < int.from_bytes(size, "big"):
        data += connection.recv(1 << 16)
    command = os.fork()
    if command == 0:
        connection.close()
        _be_the_command(streams, *json.loads(data))
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    connection.sendall(str(code).encode())
    os._exit(0)


def _be_the_command(streams: list[int], arguments: list[str], folder: str, settings: dict[str, str]) -> None:
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin, sys.stdout, sys.stderr = (
            # What is said of an error is written line by line, as Python does: who ends in a hurry flushes nothing.
            os.fdopen(number, mode, 1 if number == 2 else -1, closefd=False) for number, mode in enumerate("rww")
        )
        os.environ.clear()
        os.environ.update(settings)
        os.chdir(folder)
        sys.dont_write_bytecode = bool(settings.get("PYTHONDONTWRITEBYTECODE"))
        sys.path[:1] = [folder, *filter(None, settings.get("PYTHONPATH", "").split(os.pathsep))]
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module("rdx", run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
        code = 0
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
    os._exit(0)  # taking all libraries down again takes seconds
