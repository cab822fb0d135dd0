"""The commands: exit codes, one clear line for bad input, and a folder that bad input never touches."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml
from made_commands import rdx
from PIL import Image

from rdx import cli
from rdx.console import exit_codes
from rdx.errors import InputError
from rdx.experiment.compare import configuration

ROOT = Path(__file__).resolve().parents[1]
N = 40


@pytest.fixture
def here(in_a_folder, tmp_path) -> Path:
    """A working folder with two arrays, labels, images and an experiment's YAML."""
    write_inputs()
    return tmp_path


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A folder in which `work` can be had again and again: such a working folder, with a finished run in `run`."""
    base = tmp_path_factory.mktemp("cli")
    (base / "work").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(base / "work")
        write_inputs()
        assert rdx(*RUN, "--quiet", "--output-dir", "run") == 0
    (base / "work").rename(base / "finished")
    return base


@pytest.fixture
def finished(template, monkeypatch) -> Path:
    """Such a working folder with a finished run in `run`."""
    shutil.rmtree(template / "work", ignore_errors=True)
    shutil.copytree(template / "finished", template / "work")
    monkeypatch.setenv("RDX_CACHE", str(template / "cache"))
    monkeypatch.chdir(template / "work")
    return template / "work"


def write_inputs() -> None:
    rng = np.random.default_rng(0)
    np.save("a.npy", rng.random((N, 6), dtype=np.float32))
    np.save("b.npy", rng.random((N, 4), dtype=np.float32))
    Path("labels.txt").write_text("x\ny\n" * (N // 2), encoding="utf-8")
    for name in ("cat", "dog"):
        Path("images", name).mkdir(parents=True)
        for i in range(4):
            pixels = rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(Path("images", name, f"{i}.png"))
    config = {
        "name": "small",
        "representations": {"a": "features:a.npy", "b": "features:b.npy"},
        "methods": [{"name": "rdx", "method": "rdx", "n_clusters": 2}, {"name": "kmeans", "method": "kmeans"}],
        "statistics": "off",
        "figures": False,
    }
    Path("small.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")


def test_run_prints_a_plan_and_a_table(here, capsys):
    assert rdx("run", "small.yaml") == 0
    out = capsys.readouterr().out
    assert "small: 15 of 15 steps to do" in out
    assert [line.split()[:2] for line in out.splitlines() if " b_not_a " in line] == [
        ["rdx", "b_not_a"], ["kmeans", "b_not_a"],
    ]  # fmt: skip
    assert f"Results: {here / 'outputs/small'}" in out
    assert rdx("run", "small.yaml") == 0
    assert "all 15 steps are done" in capsys.readouterr().out


def test_quiet_prints_the_table_only(here, capsys):
    assert rdx("run", "small.yaml", "--quiet") == 0
    captured = capsys.readouterr()
    assert "steps to do" not in captured.out and "rdx" in captured.out
    assert captured.err == ""


def test_several_experiments_have_a_folder_each(here):
    other = yaml.safe_load(Path("small.yaml").read_text())
    Path("other.yaml").write_text(yaml.safe_dump({**other, "name": "other"}), encoding="utf-8")
    assert rdx("run", "small.yaml", "other.yaml", "--output-dir", "both", "--quiet") == 0
    assert {path.name for path in (here / "both").iterdir()} == {"small", "other"}
    assert rdx("run", "small.yaml", "small.yaml") == 2


def test_a_saved_configuration_goes_on_in_its_folder(here, capsys, monkeypatch):
    rdx("run", "small.yaml", "--quiet", "--output-dir", "elsewhere")
    monkeypatch.chdir("elsewhere")
    capsys.readouterr()
    assert rdx("run", "config.yaml") == 0
    assert "all 15 steps are done" in capsys.readouterr().out


@pytest.mark.parametrize("existing", [False, True], ids=["new", "existing"])
def test_dry_run_writes_nothing(here, capsys, existing):
    if existing:
        rdx("run", "small.yaml", "--quiet")
    before = snapshot(here)
    assert rdx("run", "small.yaml", "--dry-run", "--set", "methods.rdx.gamma=0.2") == 0
    out = capsys.readouterr().out
    assert "run   a_vs_b/rdx" in out
    assert ("done  a_vs_b/kmeans" in out) is existing
    assert snapshot(here) == before


def test_seed_and_set_reach_the_saved_configuration(here):
    assert rdx("run", "small.yaml", "--quiet", "--seed", "5", "--set", "methods.rdx.gamma=0.2") == 0
    saved = yaml.safe_load((here / "outputs/small/config.yaml").read_text())
    assert saved["seed"] == 5 and saved["methods"][0]["gamma"] == 0.2
    assert saved["explorer"]["enabled"] is False  # what the default came to


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file of the working folder, caches aside."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "cache" not in path.relative_to(folder).parts
    }


def nan_in_row_7() -> None:
    values = np.load("a.npy")
    values[7, 2] = np.nan
    np.save("a.npy", values)


def unreadable_image() -> None:
    Path("images/dog/2.png").write_bytes(b"not an image")


RUN = ["run", "small.yaml"]
COMPARE = ["compare", "--a", "features:a.npy", "--b", "features:b.npy"]
VIT, RESNET = "timm:test_vit?pretrained=false", "timm:test_resnet?pretrained=false"
MODELS = ["compare", "--images", "images", "--a", VIT, "--b", RESNET]
LABELS = ["--labels", "labels.txt"]
BAD = {
    "different n": (lambda: np.save("b.npy", np.eye(30, 4)), RUN, "'a' has 40 items, 'b' has 30"),
    "nan": (nan_in_row_7, RUN, "representation 'a': row 7"),
    "infinity": (lambda: np.save("b.npy", np.full((N, 3), np.inf)), RUN, "representation 'b': row 0"),
    "constant": (lambda: np.save("b.npy", np.ones((N, 3))), RUN, "representation 'b' is constant"),
    "n below 4": (lambda: [np.save(f"{k}.npy", np.eye(3)) for k in "ab"], RUN, "at least 4 items"),
    "few for clusters": (None, [*RUN, "--set", "methods.kmeans.n_clusters=41"], "n_clusters"),
    "few for rdx": (None, [*RUN, "--set", "methods.rdx.n_clusters=40"], "40"),
    "no such key": (None, [*RUN, "--set", "alignmnt=cka"], "did you mean 'alignment'"),
    "wrong keys of a method": (
        None, [*RUN, "--set", "methods.rdx.gama=1", "--set", "methods.rdx.bta=1"],
        "small.yaml: unknown parameters of method 'rdx' 'gama' (did you mean 'gamma'?), 'bta' (did you mean 'beta'?)",
    ),
    "many clusters, planned": (None, [*RUN, "--dry-run", "--set", "methods.kmeans.n_clusters=100"], "n_clusters: 100"),
    "nan, planned": (nan_in_row_7, [*RUN, "--dry-run"], "representation 'a': row 7"),
    "few for the statistics": (
        None, [*RUN, "--dry-run", "--set", "methods.rdx.n_clusters=35", "--set", "statistics=fast"],
        "n_clusters=35 is too much for the statistics of 'rdx' on 80% of the items, 32",
    ),
    "few for the sweep": (None, [*RUN, "--set", "sweep={n_clusters: [2, 32]}"], "n_clusters=32 is too much"),
    "no such method": (None, [*RUN, "--set", "methods.1.method=kmean"], "'kmean'; did you mean 'kmeans'"),
    "no such parameter": (None, [*RUN, "--set", "methods.rdx.gama=1"], "did you mean 'gamma'"),
    "parameter elsewhere": (None, [*RUN, "--set", "methods.rdx.random_state=1"], "the key 'seed'"),
    "parameter out of range": (None, [*RUN, "--set", "methods.rdx.gamma=-1"], "gamma must be"),
    "gamma far out of range": (None, [*COMPARE, "--gamma", "1e300"], "gamma must be a number ≥ 1e-06 and ≤ 1e+06"),
    "beta far out of range": (None, [*COMPARE, "--beta", "1e300"], "beta must be a number ≥ 1e-06 and ≤ 60, got"),
    "no root": (None, [*RUN, "--set", "data={dataset: image_folder, root: }"], "'root' of data set 'image_folder'"),
    "root of a number": (None, [*RUN, "--set", "data={dataset: mnist, root: 5}"], "must be a path, not 5"),
    "labels of a list": (None, [*RUN, "--set", "data={dataset: features, labels: [x]}"], "must be a path, not ['x']"),
    "wrong kind of setting": (None, [*RUN, "--set", "data={dataset: digits, split: [test]}"], "must be text, not"),
    "folder with a long name": (None, [*RUN, "--set", f"data={{dataset: mnist, root: {'x' * 300}}}"], "too long"),
    "baseline out of range": (None, [*RUN, "--set", "methods.kmeans.n_init=0"], "n_init must be"),
    "no such version": (None, [*COMPARE, "--version", "v3"], "unknown version 'v3'"),
    "no such option": (None, [*COMPARE, "--nclusters", "3"], "--n-clusters"),
    "no such data set": (None, [*RUN, "--set", "data.dataset=digts"], "did you mean 'digits'"),
    "no such data setting": (None, [*RUN, "--set", "data={dataset: digits, splt: x}"], "did you mean 'split'"),
    "no such model": (None, [*MODELS[:4], "timm:test_vitt", *MODELS[5:]], "test_vit"),
    "no such family": (None, [*MODELS[:4], "tim:test_vit", *MODELS[5:]], "did you mean 'timm'"),
    "no such layer": (None, [*MODELS[:-1], MODELS[-1] + "&layer=layr1"], "did you mean"),
    "no such file": (None, ["compare", "--a", "features:gone.npy", "--b", "features:b.npy"], "gone.npy"),
    "no such checkpoint": (None, [*MODELS[:4], "checkpoint:gone.safetensors", *MODELS[5:]], "gone.safetensors"),
    "not a checkpoint": (
        lambda: Path("x.safetensors").write_bytes(b"what?"),
        [*MODELS[:4], "checkpoint:x.safetensors", *MODELS[5:]], "x.safetensors",
    ),
    "no images for a model": (None, ["compare", *MODELS[3:]], "images are needed"),
    "unreadable image": (unreadable_image, MODELS, "2.png"),
    "empty class": (lambda: Path("images/bird").mkdir(), MODELS, "bird"),
    "no such folder": (None, [*MODELS[:2], "imags", *MODELS[3:]], "imags"),
    "few labels": (lambda: Path("labels.txt").write_text("x\n"), [*COMPARE, *LABELS], "1 labels for 40 items"),
    "guidance without labels": (None, [*COMPARE, "--guidance", "tpfp"], "needs labels"),
    "no such guidance": (None, [*COMPARE, "--guidance", "tpf"], "did you mean 'tpfp'"),
    "guided v1": (None, [*COMPARE, *LABELS, "--guidance", "tpfp", "--version", "v1"], "guidance needs version v2"),
    "alignment of few": (
        lambda: [np.save(f"{k}.npy", np.random.rand(10, 3)) for k in "ab"], [*COMPARE, "--align"], "at least 14 items",
    ),
    "negative features for nmf": (
        lambda: np.save("b.npy", np.load("b.npy") - 1), [*COMPARE, "--methods", "nmf"], "non-negative",
    ),
    "nmf on mapped features": (None, [*COMPARE, "--methods", "rdx,nmf", "--align"], "use cnmf or snmf"),
    "no such config": (None, ["run", "gone.yaml"], "gone.yaml"),
    "no such device": (None, [*RUN, "--device", "gpu"], "gpu"),
    "output is a file": (None, [*RUN, "--output-dir", "a.npy"], "is a file"),
    "rdx's option without rdx": (
        None, [*COMPARE, "--methods", "kmeans", "--gamma", "nan"], "gamma is a parameter of rdx, which is not among",
    ),
    "several of them": (
        None, [*COMPARE, "--methods", "kmeans,pca", "--version", "v3", "--solver", "fast"],
        "version and solver are parameters of rdx, which is not among the methods: kmeans, pca",
    ),
    "guidance without rdx": (
        None, [*COMPARE, *LABELS, "--methods", "kmeans", "--guidance", "tpfp"], "'guidance' is for rdx",
    ),
    "no such gamma": (None, [*COMPARE, "--gamma", "much"], "--gamma must be a number or auto, not 'much'"),
    "no such map": (None, [*COMPARE, "--map", "pcs"], "unknown map 'pcs'; did you mean 'pca'"),
    "wrong change": (None, [*COMPARE, "--set", "alignmnt=cka"], "did you mean 'alignment'"),
    "no number": (None, [*RUN, "--seed", "x"], "invalid value for '--seed': it must be a whole number"),
    "no such command": (None, ["rum"], "no such command 'rum'"),
    "missing argument": (None, ["compare", "--a", "features:a.npy"], "--b"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_exit_code_2_and_touches_nothing(finished, capsys, case):
    prepare, arguments, message = BAD[case]
    place = "new" if arguments[0] == "compare" else "run"
    folder = [] if {"--output-dir", "rum"} & set(arguments) else ["--output-dir", place]
    if prepare:
        prepare()
    before = snapshot(finished)
    assert rdx(*arguments, *folder, "--quiet") == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err and captured.out == ""
    assert captured.err.startswith("error: ") and captured.err.count("\n") == 1
    assert snapshot(finished) == before


def test_bad_input_makes_no_folder(here):
    assert rdx("run", "small.yaml", "--set", "methods.rdx.gama=1") == 2
    assert not (here / "outputs").exists()


def test_skip_bad_images_leaves_them_out_of_both_sides(here, sketched_pictures):
    unreadable_image()
    options = ["--skip-bad-images", "--n-clusters", "2", "--output-dir", "run", "--methods", "kmeans", "--quiet"]
    assert rdx(*MODELS, *options) == 0
    assert len((here / "run/items.csv").read_text().splitlines()) == 1 + 7
    assert "dog/2.png" in (here / "run/dropped.csv").read_text()
    assert list((here / "run/a_vs_b/kmeans/grids/a_not_b").glob("concept_0*.png"))


def test_failure_is_exit_code_1_and_a_traceback_only_with_debug(here, capsys, monkeypatch):
    def fail(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr("rdx.experiment.stages.measures.similarity", fail)
    assert rdx(*RUN, "--quiet") == 1
    error = capsys.readouterr().err
    assert error.startswith("failed: OSError: no space left") and error.count("\n") == 1
    assert rdx(*RUN, "--quiet", "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


def test_interruption_is_exit_code_130_and_the_next_run_goes_on(here, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("rdx.experiment.stages.measures.measure", interrupt)
        assert rdx(*RUN) == 130
    capsys.readouterr()
    assert rdx(*RUN) == 0
    assert "small: 7 of 15 steps to do" in capsys.readouterr().out


def test_titles_map_gamma_and_changes_of_compare_reach_the_configuration():
    config = configuration(
        "features:a.npy", "features:b.npy", methods=["rdx"], gamma="auto", titles=("Before", None), map="pca",
        changes=["methods.rdx.sigma=3", "figures=false", "methods+={method: pca, n_clusters: 2}"],
    )  # fmt: skip
    assert config.representations["a"].title == "Before" and config.representations["b"].title == "b"
    assert config.methods[0].settings == {"gamma": "auto", "sigma": 3} and config.methods[1].name == "pca"
    assert (config.explorer.map, config.figures) == ("pca", False)
    assert cli._gamma("0.2") == 0.2 and cli._gamma("auto") == "auto" and cli._gamma(None) is None


def test_an_error_does_not_stand_behind_a_progress_bar(capsys):
    from tqdm import tqdm

    open_bar = tqdm(total=9, desc="images", mininterval=0)
    open_bar.update(3)
    with pytest.raises(typer.Exit) as left, exit_codes(debug=False):
        raise InputError("row 7")
    lines = capsys.readouterr().err.splitlines()
    assert left.value.exit_code == 2 and lines[-1] == "error: row 7" and open_bar.disable


def test_threads_that_wait_sleep_unless_the_user_says_otherwise(monkeypatch):
    for given, expected in (("", "passive"), ("active", "active")):
        monkeypatch.setenv("OMP_WAIT_POLICY", given)
        if not given:
            del os.environ["OMP_WAIT_POLICY"]
        with pytest.raises(SystemExit):
            cli.main(["--help"])
        assert os.environ["OMP_WAIT_POLICY"] == expected


def test_align_alone_means_cka(here):
    assert cli._align_alone(["--align", "--seed", "1"]) == ["--align", "cka", "--seed", "1"]
    assert cli._align_alone(["--align", "ridge"]) == ["--align", "ridge"]
    assert cli._align_alone(["--align"]) == ["--align", "cka"]


def test_train_then_reuse(here, capsys):
    config = {"name": "net", "data": {"dataset": "digits", "split": "train", "images_per_class": 10}}
    Path("net.yaml").write_text(yaml.safe_dump({**config, "epochs": 1, "tiny": True}), encoding="utf-8")
    assert rdx("train", "net.yaml", "--quiet") == 0
    assert (here / "checkpoints/net/last.safetensors").is_file()
    assert rdx("train", "net.yaml", "--quiet") == 0
    assert "(reused)" in capsys.readouterr().out
    assert rdx("train", "net.yaml", "--set", "epoch=2") == 2
    assert "did you mean 'epochs'" in capsys.readouterr().err
