"""A baseline, a data set, a model family and a measure, each added to a copy of the project as CONTRIBUTING.md says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

import baselines
from rdx.models.registry import families

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`(\S+\.py)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))
LINES = re.findall(r"^At the end of `(\w+)` in `(\S+)`:\n\n```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE)
CONFIG = """
name: added
figures: false
explorer: {enabled: false}
statistics: {level: off}
data: {dataset: stripes, images_per_class: 15}
representations: {a: "pixels:8", b: "pixels:3"}
methods:
  - {name: random_directions, method: random_directions, n_clusters: 2, tries: 3}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A copy of the project with the page's four files and four lines."""
    folder = tmp_path_factory.mktemp("contributing")
    for name in ("rdx", "baselines"):
        shutil.copytree(ROOT / name, folder / name)  # with what is compiled
    for path, text in FILES.items():
        assert not (folder / path).exists()
        (folder / path).write_text(text, encoding="utf-8")
    for registry, path, line in LINES:
        assert line.count("\n") == 1
        source = (folder / path).read_text(encoding="utf-8")
        end = re.search(rf"^{registry}\b.*?^(?=}})", source, re.DOTALL | re.MULTILINE).end()
        (folder / path).write_text(source[:end] + line + source[end:], encoding="utf-8")
    (folder / "added.yaml").write_text(CONFIG, encoding="utf-8")
    return folder


def rdx(place: Path, loaded: str, *words: str) -> subprocess.CompletedProcess:
    """A command of the copy."""
    own = {"PYTHONPATH": str(place), "RDX_CACHE": str(place / "cache")}
    command = [f"{loaded}/bin/python", "-m", "rdx", *words]
    return subprocess.run(command, cwd=place, env=os.environ | own, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def run(place, loaded) -> Path:
    """The folder of a comparison that uses all four."""
    done = rdx(place, loaded, "run", "added.yaml", "--output-dir", "run", "--quiet", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return place / "run" / "a_vs_b"


def test_the_page_has_four_recipes_of_one_file_and_one_line():
    assert len(FILES) == len(LINES) == 4


def test_a_comparison_of_them_fills_the_tables(run):
    metrics = pd.read_csv(run / "metrics.csv")
    assert set(metrics["method"]) == {"random_directions"} and metrics["bsr"].between(0, 1).all()
    concepts = pd.read_csv(run / "random_directions" / "concepts.csv")
    assert list(concepts.columns) == [
        "direction", "concept", "size", "mean_affinity", "bsr",
        "p_random", "p_value", "q_value", "stability", "is_null", "purity",
    ]  # fmt: skip
    items = pd.read_csv(run.parent / "items.csv")
    assert set(items["label_name"]) == {"across", "down"} and len(items) == 30
    assigned = pd.read_csv(run / "random_directions" / "assignments.csv").merge(items, on="index")
    for row in concepts[~concepts["is_null"]].itertuples():
        own = assigned[(assigned["direction"] == row.direction) & (assigned["concept"] == row.concept)]
        assert row.purity == pytest.approx(own["label"].value_counts(normalize=True).max())


MISTAKES = {
    "representations.a=pixel:8": "did you mean 'pixels'",
    "representations.a=pixels:big": "'pixels:big': the size is a whole number of pixels",
    "data.dataset=stripe": "did you mean 'stripes'",
    "methods.random_directions.tries=0": "tries must be a whole number ≥ 1, got 0",
}


def test_help_and_errors_know_them(place, loaded):
    assert "pixels:SIZE" in " ".join(rdx(place, loaded, "compare", "--help").stdout.split())
    for change, said in MISTAKES.items():
        done = rdx(place, loaded, "run", "added.yaml", "--output-dir", "bad", "--set", change)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and said in done.stderr
    assert not (place / "bad").exists()


def undocumented(names: list[str], kind: str) -> list[str]:
    """Those of them that the README does not have: a row of a table of SPECs, or the name."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return [name for name in names if (f"| `{name}:" if kind == "family" else f"`{name}`") not in readme]


def test_the_readme_has_every_family_and_baseline():
    assert not undocumented(families(), "family"), "families without a row in the README's table of SPECs"
    assert not undocumented(baselines.names(), "baseline"), "baselines that the README does not name"
    assert undocumented([*families(), "pixels"], "family") == ["pixels"]
