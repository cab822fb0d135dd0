"""The plan of a run: sizes, what is missing with what brings it, and room on the disk."""

from __future__ import annotations

import json
import re
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_commands import rdx
from PIL import Image

from rdx.config import parse_experiment
from rdx.data.expected import expected_items
from rdx.errors import InputError, MissingInput
from rdx.experiment.plan import needs as plan
from rdx.experiment.plan import report
from rdx.experiment.plan.prepare import look
from rdx.experiment.run.missing import noted
from rdx.experiment.run.runner import run

N = 20
VIT = "timm:test_vit?pretrained=false&img_size=32"  # six blocks, 64 columns


@pytest.fixture
def here(in_a_folder, tmp_path, monkeypatch) -> Path:
    """A working folder with 20 images, no cache, and a hub that cannot be reached."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    rng = np.random.default_rng(0)
    for i in range(N):
        folder = tmp_path / "images" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(folder / f"{i:02d}.png")
    return tmp_path


def values(**more) -> dict:
    return {
        "name": "planned",
        "data": {"dataset": "image_folder", "root": "images"},
        "representations": {
            "a": {"model": VIT, "layer": "blocks.2"},
            "b": {"model": VIT, "layer": "blocks.5"},
            "c": {"model": VIT.replace("test_vit", "test_vit3"), "layer": "blocks.8"},
        },
        "comparisons": [["a", "b"], ["b", "c"]],
        "methods": [{"method": "rdx", "n_clusters": 2}, {"method": "kmeans", "n_clusters": 2}],
        "figures": False,
        "statistics": "off",
        **more,
    }


def looked(here: Path, **more):
    return look(parse_experiment(values(**more), source="test"), here / "run", list_missing=True)


def written(path: str, content: dict) -> str:
    Path(path).write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_sizes_come_from_the_models_themselves(here):
    from rdx._torchvision import ensure_torchvision

    ensure_torchvision()
    import timm

    needs = looked(here).needs
    by_key = {source.key: source for source in needs.sources}
    assert needs.items == N and needs.items_known and needs.missing == ()
    for key, name in (("a", "test_vit"), ("c", "test_vit3")):
        model = timm.create_model(name, pretrained=False, img_size=32)
        assert by_key[key].parameters == sum(value.numel() for value in model.parameters())
        assert by_key[key].width == model.num_features
        assert by_key[key].image_size == (32, 32)


def test_layers_of_one_model_take_one_pass(here):
    prepared = looked(here)
    assert {source.key: source.passes for source in prepared.needs.sources} == {"a": True, "b": False, "c": True}
    times = {step.name: prepared.forecast(step) for step in prepared.steps}
    assert times["representations/b"] == 0
    assert times["representations/a"] == times["a_vs_b/rdx"] == "no earlier run of its kind on this machine"
    assert "steps to do, no earlier run on this machine tells how long (20 items" in report.plan(prepared)[0]


def test_what_is_there_takes_no_time_and_no_room(here):
    prepared = look(parse_experiment(values(), source="test"), here / "run")
    before = sum(space.needed for space in prepared.needs.spaces)
    from rdx.experiment.plan.numbers import check_features

    check_features(prepared)
    run(prepared)
    made = sum(path.stat().st_size for path in (here / "run").rglob("*") if path.is_file())
    assert before > made / 10  # the order of magnitude; tables and stamps are small beside real representations
    again = looked(here)
    assert again.todo == [] and again.needs.spaces == ()
    assert all(source.is_there and not source.passes for source in again.needs.sources)
    assert report.plan(again, steps=True)[0].startswith("planned: all ")
    # What the run took is what the same run elsewhere is expected to take, passes of its models included.
    shutil.rmtree(here / "cache" / "features")
    elsewhere = look(parse_experiment(values(), source="test"), here / "other")
    times = {step.name: elsewhere.forecast(step) for step in elsewhere.todo}
    stamps = {name: json.loads((here / "run/.steps" / f"{name}.json").read_text())["seconds"] for name in times}
    assert times["a_vs_b/kmeans"] == pytest.approx(stamps["a_vs_b/kmeans"], abs=0.002)
    assert times["representations/a"] > N / prepared.speeds["representations/a"] > times["representations/b"] == 0
    assert re.search("steps to do, (about|<) [^(]* s [(]20 items", report.plan(elsewhere)[0])
    config = values(methods=[{"method": "rdx", "n_clusters": 2}, {"method": "kmeans", "n_clusters": 3}])
    (head, *rows) = report.plan(look(parse_experiment(config, source="test"), here / "other"), steps=True)
    assert "for " in head and "of them (no earlier run tells of the others)" in head
    assert [row for row in rows if "no earlier run of its kind" in row and "a_vs_b/kmeans" in row]


@pytest.mark.parametrize(
    ("data", "n", "labels"),
    [
        ({"dataset": "imagenet", "classes": [5, 7, 9], "images_per_class": 500}, 1500, 3),
        ({"dataset": "mnist", "images_per_class": 500}, 5000, 10),
        ({"dataset": "mnist", "images_per_class": 250, "variant": "hflip_nl"}, 5000, 20),
        ({"dataset": "mnist", "variant": "vflip"}, 120_000, 10),
        ({"dataset": "mnist_10k", "classes": [3, 5]}, 1600, 2),
        ({"dataset": "cub"}, 4796, 200),
        ({"dataset": "rsna", "part": "explained"}, 2500, 2),
        ({"dataset": "rsna", "part": "probes", "n_probe_items": 60, "classes": [1]}, 60, 1),
        ({"dataset": "imagenet", "split": "val", "classes": ["whippet"]}, 50, 1),
        ({"dataset": "inaturalist"}, 1000, 2),
    ],
)
def test_what_a_configuration_leads_one_to_expect(data, n, labels):
    items = expected_items(data)
    assert len(items) == n and len(np.unique(items.labels)) == labels and not items.has_images


def test_everything_that_is_missing_is_listed_with_what_brings_it(here, capsys):
    content = values(data={"dataset": "cub"})
    content["representations"]["a"] = {"model": "checkpoint:checkpoints/mnist_m35/gone.safetensors"}
    content["representations"]["c"] = {"model": "timm:resnet18"}
    config = written("all.yaml", content)
    before = sorted(here.rglob("*"))
    assert rdx("run", config, "--dry-run") == 0
    out = capsys.readouterr().out
    assert "not ready: 3 things are missing" in out
    assert "data set 'cub'" in out and "`bash download_cub.sh`" in out
    assert "mnist_m35/gone.safetensors': run `python -m rdx train configs/train/mnist_m35.yaml`" in out
    assert "the weights of timm:resnet18 (at least 47 MB)" in out and "?weights=PATH" in out
    assert "4796 items, as far as the configuration tells" in out
    assert sorted(here.rglob("*")) == before
    assert rdx("run", config) == 2  # in earnest it is the first of them, in one line
    error = capsys.readouterr().err
    assert error.startswith("error: data set 'cub'") and error.count("\n") == 1
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("representations.a.layer=blocks.6", "blocks.5"),
        ("methods.rdx.gama=1", "did you mean 'gamma'"),
        ("data.dataset=cubs", "did you mean 'cub'"),
        ("representations.a.model=timm:vit_tinny_patch16_224", "did you mean 'vit_tiny_patch16_224'"),
    ],
)
def test_what_is_wrong_is_still_refused_when_data_are_missing(here, capsys, change, message):
    config = written("wrong.yaml", values(data={"dataset": "cub"}))
    assert rdx("run", config, "--dry-run", "--set", change) == 2
    assert message in capsys.readouterr().err


def test_arrays_that_are_missing_say_nothing_about_the_items(here, capsys):
    assert rdx("compare", "--a", "features:a.npy", "--b", "features:b.npy", "--dry-run") == 2
    assert "a.npy" in capsys.readouterr().err


Usage = namedtuple("Usage", "total used free")


def test_a_full_disk_is_refused_with_the_number(here, capsys, monkeypatch):
    config = written("full.yaml", values())
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(10**12, 10**12 - 2000, 2000))
    assert rdx("run", config, "--quiet") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: not enough disk space: about ") and error.count("\n") == 1
    assert "2 kB are free there" in error and not (here / "outputs").exists()
    assert rdx("run", config, "--dry-run") == 0
    out = capsys.readouterr().out
    assert "not ready: 1 thing is missing" in out and "not enough disk space" in out


def test_places_on_one_disk_are_added_up(tmp_path):
    spaces = plan._spaces({tmp_path / "run": 100.0, tmp_path / "cache" / "x": 50.0})
    assert [(space.folder, space.needed) for space in spaces] == [(tmp_path / "run", 150.0)]
    assert spaces[0].free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)


def test_many_comparisons_have_one_line_each_and_a_few_one_a_step(here):
    few = report.plan(looked(here), steps=True)
    assert any(line.startswith("  run   a_vs_b/rdx ") for line in few)
    layers = {f"l{i}": {"model": VIT, "layer": f"blocks.{i}"} for i in range(6)}
    pairs = [[f"l{i}", f"l{i + 1}"] for i in range(5)]
    many = report.plan(looked(here, representations=layers, comparisons=pairs), steps=True)
    assert len([line for line in many if "l0_vs_l1" in line]) == 1
    assert any("6 layers" in line and "20 × 64" in line for line in many)
    assert len(report.plan(looked(here))) < 9  # without its steps a plan is short


def test_noted_keeps_reasons_once_and_passes_on_the_rest():
    reasons: list[str] = []
    for _ in range(2):
        with noted(reasons):
            raise MissingInput("gone")
    assert reasons == ["gone"]
    with pytest.raises(InputError, match="wrong"), noted(reasons):
        raise InputError("wrong")
    with pytest.raises(MissingInput), noted(None):
        raise MissingInput("gone")


@pytest.mark.parametrize(
    ("size", "text"), [(1, "1 kB"), (47_400_000, "47 MB"), (1_230_000, "1.2 MB"), (2.5e9, "2.5 GB"), (43e9, "43 GB")]
)
def test_bytes_in_words(size, text):
    assert plan.readable(size) == text


def test_plan_of_a_training(here, capsys):
    content = {"name": "net", "data": {"dataset": "digits", "split": "train"}, "epochs": 2, "tiny": True}
    config = written("net.yaml", content)
    assert rdx("train", config, "--dry-run") == 0
    out = capsys.readouterr().out
    assert "net: 1438 items, 2 epochs, 24 steps of 128 → checkpoints/net" in out
    assert not (here / "checkpoints").exists()
    assert rdx("train", config, "--quiet") == 0
    capsys.readouterr()
    assert rdx("train", config, "--dry-run") == 0
    assert capsys.readouterr().out == "net: trained before → checkpoints/net\n"
    assert rdx("train", config, "--dry-run", "--set", "epochs=3") == 0
    assert "36 steps" in capsys.readouterr().out
    assert rdx("train", config, "--dry-run", "--set", "data={dataset: mnist, root: nowhere}") == 0
    out = capsys.readouterr().out
    assert "60000 items, as far as the configuration tells" in out and "bash download_mnist.sh" in out
