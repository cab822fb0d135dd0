"""Finished runs in the form of other programs, and what docs/tables.md says of the tables of a run."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_commands import rdx
from made_data import write_picture
from made_runs import QUICK
from PIL import Image

from rdx.analysis.export import MARK, TARGETS, Choice, export
from rdx.analysis.export import atlas as atlas_form
from rdx.analysis.export.contents import encoded, members_in_order
from rdx.config import parse_experiment
from rdx.errors import InputError
from rdx.experiment.finished import read_run
from rdx.experiment.plan.prepare import prepare
from rdx.experiment.run.runner import run

N = 48
KINDS = ("cat", "dog's", "fox, red")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A finished run on images in a table with columns of its own; A does not tell the first kind from the second."""
    folder = tmp_path_factory.mktemp("made")
    kinds = np.arange(N) % 3
    rows = []
    for i, kind in enumerate(kinds):
        name = f"{KINDS[kind][:3]}/im {i:02d}.jpg"
        write_picture(folder / "photos" / name, i, 60 + 60 * int(kind))
        rows.append((f"photos/{name}", f"00{i}", KINDS[kind], f"seen on day {i % 5}", "x"))
    with open(folder / "photos.csv", "w", newline="") as file:
        csv.writer(file).writerows([("path", "id", "label", "note", "tags"), *rows])
    rng = np.random.default_rng(0)
    for name, seen in (("a", np.where(kinds == 1, 0, kinds)), ("b", kinds)):
        np.save(folder / f"{name}.npy", (rng.normal(size=(N, 6)) + 6 * np.eye(3, 6)[seen]).astype(np.float32))
    values = {
        "name": "made",
        "data": {"dataset": "image_folder", "root": str(folder / "photos.csv")},
        "representations": {key: {"model": f"features:{folder}/{key}.npy"} for key in "ab"},
        "methods": [{"method": name, "n_clusters": 2} for name in ("rdx", "kmeans")],
        "figures": False,
        "statistics": QUICK,
        "explorer": {"enabled": True, "map": "pca"},
    }
    return run(prepare(parse_experiment(values, source="test"), folder / "run"))


def concepts_in(finished: Path):
    table = pd.read_csv(finished / "a_vs_b" / "rdx" / "assignments.csv")
    return {d: rows["concept"].to_numpy() for d, rows in table.groupby("direction")}


def test_lists_and_links_of_every_concept(finished, tmp_path):
    place, said = export(finished, "csv", tmp_path / "lists")
    labels = concepts_in(finished)
    assert set(labels["b_not_a"]) - {0}
    assert re.fullmatch(r"\d+ lists of concepts' members, \d+ links to images: .*/lists", said[0])
    for direction, found in labels.items():
        for number in set(found.tolist()) - {0}:
            stem = place / "a_vs_b" / "rdx" / direction / f"concept_{number:02d}"
            rows = list(csv.DictReader(io.StringIO(stem.with_suffix(".csv").read_text())))
            assert sorted(int(row["index"]) for row in rows) == np.flatnonzero(found == number).tolist()
            strength = [float(row["affinity"]) for row in rows]
            assert strength == sorted(strength, reverse=True)
            assert rows[0]["id"].startswith("00") and rows[0]["note"].startswith("seen on day")
            links = sorted(stem.iterdir())
            assert [str(link.resolve()) for link in links] == [row["path"] for row in rows]
            assert all(link.is_symlink() for link in links)


def test_copies_and_what_is_there_already(finished, tmp_path):
    place, _ = export(finished, "csv", tmp_path / "x", choice=Choice(copy=True))
    copies = [path for path in place.rglob("*.jpg")]
    assert copies and not any(path.is_symlink() for path in copies)
    with pytest.raises(InputError, match="is there already: --force replaces it"):
        export(finished, "fiftyone", place)
    export(finished, "csv", place, force=True)
    assert all(path.is_symlink() for path in place.rglob("*.jpg"))
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="is there already, and no export: name another place"):
        export(finished, "csv", tmp_path / "own", force=True)
    assert (tmp_path / "own" / "thesis.txt").read_text() == "mine" and len(list(tmp_path.iterdir())) == 2


@pytest.fixture(scope="module")
def atlas(finished) -> tuple[Path, list[str]]:
    return export(finished, "embedding-atlas")


def test_a_file_for_embedding_atlas(finished, atlas):
    place, said = atlas
    assert place == finished / "export" / "embedding-atlas" and json.loads((place / MARK).read_text())["run"]
    table = pd.read_parquet(place / "a_vs_b.parquet")
    assert len(table) == N and {"pca_a_x", "pca_b_y", "label_name", "note", "change", "brightness"} <= set(table)
    for direction, labels in concepts_in(finished).items():
        named = [f"concept {number}" if number else "none" for number in labels]
        assert table[f"rdx_{direction}_concept"].tolist() == named
        told = table[f"rdx_{direction}_in_common"]
        assert (told.notna() == (labels > 0)).all() and all("images" in sentence for sentence in told.dropna())
    cell = table["image"].iloc[7]
    with Image.open(io.BytesIO(cell["bytes"])) as image:
        assert image.size == (40, 32) and cell["path"] == "007"
    assert len(said) == 2
    for line, side in zip(said, "ab", strict=True):
        assert line == f"embedding-atlas {place}/a_vs_b.parquet --x pca_{side}_x --y pca_{side}_y --image image"


def test_embedding_atlas_itself_reads_it(atlas):
    loaded = pytest.importorskip("embedding_atlas.cli").load_datasets([str(atlas[0] / "a_vs_b.parquet")])
    assert len(loaded) == N and {"pca_a_x", "pca_a_y", "image"} <= set(loaded.columns)
    assert isinstance(loaded["image"].iloc[0]["bytes"], bytes)


def test_texts_for_embedding_atlas(finished, tmp_path):
    made = read_run(finished)
    made.__dict__["items"] = replace(made.items, loader=None, text_column="note")
    (first, _) = atlas_form.write(made, tmp_path, tmp_path / "it's here", Choice())
    assert first.endswith("a_vs_b.parquet' --x pca_a_x --y pca_a_y --text note") and "it'\"'\"'s here" in first
    assert pd.read_parquet(tmp_path / "a_vs_b.parquet")["note"].iloc[6] == "seen on day 1"


def test_a_data_set_for_fiftyone(finished, tmp_path):
    place, (said,) = export(finished, "fiftyone", tmp_path / "fo")
    told = json.loads((place / "a_vs_b.json").read_text())
    assert said.startswith("python -c ") and str(place / "a_vs_b.json") in said
    assert len(told["samples"]) == N and told["media_type"] == "image"
    held = concepts_in(finished)
    for i, sample in enumerate(told["samples"]):
        tags = [f"rdx {d} concept {held[d][i]}" for d in held if held[d][i]]
        assert [tag for tag in sample["tags"] if tag.startswith("rdx")] == tags
        assert Path(sample["filepath"]).is_file() and sample["item"] == f"00{i}"
        assert sample["ground_truth"]["label"] == KINDS[i % 3] and sample["table_tags"] == "x"
        assert set(sample) - {"_media_type"} == set(told["sample_fields"])
    assert told["sample_fields"]["change"].endswith("FloatField") and "upper_half__brightness" in told["sample_fields"]
    copied, _ = export(finished, "fiftyone", tmp_path / "copied", choice=Choice(copy=True))
    told = json.loads((copied / "a_vs_b.json").read_text())
    assert (copied / told["samples"][3]["filepath"]).is_file() and told["samples"][3]["filepath"] == "data/000003.jpg"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["{run}", "--to", "fiftyon"], "unknown target of an export 'fiftyon'; did you mean 'fiftyone'?"),
        (["{run}/a_vs_b", "--to", "csv"], "is a part of a run"),
        (["{run}"], "missing option '--to'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(finished, capsys, words, said):
    assert rdx("export", *(word.format(run=finished) for word in words)) == 2
    assert said in capsys.readouterr().err.lower()
    assert set(TARGETS) == {"csv", "embedding-atlas", "fiftyone"}


def test_images_are_kept_or_made_smaller():
    pixels = np.arange(40 * 30 * 3, dtype=np.uint8).reshape(30, 40, 3)
    with Image.open(io.BytesIO(encoded(Image.fromarray(pixels), 256))) as image:
        assert np.array_equal(np.asarray(image), pixels)  # small ones keep every pixel
    with Image.open(io.BytesIO(encoded(Image.new("L", (1000, 500)), 256))) as image:
        assert image.size == (256, 128)
    assert members_in_order(np.array([1, 0, 1, 1]), 1, np.array([0.1, 9, 0.3, 0.1])).tolist() == [2, 0, 3]
    assert members_in_order(np.array([1, 0, 1]), 1, None).tolist() == [0, 2]


ROOT = Path(__file__).resolve().parents[2]


def told_columns() -> dict[str, list[str]]:
    """The columns that docs/tables.md explains, by the table's path; `<method>` and the like stay."""
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    told = {}
    for head, body in re.findall(r"^## (`.*?)\n(.*?)(?=^## |\Z)", page, flags=re.DOTALL | re.MULTILINE):
        cells = re.findall(r"^\| (`.*?) \| (.+) \|$", body, flags=re.MULTILINE)
        for name in re.findall(r"`(.+?)`", head):
            told[name] = [column for cell, _ in cells for column in re.findall(r"`(.+?)`", cell)]
    return told


def test_every_column_of_a_run_is_explained(finished):
    told = told_columns()
    seen = set()
    for path in finished.rglob("*.csv"):
        if "export" in path.parts:
            continue
        name = str(path.relative_to(finished)).replace("a_vs_b", "<a>_vs_<b>")
        name = re.sub("/(rdx|kmeans)/", "/<method>/", name)
        columns = next(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
        own = {"note", "table_tags", "tags"} if name.endswith("items.csv") else set()
        columns = [re.sub("^(rdx|kmeans)_[ab]_not_[ab]_", "<method>_<direction>_", column) for column in columns]
        of_scales = set()
        if name.endswith("statistics.csv"):
            of_scales = {"gamma", "score", "effect", "round", "finding", "further", "p_reference"}
        assert (set(columns) - own) | of_scales == set(told[name]), name
        seen.add(name)
    assert len(seen) > 12


def test_tables_that_few_runs_have_are_explained_too():
    from rdx.experiment.run.tables import OF_SCALES, P_REFERENCE, STATISTICS
    from rdx.experiment.stages import naming, settings_sweep
    from rdx.experiment.stages.layers import heads, probes

    told = told_columns()
    for name, columns in {
        "<a>_vs_<b>/<method>/names.csv": naming.COLUMNS,
        "<a>_vs_<b>/<method>/statistics.csv": (*STATISTICS, *OF_SCALES, P_REFERENCE),
        "<a>_vs_<b>/layer_analysis/group_tests.csv": probes.COLUMNS,
        "<a>_vs_<b>/layer_analysis/heads.csv": heads.HEADS,
        "<a>_vs_<b>/layer_analysis/head_concepts.csv": heads.CONCEPTS,
        "layer_analysis/probes.csv": probes.PROBES,
        "layer_analysis/predictions.csv": probes.PREDICTIONS,
        "sweep.csv": settings_sweep.COLUMNS,
    }.items():
        assert sorted(set(columns)) == sorted(told[name]), name
