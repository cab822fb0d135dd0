"""`compare` from Python: arrays, models on images, aligned and guided runs, and their tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rdx import RDX, binary_success_rate, compare
from rdx.errors import InputError
from rdx.experiment.compare import configuration
from rdx.experiment.run.context import read_features, representation_file
from rdx.method.cka import debiased_cka
from rdx.metrics import probes

pytestmark = pytest.mark.usefixtures("in_a_folder")
N = 90
QUICK = {"figures": False, "n_clusters": 2, "statistics": "off"}
SMALL = {**QUICK, "version": "v2"}


@pytest.fixture
def arrays() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A holds three classes apart, B two; float32, non-negative; and the labels."""
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 3
    a = np.abs(rng.normal(size=(N, 6)) + 4 * np.eye(3, 6)[labels])
    b = np.abs(rng.normal(size=(N, 5)) + 4 * np.eye(2, 5)[labels // 2])
    return a.astype(np.float32), b.astype(np.float32), labels


def test_arrays_give_what_the_estimator_gives(arrays):
    a, b, _ = arrays
    run = compare(a, b, output_dir="run", seed=3, **SMALL)
    assert run.summary["verdict"] is None  # without statistics
    direct = RDX(n_clusters=2, random_state=3).fit(a, b)
    for direction in ("a_not_b", "b_not_a"):
        expected, found = getattr(direct, f"{direction}_"), run.explanations["rdx"][direction]
        np.testing.assert_array_equal(found.labels, expected.labels)
        np.testing.assert_array_equal(found.item_affinity, expected.item_affinity)
        assert found.null_affinity == expected.null_affinity
        for one, other in zip(found.concepts, expected.concepts, strict=True):
            np.testing.assert_array_equal(one.indices, other.indices)
            np.testing.assert_array_equal(one.members, other.members)
            assert (one.number, one.mean_affinity) == (other.number, other.mean_affinity)
        row = run.metrics.query(f"method == 'rdx' and direction == '{direction}' and distance == 'neighborhood'")
        rate = binary_success_rate(expected.grids, a, b, direction)
        assert row["bsr"].item() == rate.bsr and row["n_pairs"].item() == rate.n_pairs


def test_without_labels_and_images(arrays):
    a, b, _ = arrays
    run = compare(a, b, output_dir="run", n_clusters=2, statistics="off")
    assert set(run.methods) == {"rdx", "kmeans"}
    assert set(run.metrics["space"]) == {"raw"} and len(run.metrics) == 2 * 2 * 3
    assert not (run.folder / "classification.csv").exists()
    assert not (run.folder / "rdx/grids").exists()
    assert (run.folder / "rdx/overview_a_not_b.png").is_file()
    items = pd.read_csv(run.run_folder / "items.csv")
    assert list(items.columns) == ["index", "id", "path", "label", "label_name"] and items["label"].isna().all()


def test_tables_agree_with_each_other(arrays):
    a, b, labels = arrays
    run = compare(a, b, labels=labels, output_dir="run", **SMALL)
    for method in run.methods:
        folder = run.folder / method
        assigned, shown, concepts = (
            pd.read_csv(folder / f"{name}.csv") for name in ("assignments", "explanations", "concepts")
        )
        assert len(assigned) == 2 * N
        sizes = assigned.groupby(["direction", "concept"]).size()
        for row in concepts.itertuples():
            assert sizes[row.direction, row.concept] == row.size
            assert row.is_null == (row.concept == 0)
        for row in shown.itertuples():
            assert row.label == labels[row.index] and row.id == row.index
        per_grid = shown.groupby(["direction", "concept"])["position"]
        assert (per_grid.min() == 1).all() and (per_grid.max() == per_grid.size()).all()
    accuracy = pd.read_csv(run.folder / "classification.csv").groupby("representation")["accuracy"].mean()
    predictions = pd.read_csv(run.folder / "predictions.csv")
    for key in "ab":
        chosen = predictions[predictions["representation"] == key]
        assert (chosen["prediction"].to_numpy() == labels).mean() == pytest.approx(accuracy[key])
    assert accuracy["a"] > accuracy["b"]
    assert len(pd.read_csv(run.folder / "agreement.csv")) == probes.N_FOLDS
    assert json.loads((run.folder / "cka.json").read_text())["raw"] == pytest.approx(float(debiased_cka(a, b)))


def test_aligned_runs_map_baselines_both_ways_and_leave_representations_alone(arrays):
    from safetensors.numpy import load_file

    a, b, labels = arrays
    run = compare(a, b, labels=labels, output_dir="run", align="ridge", **SMALL)
    assert run.methods == ("rdx", "kmeans_a_to_b", "kmeans_b_to_a")
    maps = {view: load_file(run.folder / f"alignment/{view}.safetensors") for view in ("a_to_b", "b_to_a")}
    mapped = {
        view: (X.astype(np.float64) @ maps[view]["weight"].astype(np.float64) + maps[view]["bias"]).astype(np.float32)
        for view, X in (("a_to_b", a), ("b_to_a", b))
    }
    for key, X in (("a", a), ("b", b)):
        np.testing.assert_array_equal(load_file(run.run_folder / f"representations/{key}.safetensors")["features"], X)
    direct = RDX(n_clusters=2, random_state=42).fit(a, b, **mapped)
    pairs = {
        "rdx": {"a_not_b": (a, mapped["b_to_a"]), "b_not_a": (mapped["a_to_b"], b)},
        "kmeans_a_to_b": dict.fromkeys(("a_not_b", "b_not_a"), (mapped["a_to_b"], b)),
        "kmeans_b_to_a": dict.fromkeys(("a_not_b", "b_not_a"), (a, mapped["b_to_a"])),
    }
    for method, by_direction in pairs.items():
        for direction, (first, second) in by_direction.items():
            found = run.explanations[method][direction]
            if method == "rdx":
                np.testing.assert_array_equal(found.labels, getattr(direct, f"{direction}_").labels)
            rows = run.metrics.query(f"method == '{method}' and direction == '{direction}'")
            rows = rows[rows["distance"] == "neighborhood"].set_index("space")["bsr"]
            for space, pair in (("raw", (a, b)), ("aligned", (first, second))):
                rate = binary_success_rate(found.grids, *pair, direction).bsr
                assert rows[space] == rate or (rate is None and np.isnan(rows[space]))
    import baselines

    kmeans = baselines.get("kmeans")(n_clusters=2, random_state=42).fit(mapped["a_to_b"], b)
    np.testing.assert_array_equal(run.explanations["kmeans_a_to_b"]["a_not_b"].labels, kmeans.a_not_b_.labels)
    probed = set(pd.read_csv(run.folder / "classification.csv")["representation"])
    assert probed == {"a", "b", "a_to_b", "b_to_a"}
    assert set(pd.read_csv(run.folder / "alignment/history.csv")["map"]) == {"a_to_b", "b_to_a"}
    assert set(json.loads((run.folder / "cka.json").read_text())) == {"raw", "a_to_b", "b_to_a"}


@pytest.mark.parametrize("align", [None, "ridge"])
def test_guided_runs_use_each_representations_own_predictions(arrays, align):
    from safetensors.numpy import load_file

    from rdx.method.guidance import make_groups

    a, b, labels = arrays
    labels = np.where(np.random.default_rng(5).random(N) < 0.3, 0, labels)  # so that predictions go wrong
    options = {"guidance": "tpfp", "guidance_rule": "paper", "align": align, **SMALL}
    run = compare(a, b, labels=labels, methods=["rdx"], output_dir="run", **options)
    table = pd.read_csv(run.folder / "predictions.csv")

    def groups(name: str) -> np.ndarray:
        predicted = table.loc[table["representation"] == name, "prediction"].to_numpy()
        return make_groups("tpfp", predicted, labels)

    beside = {"groups_a": groups("a"), "groups_b": groups("b")}
    if align:
        for view, X in (("a_to_b", a), ("b_to_a", b)):
            tensors = load_file(run.folder / f"alignment/{view}.safetensors")
            beside[view] = X.astype(np.float64) @ tensors["weight"].astype(np.float64) + tensors["bias"]
            beside[view] = beside[view].astype(np.float32)
            beside[f"groups_{view}"] = groups(view)
    direct = RDX(n_clusters=2, random_state=42, guidance_rule="paper").fit(a, b, **beside)
    for direction in ("a_not_b", "b_not_a"):
        np.testing.assert_array_equal(
            run.explanations["rdx"][direction].labels, getattr(direct, f"{direction}_").labels
        )


def test_models_on_images(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(5):
            pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{i}.png")
    specs = [f"timm:{name}?pretrained=false" for name in ("test_resnet", "test_vit")]
    run = compare(*specs, images="images", methods=["kmeans"], n_clusters=2, images_per_concept=3)
    assert run.run_folder == Path("outputs/test_resnet_vs_test_vit")
    for found in run.explanations["kmeans"].values():
        grids = run.folder / "kmeans/grids" / found.direction
        assert len(list(grids.iterdir())) == len(found.concepts)
        assert (run.folder / f"kmeans/summary_{found.direction}.png").is_file()
    assert (run.folder / "kmeans/overview_b_not_a.png").is_file()


def test_the_folder_of_arrays_can_be_run_again(arrays):
    from rdx.config import load_experiment
    from rdx.experiment.plan.prepare import prepare

    a, b, labels = arrays
    run = compare(a, b, labels=labels, output_dir="run", **SMALL)
    assert prepare(load_experiment("run/config.yaml"), run.run_folder).todo == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gama": 1}, "unknown option of compare 'gama'; did you mean 'gamma'"),
        ({"methods": ["rxd"]}, "did you mean 'rdx'"),
        ({"labels": [1, 2]}, "2 labels for 90 items"),
        ({"b": np.ones((N, 2))}, "constant"),
        ({"b": np.eye(8)}, "90 items, 'b' has 8"),
        ({"b": "timm:test_vit"}, "images are needed"),
        (
            {"a": pd.DataFrame(np.eye(8), index=range(3, 11)), "b": np.eye(8), "images": np.zeros((8, 4, 4), np.uint8)},
            r"features 'a' name row 0 '3', the item there is '0': .*'.reset_index\(drop=True\)'",
        ),
        ({"b": dict}, "b is the class dict: give an array"),
        ({"a": None}, "a is a NoneType: give an array"),
        ({"split": "test"}, "split is a setting of images, and there are none"),
        ({"titles": "ab"}, "titles must be two, of a and of b, not 'ab'"),
        ({"layer": "layer3"}, "is an array: it takes no layer and no pool"),
        ({"pool": ("mean", "mean", "mean")}, "pool must be two, of a and of b"),
        ({"methods": 3}, "methods must be a list of names or dicts, not 3"),
        ({"methods": [{"name": "km"}]}, "a dict with its name as 'method'"),
        ({"methods": [{"method": "kmeans", "n_cluster": 3}]}, "did you mean 'n_clusters'"),
        ({"images": [np.zeros((4, 4), np.uint8)] * 8}, "'a' has 90 rows for 8 items|features 'a' have 90 rows"),
    ],
)
def test_bad_input_is_a_value_error_and_makes_no_folder(arrays, change, message):
    given = {"a": arrays[0], "b": arrays[1], "output_dir": "run", **change}
    with pytest.raises(InputError, match=message) as caught:
        compare(**given)
    assert isinstance(caught.value, ValueError)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        ("kmeans", [{"name": "kmeans", "method": "kmeans", "n_clusters": 7}]),
        (
            ["rdx", {"method": "rdx", "name": "paper", "version": "v1", "n_clusters": 2}],
            [
                {"name": "rdx", "method": "rdx", "n_clusters": 7, "beta": 4},
                {"name": "paper", "method": "rdx", "n_clusters": 2, "beta": 4, "version": "v1"},
            ],
        ),
        (({"method": "nmf", "max_iter": 3},), [{"name": "nmf", "method": "nmf", "n_clusters": 7, "max_iter": 3}]),
    ],
)
def test_methods_are_names_or_dicts_whose_own_parameters_come_first(arrays, methods, expected):
    of_rdx = {} if "rdx" not in str(methods) else {"beta": 4}
    config = configuration(*arrays[:2], methods=methods, n_clusters=7, **of_rdx)
    entries = [entry.model_dump(exclude={"statistics"}) for entry in config.methods]
    assert [{key: value for key, value in one.items() if key != "scale"} for one in entries] == expected


@pytest.mark.parametrize(
    ("titles", "expected", "name"),
    [
        ({}, ["A", "test_vit"], "A_vs_test_vit"),
        ({"titles": ("before", "after")}, ["before", "after"], "before_vs_test_vit"),
    ],
)
def test_values_are_called_by_their_titles_or_letters(arrays, titles, expected, name):
    config = configuration(arrays[0], "timm:test_vit", images="images", **titles)
    assert [entry.title for entry in config.representations.values()] == expected and config.name == name


def test_torch_modules_are_compared_by_their_features(tmp_path):
    """One module on both sides, at its output and at a layer; images as an array; the saved run needs no module."""
    import torch

    def transform(image):
        return torch.from_numpy(np.array(image, dtype=np.float32)[:, :, 0].ravel())[None, None] / 255

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))
    pixels = np.random.default_rng(0).integers(0, 256, (12, 4, 4), dtype=np.uint8)
    given = {"images": pixels, "methods": [{"method": "kmeans", "n_clusters": 2}], "output_dir": "run", **QUICK}
    run = compare((net, transform), (net, transform), layer=(None, "2"), titles=("logits", None), **given)
    assert run.titles == ("logits", "B")
    with torch.no_grad():
        inside = net[:3](torch.from_numpy(pixels.reshape(12, 1, 16).astype(np.float32)) / 255)
        outside = net[3](inside)
    for key, expected in (("a", outside), ("b", inside)):
        found = read_features(run.run_folder / representation_file(key))
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)
    assert "features:" in run.pair.run.config.representations["a"].model
    with pytest.raises(InputError, match="'b' is a torch module, so images are needed"):
        compare(np.eye(12), net, output_dir="none", **SMALL)


def test_an_interrupted_cell_goes_on_from_its_finished_steps(tmp_path, monkeypatch):
    """Frames on both sides, images as arrays: stopped after two steps, then called again."""
    from contextlib import contextmanager

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(12, 3)), columns=list("xyz"))
    pixels = [np.full((6, 5 + i, 3), i, np.uint8) for i in range(12)]
    asked, done = [], []

    @contextmanager
    def stopped(names, shown):
        asked.append(names)

        def report(line):
            done.append(line.split()[0])
            if len(done) == 2:
                raise KeyboardInterrupt

        yield report

    monkeypatch.setattr("rdx.experiment.compare.steps_shown", stopped)
    given = {"images": pixels, "methods": [{"method": "kmeans", "n_clusters": 2}], "output_dir": "run", **QUICK}
    with pytest.raises(KeyboardInterrupt):
        compare(frame, frame[["z", "x"]] ** 2, **given)
    run = compare(frame, frame[["z", "x"]] ** 2, **given)
    assert done[:2] == asked[0][:2] and asked[1] == asked[0][2:] == done[2:]
    assert run.titles == ("A", "B") and run.items["id"].tolist() == [str(i) for i in range(12)]
    assert np.asarray(run.pair.run.items.image(7).convert("RGB")).tolist() == pixels[7].tolist()
    assert run.pair.run.config.methods[0].settings["n_clusters"] == 2


def test_labels_from_python_stay_one_each_whatever_is_in_them(arrays):
    from rdx.data.labels import read_labels

    labels = ["a, b", "a\nb", '"c"'] * 30
    path = configuration(*arrays[:2], labels=labels).data["labels"]
    numbers, names, *_ = read_labels(path, [str(i) for i in range(N)])
    assert [names[number] for number in numbers.tolist()] == labels
