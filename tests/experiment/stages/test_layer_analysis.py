"""A layer analysis of a small ViT with random weights, end to end, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from made_commands import carried_out
from made_runs import sketch_pictures
from PIL import Image
from scipy.stats import hypergeom

from rdx.config import load_experiment
from rdx.errors import InputError
from rdx.experiment.plan.prepare import look
from rdx.experiment.run.tables import read_explanations
from rdx.method.cka import debiased_cka

MODEL = "timm:test_vit?pretrained=false&img_size=32"
LAYERS = {"input": "blocks.0:input", "one": "blocks.0", "two": "blocks.1", "norm": "norm"}
PAIRS = [["input", "one"], ["one", "two"], ["two", "norm"]]
N, OTHERS = 50, 120
VALUES = {
    "name": "sweep",
    "data": {"dataset": "digits", "split": "test", "classes": [0, 1, 4, 8, 9], "images_per_class": 10},
    "representations": {
        key: {"model": MODEL, "layer": layer, "pool": "mean", "title": f"after {key}"} for key, layer in LAYERS.items()
    },
    "comparisons": PAIRS,
    "methods": [{"name": "rdx", "method": "rdx", "version": "v1", "n_clusters": 3, "gamma": 0.2}],
    "figures": False,
    "explorer": False,
    "statistics": "off",
    "layer_analysis": {
        "probe_data": {"split": "train", "images_per_class": 24},  # the rest as in `data`
        "k": 5, "head_neighbors": 6, "group_tests": 4000,
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("layers")


@pytest.fixture(scope="module", autouse=True)
def own_cache(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDX_CACHE", str(place / "cache"))
        yield


@pytest.fixture(scope="module")
def config(place) -> Path:
    path = place / "sweep.yaml"
    path.write_text(yaml.safe_dump(VALUES, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(config, place):
    with pytest.MonkeyPatch.context() as patch:
        sketch_pictures(patch)  # but for the figures of the analysis
        done = carried_out(config, place / "run", ["figures=true"])
    return place / "run", done


def labels(folder: Path) -> np.ndarray:
    return pd.read_csv(folder / "items.csv")["label"].to_numpy()


def test_steps_and_files(finished):
    folder, done = finished
    steps = [name for name in done if "layer_analysis" in name]
    assert steps == [
        "layer_analysis/probes", *(f"{a}_vs_{b}/layer_analysis/group_tests" for a, b in PAIRS),
        "layer_analysis/tokens", *(f"{a}_vs_{b}/layer_analysis/heads" for a, b in PAIRS[:2]),
        "layer_analysis/figures",
    ]  # fmt: skip
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if "layer_analysis" in path.parts}
    files = {name for name in files if not name.startswith(".steps") and "." in name}
    figures = ("neighbors", "cka", "undone", "undone_beyond", "accuracy")
    assert files == {
        "layer_analysis/probes.csv", "layer_analysis/predictions.csv", "layer_analysis/group_tests.png",
        *(f"layer_analysis/heads_{name}.png" for name in figures),
        *(f"layer_analysis/tokens/{a}_vs_{b}.safetensors" for a, b in PAIRS[:2]),
        *(f"{a}_vs_{b}/layer_analysis/group_tests.csv" for a, b in PAIRS),
        *(f"{a}_vs_{b}/layer_analysis/{name}.csv" for a, b in PAIRS[:2] for name in ("heads", "head_concepts")),
    }  # fmt: skip
    for path in folder.glob("layer_analysis/*.png"):
        with Image.open(path) as image:
            assert image.width > 500 and np.ptp(np.asarray(image.convert("L"))) > 100


def test_probes_are_trained_on_the_other_items(finished, config):
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from rdx.data import load_items
    from rdx.features import load_representation

    folder, _ = finished
    probes = pd.read_csv(folder / "layer_analysis/probes.csv")
    assert list(probes["representation"]) == [key for key in LAYERS for _ in range(2)]
    assert set(probes["trained_on"]) == {OTHERS} and set(probes["tested_on"]) == {N}
    predicted = pd.read_csv(folder / "layer_analysis/predictions.csv")
    experiment = load_experiment(config)
    others = load_items(**experiment.probe_data)
    settings = experiment.representations["two"].extraction
    trained = load_representation(settings, others)
    tested = load_representation(settings, load_items(**experiment.data)).values
    assert trained.from_cache
    models = {
        "knn": KNeighborsClassifier(5),
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    }
    for name, model in models.items():
        expected = model.fit(trained.values.astype(float), others.labels).predict(tested.astype(float))
        of = predicted[(predicted["representation"] == "two") & (predicted["probe"] == name)]
        np.testing.assert_array_equal(of["prediction"], expected)
        row = probes[(probes["representation"] == "two") & (probes["probe"] == name)].iloc[0]
        assert row["accuracy"] == (expected == labels(folder)).mean() > 0.3  # five classes
    assert probes["auc"].isna().all()


def test_group_tests_against_the_tables(finished):
    folder, _ = finished
    predicted = pd.read_csv(folder / "layer_analysis/predictions.csv")
    truth = labels(folder)
    seen = 0
    for a, b in PAIRS:
        table = pd.read_csv(folder / f"{a}_vs_{b}/layer_analysis/group_tests.csv")
        explanations = read_explanations(folder / f"{a}_vs_{b}/rdx")
        of = predicted[predicted["probe"] == "knn"].pivot(index="index", columns="representation", values="prediction")
        changed = (of[a] != of[b]).to_numpy()
        for row in table.itertuples():
            members = explanations[row.direction].concepts[row.concept - 1].members
            assert row.size == len(members) and row.method == "rdx"
            marked = changed if row.test == "changed_knn" else truth == row.label
            if row.test == "changed_logistic":
                continue
            assert row.observed == pytest.approx(marked[members].mean())
            if row.test != "purity":
                exact = hypergeom(N, marked.sum(), len(members)).sf(marked[members].sum() - 1)
                assert row.p_value == pytest.approx(exact, abs=0.04)
            seen += 1
        for _, group in table.groupby("test"):
            assert (group["q_value"] >= group["p_value"] - 1e-12).all() and (group["q_value"] <= 1).all()
    assert seen > 10


def test_heads_against_the_representations(finished):
    """What the tables say of a head is what patching it by a hook gives."""
    from rdx.data import load_items
    from rdx.features.extraction import extract
    from rdx.models import load_model

    folder, _ = finished
    items = load_items(**VALUES["data"])
    model = load_model(MODEL)
    plain = extract(model, items, layer="blocks.1", pool="mean")

    def patch(module, inputs):
        heads = inputs[0].clone()
        heads[..., :32] = heads[..., :32].mean(dim=0, keepdim=True)
        return (heads,)

    model.module.blocks[1].attn.norm.register_forward_pre_hook(patch)
    patched = extract(model, items, layer="blocks.1", pool="mean")
    table = pd.read_csv(folder / "one_vs_two/layer_analysis/heads.csv")
    assert list(table["head"]) == [0, 1] and set(table["block"]) == {"blocks.1"}
    assert table["cka_lost"][0] == pytest.approx(1 - debiased_cka(plain, patched), rel=0.02, abs=1e-6)
    before, after = (np.argsort(np.linalg.norm(X[:, None] - X, axis=2), axis=1)[:, 1:7] for X in (plain, patched))
    kept = np.mean([len({*x} & {*y}) / 6 for x, y in zip(before, after, strict=True)])
    assert table["neighbors_lost"][0] == pytest.approx(1 - kept, abs=0.01)
    probes = pd.read_csv(folder / "layer_analysis/probes.csv").set_index(["representation", "probe"])["accuracy"]
    for name in ("knn", "logistic"):
        whole = table[f"{name}_accuracy"] + table[f"{name}_accuracy_lost"]
        np.testing.assert_allclose(whole, probes["two", name], atol=1 / N)  # one item may sit on the border

    concepts = pd.read_csv(folder / "one_vs_two/layer_analysis/head_concepts.csv")
    for direction in ("b_not_a", "a_not_b"):
        own = concepts[(concepts["head"] == 0) & (concepts["direction"] == direction)]
        assert len(own) and own["undone"].mean() == pytest.approx(table[f"undone_{direction}"][0])
        assert own["undone_beyond"].mean() == pytest.approx(table[f"undone_beyond_{direction}"][0])


def test_second_run_does_nothing_and_changes_redo_their_part(finished, config):
    folder, _ = finished

    def todo(*changes: str) -> list[str]:
        return [step.name for step in look(load_experiment(config, ["figures=true", *changes]), folder).todo]

    assert todo() == []
    group_tests = [f"{a}_vs_{b}/layer_analysis/group_tests" for a, b in PAIRS]
    heads = [f"{a}_vs_{b}/layer_analysis/heads" for a, b in PAIRS[:2]]
    assert todo("layer_analysis.group_seed=7") == [*group_tests, "layer_analysis/figures"]
    assert todo("layer_analysis.head_neighbors=5") == [*heads, "layer_analysis/figures"]
    assert carried_out(config, folder, ["figures=true", "layer_analysis=null"]) == []
    assert [path for path in folder.rglob("layer_analysis") if ".steps" not in path.parts] == []


def test_class_tokens_without_probes(config, place):
    """The class token before the first block is the same for all: the sweep begins after it. No labels are needed."""
    changes = [
        "representations.*.pool=cls", "layer_analysis.probe_data=null", "comparisons=[[one, two]]",
        "layer_analysis.method=kmeans", "methods=[{method: kmeans, n_clusters: 3}]",
    ]  # fmt: skip
    done = carried_out(config, place / "cls", changes)
    assert [name for name in done if "layer_analysis" in name] == [
        "layer_analysis/tokens", "one_vs_two/layer_analysis/heads",
    ]  # fmt: skip
    table = pd.read_csv(place / "cls/one_vs_two/layer_analysis/heads.csv")
    assert table["knn_accuracy"].isna().all() and (table["cka_lost"] > 0).all()
    concepts = pd.read_csv(place / "cls/one_vs_two/layer_analysis/head_concepts.csv")
    assert set(concepts["direction"]) == {"a_not_b", "b_not_a"}  # of k-means


REFUSED = {
    "layer_analysis.probe_data.split=test": "are also explained by the run, such as 'root/",
    "layer_analysis.probe_data.classes=[0, 1, 4, 8]": "has no items of class '9', which the run has",
    "layer_analysis.probe_data.variant=hflip": None,  # mirrored digits are other images
    "layer_analysis.probe_data.variant=m49; *.classes=[0, 4]": "label 4 is '4' in 'data', and '4 or 9' in",
    "layer_analysis.probe_data.dataset=digit": "did you mean 'digits'",
    "layer_analysis.probe_data.dataset=5": "'layer_analysis.probe_data' needs a key 'dataset'",
    "layer_analysis.probe_data.splitt=train": "did you mean 'split'",
    "layer_analysis.k=121": "layer_analysis.k is 121, and probe_data has only 120 items",
    "layer_analysis.kk=3": "unknown key of 'layer_analysis' 'kk'; did you mean 'k'",
    "layer_analysis={heads: false}": "there is nothing to do",
    "layer_analysis.head_neighbors=50": "head_neighbors must be below the number of items, 50",
    "layer_analysis.method=rdxx": "did you mean 'rdx'",
    "layer_analysis.group_tests=0": "layer_analysis.group_tests",
    "comparisons=[[input, two], [two, norm]]": "no comparison has one .'input' and 'two' neither.: set 'heads: false'",
    "methods=[kmeans]": "looks at the concepts of RDX, which 'methods' has not",
    "representations.*.model=features:x.npy": "array",
}


@pytest.mark.parametrize("change", REFUSED)
def test_what_is_refused_in_one_line(config, place, change):
    changes = change.split("; ")
    if changes[-1].startswith("*"):
        *changes, both = changes
        changes += [both.replace("*", section) for section in ("data", "layer_analysis.probe_data")]
    if "features:" in change:
        np.save(place / "x.npy", np.random.default_rng(0).normal(size=(N, 4)))
        changes = [f"representations.*={{model: 'features:{place / 'x.npy'}'}}"]
    if REFUSED[change] is None:
        look(load_experiment(config, changes), place / "nothing")
        return
    with pytest.raises(InputError, match=REFUSED[change]) as error:
        look(load_experiment(config, changes), place / "nothing")
    assert "\n" not in str(error.value) and not (place / "nothing").exists()


def test_a_model_without_heads_is_refused_before_anything_runs(config, place):
    model = "timm:xcit_nano_12_p16_224?pretrained=false&img_size=32"
    changes = [f"representations.*.model={model}", "representations.*.pool=mean", "comparisons=[[input, one]]"]
    with pytest.raises(InputError, match="heads of layer 'blocks.0' of timm:xcit_nano_12_p16_224.* cannot be patched"):
        look(load_experiment(config, changes), place / "nothing")


def test_images_from_files_are_known_by_their_path(config, place):
    """The same file under another root, through a link, is the same image."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    for i in range(40):
        path = place / "photos" / str(digits.target[i] % 2) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((digits.images[i] * 15).astype(np.uint8)).save(path)
    (place / "others").mkdir()
    for name in "01":
        (place / "others" / name).mkdir()
        chosen = sorted((place / "photos" / name).iterdir())
        (place / "others" / name / "same.png").symlink_to(chosen[0])
        for number, path in enumerate(chosen[1:12]):
            (place / "others" / name / f"copy{number}.png").write_bytes(path.read_bytes())
    changes = [
        f"data={{dataset: image_folder, root: '{place / 'photos'}'}}",
        f"layer_analysis.probe_data={{dataset: image_folder, root: '{place / 'others'}'}}",
        "layer_analysis.k=2", "layer_analysis.head_neighbors=2",
    ]  # fmt: skip
    with pytest.raises(InputError, match="2 of the 24 items of 'layer_analysis.probe_data' are also explained"):
        look(load_experiment(config, changes), place / "nothing")
