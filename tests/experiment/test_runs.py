"""A run's folder: what is reused, what a crash leaves, what a saved configuration gives."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from made_commands import carried_out, results

from rdx.config import load_experiment
from rdx.experiment.plan.prepare import look, prepare
from rdx.experiment.run import runner
from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.step import Step

N = 80
METHODS = [
    {"name": "rdx", "method": "rdx", "n_clusters": 2, "gamma": 0.1},
    {"name": "kmeans", "method": "kmeans", "n_clusters": 3},
    {"name": "nmf", "method": "nmf", "n_clusters": 2},
]


STEPS = [
    "items", "representations/a", "representations/b", "a_vs_b/cka", "a_vs_b/classification",
    "a_vs_b/rdx", "a_vs_b/kmeans", "a_vs_b/nmf",
    "a_vs_b/rdx/concepts", "a_vs_b/kmeans/concepts", "a_vs_b/nmf/concepts",
    "a_vs_b/metrics", "a_vs_b/summary", "a_vs_b/neighbors", "a_vs_b/items",
    "a_vs_b/rdx/attributes", "a_vs_b/kmeans/attributes", "a_vs_b/nmf/attributes", "summary",
]  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with an experiment on two arrays with labels, its paths relative, and its finished run."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 3
    np.save(folder / "a.npy", np.abs(rng.normal(size=(N, 6)) + 3 * np.eye(3, 6)[labels]).astype(np.float32))
    np.save(folder / "b.npy", np.abs(rng.normal(size=(N, 4))).astype(np.float32))
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    values = {
        "name": "small",
        "data": {"dataset": "features", "labels": "labels.txt"},
        "representations": {"a": "features:a.npy", "b": "features:b.npy"},
        "methods": METHODS,
        "statistics": "off",  # test_statistics.py has them on
        "figures": False,
    }
    (folder / "small.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = carried_out(folder / "small.yaml", folder / "whole")
    assert done == STEPS
    return folder


@pytest.fixture
def config(place, monkeypatch) -> Path:
    monkeypatch.chdir(place)
    return place / "small.yaml"


@pytest.fixture
def folder(place, tmp_path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(place / "whole", tmp_path / "run"))


def todo(config: Path, folder: Path, changes=()) -> list[str]:
    """The names of the steps that would be carried out."""
    return [step.name for step in look(load_experiment(config, changes), folder).todo]


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_files_of_a_run(folder):
    names = set(results(folder))
    tables = {"assignments.csv", "explanations.csv", "concepts.csv", "method.json", "attributes.csv", "attributes.json"}
    expected = {"config.yaml", "items.csv", "summary.csv"}
    expected |= {f"representations/{key}.safetensors" for key in "ab"}
    expected |= {f"a_vs_b/{name}" for name in ("summary.json", "metrics.csv", "classification.csv", "agreement.csv")}
    expected |= {f"a_vs_b/{name}" for name in ("predictions.csv", "cka.json", "neighbors.safetensors")}
    expected |= {"a_vs_b/items.csv", "a_vs_b/attributes.csv"}
    expected |= {f"a_vs_b/{method}/{name}" for method in ("rdx", "kmeans", "nmf") for name in tables}
    expected |= {f"a_vs_b/{method}/coefficients.safetensors" for method in ("kmeans", "nmf")}
    assert names == expected


def test_second_run_does_nothing(config, folder):
    before = everything(folder)
    assert carried_out(config, folder) == []
    assert everything(folder) == before


def test_naming_a_default_changes_nothing(config, folder):
    assert todo(config, folder, ["methods.rdx.beta=5.0", "methods.kmeans.n_init=10"]) == []


def test_changed_gamma_redoes_only_what_depends_on_it(config, folder, sketched_pictures):
    carried_out(config, folder, ["figures=true"])
    done = carried_out(config, folder, ["figures=true", "methods.rdx.gamma=auto"])
    figures = [f"a_vs_b/{name}/figures" for name in ("rdx", "kmeans", "nmf")]  # all show RDX's matrices
    tables = ["a_vs_b/rdx", "a_vs_b/rdx/concepts", "a_vs_b/metrics", "a_vs_b/summary"]
    assert done == [*tables, "a_vs_b/items", "a_vs_b/rdx/attributes", *figures, "a_vs_b/explorer", "summary"]


def test_force_does_everything_again_with_the_same_result(config, folder):
    before = results(folder)
    assert carried_out(config, folder, force=True) == STEPS
    assert results(folder) == before


def test_changed_input_file_is_noticed(config, folder):
    before = Path("b.npy").read_bytes()
    np.save("b.npy", np.load("b.npy") + np.eye(N, 4, dtype=np.float32))
    again = todo(config, folder)
    Path("b.npy").write_bytes(before)
    assert "representations/b" in again and "a_vs_b/rdx" in again
    assert "representations/a" not in again and "items" not in again


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_damaged_output_is_made_again(config, folder, damage):
    before = results(folder)
    path = folder / "a_vs_b/kmeans/assignments.csv"
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-3] if damage == "cut" else data[:-2] + b"9\n")
    damaged = path.read_bytes() if path.exists() else None
    assert carried_out(config, folder) == ["a_vs_b/kmeans"]
    after = results(folder)
    assert after.pop("a_vs_b/kmeans/assignments.saved.csv", None) == damaged  # it may be somebody's work
    assert after == before


def test_a_removed_method_leaves_the_folder(config, folder, tmp_path):
    carried_out(config, folder, [f"methods={METHODS[:2]}"])
    assert not (folder / "a_vs_b/nmf").exists()
    assert "nmf" not in (folder / "a_vs_b/metrics.csv").read_text()
    carried_out(config, tmp_path / "other", [f"methods={METHODS[:2]}"])
    assert results(folder) == results(tmp_path / "other")


def test_order_of_methods_changes_no_result(config, place, tmp_path):
    carried_out(config, tmp_path / "two", [f"methods={METHODS[::-1]}"])
    one, two = results(place / "whole"), results(tmp_path / "two")
    inside = [name for name in one if name.count("/") == 2]
    assert len(inside) > 10
    assert all(one[name] == two[name] for name in inside)


def broken(step: Step, error: BaseException, late: bool) -> Step:
    """The step, but stopped before it wrote anything or after it wrote everything."""

    def work(context):
        if late:
            step.work(context)
        raise error

    return replace(step, work=work)


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("where", ["representations/b", "a_vs_b/kmeans", "a_vs_b/metrics", "summary"])
def test_an_interrupted_run_is_completed_byte_for_byte(config, place, tmp_path, where, late):
    error = RuntimeError("disk") if late else KeyboardInterrupt()
    folder = tmp_path / "broken"
    prepared = prepare(load_experiment(config), folder)
    position = [step.name for step in prepared.todo].index(where)
    prepared.todo[position] = broken(prepared.todo[position], error, late)
    with pytest.raises(type(error)):
        runner.run(prepared)
    assert f"{where}: stopped by {type(error).__name__}" in (folder / "run.log").read_text()
    rest = carried_out(config, folder)
    assert rest[0] == where  # what came before is kept, this step is not taken for whole
    assert len(rest) == len(prepared.todo) - position
    assert results(folder) == results(place / "whole")


def test_a_half_written_file_is_never_under_its_name(config, tmp_path, monkeypatch):
    class Cut:
        def __init__(self, file, **options):
            self.file = file

        def writerows(self, rows):
            csv.writer(self.file).writerow(rows[0])
            raise OSError("no space left")

    prepared = prepare(load_experiment(config), tmp_path / "run")
    monkeypatch.setattr("rdx.experiment.run.tables.csv", SimpleNamespace(writer=Cut, QUOTE_MINIMAL=0))
    with pytest.raises(OSError, match="no space"):
        runner.run(prepared)
    monkeypatch.undo()
    assert not list((tmp_path / "run").rglob("*.csv"))


def test_the_saved_configuration_repeats_the_run(config, place, tmp_path, monkeypatch):
    carried_out(config, tmp_path / "run", ["seed=7"])
    saved = tmp_path / "run/config.yaml"
    values = yaml.safe_load(saved.read_text())
    assert values["representations"]["a"]["model"] == f"features:{place / 'a.npy'}"
    assert values["data"]["labels"] == str(place / "labels.txt")
    assert "base" not in values
    monkeypatch.chdir(tmp_path / "run")
    assert carried_out(saved, tmp_path / "run") == []
    carried_out(saved, tmp_path / "again")
    assert results(tmp_path / "again") == results(tmp_path / "run")


def test_chain_of_comparisons_shares_its_representations(config, tmp_path):
    np.save("c.npy", np.load("a.npy")[:, :5] ** 2)
    changes = ["representations.c=features:c.npy", "comparisons=[[a, b], [b, c]]"]
    done = carried_out(config, tmp_path / "run", changes)
    assert done.count("representations/b") == 1
    rows = (tmp_path / "run/summary.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == ["comparison", pair_name("a", "b"), pair_name("b", "c")]


def test_equal_representations_have_no_difference(config, tmp_path):
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    np.save("c.npy", (np.load("a.npy") @ rotation * 3 + 1).astype(np.float32))
    changes = [
        "representations.b=features:a.npy", "representations.c=features:c.npy", "comparisons=[[a, b], [a, c]]",
        f"methods={METHODS[:1]}",
    ]  # fmt: skip
    carried_out(config, tmp_path / "run", changes)
    for pair in ("a_vs_b", "a_vs_c"):
        summary = json.loads((tmp_path / "run" / pair / "summary.json").read_text())
        assert summary["verdict"] == "no difference above chance"
        assert summary["solver"] == "dense" and summary["n"] == N


def test_without_statistics_different_representations_have_no_verdict(place):
    summary = json.loads((place / "whole/a_vs_b/summary.json").read_text())
    assert summary["verdict"] is None and summary["reason"]


def test_a_saved_configuration_holds_every_parameter(config, folder, tmp_path, monkeypatch):
    """It repeats the run after a default has changed, and goes on in its folder with nothing to do."""
    from rdx.method.rdx import RDX

    saved = load_experiment(folder / "config.yaml")
    of_the_run = {"random_state", "device", "alignment", "align_steps", "align_start", "guidance_rule", "max_memory"}
    assert saved.methods[0].settings.keys() == RDX().get_params().keys() - of_the_run - {"keep_matrices"}
    before = prepare(saved, tmp_path / "again").steps.fingerprints
    changed = {**RDX.__init__.__kwdefaults__, "beta": 7.0, "null_threshold": 2.0}
    monkeypatch.setattr(RDX.__init__, "__kwdefaults__", changed)
    assert RDX().beta == 7.0
    assert prepare(load_experiment(folder / "config.yaml"), tmp_path / "again").steps.fingerprints == before
    assert carried_out(folder / "config.yaml", folder) == []
    assert prepare(load_experiment(config), tmp_path / "again").steps.fingerprints != before
