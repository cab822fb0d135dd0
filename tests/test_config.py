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
        ({"name": "../up"}, "name"),
        ({"seed": -1}, "seed"),
    ],
)
def test_wrong_values_are_one_line_with_the_key(values, message):
    with pytest.raises(InputError, match=message) as caught:
        parse_experiment({**PLAIN, **values}, source="file.yaml")
    assert str(caught.value).startswith("file.yaml: ")
    assert "\n" not in str(caught.value)


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
