"""The order of methods changes nothing: the bytes of an aligned run are the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rdx import compare

N = 48
pytestmark = pytest.mark.usefixtures("in_a_folder")
METHODS = ("kmeans", "pca", "rdx")


def test_order_of_methods_changes_no_byte(tmp_path, quick_statistics):
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 4
    a = (rng.normal(size=(N, 6)) + 3 * np.eye(4, 6)[labels]).astype(np.float32)
    b = (rng.normal(size=(N, 5)) + 3 * np.eye(3, 5)[labels % 3]).astype(np.float32)
    given = a.tobytes(), b.tobytes()
    runs = {}
    for folder, methods in (("one", METHODS), ("other", METHODS[::-1])):
        done = compare(
            a, b, methods=methods, labels=labels, n_clusters=2, align="ridge", figures=False, output_dir=folder
        )
        assert sorted(done.methods) == ["kmeans_a_to_b", "kmeans_b_to_a", "pca_a_to_b", "pca_b_to_a", "rdx"]
        assert done.methods[0].startswith(methods[0])
        runs[folder] = tmp_path / folder
    assert (a.tobytes(), b.tobytes()) == given

    one, other = (contents(folder) for folder in runs.values())
    assert one.keys() == other.keys()
    # Tables of all methods follow the configuration's order: their rows, and columns, are the same but for it.
    of_all = {name for name in one if name.endswith(("metrics.csv", "summary.csv"))}
    assert of_all == {"a_vs_b/metrics.csv", "summary.csv"}
    per_method = [name for name in one if name.startswith(("a_vs_b/kmeans", "a_vs_b/pca", "a_vs_b/rdx"))]
    # Tables, parameters, sentences, and coefficients or centres; RDX has statistics in their place.
    assert len(per_method) == 4 * 7 + 6 + 2
    assert any(name.startswith("representations/") for name in one)
    for name in sorted(one.keys() - of_all):
        assert one[name] == other[name], name
    for name in of_all:
        first, second = (lines(folder / name) for folder in runs.values())
        assert first == second, name


def contents(folder) -> dict[str, bytes]:
    """Every file of a run but the log, and the configuration, which names the methods in order."""
    told = ("run.log", "environment.json", "config.yaml")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".steps" not in path.parts and path.name not in told
    }


def lines(path) -> list[tuple[str, ...]]:
    """The rows of a table, and its columns, sorted; every cell the text that is in the file."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    columns = sorted(table.columns)
    return sorted(table[columns].itertuples(index=False, name=None)) + [tuple(columns)]
