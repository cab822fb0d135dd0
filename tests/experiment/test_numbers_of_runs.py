"""Awkward numbers in files, through `rdx compare --a features:`: the same tables, or one line that names the row."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from made_commands import rdx

from rdx import compare
from rdx.console import ExitCode
from rdx.experiment.run.folder import OUTPUTS

N = 24
COMMAND = ("compare", "--a", "features:a.npy", "--b", "features:b.npy", "--quiet", "--device", "cpu")


@pytest.fixture(autouse=True)
def here(in_a_folder, tmp_path) -> Path:
    save("b", np.random.default_rng(9).normal(size=(N, 3)).astype(np.float32))
    return tmp_path


def save(name: str, values: np.ndarray) -> None:
    np.save(f"{name}.npy", values)


def whole_numbers() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 9, size=(N, 4))


def tables(a: str, **options) -> dict[str, bytes]:
    shutil.rmtree("run", ignore_errors=True)  # another comparison's
    settings = {"statistics": "off", "figures": False, "n_clusters": 2, "device": "cpu", **options}
    run = compare(a, "features:b.npy", output_dir="run", **settings)
    return {path.relative_to(run.folder).as_posix(): path.read_bytes() for path in run.folder.rglob("*.csv")}


def refused(capsys, *more: str) -> str:
    """The one line that the command leaves with; nothing was computed or written."""
    code = rdx(*COMMAND, "--output-dir", "run", *more)
    said = capsys.readouterr().err.strip()
    assert code == ExitCode.WRONG_INPUT, said
    assert len(said.splitlines()) == 1 and not Path("run").exists()
    return said


def test_every_type_of_file_gives_the_same_tables():
    X = whole_numbers()
    save("a", X.astype(np.float32))
    expected = tables("features:a.npy")
    assert {"rdx/assignments.csv", "kmeans/concepts.csv", "metrics.csv"} < set(expected)
    for values in (X.astype(np.float16), X.astype(np.int8), X.astype(">f8"), np.asfortranarray(X, dtype=np.float32)):
        save("a", values)
        assert tables("features:a.npy") == expected, values.dtype
    torch.save(torch.tensor(X).bfloat16(), "a.pt")
    assert tables("features:a.pt") == expected
    save("mapped", X.astype(np.float32))
    assert tables(np.load("mapped.npy", mmap_mode="r")) == expected


@pytest.mark.parametrize("scale", [1e20, 1e-40])
def test_norms_of_1e20_and_denormals_are_compared_by_rdx_and_refused_by_baselines(capsys, scale):
    X = np.random.default_rng(1).random((N, 4)) + 0.5
    X[5] = 2
    save("a", (X * scale).astype(np.float32))
    assert "rdx/assignments.csv" in tables("features:a.npy", methods=("rdx",))
    said = refused_after(capsys)
    assert f"largest value of representation A is {2 * scale:.0e} (row 5)" in said


def refused_after(capsys) -> str:
    shutil.rmtree("run")
    return refused(capsys)


def test_denormals_are_refused_before_an_aligned_run(capsys):
    save("a", (np.eye(N, 4) * 1e-40).astype(np.float32))
    said = refused(capsys, "--align", "--methods", "rdx", "--statistics", "off")
    assert "largest value of representation 'a' is 1e-40 (row 0)" in said


def test_rows_that_are_equal_are_refused_by_name(capsys):
    save("a", np.ones((N, 3), np.float32))
    assert "representation 'a' is constant: all 24 rows are equal" in refused(capsys)
    few = np.zeros((N, 3), np.float32)
    few[4] = 1
    save("a", few)
    assert "representation A: only 1 of 24 rows differ from row 0" in refused(capsys)
    assert "rows of representation 'a'" in refused(capsys, "--align", "--statistics", "off")
    tables("features:a.npy")  # without statistics and maps there is a result


def test_a_missing_value_names_its_row(capsys):
    X = whole_numbers().astype(np.float16)
    X[13, 1] = np.inf
    save("a", X)
    assert "representation 'a': row 13 contains NaN or infinity" in refused(capsys)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_one_dimension_duplicates_and_no_more_items_than_clusters(version):
    save("a", np.repeat(np.arange(N // 2), 2)[:, None].astype(np.float32))
    tables("features:a.npy", version=version)
    for n, k in ((6, 5), (4, 3)):
        rng = np.random.default_rng(n)
        save("a", rng.random((n, 1), dtype=np.float32))
        save("b", rng.random((n, 2), dtype=np.float32))
        found = tables("features:a.npy", version=version, n_clusters=k, methods=("rdx", "kmeans", "pca"))
        assert len(found["rdx/assignments.csv"].splitlines()) == 2 * n + 1
    assert json.loads(Path("run/a_vs_b/summary.json").read_text())["n"] == 4


def test_too_few_items_name_the_parameter(capsys):
    save("a", np.random.default_rng(0).random((5, 2), dtype=np.float32))
    save("b", np.random.default_rng(1).random((5, 2), dtype=np.float32))
    assert "n_clusters=5 asks for 6 clusters, but there are only 5 items" in refused(capsys)
    assert not Path(OUTPUTS).exists()
