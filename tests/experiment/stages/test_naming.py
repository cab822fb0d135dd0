"""Names in a whole run with a small model of random weights: which files, which numbers, and what is refused.

Random weights say nothing about quality; planted words are in tests/experiment/stages/test_naming.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from made_clip import TEXT, make_clip
from made_commands import carried_out

from rdx.config import Naming, load_experiment
from rdx.errors import InputError
from rdx.experiment.plan.prepare import look, prepare
from rdx.experiment.run.tables import read_explanations
from rdx.metrics.naming import name_concepts

METHODS = ["rdx", "kmeans"]
WORDS = ["round_shape", "straight line", "Empty", "crossing", "two loops"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("naming")


@pytest.fixture(scope="module", autouse=True)
def own_cache(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RDX_CACHE", str(place / "cache"))
        yield


@pytest.fixture(scope="module")
def clip(place):
    return make_clip(place / "clip", seed=4)


@pytest.fixture(scope="module")
def config(place, clip) -> Path:
    (place / "words.txt").write_text("\n".join(WORDS) + "\n\n", encoding="utf-8")
    rng = np.random.default_rng(0)
    for key in "ab":
        np.save(place / f"{key}.npy", np.abs(rng.normal(size=(30, 5))).astype(np.float32))
    values = {
        "name": "named",
        "data": {"dataset": "digits", "split": "test", "classes": [0, 1, 8], "images_per_class": 10},
        "representations": {key: f"features:{place}/{key}.npy" for key in "ab"},
        "methods": [{"name": name, "method": name, "n_clusters": 2} for name in METHODS],
        "naming": {"model": f"open_clip:local-dir:{place}/clip", "words": f"{place}/words.txt", "top": 2},
        "figures": False,
        "statistics": "off",
    }
    path = place / "named.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(config, place):
    done = carried_out(config, place / "run")
    return place / "run", done


def test_steps_and_files(finished):
    folder, done = finished
    steps = [name for name in done if "nam" in name]
    assert steps == ["naming", *(f"a_vs_b/{method}/names" for method in METHODS)]
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("nam*") if path.is_file()} >= {
        f"a_vs_b/{method}/names.csv" for method in METHODS
    }
    assert (folder / "naming/embeddings.safetensors").is_file()


def test_names_against_open_clip(finished, clip):
    """Images and texts through open_clip's own whole model and transform, and the scores of those."""
    from open_clip import SimpleTokenizer
    from open_clip.transform import PreprocessCfg, image_transform_v2

    from rdx.data import load_items

    folder, _ = finished
    items = load_items("digits", split="test", classes=[0, 1, 8], images_per_class=10)
    transform = image_transform_v2(PreprocessCfg(size=32), is_train=False)
    texts = [f"a photo of a {word}" for word in ("round shape", *WORDS[1:])]
    with torch.no_grad():
        pixels = torch.stack([transform(items.image(i).convert("RGB")) for i in range(len(items))])
        images = clip.encode_image(pixels).numpy()
        words = clip.encode_text(SimpleTokenizer(context_length=TEXT["context_length"])(texts)).numpy()
    for method in METHODS:
        table = pd.read_csv(folder / f"a_vs_b/{method}/names.csv")
        assert list(table.columns) == ["direction", "concept", "position", "word", "score"]
        for direction, found in read_explanations(folder / "a_vs_b" / method).items():
            expected = name_concepts(images, words, found.labels, top=2)
            rows = table[table["direction"] == direction].set_index(["concept", "position"])
            assert len(rows) == 2 * len(expected) > 0
            for number, (indices, scores) in expected.items():
                for position in (1, 2):
                    row = rows.loc[(number, position)]
                    assert row["word"] == WORDS[indices[position - 1]]
                    assert row["score"] == pytest.approx(scores[position - 1], rel=1e-3)


def test_only_what_depends_on_it_is_done_again(finished, config, place):
    folder, _ = finished
    names = [f"a_vs_b/{method}/names" for method in METHODS]
    before = {path: path.read_bytes() for path in folder.rglob("names.csv")}
    assert carried_out(config, folder) == []
    assert carried_out(config, folder, ["naming.prompt='{}'"]) == ["naming", *names]
    assert carried_out(config, folder, ["naming.prompt='{}'", "naming.top=1"]) == names
    assert all((pd.read_csv(path)["position"] == 1).all() for path in before)
    assert carried_out(config, folder, ["naming=null"]) == []  # what is no longer asked for is taken away
    assert not list(folder.rglob("names.csv")) and not (folder / "naming").exists()
    assert carried_out(config, folder) == ["naming", *names]
    assert {path: path.read_bytes() for path in folder.rglob("names.csv")} == before
    assert len(carried_out(config, folder, force=True)) > 3
    assert {path: path.read_bytes() for path in folder.rglob("names.csv")} == before


def test_labels_are_the_words_where_there_is_no_list(config, place):
    carried_out(config, place / "labels", ["naming.words=null", "naming.top=9"])
    table = pd.read_csv(place / "labels/a_vs_b/kmeans/names.csv", dtype={"word": str})
    for _, words in table.groupby(["direction", "concept"])["word"]:
        assert sorted(words) == ["0", "1", "8"]


def test_one_pass_also_brings_what_is_compared(config, place, monkeypatch):
    from rdx.features import chunked

    passes = []
    stream = chunked.stream
    monkeypatch.setattr(chunked, "stream", lambda *a, **k: passes.append(a[2]) or stream(*a, **k))
    model = f"open_clip:local-dir:{place}/clip?pretrained=false&seed=8"
    changes = [f"representations.a={model}", f"naming.model={model}"]
    carried_out(config, place / "shared", changes)
    assert [len(choices) for choices in passes] == [2]


def test_weights_that_are_gone(config, place):
    weights = place / "again/open_clip_model.safetensors"
    make_clip(place / "again", seed=5)
    own = [f"naming.model=open_clip:local-dir:{place}/again?weights={weights}"]
    assert "naming" in carried_out(config, place / "kept", own)
    weights.rename(place / "aside.safetensors")
    with pytest.raises(InputError, match="no file '.*open_clip_model.safetensors'"):
        prepare(load_experiment(config, own), place / "kept")
    missing = look(load_experiment(config, own), place / "kept", list_missing=True).needs.missing
    assert len(missing) == 1 and "open_clip_model.safetensors" in missing[0]


def test_plan_counts_the_model(config, place, tmp_path, monkeypatch):
    monkeypatch.setenv("RDX_CACHE", str(tmp_path))  # what is cached needs no model
    needs = look(load_experiment(config, ["naming.top=3"]), place / "planned").needs
    assert [source.key for source in needs.sources] == ["a", "b", "naming model"]
    assert needs.sources[2].width == 24


def refused(config, place, *changes, said):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        prepare(load_experiment(config, changes), place / "refused")
    assert not (place / "refused").exists()
    for part in said:
        assert part in str(error.value), str(error.value)


def test_weights_that_cannot_be_fetched(config, place, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(place / "hub"))
    model = "open_clip:ViT-S-32-alt?weights=none.pt"
    refused(config, place, f"naming.model={model}", said=["no file", "none.pt"])
    model = "open_clip:ViT-B-32/laion2b_s34b_b79k"
    refused(config, place, f"naming.model={model}", said=[f"the weights of {model} (at least", "not on this machine"])
    planned = load_experiment(config, [f"naming.model={model}"])
    missing = look(planned, place / "refused", list_missing=True).needs.missing
    assert len(missing) == 1 and model in missing[0]


def test_the_page_of_documentation(clip):
    page = (Path(__file__).resolve().parents[3] / "docs/naming.md").read_text(encoding="utf-8")
    shown = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])["naming"]
    assert Naming(**shown).model_dump() == shown
    assert {key: shown[key] for key in ("top", "prompt")} == Naming(model="x").model_dump(include={"top", "prompt"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, ["naming.words", "no file", "list.txt"]),
        (b"", ["list.txt' is empty"]),
        (b"\n  \n", ["list.txt' is empty"]),
        (b"cat\n", ["list.txt' holds one word"]),
        (b"cat\ndog\n\nCat\n", ["list.txt', line 4: 'Cat' stands in line 1 too"]),
        (b"tabby_cat\ndog\ntabby  cat\n", ["line 3: 'tabby cat' stands in line 1 too"]),
        (b"\xff\xfe\x00", ["list.txt' is not text in UTF-8"]),
        (b"cat\n" + b"very " * 20 + b"long\n", ["is too long", "reads 16"]),
    ],
)
def test_word_lists_that_are_wrong(config, place, content, said):
    path = place / "list.txt"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    refused(config, place, f"naming.words={path}", said=said)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["naming.model=timm:test_vit"], ["'timm:test_vit' has no text tower"]),
        (["naming.model=open_clip:ViT-B-32"], ["names no weights"]),
        (["naming.model=open_clip:roberta-ViT-B-32?pretrained=false"], ["'transformers'"]),
        (["naming.top=0"], ["naming.top"]),
        (["naming.prompt=a photo"], ["naming.prompt", "one {}"]),
        (["naming.promt=x"], ["key of 'naming' 'promt'", "did you mean 'prompt'"]),
        (["naming={words: a.txt}"], ["'naming.model' is missing"]),
        (["naming.words=null", "data.classes=[8]", "data.images_per_class=30"], ["all items are '8'", "naming.words"]),
        (["data={dataset: features}"], ["'naming' needs images"]),
    ],
)
def test_settings_that_are_wrong(config, place, changes, said):
    refused(config, place, *changes, said=said)


def test_items_without_labels_need_words(config, place):
    from PIL import Image

    for i in range(8):
        (place / "pictures").mkdir(exist_ok=True)
        pixels = np.random.default_rng(i).integers(0, 255, (20, 20, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"pictures/{i}.png")
    for key in "ab":
        np.save(place / f"{key}8.npy", np.random.default_rng(1).normal(size=(8, 3)).astype(np.float32))
    changes = [f"data={{dataset: image_folder, root: {place}/pictures}}", "naming.words=null"]
    changes += [f"representations.{key}=features:{place}/{key}8.npy" for key in "ab"]
    refused(config, place, *changes, said=["no labels to name concepts by", "naming.words"])
