"""A change of code is a change of result: what an edit touches is done again, and nothing else."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rdx import source
from rdx.source import imports, source_fingerprint

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """
name: edited
representations: {a: {model: "features:a.npy"}, b: {model: "features:b.npy"}}
methods:
  - {name: rdx, method: rdx, n_clusters: 2}
  - {name: kmeans, method: kmeans, n_clusters: 2}
  - {name: pca, method: pca, n_clusters: 2}
statistics: off
figures: false
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory, loaded) -> Path:
    """A copy of the source in which a comparison was made."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("rdx", "baselines"):
        shutil.copytree(ROOT / name, folder / name)  # with what is compiled
    A = np.random.default_rng(0).normal(size=(60, 4))
    np.save(folder / "a.npy", A)
    np.save(folder / "b.npy", A[:, ::-1] ** 2)
    (folder / "config.yaml").write_text(CONFIG, encoding="utf-8")
    steps(folder, loaded)
    return folder


def steps(project: Path, loaded: str, *more: str) -> dict[str, str]:
    """What the command does; with --dry-run, what it would do: step → run or done."""
    command = [f"{loaded}/bin/python", "-m", "rdx", "run", "config.yaml", "--output-dir", "out", *more]
    environment = os.environ | {"PYTHONPATH": str(project), "RDX_CACHE": str(project / "cache")}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    return {row[1]: row[0] for row in rows if len(row) > 1 and row[0] in ("run", "done")}


FIRST = "from __future__ import annotations\n"


def edited(project: Path, loaded: str, **added: str) -> set[str]:
    """The steps that are to be done after lines were added to files, in which they are taken back."""
    before = {project / f"{name.replace('__', '/')}.py": line for name, line in added.items()}
    texts = {path: path.read_text(encoding="utf-8") for path in before}
    for path, line in before.items():
        assert texts[path].count(FIRST) == 1
        path.write_text(texts[path].replace(FIRST, f"{FIRST}{line}\n"), encoding="utf-8")
    planned = steps(project, loaded, "--dry-run")
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return {name for name, what in planned.items() if what == "run"}


def test_only_what_an_edit_touches_is_done_again(project, loaded):
    again = edited(project, loaded, baselines__pca="\nMORE = 1", baselines__kmeans="# a comment")
    assert {"a_vs_b/pca", "a_vs_b/pca/concepts", "a_vs_b/metrics", "a_vs_b/summary", "summary"} <= again
    untouched = {"items", "representations/a", "a_vs_b/rdx", "a_vs_b/kmeans", "a_vs_b/kmeans/concepts", "a_vs_b/cka"}
    assert not again & untouched


def test_the_method_is_followed_through_its_imports():
    assert "rdx.method.pipeline" in imports("rdx.method.rdx")
    assert "rdx.method.pipeline" not in imports("rdx.method.versions")  # for type checkers alone
    whole = source_fingerprint(follow=("rdx.method.rdx",))
    assert whole == source_fingerprint(follow=("rdx.method.rdx", "rdx.method.many.pair_choice"))  # reached already
    assert whole != source_fingerprint(follow=("rdx.method.rdx", "rdx.metrics.bsr"))
    assert whole != source_fingerprint("rdx.method.rdx")


def test_what_other_rooms_lend_counts_too(project, loaded):
    """Of helpers that a step takes from elsewhere: the agreement of a sampled fit."""
    from rdx.experiment.stages import methods

    again = edited(project, loaded, rdx__method__many__agreement="\nMORE = 1", baselines__pca="# a comment")
    assert "a_vs_b/rdx" in again and not again & {"a_vs_b/kmeans", "a_vs_b/pca"}
    assert "rdx.method.many.agreement" in imports(methods.__name__)


@pytest.fixture
def afresh(tmp_path, monkeypatch):
    """A function that asks as a new process does; what processes leave for each other lies in tmp_path."""
    monkeypatch.setattr(source, "_KEPT", tmp_path / "kept.json")
    monkeypatch.setattr(sys, "dont_write_bytecode", False)

    def ask() -> tuple[str, tuple[str, ...]]:
        for cached in (source._parsed, source._kept, source._source, source.imports):
            cached.cache_clear()
        return source_fingerprint(follow=("rdx.method.rdx",)), imports("rdx.method.rdx")

    yield ask
    monkeypatch.undo()
    ask()


def test_what_was_parsed_is_kept_for_other_processes(afresh, tmp_path, monkeypatch):
    first = afresh()
    monkeypatch.setattr(ast, "parse", lambda text: pytest.fail("parsed again"))
    assert afresh() == first
    monkeypatch.undo()


def test_what_was_kept_of_other_bytes_or_can_not_be_read_does_not_count(afresh, tmp_path, monkeypatch):
    first = afresh()
    read = source._source.__wrapped__
    more = {"rdx.method.grids": b"\nMORE = 1"}
    monkeypatch.setattr(source, "_source", source.cache(lambda module: read(module) + more.get(module, b"")))
    assert afresh()[0] != first[0]
    more["rdx.method.grids"] = b"\n# a comment"
    assert afresh() == first
    (tmp_path / "kept.json").write_text("{", encoding="utf-8")
    assert afresh() == first
    monkeypatch.setattr(source, "_KEPT", tmp_path / "no folder" / "kept.json")
    assert afresh() == first
