"""Items without images and labels whose table says more of them: columns are attributes, colours and filters."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_commands import rdx

from rdx import compare
from rdx.errors import InputError
from rdx.experiment.compare import configuration
from rdx.experiment.finished import read_run
from rdx.experiment.plan.prepare import prepare
from rdx.explorer.fields import COLUMN

pytestmark = pytest.mark.usefixtures("in_a_folder")
N = 60
GROUP = np.arange(N) // 20
ABOUT = pd.DataFrame({
    "patient": [str(9000 - 7 * i * i) for i in range(N)],
    "age": [f"{20 + 10 * one + i / N:.2f}" for i, one in enumerate(GROUP)],
    "site": np.array(["north", "south", "west"])[GROUP],
    "label_name": "of their own",
})  # fmt: skip
COLUMNS = {"patient", "age", "site", "table_label_name"}
QUICK = {"methods": ["kmeans"], "figures": False, "statistics": "off", "map": "off"}


@pytest.fixture
def arrays() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a, b = (np.abs(rng.normal(size=(N, 4)) + 6 * np.eye(3, 4)[group]) for group in (GROUP, np.arange(N) % 3))
    return a.astype(np.float32), b.astype(np.float32)


def test_a_table_beside_features_brings_attributes(arrays, capsys):
    for name, values in zip("ab", arrays, strict=True):
        np.save(f"{name}.npy", values)
    ABOUT.iloc[::-1].to_csv("about.csv")  # matched by its index
    words = ["--a", "features:a.npy", "--b", "features:b.npy", "--labels", "about.csv", "--methods", "kmeans"]
    assert rdx("compare", *words, "--statistics", "off", "--map", "off", "--output-dir", "run") == 0
    told = capsys.readouterr().out
    assert "note: the labels' table has no column 'label'" in told and "label shares" not in told
    found = pd.read_csv("run/a_vs_b/attributes.csv")["attribute"]
    assert {"age", "site: north"} <= set(found) and not found.str.startswith("patient").any()
    left_out = json.loads(Path("run/a_vs_b/kmeans/attributes.json").read_text(encoding="utf-8"))["left_out"]
    assert left_out["patient"] == "names each item differently" and set(left_out) == {"patient", "table_label_name"}
    for table in ("run/items.csv", "run/a_vs_b/items.csv"):
        written = pd.read_csv(table, dtype=str)
        assert set(written) >= COLUMNS and written["age"].tolist() == ABOUT["age"].tolist()
    assert set(pd.read_parquet("run/a_vs_b/explorer.parquet")) >= COLUMNS
    page = Path("run/a_vs_b/explorer.html")
    before = page.read_text(encoding="utf-8")
    assert f'"{COLUMN}"' in before and rdx("explore", "run") == 0  # which knows the items by their table
    assert page.read_text(encoding="utf-8") == before
    assert set(read_run(Path("run")).items.columns) == COLUMNS


@pytest.mark.parametrize("kind", ["frame", "mapping", "path"])
def test_python_takes_the_same_table(arrays, kind):
    ABOUT.to_csv("about.csv", index=False)
    labels = {"frame": ABOUT, "mapping": {name: ABOUT[name].tolist() for name in ABOUT}, "path": "about.csv"}[kind]
    run = compare(*arrays, labels=labels, output_dir="run", **QUICK)
    assert run.items["site"].tolist() == ABOUT["site"].tolist()
    assert {"age", "site: west"} <= set(run.attributes["attribute"])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (ABOUT[:50].reset_index(drop=True), "labels file 'labels' needs .* of 60 items .it has 50 rows: patient"),
        (ABOUT[:50].assign(label="x"), "labels file 'labels' has 50 labels for 60 items"),
        ({"age": [1, 2], "site": [1]}, "labels: the mapping of columns can't be stored as a table: .*same length"),
        ({"0.jpg": 3}, "labels: the mapping of columns can't be stored as a table: 'int' object is not iterable"),
    ],
)
def test_tables_of_other_items_are_refused_in_a_line(arrays, labels, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        compare(*arrays, labels=labels, output_dir="run", **QUICK)
    assert len(str(caught.value).splitlines()) == 1 and not (tmp_path / "run").exists()


def test_labels_and_columns_of_one_table(arrays):
    config = configuration(*arrays, labels=ABOUT.assign(label=GROUP), **QUICK)
    items = prepare(config, Path("run")).items
    assert items.labels.tolist() == GROUP.tolist() and set(items.columns) == COLUMNS
