"""``rdx train`` with ``kind: concept_bottleneck``, on a made CUB with random weights."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from made_data import cub_attributes, make_cub
from safetensors.numpy import load_file, save_file

from rdx.data import load_items
from rdx.errors import InputError
from rdx.features import load_representation
from rdx.features.concept_bank import fit_bank, project
from rdx.features.concept_bottleneck import parse_training, train
from rdx.models.training_settings import training_of

MODEL = "timm:test_resnet?pretrained=false"


@pytest.fixture(scope="module")
def cub(tmp_path_factory):
    root = tmp_path_factory.mktemp("cub") / "CUB_200_2011"
    make_cub(root, per_class=4)
    return root


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def one_bank(monkeypatch):
    """Planes are fitted once from here on: what is asked is whether they are fitted, or what becomes of them."""
    banks = []

    def fitted(*given, **named):
        banks.append(banks[0] if banks else fit_bank(*given, **named))
        return banks[0]

    monkeypatch.setattr("rdx.features.concept_bottleneck.fit_bank", fitted)
    return banks


def settings(cub, folder, **changes):
    values = {
        "name": "cub_pcbm", "data": {"dataset": "cub", "root": str(cub)}, "model": MODEL, "n_positive": 10,
        "n_negative": 10, "output_dir": str(folder),
    }  # fmt: skip
    return parse_training(values | changes, source="test")


def table(folder) -> list[dict[str, str]]:
    with open(folder / "attributes.csv", newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def test_projections_are_those_of_the_bank(cub, tmp_path):
    result = train(settings(cub, tmp_path / "out"))
    assert [path.name for path in result.paths] == ["attributes.csv", "projections.safetensors"]
    assert result.test_accuracy is None and not result.reused
    items = load_items("cub", root=cub)
    features = load_representation({"model": MODEL}, items).values
    present = cub_attributes()[items.labels - 1, :112]
    bank = fit_bank(features, present, C=0.1, n_positive=10, n_negative=10, seed=0)
    found = load_file(result.paths[-1])
    assert found["features"].shape == (24, 112) and found["features"].dtype == np.float32
    assert np.array_equal(found["features"], project(features, bank).astype(np.float32))
    assert np.array_equal(found["weights"], bank.weights) and np.array_equal(found["biases"], bank.biases)
    rows = table(tmp_path / "out")
    assert [row["dimension"] for row in rows] == [str(j) for j in range(112)]
    assert rows[1]["name"] == "back color: black" and rows[1]["attribute"] == "2"
    assert rows[1]["n_positive"] == "10" and rows[1]["n_negative"] == "2"
    assert float(rows[1]["accuracy"]) == pytest.approx(bank.accuracy[1], abs=1e-5)


def test_the_array_is_read_with_its_columns(cub, tmp_path):
    train(settings(cub, tmp_path))
    spec = f"features:{tmp_path}/projections.safetensors?drop=belly color: red&names={tmp_path}/attributes.csv"
    found = load_representation({"model": spec}, load_items("cub", root=cub)).values
    column = [row["name"] for row in table(tmp_path)].index("belly color: red")
    whole = load_file(tmp_path / "projections.safetensors")["features"]
    assert np.array_equal(found, np.delete(whole, column, axis=1))


def test_the_same_bytes_again(cub, tmp_path):
    first, again = (train(settings(cub, tmp_path / name)) for name in "ab")
    assert not again.reused
    assert [path.read_bytes() for path in first.paths] == [path.read_bytes() for path in again.paths]


def test_reuse(cub, tmp_path, one_bank):
    first = train(settings(cub, tmp_path / "a"))
    stamps = [path.stat().st_mtime_ns for path in first.paths]
    assert train(settings(cub, tmp_path / "a")).reused
    assert [path.stat().st_mtime_ns for path in first.paths] == stamps
    assert len(one_bank) == 1
    assert not train(settings(cub, tmp_path / "a"), force=True).reused
    assert not train(settings(cub, tmp_path / "a", C=1.0)).reused
    assert not train(settings(cub, tmp_path / "a", C=1.0, model=f"{MODEL}&seed=4")).reused
    first.paths[0].unlink()
    assert not train(settings(cub, tmp_path / "a", C=1.0, model=f"{MODEL}&seed=4")).reused
    first.paths[1].write_bytes(b"spoilt")
    assert not train(settings(cub, tmp_path / "a")).reused


def test_published_projections_are_taken_as_they_are(cub, tmp_path, one_bank):
    values = np.random.default_rng(0).normal(size=(24, 112))
    np.save(tmp_path / "published.npy", values)
    chosen = settings(cub, tmp_path / "out", published=str(tmp_path / "published.npy"), model="timm:resnet18")
    result = train(chosen)  # the model, whose weights would have to be fetched, is not asked for
    assert np.array_equal(load_file(result.paths[-1])["features"], values.astype(np.float32))
    assert table(tmp_path / "out")[0]["name"] == "back color: yellow" and table(tmp_path / "out")[0]["accuracy"] == ""
    assert train(chosen).reused
    np.save(tmp_path / "published.npy", values[:20])
    with pytest.raises(InputError, match=r"published.npy' have 20 rows, the train list has 24 images: .*download_cub"):
        train(chosen)
    np.save(tmp_path / "published.npy", values[:, :100])
    train(chosen)
    assert table(tmp_path / "out")[99]["name"] == "attribute 99"  # whose columns these are is not known
    (tmp_path / "published.npy").unlink()
    assert not train(settings(cub, tmp_path / "out", published=str(tmp_path / "published.npy"))).reused


def test_some_classes_or_a_draw(cub, tmp_path):
    data = {"dataset": "cub", "root": str(cub), "images_per_class": 1, "seed": 3}
    train(settings(cub, tmp_path, data=data))
    items = load_items(**data)
    whole = load_representation({"model": MODEL}, items).values
    bank = fit_bank(
        whole, cub_attributes()[items.labels - 1, :112], C=0.1, n_positive=10, n_negative=10, seed=0
    )
    found = load_file(tmp_path / "projections.safetensors")["features"]
    assert np.array_equal(found, project(whole, bank).astype(np.float32))
    with pytest.raises(InputError, match="attribute '.*' is present in all of the 6 images: take more classes"):
        train(settings(cub, tmp_path / "new", data={"dataset": "cub", "root": str(cub), "classes": [1, 2, 3]}))
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": {"dataset": "digits"}}, "value of 'data.dataset': 'digits'|data.dataset"),
        ({"modle": "x"}, "unknown key 'modle'; did you mean 'model'"),
        ({"C": 0}, "'C' must be above 0"),
        ({"n_positive": 0}, "'n_positive' must be at least 1"),
        ({"data": {"dataset": "cub", "splt": "train"}}, "did you mean 'split'"),
        ({"model": "timm:resnet1"}, "did you mean"),
        ({"layer": "layer9"}, "unknown layer 'layer9'"),
    ],
)
def test_wrong_settings_leave_no_folder(cub, tmp_path, changes, said):
    if "data" in changes and changes["data"]["dataset"] == "cub":
        changes = {"data": changes["data"] | {"root": str(cub)}}
    with pytest.raises(InputError, match=said) as caught:
        train(settings(cub, tmp_path / "new", **changes))
    assert "\n" not in str(caught.value) and not (tmp_path / "new").exists()


def test_kinds_of_training():
    values = {"name": "x", "data": {"dataset": "digits"}}
    module, found = training_of(values, source="test")
    assert module.__name__ == "rdx.models.training" and found.name == "x"
    assert training_of({**values, "kind": "convnet"}, source="test")[1] == found
    other = {"kind": "concept_bottleneck", "name": "x", "data": {"dataset": "cub"}, "model": MODEL}
    assert training_of(other, source="test")[0].__name__ == "rdx.features.concept_bottleneck"
    with pytest.raises(InputError, match="kind of training 'concept_botleneck'; did you mean 'concept_bottleneck'"):
        training_of({**values, "kind": "concept_botleneck"}, source="test.yaml")


def test_a_damaged_file_is_made_again(cub, tmp_path, one_bank):
    result = train(settings(cub, tmp_path))
    save_file({"features": np.zeros((2, 2), np.float32)}, result.paths[-1])  # somebody else's, without our header
    assert not train(settings(cub, tmp_path)).reused
