"""The files around the code: what git ignores, that scripts are sound, and that the pins are complete."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]


def test_what_is_computed_is_ignored_and_sources_are_not(tmp_path: Path) -> None:
    computed = [
        "data/mnist_data/train.gz",
        "data/notes.txt",
        "checkpoints/mnist_m35/last.safetensors",
        "outputs/quickstart/summary.csv",
        ".venv/bin/python",
        "rdx/method/__pycache__/rdx.cpython-311.pyc",
        ".hypothesis/examples/a",
        ".pytest_cache/README.md",
        "rdx.egg-info/PKG-INFO",
    ]
    sources = [
        "data/README.md",
        "checkpoints/README.md",
        "rdx/data/items.py",
        "rdx/data/README.md",
        "tests/data/small.npz",
        "configs/defaults/mnist.yaml",
        "results/table.csv",
        ".ci/run",
    ]
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    env = {name: value for name, value in env.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    subprocess.run(["git", "init", "-q", str(tmp_path)], env=env, check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path)
    command = ["git", "check-ignore", *computed, *sources]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stdout.splitlines() == computed, done.stderr


def scripts() -> list[Path]:
    found = [*ROOT.glob("*.sh"), ROOT / ".ci/run"]
    for folder in ("scripts", "benchmarks", "tests", "docs"):
        found += (ROOT / folder).rglob("*.sh")
    assert {path.name for path in found} >= {"setup.sh", "test.sh", "lib.sh", "run"}
    return sorted(found)


def test_scripts_parse() -> None:
    """The test command hands the same files to shellcheck."""
    for script in scripts():
        subprocess.run(["bash", "-n", str(script)], check=True, timeout=300)


def test_citation_names_the_paper() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    paper = citation["preferred-citation"]
    assert [author["family-names"] for author in paper["authors"]] == ["Kondapaneni", "Mac Aodha", "Perona"]
    assert "2505.23917" in paper["url"]


LISTS = ("requirements.txt", "requirements-test.txt")
TESTED = ("test", "cluster", "hf", "onnx", "docs")  # the extras in the second


def pins(*files: str) -> dict[str, str]:
    pinned: dict[str, str] = {}
    for line in "".join((ROOT / file).read_text() for file in files or LISTS).splitlines():
        if line.startswith("#"):
            continue
        match = re.fullmatch(r"([A-Za-z0-9_.-]+)==([0-9][0-9a-z.]*)", line)
        assert match, f"not an exact pin without a local version: {line!r}"
        name = canonicalize_name(match[1])
        assert name not in pinned, f"pinned twice: {name}"
        pinned[name] = match[2]
    return pinned


def ranges(*extras: str) -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    further = [text for extra in extras for text in project["optional-dependencies"][extra]]
    return [Requirement(text) for text in project["dependencies"] + further]


def test_pins_lie_in_the_ranges() -> None:
    pinned = pins()
    for requirement in ranges(*TESTED):
        version = pinned[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement} against {version}"


def test_lowest_pins_are_the_lower_bounds() -> None:
    """Every package of pyproject.toml at its lower bound, but for torch and torchvision.

    Without the extras of other hubs' models, which need newer ones of the others.
    """
    lowest, pinned = pins("requirements-lowest.txt"), pins()
    wanted = ranges("test", "cluster")
    assert set(lowest) == {canonicalize_name(requirement.name) for requirement in wanted}
    for requirement in wanted:
        name = canonicalize_name(requirement.name)
        bounds = [part.version for part in requirement.specifier if part.operator == ">="]
        expected = pinned[name] if name in ("torch", "torchvision") else bounds[0]
        assert Version(lowest[name]) == Version(expected), requirement


def test_no_package_is_asked_for_that_nothing_imports() -> None:
    """Each dependency is imported somewhere; those of the tests may be plugins or programs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    modules = {
        "pillow": "PIL", "pyyaml": "yaml", "scikit-learn": "sklearn", "open-clip-torch": "open_clip",
        "umap-learn": "umap", "opentsne": "openTSNE",
    }  # fmt: skip
    elsewhere = {"numba", "pyarrow", "torchvision"}  # of compiled loops, of pandas, and of timm and open_clip
    source = "\n".join(path.read_text("utf-8") for room in ("rdx", "baselines") for path in (ROOT / room).rglob("*.py"))
    for text in project["dependencies"]:
        name = canonicalize_name(Requirement(text).name)
        module = modules.get(name, name)
        assert name in elsewhere or re.search(rf"^\s*(import|from) {module}\b", source, re.MULTILINE), text


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize(("files", "extras"), [(LISTS[:1], ()), (LISTS, TESTED)])
def test_pins_are_complete_and_nothing_else(python: str, files: tuple[str, ...], extras: tuple[str, ...]) -> None:
    pinned = pins(*files)
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
    }
    open_requirements, needed = ranges(*extras), set()
    while open_requirements:
        requirement = open_requirements.pop()
        name = canonicalize_name(requirement.name)
        for extra in ("", *requirement.extras):
            key = (name, extra)
            if key in needed:
                continue
            needed.add(key)
            try:
                found = distribution(name)
            except PackageNotFoundError:
                pytest.fail(f"{requirement} is not installed; run setup.sh")
            if extra == "" and (supported := found.metadata.get("Requires-Python")):
                assert SpecifierSet(supported).contains(f"{python}.1"), name
            for text in found.requires or []:
                further = Requirement(text)
                if further.marker and not further.marker.evaluate({**environment, "extra": extra}):
                    continue
                # The CUDA builds pin their own parts exactly.
                if name == "torch" and re.match("nvidia|cuda|triton", further.name):
                    continue
                version = pinned.get(canonicalize_name(further.name))
                assert version, f"{name} needs {further}, which is not pinned"
                assert further.specifier.contains(version), f"{name} needs {further}, pinned is {version}"
                open_requirements.append(further)
    of_dask = {"importlib-metadata", "lazy-importer", "zipp"}  # before Python 3.12
    older = of_dask if python != "3.11" and extras else set()
    assert {name for name, _ in needed} == set(pinned) - older


def test_every_benchmark_finds_what_it_imports(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    for path in (ROOT / "benchmarks").glob("*.py"):
        runpy.run_path(str(path), run_name="not the program")
