"""Attributes and moves in a whole run: one model goes by a sticker and the site, the other by the label."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from rdx.config import load_experiment
from rdx.experiment.plan import report
from rdx.experiment.plan.prepare import prepare
from rdx.experiment.run import runner
from rdx.experiment.run.context import Context
from rdx.experiment.run.tables import read_table
from rdx.experiment.stages import attributes, moves

N = 90
LABELS, SITE = np.array(["cat", "dog"])[np.arange(N) % 2], np.array(["north", "south", "west"])[np.arange(N) // 30]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("attributes")


@pytest.fixture(scope="module", autouse=True)
def own_cache(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDX_CACHE", str(place / "cache"))
        patch.setattr("rdx.metrics.probes.N_FOLDS", 2)
        yield


@pytest.fixture(scope="module")
def config(place) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(N):
        pixels = rng.integers(60, 190, (4, 4, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        if SITE[i] == "north":
            pixels[:4, :4] = (250, 30, 30)
        Image.fromarray(pixels).save(place / f"{i}.png")
        rows.append((f"{i}.png", LABELS[i], SITE[i], f"{rng.random():.4f}", f"note {i}", "same"))
    table = pd.DataFrame(rows, columns=["path", "label", "site", "change", "note", "split"])
    table.to_csv(place / "items.csv", index=False)
    for key, side in (("a", SITE), ("b", LABELS)):
        groups = 9.0 * (np.unique(side)[:, None] == side).T
        np.save(place / f"{key}.npy", np.abs(np.c_[groups, rng.normal(size=(N, 2))]).astype(np.float32))
    values = {
        "name": "planted",
        "data": {"dataset": "image_folder", "root": f"{place}/items.csv"},
        "representations": {key: f"features:{place}/{key}.npy" for key in "ab"},
        "methods": [
            {"name": "kmeans", "method": "kmeans", "n_clusters": 2},
            {"name": "rdx", "method": "rdx", "n_clusters": 3, "gamma": "auto"},
        ],
        "figures": False,
        "statistics": "off",
    }
    path = place / "planted.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(config, place) -> tuple[Path, list[str]]:
    prepared = prepare(load_experiment(config), place / "run")
    runner.run(prepared)
    return place / "run/a_vs_b", report.results(prepared)


def test_what_drives_a_model_is_said_of_its_concepts(finished):
    folder, printed = finished
    said = attributes.read_sentences(folder / "rdx")
    north = [text for (direction, _), text in said.items() if direction == "a_not_b" and "site: north" in text]
    assert north and "redder at the upper left" in north[0]
    assert "of their neighbours lie outside (in A" in north[0]
    assert any("site: north 100 % (0 % of the rest)" in line for line in printed)
    assert all("site" not in text for (direction, _), text in said.items() if direction == "b_not_a")


def test_the_table_has_every_test(finished):
    folder, _ = finished
    table = read_table(folder / "rdx/attributes.csv")
    assert tuple(table.columns) == attributes.COLUMNS and not table.isna().any().any()
    assert (folder / "attributes.csv").read_bytes() == (folder / "rdx/attributes.csv").read_bytes()
    names = set(table["attribute"])
    assert {"site: north", "site: north vs neighbours", "brightness", "change", "label: cat"} <= names
    assert {"upside-down counterparts", "mirrored counterparts vs neighbours"} <= names
    assert any(name.startswith("prediction_a: ") for name in names)
    assert not any(name.startswith("prediction_b") for name in names)  # B is always right: the label once more
    assert not [name for name in names if name.startswith(("note", "split", "path", "aspect"))]
    rows = table[(table["attribute"] == "site: north") & (table["direction"] == "a_not_b")]
    row = rows[rows["inside"] > 0.9].iloc[0]
    assert row["effect"] == pytest.approx(0.5 + (row["inside"] - row["outside"]) / 2) and row["q_value"] < 1e-6


def test_columns_that_are_no_attributes_are_named_with_the_reason(finished):
    folder, _ = finished
    told = json.loads((folder / "kmeans/attributes.json").read_text(encoding="utf-8"))["left_out"]
    assert told == {"note": "names nearly every item differently", "split": "is the same for all items"}


def test_items_say_how_far_they_moved(finished):
    folder, _ = finished
    table = read_table(folder / "items.csv")
    assert tuple(table.columns) == (
        "index", "id", "change", "more_alone_in_a", "more_alone_in_b", "path", "label", "label_name", "site",
        "table_change", "note", "split", "concept_a_not_b", "concept_b_not_a",
    )  # fmt: skip
    assert table["site"].tolist() == SITE.tolist() and table["change"].between(0, 1).all()
    assigned = read_table(folder / "rdx/assignments.csv")
    assert table["concept_b_not_a"].tolist() == assigned[assigned["direction"] == "b_not_a"]["concept"].tolist()
    assert table["more_alone_in_b"].mean() > 0.5


def test_many_images_are_measured_in_part(place, config, monkeypatch):
    monkeypatch.setattr(attributes, "MOST_IMAGES", 20)
    prepared = prepare(load_experiment(config), place / "part")
    prepared.folder.root.mkdir()
    context = Context(prepared.config, prepared.folder, prepared.items)
    attributes.write_pixels(context)
    found = attributes.read_pixels(context.folder.path(attributes.PIXELS), N)
    assert np.isfinite(found["brightness"]).sum() == 20 and re.search("20 of 90 images", context.log[0])
    measured, copies = attributes.known_copies(context)
    assert measured.tolist() == np.flatnonzero(np.isfinite(found["brightness"])).tolist()
    reds = [np.asarray(context.items.image(i))[0, 0, 0] for i in measured]
    assert copies[:, 0, 0, 0].tolist() == reds  # images of 16 × 16 pixels are their own copies


def test_a_mark_is_known_to_those_who_show_it_and_runs_without_copies_have_none(place, config):
    from safetensors.numpy import load_file, save_file

    prepared = prepare(load_experiment(config), place / "marked")
    prepared.folder.root.mkdir()
    context = Context(prepared.config, prepared.folder, prepared.items)
    assert attributes.known_marks(context) == attributes.known_relative(context) == []
    attributes.write_pixels(context)
    (mark,) = attributes.known_marks(context)
    assert mark.name == "red patch at the upper left" and (mark.values == (SITE == "north")).all()
    assert len(attributes.known_relative(context)) == 2
    path = context.folder.path(attributes.PIXELS)
    older = {name: tensor for name, tensor in load_file(path).items() if name != "copies"}
    save_file(older, path, metadata={"rdx": json.dumps(["brightness"])})
    assert attributes.known_marks(context) == attributes.known_relative(context) == []


def test_a_table_with_columns_of_the_same_names_loses_none():
    names = moves.columns(["site", "more_alone_in_a", "concept_a_not_b"])
    assert len(set(names)) == len(names) and {"site", "table_more_alone_in_a", "table_concept_a_not_b"} < set(names)
