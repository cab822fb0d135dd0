"""The statistics of a run: what is written where, what is redone, and what the verdict rests on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from made_commands import carried_out

from rdx import RDX, compare
from rdx.config import load_experiment, parse_experiment
from rdx.errors import InputError
from rdx.experiment.plan.prepare import look
from rdx.experiment.run.tables import read_table
from rdx.experiment.stages import statistics
from rdx.experiment.stages.methods import method_runs
from rdx.metrics.refits import Refits
from rdx.metrics.significance import concept_significance, gains_of
from rdx.metrics.surrogates import NoiseSurrogates

N = 120
QUICK = {"level": "fast", "n_surrogates": 20, "n_subsamples": 2, "n_groups": 50}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Two classes that only B keeps apart, copies c and d of B as of other seeds; labels; as YAML; a finished run."""
    folder = tmp_path_factory.mktemp("statistics")
    rng = np.random.default_rng(0)
    labels, centres = np.arange(N) % 4, 4 * np.eye(4, 6)
    base = rng.normal(size=(N, 6))
    arrays = {"a": base + centres[np.minimum(labels, 2)], "b": base + centres[labels]}
    arrays |= {key: arrays["b"] + 0.2 * rng.normal(size=(N, 6)) for key in "cd"}
    for key, values in arrays.items():
        np.save(folder / f"{key}.npy", values.astype(np.float32))
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    values = {
        "name": "small", "representations": {"a": "features:a.npy", "b": "features:b.npy"},
        "methods": [
            {"name": "rdx", "method": "rdx", "version": "v1", "n_clusters": 2},
            {"name": "other", "method": "rdx", "version": "v1", "n_clusters": 3},
            {"name": "kmeans", "method": "kmeans", "n_clusters": 2},
        ],
        "statistics": QUICK, "figures": False,
    }  # fmt: skip
    (folder / "small.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = carried_out(folder / "small.yaml", folder / "whole")
    assert [name for name in done if name.endswith("statistics")] == ["a_vs_b/rdx/statistics"]
    return folder


@pytest.fixture
def config(place, monkeypatch) -> Path:
    monkeypatch.chdir(place)
    return place / "small.yaml"


ONE = ["methods=[{name: rdx, method: rdx, version: v1, n_clusters: 2}]"]


def summary_of(folder: Path) -> dict:
    return json.loads((folder / "a_vs_b/summary.json").read_text(encoding="utf-8"))


def concepts_of(folder: Path, method: str = "rdx") -> pd.DataFrame:
    return read_table(folder / "a_vs_b" / method / "concepts.csv")


def tables(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.[cj]s[vo]*"))
            if ".steps" not in path.parts and path.name not in ("environment.json", "plan.json")}  # fmt: skip


def test_the_tables_have_what_the_library_finds(config, place):
    features = {key.upper(): np.load(f"{key}.npy") for key in "ab"}
    estimator = RDX(2, version="v1", random_state=42).fit(**features)
    labels = {direction: getattr(estimator, f"{direction}_").labels for direction in ("a_not_b", "b_not_a")}
    refits = Refits(estimator, features)
    found = concept_significance(gains_of(refits, labels), NoiseSurrogates(refits, 42), 20)
    table = concepts_of(place / "whole")
    shown = table[~table["is_null"]]
    for direction, p in found.p_value.items():
        rows = shown[shown["direction"] == direction]
        np.testing.assert_array_equal(rows["p_value"], p)
        np.testing.assert_array_equal(rows["q_value"], found.q_value[direction])
        assert rows["stability"].between(0, 1).all() and rows["p_random"].between(1 / 51, 1).all()
    assert table[table["is_null"]][["p_random", "p_value", "q_value", "stability"]].isna().all(axis=None)
    for method in ("other", "kmeans"):
        assert concepts_of(place / "whole", method)[["p_random", "p_value", "stability"]].isna().all(axis=None)
        assert not (place / "whole/a_vs_b" / method / "statistics.csv").exists()


def test_the_verdict_and_what_it_rests_on(place):
    summary = summary_of(place / "whole")
    assert summary["verdict"] == "difference" and "stand" in summary["reason"] and "smallest p" in summary["reason"]
    told = summary["statistics"]
    assert (told["level"], told["n"], told["subsampled"], told["method"]) == ("fast", N, False, "rdx")
    assert told["surrogates"] == 20 and set(told["noise_level"]) == {"a", "b"} and "null" not in told
    row = pd.read_csv(place / "whole/summary.csv").iloc[0]
    assert row["verdict"] == "difference" and row["reason"] == summary["reason"]
    null = json.loads((place / "whole/a_vs_b/rdx/statistics.json").read_text())["null"]
    assert [len(values) for values in null.values()] == [20, 20]


def test_nothing_is_redone_and_repetition_gives_the_same_bytes(config, place, tmp_path):
    assert carried_out(config, place / "whole") == []
    carried_out(config, tmp_path / "again")
    assert tables(tmp_path / "again") == tables(place / "whole")


def test_a_change_of_the_statistics_leaves_the_method_alone(config, place, tmp_path):
    folder = shutil.copytree(place / "whole", tmp_path / "run")
    after = ["a_vs_b/rdx/statistics", "a_vs_b/rdx/concepts", "a_vs_b/summary", "summary"]
    more = look(load_experiment(config, ["statistics.n_subsamples=3"]), folder)
    assert [step.name for step in more.todo] == after
    done = carried_out(config, tmp_path / "run", ["statistics.level=off"])
    assert done == after[1:]
    assert not (tmp_path / "run/a_vs_b/rdx/statistics.csv").exists()
    assert concepts_of(tmp_path / "run")["p_value"].isna().all()
    summary = summary_of(tmp_path / "run")
    assert summary["verdict"] is None and summary["statistics"] is None


def test_an_arm_may_ask_for_its_own(config, tmp_path):
    changes = ["methods.rdx.statistics=off", "methods.other.statistics=fast"]
    done = carried_out(config, tmp_path / "run", changes)
    assert [name for name in done if name.endswith("statistics")] == ["a_vs_b/other/statistics"]
    assert summary_of(tmp_path / "run")["statistics"]["method"] == "other"
    with pytest.raises(InputError, match="method 'kmeans': 'statistics' belongs to rdx"):
        method_runs(load_experiment(config, ["methods.kmeans.statistics=full"]))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_rotated_shifted_and_scaled_is_no_difference(config, tmp_path, version):
    rotation = np.linalg.qr(np.random.default_rng(1).normal(size=(9, 6)))[0].T
    np.save("turned.npy", (np.load("a.npy").astype(float) @ rotation * 3 + 1).astype(np.float32))
    carried_out(config, tmp_path / "run", [f"methods.rdx.version={version}", "representations.b=features:turned.npy"])
    summary, table = summary_of(tmp_path / "run"), concepts_of(tmp_path / "run")
    shown = table[~table["is_null"]]
    assert summary["verdict"] == "no difference above chance"
    if version == "v1":
        assert len(shown) == 4 and (shown["p_value"] == 1).all() and "rank every item" in summary["reason"]
    else:
        assert not len(shown) and "no cluster" in summary["reason"]
    assert summary["statistics"]["surrogates"] == 0


def test_a_reference_takes_the_place_of_the_surrogates(config, tmp_path):
    more = [f"representations.{key}=features:{key}.npy" for key in "cd"] + ["comparisons=[[a, b]]", *ONE]
    carried_out(config, tmp_path / "run", [*more, "statistics.reference=[c, d]"])
    assert sorted(path.stem for path in (tmp_path / "run/representations").iterdir()) == ["a", "b", "c", "d"]
    summary = summary_of(tmp_path / "run")
    assert summary["verdict"] == "difference" and "'c', 'd'" in summary["reason"]
    assert summary["statistics"]["reference"] == ["c", "d"] and "noise_level" not in summary["statistics"]
    carried_out(config, tmp_path / "run", [*more, "statistics.reference=[a, b]"])  # no more different than itself
    assert summary_of(tmp_path / "run")["verdict"] == "no difference above chance"


def test_too_many_items_are_tested_on_some_and_that_is_said(config, tmp_path):
    carried_out(config, tmp_path / "run", ["statistics.n_items=60", *ONE])
    told = summary_of(tmp_path / "run")["statistics"]
    assert told["subsampled"] is True and told["n"] == 60
    shown = concepts_of(tmp_path / "run").query("not is_null")
    assert shown.loc[shown["size"] >= 10, "p_value"].notna().all()
    tiny = pd.read_csv(tmp_path / "run/a_vs_b/rdx/statistics.csv")["p_value"].isna()
    assert (shown.loc[tiny.to_numpy(), "size"] <= 3).all()  # the subsample has no pair of their items


def test_aligned_and_guided_runs(config, tmp_path):
    carried_out(config, tmp_path / "aligned", ["alignment=ridge", *ONE])
    told = summary_of(tmp_path / "aligned")["statistics"]
    assert len(told["rank_change"]) == 2  # each direction has a pair of its own
    data = "data={dataset: features, labels: labels.txt}"
    carried_out(config, tmp_path / "guided", [data, "guidance=ground_truth", *ONE, "methods.rdx.version=v2"])
    assert summary_of(tmp_path / "guided")["verdict"] in ("difference", "no difference above chance")


def test_compare_takes_a_level(config, tmp_path):
    a, b = np.load("a.npy")[:60], np.load("b.npy")[:60]
    on = compare(a, b, methods=["rdx"], output_dir=tmp_path / "on", statistics={**QUICK, "level": "full"},
                 figures=False)  # fmt: skip
    assert on.summary["statistics"]["level"] == "full" and on.summary["verdict"]


@pytest.mark.parametrize(
    ("level", "n", "used", "surrogates"),
    [("fast", 900, 900, 49), ("fast", 5000, 1000, 49), ("full", 2500, 2500, 99), ("full", 5000, 2000, 99)],
)
def test_what_a_level_does_depends_on_the_number_of_items_alone(config, level, n, used, surrogates):
    experiment = load_experiment(config, [f"statistics={level}"])
    plan = statistics.plan(experiment, method_runs(experiment)[0], n)
    assert (plan.n, plan.subsampled, plan.n_surrogates) == (used, used < n, surrogates)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("statistics=ful", "did you mean 'full'"),
        ("statistics.n_surogates=9", "unknown key of 'statistics' 'n_surogates'; did you mean 'n_surrogates'"),
        ("statistics.n_surrogates=5", "'statistics.n_surrogates' must be at least 20, not 5"),
        ("statistics.reference=[a, z]", "unknown representation in 'statistics.reference' 'z'"),
        ("statistics.reference=[a, a]", "names 'a' twice"),
        ("statistics.reference=[a]", "statistics.reference"),
    ],
)
def test_wrong_settings_are_one_line(config, change, message):
    with pytest.raises(InputError, match=message) as caught:
        load_experiment(config, [change])
    assert "\n" not in str(caught.value)


def test_a_reference_and_guidance_do_not_go_together(config):
    with pytest.raises(InputError, match=r"'statistics.reference' cannot be used in a guided run"):
        load_experiment(config, ["statistics.reference=[a, b]", "guidance=classifier"])


@pytest.mark.parametrize(("word", "level"), [("off", "off"), ("false", "off"), ("true", "fast"), ("full", "full")])
def test_a_bare_word_is_the_level(config, word, level):
    """YAML's `off` is false to its reader."""
    text = yaml.safe_dump({**yaml.safe_load(config.read_text()), "statistics": None}).replace(
        "statistics: null", f"statistics: {word}"
    )
    experiment = parse_experiment(yaml.safe_load(text), source="x")
    assert experiment.statistics.level == level
    assert parse_experiment(yaml.safe_load(experiment.as_yaml()), source="again") == experiment
