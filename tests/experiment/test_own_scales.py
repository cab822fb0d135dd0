"""A run with `scale: auto`: its tables, its verdict, and the same again from its own configuration."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rdx import compare
from rdx.cli import main
from rdx.config import parse_experiment
from rdx.errors import InputError
from rdx.experiment.compare import configuration
from rdx.experiment.plan.prepare import look
from rdx.method.scales import peeling

QUICK = {"methods": ("rdx",), "figures": False, "map": "pca", "changes": ["explorer=off", "statistics.n_subsamples=3"]}


def group_of(n=90, size=18):
    """A holds a group together that B scatters; the rest is the same in both."""
    rng = np.random.default_rng(1)
    B = rng.standard_normal((n, 6))
    A = B.copy()
    A[:size] = [6, 0, 0, 0, 0, 0] + 0.1 * rng.standard_normal((size, 6))
    return A, B


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("own_scales")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDX_CACHE", str(place / "cache"))
        patch.setattr(peeling, "DRAWS", 20)
        yield compare(*group_of(), scale="auto", output_dir=place / "run", **QUICK)


def test_the_tables_say_what_stands_out_and_at_which_scale(run):
    folder = run.folder
    tested = pd.read_csv(folder / "rdx" / "statistics.csv")
    found = tested[tested["finding"].notna()]
    assert found["direction"].tolist() == ["a_not_b"] and found["concept"].tolist() == [1]
    (row,) = found.to_dict("records")
    assert row["p_value"] < 0.05 and row["score"] > 1.5 and row["gamma"] in (0.03, 0.1, 0.3, 1.0)
    assert row["round"] == 1 and row["stability"] > 0.8 and np.isnan(row["q_value"])
    concepts = pd.read_csv(folder / "rdx" / "concepts.csv")
    first = concepts[(concepts["direction"] == "a_not_b") & (concepts["concept"] == 1)].iloc[0]
    assert 16 <= first["size"] <= 18 and first["bsr"] > 0.9 and first["p_value"] == row["p_value"]
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["verdict"] == "difference" and summary["scale"] == "auto"
    assert summary["reason"].startswith("1 finding stands out from 20 pairs that differ by noise alone")


def test_its_own_configuration_repeats_it(run):
    table, place = run.folder / "rdx" / "concepts.csv", run.folder.parent
    before = table.read_bytes()
    with pytest.raises(SystemExit, match="0"):
        main(["run", str(place / "config.yaml"), "--output-dir", str(place), "--quiet", "--force"])
    assert table.read_bytes() == before


@pytest.mark.parametrize(("given", "scale"), [
    ({}, "auto"),
    ({"n_clusters": 3}, "auto"),
    ({"version": "v2"}, None),
    ({"gamma": 0.2}, None),
    ({"changes": ["methods.0.beta=3"]}, None),
    ({"solver": "dense"}, None),
    ({"solver": "auto"}, "auto"),
    ({"methods": [{"method": "rdx", "null_threshold": 1.1}]}, None),
    ({"changes": ["statistics.reference=[a, b]"]}, "auto"),
])  # fmt: skip
def test_compare_looks_for_scales_unless_one_is_set(given, scale, tmp_path, monkeypatch):
    monkeypatch.setenv("RDX_CACHE", str(tmp_path))
    entry = configuration(*group_of(), **{"methods": ("rdx",), **given}).methods[0]
    assert entry.settings.get("scale") == scale


def test_unrelated_representations_are_a_difference_without_concepts(tmp_path, monkeypatch):
    monkeypatch.setenv("RDX_CACHE", str(tmp_path))
    A, B = np.random.default_rng(5).standard_normal((2, 60, 6))
    run = compare(A, B, output_dir=tmp_path / "run", **QUICK)
    assert run.verdict == "difference" and run.summary["reason"].startswith("the two agree on nothing: ")
    assert "(CKA " in run.summary["reason"] and not any(one.concepts for one in run.explanations["rdx"].values())


def test_a_scale_with_gamma_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("RDX_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="scale='auto' .*gamma=1"):
        compare(*group_of(), scale="auto", gamma=1.0, output_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("given", "named"), [
    (["--gamma", "0.1"], "gamma=0.1"),
    (["--beta", "5"], "beta=5.0"),
    (["--version", "v2", "--gamma", "0.2"], "version='v2', gamma=0.2"),
    (["--set", "methods.rdx.null_threshold=1.1"], "null_threshold=1.1"),
    (["--solver", "sparse"], "solver='sparse'"),
])  # fmt: skip
def test_whatever_is_given_beside_it_is_refused_a_default_too(given, named, in_a_folder, capsys):
    for name, values in zip("ab", group_of(), strict=True):
        np.save(f"{name}.npy", values)
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "--a", "features:a.npy", "--b", "features:b.npy", "--scale", "auto", *given])
    line = f"error: compare: scale='auto' finds the scale of each concept and does not go with {named}\n"
    assert capsys.readouterr().err == line


def test_a_default_that_stands_beside_it_in_a_file_is_refused(tmp_path):
    representations = {"a": "features:a.npy", "b": "features:b.npy"}
    given = {"method": "rdx", "scale": "auto", "gamma": 0.1}
    config = parse_experiment({"name": "x", "representations": representations, "methods": [given]}, source="test")
    with pytest.raises(InputError, match="^x.yaml: scale='auto' .* does not go with gamma=0.1$"):
        look(config, tmp_path / "run", source="x.yaml")


def test_few_items_are_compared_at_one_scale_and_that_is_said(in_a_folder, capsys):
    for name, values in zip("ab", group_of(30, 6), strict=True):
        np.save(f"{name}.npy", values)
    models = ["--a", "features:a.npy", "--b", "features:b.npy", "--n-clusters", "3", "--methods", "rdx"]
    with pytest.raises(SystemExit, match="0"):
        main(["compare", *models, "--set", "statistics.n_subsamples=3", "--set", "figures=false",
              "--set", "explorer=true", "--output-dir", "run"])  # fmt: skip
    said = "fewer than 40 items: compared at one scale, as without scale='auto'"
    printed = capsys.readouterr().out
    assert f"dense ({said}; exact" in printed
    assert f"a_vs_b/rdx a_not_b: {said}" in Path("run/run.log").read_text(encoding="utf-8")
    summary = json.loads(Path("run/a_vs_b/summary.json").read_text(encoding="utf-8"))
    assert summary["scale"] is None and summary["version"] == "v2"
    page = Path("run/a_vs_b/explorer.html").read_text(encoding="utf-8")
    assert f'["a_not_b","{said}"]' in page and '["gamma","0.1"]' in page
    concepts = pd.read_csv("run/a_vs_b/rdx/concepts.csv").query("concept > 0")
    weak = int((concepts["p_value"] >= 0.05).sum())
    assert weak and page.count('"standing":"chance"') == weak  # the terminal marks those that the page folds away
    assert printed.count("items (may be chance)") == weak and printed.count("(may be chance): ") == weak


@pytest.mark.parametrize(("alike", "verdict", "said"), [
    (True, "no difference above chance", "; it is not more than 1.5 times what the reference ('c', 'd') shows"),
    (False, "difference", "; it is more than 1.5 times what the reference ('c', 'd') shows"),
])  # fmt: skip
def test_a_reference_that_differs_as_much_explains_what_stands_out(alike, verdict, said, tmp_path, monkeypatch):
    """The finding stays what it is; whether it is more than the reference shows is said beside it."""
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    A, B = group_of()
    rng = np.random.default_rng(7)
    c, d = (A, B) if alike else (B, B + 0.03 * rng.standard_normal(B.shape))
    for key, values in (("c", c), ("d", d)):
        np.save(tmp_path / f"{key}.npy", values)
    reference = [f"representations.{key}=features:{tmp_path}/{key}.npy" for key in "cd"]
    reference += ["comparisons=[[a, b]]", "statistics.reference=[c, d]"]
    more = {**QUICK, "changes": ["statistics.n_subsamples=3", "explorer=on", *reference]}
    run = compare(A, B, output_dir=tmp_path / "run", **more)
    tested = pd.read_csv(run.folder / "rdx" / "statistics.csv")
    (found,) = tested[tested["finding"].notna()].to_dict("records")
    assert (found["p_reference"] < 0.05) == (not alike) and found["p_value"] < 0.05
    assert tested.loc[tested["finding"].isna(), "p_reference"].isna().all()
    assert run.verdict == verdict and run.summary["reason"].endswith(said)
    (pair,) = run.summary["statistics"]["reference_pairs"]
    assert (pair["a"], pair["b"]) == ("c", "d") and (pair["common"] < 0.95) == alike
    page = (run.folder / "explorer.html").read_text(encoding="utf-8")
    assert ("finding, not beyond the reference" in page) == alike and ", the reference, " in page
    assert '["A","values from Python"]' in page  # no hash of a kept file
    assert '["scale","auto"]' in page and '["gamma","0.1"]' not in page  # nor a γ that nobody went by
