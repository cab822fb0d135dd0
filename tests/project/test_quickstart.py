"""The quick start as a newcomer runs it."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A folder around this code with nothing trained, whose environment is set up and whose comparison is quick."""
    root = tmp_path_factory.mktemp("in a clone") / "project"
    root.mkdir()
    for name in ("rdx", "baselines"):
        (root / name).symlink_to(ROOT / name)
    for name in ("configs", "scripts"):
        shutil.copytree(ROOT / name, root / name)
    (root / "setup.sh").write_text("exit 0\n")
    compare = root / "configs/quickstart/compare.yaml"
    text = compare.read_text(encoding="utf-8")
    assert text.count("data: {dataset: digits}") == 1
    text = text.replace("data: {dataset: digits}", "data: {dataset: digits, images_per_class: 12}")
    compare.write_text(f"{text}statistics: off\nexplorer: {{map: pca}}\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def first_run(project, loaded, tmp_path_factory):
    output = tmp_path_factory.mktemp("quick start") / "out"  # a space, as home folders have
    return output, quickstart(project, loaded, output.name, cwd=output.parent)


def quickstart(project: Path, loaded: str, *arguments: str, cwd: Path) -> str:
    command = ["bash", str(project / "scripts" / "quickstart.sh"), *arguments]
    environment = {**os.environ, "VIRTUAL_ENV": loaded}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_rdx_shows_what_the_expert_separates_and_the_other_merges(first_run):
    output, _ = first_run
    shown = [row for row in rows(output / "a_vs_b" / "known_difference.csv") if row["method"] == "rdx"]
    merged = [row["shows_it"] for row in shown if row["direction"] == "a_not_b"]
    apart = [row["shows_it"] for row in shown if row["direction"] == "b_not_a"]
    assert merged == ["True"] and "False" not in apart


def test_it_prints_the_table_and_where_to_look(first_run):
    output, text = first_run
    assert f"Look at: {output}" in text
    for word in ("a_not_b", "b_not_a", "BSR", "rdx", "kmeans", "known difference", "1 of 1"):
        assert word in text
    for name in ("summary_a_not_b.png", "overview_b_not_a.png", "grids/a_not_b/concept_01.png"):
        assert (output / "a_vs_b" / "rdx" / name).stat().st_size > 5000


def test_a_second_quickstart_reuses_what_exists(project, loaded, first_run):
    output, text = first_run
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*.csv")}
    again = quickstart(project, loaded, str(output), cwd=project)
    assert again.count("(reused)") == 2
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*.csv")} == before


@pytest.mark.slow
def test_the_quick_start_as_it_is(tmp_path):
    """In this checkout and its environment, with its statistics; a fainter group comes with some processors' nets."""
    command = ["bash", str(ROOT / "scripts" / "quickstart.sh"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^  difference: (1 finding stands|2 findings stand) out from 39 pairs", done.stdout, re.MULTILINE)


def test_wrong_usage_is_one_line(tmp_path):
    command = ["bash", str(ROOT / "scripts" / "quickstart.sh"), "--fast"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "usage" in done.stderr
