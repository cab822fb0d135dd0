"""Tables and figures over finished runs, and what is said where there are none."""

from __future__ import annotations

import csv
import io
import re
import runpy
import shutil
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdx.analysis import report
from rdx.analysis.command import main
from rdx.analysis.report import analyze
from rdx.analysis.tables import as_markdown, mean_metrics
from rdx.config import parse_experiment
from rdx.errors import InputError
from rdx.experiment.finished import find_runs
from rdx.experiment.plan.prepare import prepare
from rdx.experiment.run.runner import run
from rdx.files import write_text

ROOT = Path(__file__).resolve().parents[2]
METHODS = [{"method": name, "n_clusters": 2} for name in ("rdx", "kmeans", "pca")]


def make_run(folder: Path, name: str, seed: int, **changes) -> Path:
    """A finished run on 60 digits' pixels and noisy projections of them, in folder/name."""
    rng = np.random.default_rng(seed)
    from sklearn.datasets import load_digits

    pixels = load_digits().data[:60].astype(np.float32)
    arrays = folder / "arrays"
    arrays.mkdir(exist_ok=True)
    np.save(arrays / f"{name}_a.npy", pixels + 1)
    np.save(arrays / f"{name}_b.npy", (pixels @ rng.normal(size=(64, 9))).astype(np.float32))
    values = {
        "name": name,
        "data": {"dataset": "digits", "images_per_class": 6},
        "representations": {
            "a": {"model": f"features:{arrays / name}_a.npy", "title": "pixels"},
            "b": {"model": f"features:{arrays / name}_b.npy", "title": "projection"},
        },
        "methods": METHODS,
        "figures": False,
        "statistics": "off",
    } | changes
    prepared = prepare(parse_experiment(values, source="test"), folder / name)
    return run(prepared)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outputs")
    make_run(folder, "one", 1, family="both")
    make_run(folder, "two", 2, family="both", statistics={"n_surrogates": 20, "n_subsamples": 2})
    make_run(folder, "aligned", 3, alignment="ridge")
    return folder


@pytest.fixture(scope="module")
def both(outputs, tmp_path_factory):
    """Of two runs; the steps of RDX, which take longest to draw, are sketches, and so is all of the second run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rdx.figures.intermediate.save_intermediate", sketch)
        for place in ("sheet.save_sheet", "map_panels.save_map_panels", "coefficients.save_coefficients"):
            module, _, name = place.partition(".")
            draw = getattr(import_module(f"rdx.figures.{module}"), name)
            patch.setattr(f"rdx.figures.{place}", sketched_where("two", draw))
        (folder,) = analyze([outputs / "one", outputs / "two"], tmp_path_factory.mktemp("analysis"))
    return folder


@pytest.fixture(scope="module")
def by_command(outputs, tmp_path_factory):
    """Of one run, by the script."""
    place, said = tmp_path_factory.mktemp("command"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.chdir(place)
        patch.setattr("sys.argv", ["analyze_explanations.py", str(outputs / "one"), "--output-dir", "x"])
        with pytest.raises(SystemExit) as left:
            runpy.run_path(str(ROOT / "analyze_explanations.py"), run_name="__main__")
    assert not left.value.code
    assert re.search(r"Results: .*x/both", said.getvalue())
    return place / "x/both"


def sketched_where(run_name: str, draw):
    """`draw`, but a sketch for what belongs to that run."""
    return lambda path, *given, **options: (
        sketch(path) if path.parent.name == run_name else draw(path, *given, **options)
    )


def sketch(path: Path, **_) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"drawn")


@pytest.fixture
def sketches(monkeypatch) -> dict[str, str]:
    """The figures of comparisons are nearly empty files; returns their headings by name, filled as they are drawn."""
    headings = {}

    def noted(path, heading, **_):
        sketch(path)
        headings[path.name] = heading

    monkeypatch.setattr("rdx.figures.sheet.save_sheet", lambda path, _, heading: noted(path, heading))
    for place in ("map_panels.save_map_panels", "intermediate.save_intermediate", "coefficients.save_coefficients"):
        monkeypatch.setattr(f"rdx.figures.{place}", noted)
    return headings


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_a_family_gets_its_tables_and_every_figure(both, by_command):
    assert both.name == "both"
    sheets = sorted(f"{kind}_{direction}.png" for kind in ("sheet", "maps", "steps_rdx", "coefficients_pca")
                    for direction in ("a_not_b", "b_not_a"))  # fmt: skip
    for folder in (both / "one", both / "two", by_command / "one"):
        assert sorted(path.name for path in folder.iterdir()) == sheets
    for path in (by_command / "one").iterdir():
        with Image.open(path) as image:
            colors = np.unique(np.asarray(image.convert("RGB"))[::5, ::5].reshape(-1, 3), axis=0)
            assert min(image.size) > 300 and len(colors) > 10
        if "steps" not in path.name:  # drawn again: the same bytes
            assert path.read_bytes() == (both / "one" / path.name).read_bytes()
    assert {path.name for path in both.glob("[!.]*.*")} == {
        "bsr.png", "metrics.csv", "mean_metrics.csv", "mean_metrics.md", "concepts.csv"
    }  # fmt: skip


def test_means_are_those_of_the_runs(outputs, both):
    folder = both
    single = [rows_of(outputs / name / "a_vs_b" / "metrics.csv") for name in ("one", "two")]
    means = rows_of(folder / "mean_metrics.csv")
    assert len(means) == len(single[0]) == 3 * 2 * 3
    for row in means:
        keys = ("method", "direction", "distance", "space")
        pair = [next(r for r in rows if all(r[k] == row[k] for k in keys)) for rows in single]
        assert float(row["bsr"]) == pytest.approx(np.mean([float(r["bsr"]) for r in pair]))
        assert float(row["tie_rate"]) == pytest.approx(np.mean([float(r["tie_rate"]) for r in pair]))
        assert float(row["bsr_highest"]) == max(float(r["bsr"]) for r in pair)
    concepts = rows_of(folder / "concepts.csv")
    assert [row["run"] for row in concepts] == ["one"] * 6 + ["two"] * 6
    assert all(int(row["concepts"]) <= 3 for row in concepts)
    tested = [row for row in concepts if row["lowest_p_value"]]
    assert {(row["run"], row["method"]) for row in tested} == {("two", "rdx")}
    assert all(1 / 21 <= float(row["lowest_p_value"]) <= 1 and row["verdict"] for row in tested)


def test_the_best_of_each_column_is_bold(both):
    import pandas as pd

    lines = (both / "mean_metrics.md").read_text(encoding="utf-8").splitlines()
    body = [line.strip("| ").split(" | ") for line in lines if line.startswith("|")]
    heads, cells = body[0], body[2:]
    for column, head in enumerate(heads):
        if "BSR" not in head:
            continue
        values = [float(row[column].strip("*")) for row in cells]
        bold = [row[column].startswith("**") for row in cells]
        assert bold == [value == max(values) for value in values]
    nothing = pd.DataFrame({
        "space": "raw", "method": ["rdx"], "direction": ["a_not_b"], "distance": ["neighborhood"],
        "bsr": [float("nan")], "tie_rate": [float("nan")], "mean_signed_difference": [float("nan")],
    })  # fmt: skip
    assert "**" not in as_markdown(mean_metrics(nothing), 1)


def test_aligned_runs_show_raw_and_aligned(outputs, tmp_path, sketches):
    (folder,) = analyze([outputs / "aligned"], tmp_path / "analysis")
    text = (folder / "mean_metrics.md").read_text(encoding="utf-8")
    assert "## On raw representations" in text and "## On aligned representations" in text
    assert "kmeans_a_to_b" in text and "kmeans_b_to_a" in text


def test_a_run_of_many_pairs_gets_the_sweep_figure(tmp_path, sketches):
    rng = np.random.default_rng(0)
    representations = {}
    for name in "abc":
        np.save(tmp_path / f"{name}.npy", rng.normal(size=(40, 5)).astype(np.float32))
        representations[name] = {"model": f"features:{tmp_path / name}.npy"}
    pairs = [["a", "b"], ["b", "c"], ["a", "c"]]
    make_run(tmp_path, "many", 1, data=None, representations=representations, comparisons=pairs, methods=METHODS[:1])
    (folder,) = analyze([tmp_path / "many"], tmp_path / "analysis")
    assert (folder / "sweep_many.png").is_file()
    assert sorted(path.name for path in folder.glob("[!.]*") if path.is_dir()) == [
        "many__a_vs_b", "many__a_vs_c", "many__b_vs_c"
    ]  # fmt: skip


def test_paper_figures_are_pdfs_without_titles(outputs, by_command, tmp_path, sketches):
    (folder,) = analyze([outputs / "one"], tmp_path / "paper", paper=True)
    assert not list(folder.rglob("*.png"))
    assert (folder / "bsr.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in folder.rglob("*.pdf")) == sorted(["bsr.pdf", *sketches])
    assert len(sketches) == 8 and not any(sketches.values())
    (titled,) = analyze([outputs / "one"], tmp_path / "titled")
    files = [path.name for path in by_command.glob("[!.]*.*")]
    assert {"bsr.png", "mean_metrics.md", "concepts.csv"} < {*files}
    assert all((titled / name).read_bytes() == (by_command / name).read_bytes() for name in files)
    assert len(sketches) == 16 and all(heading for name, heading in sketches.items() if name.endswith(".png"))


def test_files_of_the_users_own_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "_family", lambda folder, *_: write_text(folder / "metrics.csv", "a table"))
    (tmp_path / "metrics.csv").write_text("mine")
    for _ in range(2):  # what it wrote itself it replaces
        report._recorded(tmp_path, [], False, print)
        found = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
        assert found == {"metrics.csv": "a table", "metrics.saved.csv": "mine"}


def test_runs_whose_images_are_gone_keep_everything_but_the_sheets(outputs, tmp_path, sketches):
    copy = tmp_path / "moved"
    shutil.copytree(outputs / "one", copy)
    config = (copy / "config.yaml").read_text(encoding="utf-8")
    (copy / "config.yaml").write_text(config.replace("dataset: digits", "dataset: mnist\n  root: /nowhere"))
    said = []
    (folder,) = analyze([copy], tmp_path / "analysis", say=said.append)
    names = {path.name for path in (folder / "one").iterdir()}
    assert "maps_a_not_b.png" in names and "sheet_a_not_b.png" not in names
    assert any("its images are not there" in line for line in said)


def test_without_arguments_the_newest_family(outputs, tmp_path):
    shutil.copytree(outputs, tmp_path / "outputs")
    summary = tmp_path / "outputs" / "two" / "summary.csv"
    summary.touch()  # finished last
    assert [found.config.name for found in find_runs([], tmp_path)] == ["one", "two"]


def test_a_folder_of_runs_stands_for_all_of_them(outputs):
    assert sorted(found.config.name for found in find_runs([outputs])) == ["aligned", "one", "two"]
    assert len(find_runs([outputs, outputs / "one"])) == 3


def partial(folder: Path) -> Path:
    shutil.copytree(ROOT / "configs", folder / "half")  # some folder with YAML in it
    return folder / "half"


def test_folders_that_are_no_runs_get_one_line(outputs, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    half = tmp_path / "half"
    shutil.copytree(outputs / "one", half)
    (half / "a_vs_b" / "kmeans" / "concepts.csv").unlink()
    with pytest.raises(InputError, match="is empty"):
        find_runs([empty])
    with pytest.raises(InputError, match="is no run's folder: there is no config.yaml in it"):
        find_runs([partial(tmp_path / "other")])
    with pytest.raises(InputError, match=r"not finished: 'a_vs_b/kmeans/concepts.csv' is missing; `rdx run .*` goes"):
        find_runs([half])
    with pytest.raises(InputError, match="is a part of a run; name the run's folder"):
        find_runs([outputs / "one" / "a_vs_b"])
    with pytest.raises(InputError, match="is a file"):
        find_runs([outputs / "one" / "summary.csv"])
    with pytest.raises(InputError, match="unknown run in .* 'onee'; did you mean 'one'"):
        find_runs([outputs / "onee"])
    with pytest.raises(InputError, match="there is no finished run"):
        find_runs([], tmp_path)
    with pytest.raises(InputError, match="is a run's folder; choose another --output-dir"):
        analyze([outputs / "one"], outputs / "two")


def test_a_run_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)  # a checkout may have runs in outputs/, one of which would be named
    monkeypatch.setattr("sys.argv", ["analyze_explanations.py", str(tmp_path / "nothing")])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert capsys.readouterr().err.strip() == f"error: no run '{tmp_path / 'nothing'}'"
