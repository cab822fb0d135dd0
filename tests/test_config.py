"""The YAML: bases, changes, and one clear line for everything that can be wrong in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rdx.config import apply_changes, load_experiment, merged, parse_experiment, read_yaml
from rdx.errors import InputError

PLAIN = {
    "name": "plain",
    "representations": {"a": {"model": "features:a.npy"}, "b": "features:b.npy"},
    "methods": [{"name": "rdx", "method": "rdx", "gamma": 0.05}, "kmeans"],
}


def write(path: Path, values: dict) -> Path:
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def test_base_is_merged_deeply_lists_replaced_and_relative_to_the_file(tmp_path):
    (tmp_path / "defaults").mkdir()
    (tmp_path / "here").mkdir()
    write(tmp_path / "defaults" / "low.yaml", {**PLAIN, "seed": 1, "data": {"dataset": "digits", "split": "train"}})
    write(tmp_path / "defaults" / "mid.yaml", {"base": "low.yaml", "seed": 2})
    top = write(
        tmp_path / "here" / "top.yaml",
        {"base": "../defaults/mid.yaml", "name": "top", "data": {"split": "test"}, "methods": ["pca"]},
    )
    config = load_experiment(top)
    assert (config.name, config.seed) == ("top", 2)
    assert config.data == {"dataset": "digits", "split": "test"}
    assert [method.name for method in config.methods] == ["pca"]


def test_circle_of_bases(tmp_path):
    write(tmp_path / "one.yaml", {"base": "two.yaml"})
    write(tmp_path / "two.yaml", {"base": "one.yaml"})
    with pytest.raises(InputError, match="circle: one.yaml → two.yaml → one.yaml"):
        read_yaml(tmp_path / "one.yaml")


def test_merging_changes_neither_side():
    below, above = {"x": {"y": 1}, "l": [1, 2]}, {"x": {"z": 2}, "l": [3]}
    assert merged(below, above) == {"x": {"y": 1, "z": 2}, "l": [3]}
    assert below == {"x": {"y": 1}, "l": [1, 2]}
    assert above == {"x": {"z": 2}, "l": [3]}


def test_changes_go_by_dotted_key_position_or_name():
    changes = ["methods.rdx.gamma=0.2", "methods.1=pca", "data.dataset=digits"]
    changed = apply_changes(PLAIN, [*changes, "representations.a.title=a=b", "alignment=null"])
    assert changed["methods"] == [{"name": "rdx", "method": "rdx", "gamma": 0.2}, "pca"]
    assert changed["data"] == {"dataset": "digits"}
    assert changed["representations"]["a"]["title"] == "a=b"
    assert changed["alignment"] is None
    assert PLAIN["methods"][0]["gamma"] == 0.05


def test_a_star_changes_every_entry_and_plus_appends():
    layers = {"one": {"model": "timm:x"}, "two": {"model": "timm:x", "layer": "blocks.1"}}
    changed = apply_changes({"representations": layers}, ["representations.*.model=timm:y"])["representations"]
    assert changed == {"one": {"model": "timm:y"}, "two": {"model": "timm:y", "layer": "blocks.1"}}
    methods = apply_changes(PLAIN, ["methods=[{method: pca}]", "methods+={method: kmeans}", "methods.*.n_clusters=2"])
    assert methods["methods"] == [{"method": "pca", "n_clusters": 2}, {"method": "kmeans", "n_clusters": 2}]
    assert apply_changes(PLAIN, ["comparisons+=[a, b]"])["comparisons"] == [["a", "b"]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("gamma", "write KEY=VALUE"),
        ("methods.rxd.gamma=1", "did you mean 'rdx'"),
        ("methods.7=pca", "unknown entry '7'"),
        ("name.x=1", "nothing below 'x'"),
        ("x=[", "not valid YAML"),
        ("+=1", "write KEY=VALUE"),
        ("representations+=1", "'representations' is no list"),
    ],
)
def test_wrong_changes(change, message):
    with pytest.raises(InputError, match=message):
        apply_changes(PLAIN, [change])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["seed=1", "sead=2"], "--set sead=2: unknown key 'sead'; did you mean 'seed'?"),
        (["seed=-1"], "--set seed=-1: 'seed' must be at least 0"),
    ],
)
def test_what_is_wrong_about_a_change_is_not_said_of_the_file(tmp_path, changes, said):
    path = write(tmp_path / "a.yaml", PLAIN)
    with pytest.raises(InputError) as caught:
        load_experiment(path, changes)
    assert str(caught.value).startswith(said)
    write(path, {**PLAIN, "sead": 3})
    with pytest.raises(InputError, match=r"a\.yaml: unknown key 'sead'"):
        load_experiment(path, ["seed=1"])


def test_two_representations_are_one_comparison_by_default():
    config = parse_experiment(PLAIN, source="x")
    assert config.comparisons == [("a", "b")]
    assert config.representations["b"].model == "features:b.npy"
    assert config.methods[1].method == "kmeans"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alignmnt": "cka"}, "unknown key 'alignmnt'; did you mean 'alignment'"),
        ({"alignment": "rigde"}, "did you mean 'ridge'"),
        ({"guidance": "clasifier"}, "did you mean 'classifier'"),
        ({"representations": {"a": {"model": "m", "layr": "x"}, "b": "n"}}, "'layr'; did you mean 'layer'"),
        ({"representations": {"a": "m"}}, "representations"),
        ({"representations": {"a": "m", "b_vs_c": "n"}}, "cannot be named 'b_vs_c'"),
        ({"representations": {"a": "m", "b": "n", "c": "o"}}, "'comparisons' is missing"),
        ({"comparisons": [["a", "bb"]]}, "unknown representation in 'comparisons' 'bb'; did you mean 'b'"),
        ({"comparisons": [["a", "a"]]}, "with itself"),
        ({"comparisons": [["a", "b"], ["a", "b"]]}, "twice"),
        ({"methods": ["pca", "pca"]}, "two entries named 'pca'"),
        ({"methods": [{"name": "cka", "method": "pca"}]}, "cannot be named 'cka'"),
        ({"methods": []}, "methods"),
        ({"data": {"root": "x"}}, "'data' needs a key 'dataset'"),
        ({"name": "../up"}, "'name' must be a name of letters, digits and . _ = [+] -, with a letter or digit first"),
        ({"name": "n" * 201}, "'name' must have at most 200 characters"),
        ({"seed": -1}, "'seed' must be at least 0, not -1"),
        ({"seed": "x"}, "'seed' must be a whole number, not 'x'"),
        ({"figures": "perhaps"}, "'figures' must be true or false"),
        ({"methods": "rdx"}, "'methods' must be a list, not 'rdx'"),
        ({"methods": [{"name": "km", "method": "kmeans", "statistics": "of"}]}, "'methods.km.statistics': 'of'; did"),
        ({"comparisons": [["a"]]}, "'comparisons' must list pairs such as"),
        ({"representations": 3}, "'representations' must be 'key: value' lines, not 3"),
        ({"representations": {"a b": "m", "c": "n"}}, "'representations.a b' must be a name"),
        ({"sead": 1, "alignmnt": "cka"}, r"unknown keys 'sead' .did you mean 'seed'.., 'alignmnt' .did you mean"),
        ({"sead": 1, "explorer": {"mpa": "pca"}}, "'mpa'; did you mean 'map'.*; unknown key 'sead'"),
        ({"sead": 1}, "align_start, .*, explorer, .*, skip_bad_images, statistics, sweep.$"),  # all keys, no …
        ({"explorer": {"thumbnails_mb": float("nan")}}, "thumbnails_mb"),
    ],
)
def test_wrong_values_are_one_line_with_the_key(values, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_experiment({**PLAIN, **values}, source="file.yaml")
    assert str(caught.value).startswith("file.yaml: ")
    assert "\n" not in str(caught.value)


def test_models_in_place_of_representations_is_understood():
    values = {key: value for key, value in PLAIN.items() if key != "representations"}
    with pytest.raises(InputError) as caught:
        parse_experiment({**values, "models": PLAIN["representations"]}, source="x.yaml")
    assert str(caught.value).startswith("x.yaml: unknown key 'models'; did you mean 'representations'? (known: ")
    assert "missing" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nname: x\nseed: 2\n", "x.yaml, line 3: the key 'seed' stands twice .first in line 1."),
        ("methods:\n- {method: rdx,\n   gamma: 1, gamma: 2}\n", "line 3: the key 'gamma' stands twice"),
        ("seed: 2024-13-45\n", "x.yaml: not valid YAML: month must be"),
    ],
)
def test_no_key_stands_twice_and_odd_values_are_named(tmp_path, text, message):
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_yaml(tmp_path / "x.yaml")


def test_a_merged_mapping_may_be_overridden(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: &b {<<: *a, x: 3}\nc: {<<: *b, x: 4}\n", encoding="utf-8")
    assert read_yaml(path)["c"] == {"x": 4, "y": 2}


def test_a_key_with_a_plus_appends_to_the_list_of_the_base(tmp_path):
    write(tmp_path / "base.yaml", {**PLAIN, "data": {"dataset": "digits", "classes": [1]}})
    path = write(tmp_path / "top.yaml", {"base": "base.yaml", "methods+": ["pca"], "data": {"classes+": [2, 3]}})
    config = load_experiment(path, ["methods+={method: nmf}"])
    assert [method.name for method in config.methods] == ["rdx", "kmeans", "pca", "nmf"]
    assert config.data["classes"] == [1, 2, 3]
    for wrong in ({"seed+": [1]}, {"methods+": "pca"}):
        with pytest.raises(InputError, match="top.yaml: '(seed|methods[+])' is no list"):
            read_yaml(write(path, {"base": "base.yaml", "seed": 1, **wrong}))


@pytest.mark.parametrize("name", ["n" * 300, "folder", "zero\0byte"])
def test_a_path_that_is_no_file_is_one_line(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot be read as a configuration file"):
        read_yaml(tmp_path / name)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [1", "!!python/object/apply:os.getcwd []", ""])
def test_files_that_are_no_mapping(tmp_path, text):
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="x.yaml"):
        read_yaml(path)


def test_missing_file_and_missing_base(tmp_path):
    with pytest.raises(InputError, match="gone.yaml: no such"):
        read_yaml(tmp_path / "gone.yaml")
    path = write(tmp_path / "top.yaml", {"base": "gone.yaml"})
    with pytest.raises(InputError, match="gone.yaml: no such"):
        read_yaml(path)


def test_the_saved_form_reads_back_the_same(tmp_path):
    config = parse_experiment({**PLAIN, "name": "saved"}, source="x")
    path = tmp_path / "config.yaml"
    path.write_text(config.as_yaml(), encoding="utf-8")
    assert load_experiment(path) == config
