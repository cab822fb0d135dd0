"""Comparisons of feature tables: the plan says how each was read, and rows in another order are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from rdx.config import parse_experiment
from rdx.errors import InputError
from rdx.experiment.plan import report
from rdx.experiment.plan.prepare import look

X = np.random.default_rng(0).normal(size=(30, 4))
FRAME = pd.DataFrame(X)
TURNED = FRAME[::-1]


def looked(folder, a: str, b: str, **data):
    config = {
        "name": "tables",
        "representations": {key: {"model": f"features:{folder}/{name}"} for key, name in (("a", a), ("b", b))},
        "methods": [{"method": "kmeans", "n_clusters": 2}],
        "statistics": "off",
        **({"data": {"dataset": "features", **data}} if data else {}),
    }
    return look(parse_experiment(config, source="test"), folder / "out")


@pytest.fixture
def tables(tmp_path):
    np.save(tmp_path / "x.npy", X)
    FRAME.to_csv(tmp_path / "x.csv")
    TURNED.to_csv(tmp_path / "turned.csv")
    TURNED.to_parquet(tmp_path / "turned.parquet")
    pd.DataFrame({"label": np.arange(30) % 3})[::-1].to_csv(tmp_path / "labels.csv")
    return tmp_path


def test_the_plan_says_how_a_table_was_read(tables):
    lines = report.plan(looked(tables, "x.csv", "x.npy"))
    assert [line for line in lines if "note:" in line] == [
        "  note: a: the first row, 0 … 3, is taken as the header",
        "  note: a: the first column without a name, 0 … 29, is taken as row numbers",
    ]
    assert not [line for line in report.plan(looked(tables, "x.npy", "x.npy")) if "note:" in line]


def test_another_order_is_refused_and_the_same_is_not(tables):
    for a, b in (("turned.csv", "x.npy"), ("x.npy", "turned.parquet"), ("x.csv", "turned.csv")):
        with pytest.raises(InputError, match="numbers its rows in another order .'29' first.*drop=NAME"):
            looked(tables, a, b)
    prepared = looked(tables, "turned.csv", "turned.parquet", labels=str(tables / "labels.csv"))
    assert prepared.items.ids[:2] == ("29", "28")
    assert prepared.items.labels.tolist() == (np.arange(30) % 3)[::-1].tolist()  # by their ids
    assert looked(tables, "turned.csv?drop=Unnamed: 0", "x.npy").items.ids[0] == "0"


def test_an_option_makes_another_representation(tables):
    prints = [
        looked(tables, f"x.csv{options}", "x.npy").steps.fingerprints["representations/a"]
        for options in ("", "?drop=0", "?column=0,1", "?column=1,0")
    ]
    assert len(set(prints)) == 4
