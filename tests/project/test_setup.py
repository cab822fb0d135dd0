"""What setup.sh decides, does and leaves undone."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_checkout import NO_ENVIRONMENT, PYTHON, ROOT, Checkout, Done, add_python, bash


def library(code: str, **environment: str) -> Done:
    return bash(f"set -euo pipefail; source scripts/lib.sh; {code}", **environment)


# --- decisions in scripts/lib.sh -------------------------------------------------------------------------

CPU_WHEELS = "https://download.pytorch.org/whl/cpu"


@pytest.mark.parametrize(
    ("system", "driver", "reachable", "override", "expected"),
    [
        ("Linux", 1, 0, "", CPU_WHEELS),
        ("Linux", 1, 1, "", ""),
        ("Linux", 0, 0, "", ""),
        ("Darwin", 1, 0, "", ""),
        ("Linux", 1, 0, "default", ""),
        ("Linux", 0, 1, "https://wheels.example/simple", "https://wheels.example/simple"),
    ],
)
def test_torch_index(system: str, driver: int, reachable: int, override: str, expected: str) -> None:
    done = library(
        f"uname() {{ echo {system}; }}; has_nvidia_driver() {{ return {driver}; }};"
        f"can_reach() {{ [[ $2 == {CPU_WHEELS}/* ]] || exit 9; return {reachable}; }}; torch_index python3",
        RDX_TORCH_INDEX=override,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, expected, "")


@pytest.mark.parametrize(
    ("system", "versions", "expected"),
    [
        ("Linux", "9.9.9+cpu, 9.9.9, 9.9.8", "0.6 GB"),
        ("Linux", "9.9.9, 9.9.8+cpu", "3 GB"),
        ("Linux", "", "3 GB"),
        ("Darwin", "", "0.6 GB"),
    ],
)
def test_the_size_of_a_large_download_is_said(system: str, versions: str, expected: str) -> None:
    done = library(
        f"uname() {{ echo {system}; }}; has_pinned() {{ return 1; }}; pinned() {{ echo 9.9.9; }};"
        f"asked() {{ [[ $* == *'versions torch'*--extra-index-url* ]] && echo {versions!r}; }};"
        "download_size asked --extra-index-url https://wheels.example"
    )
    assert done.returncode == 0 and expected in done.stdout


@pytest.fixture
def answering() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_reaching_an_address(answering: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        start = time.monotonic()
        assert library(f"can_reach {PYTHON} http://127.0.0.1:{port}/ 1", no_proxy="*").returncode == 1
        assert time.monotonic() - start < 5
    assert library(f"can_reach {PYTHON} {answering}/ 5", no_proxy="*").returncode == 0
    assert library(f"can_reach {PYTHON} {answering}/not-there 5", no_proxy="*").returncode == 1


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder to be the whole PATH but for what the shell itself needs."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in ("bash", "dirname", "cat", "sed"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


WORKING = f'exec {PYTHON} "$@"'
TOO_OLD = f"exec {PYTHON} -c 'import sys; sys.exit(1)'"
BROKEN_SHIM = 'echo "pyenv: python3.13: command not found" >&2; exit 127'
WITHOUT_VENV = f'[[ "$2" == *ensurepip* ]] && exit 1; exec {PYTHON} "$@"'


def test_a_python_is_found_behind_an_old_one_and_a_broken_shim(programs: Path, tmp_path: Path) -> None:
    add_python(programs, "python3", TOO_OLD)
    add_python(programs, "python3.13", BROKEN_SHIM)
    add_python(programs, "python3.12", WITHOUT_VENV)
    add_python(programs, "python3.11", WORKING)
    done = library("find_python", PATH=str(programs), PYENV_ROOT=str(tmp_path / "none"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == sys.executable


@pytest.mark.parametrize(
    ("bodies", "python", "message"),
    [
        ({}, "", "no Python 3.11 or newer was found"),
        ({"python3": TOO_OLD, "python3.13": BROKEN_SHIM}, "", "no Python 3.11 or newer was found"),
        ({"python3": WITHOUT_VENV}, "", "install python3-venv"),
        ({"python3": WORKING}, "python2.7", "PYTHON=python2.7 is not a working Python"),
    ],
)
def test_no_python_is_said_clearly(
    programs: Path, tmp_path: Path, bodies: dict[str, str], python: str, message: str
) -> None:
    for name, body in bodies.items():
        add_python(programs, name, body)
    done = library("find_python", PATH=str(programs), PYENV_ROOT=str(tmp_path / "none"), PYTHON=python)
    assert done.returncode == 1 and done.stdout == ""
    assert message in done.stderr and len(done.stderr.splitlines()) == 1


def test_which_environment_is_used(tmp_path: Path) -> None:
    for name in ("venv", "conda"):
        (tmp_path / name / "bin").mkdir(parents=True)
        add_python(tmp_path / name / "bin", "python", WORKING)
    venv, conda, gone = (str(tmp_path / name) for name in ("venv", "conda", "gone"))
    assert library("environment", VIRTUAL_ENV=venv, CONDA_PREFIX=conda).stdout.strip() == venv
    assert library("environment", CONDA_PREFIX=conda).stdout.strip() == conda
    assert library("environment", VIRTUAL_ENV=gone).stdout.strip() == str(ROOT / ".venv")
    assert library("environment").stdout.strip() == str(ROOT / ".venv")


# --- setup.sh itself, with an interpreter that writes down what pip is asked for --------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_set_up_installs_once_and_then_does_nothing(checkout: Checkout) -> None:
    first = checkout.set_up()
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1] == "Ready. Next: bash scripts/quickstart.sh"
    everything, itself = checkout.installs()
    assert f"-r {checkout.root}/requirements.txt" in everything
    assert "--no-deps" in itself and f"-e {checkout.root}" in itself
    assert checkout.stamp.exists() and "requirements-test.txt" not in everything

    second = checkout.set_up()
    assert second.returncode == 0 and "up to date" in second.stdout
    assert checkout.set_up("--quiet").stdout == ""
    assert checkout.installs() == []
    assert checkout.set_up("--force").returncode == 0
    assert len(checkout.installs()) == 2


@pytest.mark.parametrize(("unwritten", "asked"), [("", "--no-compile"), ("1", "--compile")])
def test_only_what_is_imported_is_compiled(checkout: Checkout, unwritten: str, asked: str) -> None:
    """Unless Python may not keep what it compiles, as in many images for containers."""
    done = bash("bash setup.sh", checkout.root, VIRTUAL_ENV=str(checkout.prefix), PYTHONDONTWRITEBYTECODE=unwritten)
    assert done.returncode == 0 and all(f" {asked} " in line for line in checkout.installs())


def test_what_the_tests_need_is_installed_for_them_alone(checkout: Checkout) -> None:
    assert checkout.set_up("--tests", "--quiet").returncode == 0
    both, _ = checkout.installs()
    assert f"-r {checkout.root}/requirements.txt -r {checkout.root}/requirements-test.txt" in both
    assert checkout.set_up("--tests", "--quiet").stdout == checkout.set_up("--quiet").stdout == ""
    assert checkout.installs() == []
    with (checkout.root / "requirements-test.txt").open("a") as file:
        file.write("# changed\n")
    assert checkout.set_up("--quiet").stdout == ""
    assert checkout.set_up("--tests").returncode == 0 and len(checkout.installs()) == 2


def test_torch_and_torchvision_come_from_one_command_with_the_extra_index(checkout: Checkout) -> None:
    (checkout.root / "requirements.txt").write_text("torch==0.0.1\ntorchvision==0.0.1\n")
    done = bash(
        "bash setup.sh",
        checkout.root,
        VIRTUAL_ENV=str(checkout.prefix),
        RDX_TORCH_INDEX="https://wheels.example/simple",
    )
    assert done.returncode == 0, done.stderr
    assert "--extra-index-url https://wheels.example/simple -r" in checkout.installs()[0]


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_a_change_is_noticed(checkout: Checkout, name: str) -> None:
    checkout.set_up()
    checkout.installs()
    with (checkout.root / name).open("a") as file:
        file.write("# changed\n")
    assert checkout.set_up().returncode == 0
    assert len(checkout.installs()) == 2


def test_a_failed_install_shows_pip_and_leaves_no_stamp(checkout: Checkout) -> None:
    checkout.set_up()
    checkout.pip("echo 'no matching distribution'; exit 1")
    done = checkout.set_up("--force")
    assert done.returncode == 1
    assert "no matching distribution" in done.stderr and "error: this step failed" in done.stderr
    assert not checkout.stamp.exists()
    checkout.pip("exit 0")
    assert checkout.set_up().returncode == 0 and checkout.stamp.exists()


def test_an_interrupted_install_leaves_no_stamp(checkout: Checkout) -> None:
    checkout.set_up()
    checkout.installs()
    checkout.pip("sleep 30")
    env = {**os.environ, **NO_ENVIRONMENT, "VIRTUAL_ENV": str(checkout.prefix)}
    process = subprocess.Popen(
        ["bash", "setup.sh", "--force"], cwd=checkout.root, env=env, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        # Jobs in the background of a script ignore Ctrl-C, and so would all that they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not checkout.log.exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=300) != 0
    assert not checkout.stamp.exists()


def test_an_active_environment_that_is_too_old_is_refused(checkout: Checkout) -> None:
    add_python(checkout.prefix / "bin", "python", TOO_OLD)
    done = checkout.set_up()
    assert done.returncode == 1 and "has no Python 3.11 or newer" in done.stderr
    assert not (checkout.root / ".venv").exists()


def test_an_unknown_option_is_wrong_usage(checkout: Checkout) -> None:
    done = checkout.set_up("--forse")
    assert done.returncode == 2 and "--forse" in done.stderr
