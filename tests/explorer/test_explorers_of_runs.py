"""The explorer as a step of a run, and `rdx explore` on finished runs."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_commands import carried_out, rdx
from made_comparison import representations

from rdx.analysis.explorers import build_explorers
from rdx.config import load_experiment
from rdx.errors import InputError
from rdx.experiment.plan.prepare import look, prepare
from rdx.experiment.run import runner
from rdx.experiment.run.context import Context
from rdx.experiment.run.folder import RunFolder
from rdx.experiment.stages.explore import content_of
from rdx.explorer.maps import joint_maps, pca_maps
from rdx.explorer.neighbors import nearest, with_ranks
from rdx.method.neighborhoods import as_points
from rdx.method.rdx import RDX

N = 150


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """An experiment on two arrays with labels; without the joint map, which has a test of its own."""
    folder = tmp_path_factory.mktemp("inputs")
    A, B, labels = representations()
    np.save(folder / "a.npy", A)
    np.save(folder / "b.npy", B)
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    values = {
        "name": "explored",
        "data": {"dataset": "features", "labels": str(folder / "labels.txt")},
        "representations": {key: {"model": f"features:{folder / key}.npy", "title": key.upper()} for key in "ab"},
        "methods": [
            {"name": "rdx", "method": "rdx", "n_clusters": 2, "version": "v1"},
            {"name": "kmeans", "method": "kmeans", "n_clusters": 3},
        ],
        "statistics": "off",
        "figures": False,
        "explorer": {"enabled": True, "map": "pca"},
    }
    (folder / "explored.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    return folder / "explored.yaml"


@pytest.fixture(scope="module")
def finished(inputs, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "explored"
    carried_out(inputs, folder)
    return folder


def test_a_run_writes_the_page_last_and_only_once(inputs, finished):
    assert "<title>A and B · RDX explorer</title>" in (finished / "a_vs_b/explorer.html").read_text(encoding="utf-8")
    assert carried_out(inputs, finished) == []
    assert carried_out(inputs, finished, ["explorer.thumbnails_mb=3"]) == ["a_vs_b/explorer"]
    assert carried_out(inputs, finished) == ["a_vs_b/explorer"]


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        (["explorer={map: pca}"], set()),
        (["explorer={map: off}", "figures=true"], {"a_vs_b/explorer"}),
        (["explorer=true"], {"a_vs_b/explorer", "a_vs_b/joint_map"}),
        (["explorer=false", "figures=true"], set()),
        (["explorer={map_items: 149}", "figures=true"], {"a_vs_b/explorer"}),
    ],
)
def test_explorers_come_with_figures_or_when_asked_for(inputs, tmp_path, changes, steps):
    planned = {step.name for step in look(load_experiment(inputs, changes), tmp_path / "run").steps}
    assert planned & {"a_vs_b/explorer", "a_vs_b/joint_map"} == steps


def test_the_table_has_one_row_an_item(finished):
    import pandas as pd

    table = pd.read_parquet(finished / "a_vs_b/explorer.parquet")
    assigned = pd.read_csv(finished / "a_vs_b/rdx/assignments.csv")
    mine = assigned[assigned["direction"] == "b_not_a"]
    assert len(table) == N and table["index"].tolist() == list(range(N))
    assert (table["rdx_b_not_a_concept"] == mine["concept"].to_numpy()).all()
    assert np.allclose(table["rdx_b_not_a_affinity"], mine["affinity"], rtol=1e-5)
    assert table["kmeans_a_not_b_affinity"].isna().all()
    assert table["label_name"].tolist() == [str(i % 5) for i in range(N)]
    first, second = pca_maps(*representations()[:2])
    assert np.allclose(table[["pca_a_x", "pca_a_y"]], first, atol=1e-5)
    assert np.allclose(table[["pca_b_x", "pca_b_y"]], second, atol=1e-5)
    assert {"prediction_a", "prediction_b"} <= set(table.columns)


def test_explore_builds_the_pages_again_and_the_run_stays_done(inputs, finished, capsys):
    page = finished / "a_vs_b/explorer.html"
    before = page.read_bytes()
    page.unlink()
    said: list[str] = []
    assert build_explorers([finished], say=said.append) == [page]
    assert page.read_bytes() == before and "explorer.html" in said[0]
    assert carried_out(inputs, finished) == []
    assert rdx("explore", finished, "--quiet", "--set", "explorer.thumbnails_mb=0") == 0
    assert capsys.readouterr().out.strip() == str(page)
    assert RunFolder(finished).is_done("a_vs_b/explorer", RunFolder(finished).fingerprint("a_vs_b/explorer"))


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        ("absent", "no run"), ("empty", "is empty"), ("foreign", "is no run's folder"),
        ("part", "name the run's folder"),
        ("partial", "rdx/assignments.csv' is missing"), ("arrays", "representations/b.safetensors' is missing"),
    ],
)  # fmt: skip
def test_what_is_no_finished_run_gets_one_line(finished, tmp_path, damage, line, monkeypatch):
    import shutil

    monkeypatch.chdir(tmp_path)  # a checkout may have runs in outputs/, one of which would be named
    folder = tmp_path / "some"
    if damage in ("partial", "arrays", "part"):
        shutil.copytree(finished, folder)
    elif damage != "absent":
        folder.mkdir()
    if damage == "foreign":
        (folder / "notes.txt").write_text("x")
    if damage == "partial":
        (folder / "a_vs_b/rdx/assignments.csv").unlink()
    if damage == "arrays":
        (folder / "representations/b.safetensors").unlink()
    with pytest.raises(InputError, match=re.escape(line)) as error:
        build_explorers([folder / "a_vs_b" if damage == "part" else folder])
    assert "\n" not in str(error.value)


def test_only_the_explorer_can_be_changed(finished):
    with pytest.raises(InputError, match="only keys of 'explorer'"):
        build_explorers([finished], ["seed=3"])
    with pytest.raises(InputError, match="thumbnails_mb"):
        build_explorers([finished], ["explorer.thumbnail_mb=3"])


def test_aligned_runs_compare_ranks_of_mapped_representations(inputs, tmp_path):
    only = "methods=[{method: rdx, n_clusters: 2}]"
    config = load_experiment(inputs, ["alignment=ridge", "explorer.enabled=false", only])
    prepared = prepare(config, tmp_path / "run")
    runner.run(prepared)
    context = Context(prepared.config, prepared.folder, prepared.items)
    content = content_of(context, "a", "b", prepared.runs)
    (method,) = content.methods
    assert ("A", "A") in content.facts and content.sources[0] == ("A", "features:a.npy")  # hashes behind a click
    assert method.formula.pairs == {"a_not_b": ("a", "b_to_a"), "b_not_a": ("b", "a_to_b")}
    rdx = RDX(n_clusters=2, keep_matrices=True, random_state=config.seed).fit(
        *context.pair("a", "b"), a_to_b=context.mapped("a", "b", "a_to_b"), b_to_a=context.mapped("a", "b", "b_to_a")
    )
    views = {name: as_points(X) for name, X in content.representations.items()}
    for direction, pair in method.formula.pairs.items():
        (found,) = with_ranks([nearest(views["a"], np.arange(N), 9)], np.arange(N), views)
        own, other = (found.ranks[name].mean(axis=0) for name in pair)  # v2: the mean of both ways
        difference = np.tanh(method.formula.gamma * (own - other) / (np.minimum(own, other) + 1))
        expected = getattr(rdx, f"{direction}_").difference[np.arange(N)[:, None], found.neighbors]
        assert np.allclose(difference, expected, atol=1e-5)


def test_maps_of_principal_components_are_turned_onto_each_other():
    A, _, _ = representations()
    turned = A @ np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0].astype(np.float32)
    first, second = pca_maps(A, 3.0 * turned)
    assert np.allclose(first, second, atol=1e-4)
    assert np.sqrt((first**2).sum(axis=1).mean()) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["tsne", pytest.param("umap", marks=pytest.mark.slow)])
def test_an_item_keeps_its_place_in_the_joint_map_where_both_models_agree(kind):
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 4
    A = (rng.normal(size=(300, 8)) + 8 * np.eye(4, 8)[labels]).astype(np.float32)
    first, second = joint_maps(A, A @ np.diag([1.01] * 8).astype(np.float32), 0, kind)
    moved = np.linalg.norm(first - second, axis=1)
    apart = np.linalg.norm(first[:150] - first[150:], axis=1)
    assert np.median(moved) < 0.2 * np.median(apart)
    again = joint_maps(A, A @ np.diag([1.01] * 8).astype(np.float32), 0, kind)
    assert (again[0] == first).all() and (again[1] == second).all()


def test_what_items_share_is_said_in_the_words_of_the_version_that_makes_the_page(finished, tmp_path):
    """attributes.json may be of an older one."""
    copy = tmp_path / "run"
    shutil.copytree(finished, copy)
    said = copy / "a_vs_b/rdx/attributes.json"
    said.write_text(re.sub('"sentence": ".*?"', '"sentence": "old words"', said.read_text(encoding="utf-8")))
    assert "old words" in said.read_text(encoding="utf-8")
    (page,) = build_explorers([copy])
    assert "old words" not in page.read_text(encoding="utf-8")
    payload = json.loads(re.search('id="payload">(.*?)</script>', page.read_text(encoding="utf-8"))[1])
    first = payload["methods"][0]["directions"]["a_not_b"]["concepts"][0]
    assert "label “0” 50 % (" in first["shares"]
