"""Runs with several comparisons: one pass over the images, one table, one figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rdx.config import parse_experiment
from rdx.experiment.plan.prepare import prepare
from rdx.experiment.run import runner

N = 24
LAYERS = [f"blocks.{i}" for i in range(4)]


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(N):
        (folder / "ab"[i % 2]).mkdir(exist_ok=True)
        noise = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "ab"[i % 2] / f"{i:02d}.png")
    return folder


def sweep(photos: Path, comparisons: list, **more) -> dict:
    model = "timm:test_vit?pretrained=false&img_size=32"
    return {
        "name": "sweep",
        "data": {"dataset": "image_folder", "root": str(photos)},
        "representations": {f"l{i}": {"model": model, "layer": layer} for i, layer in enumerate(LAYERS)},
        "comparisons": comparisons,
        "methods": [{"method": "rdx", "n_clusters": 2, "images_per_concept": 4}, {"method": "kmeans", "n_clusters": 3}],
        "explorer": False,
        "statistics": "off",
        **more,
    }


def run(values: dict, folder: Path) -> pd.DataFrame:
    prepared = prepare(parse_experiment(values, source="test"), folder)
    runner.run(prepared)
    return pd.read_csv(folder / "summary.csv")


ONE_METHOD = [{"method": "kmeans", "n_clusters": 2}]
CHAIN = [["l0", "l1"], ["l1", "l2"], ["l2", "l3"]]


@pytest.fixture
def passes(monkeypatch, tmp_path) -> list[int]:
    """How many images each pass over the data looked at, counted while it really runs."""
    from rdx.features import chunked

    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    seen: list[int] = []
    real = chunked.stream

    def counted(model, items, choices, spans, **settings):
        seen.append(sum(map(len, spans)))
        return real(model, items, choices, spans, **settings)

    monkeypatch.setattr(chunked, "stream", counted)
    return seen


def test_a_sweep_over_layers_looks_at_every_image_once_and_three_comparisons_have_a_figure(photos, tmp_path, passes):
    values, picture = sweep(photos, CHAIN, methods=ONE_METHOD), tmp_path / "run/summary.png"
    table = run(values, tmp_path / "run")
    assert passes == [N]
    assert sorted(path.stem for path in (tmp_path / "run/representations").iterdir()) == ["l0", "l1", "l2", "l3"]
    assert table["comparison"].tolist() == ["l0_vs_l1", "l1_vs_l2", "l2_vs_l3"]
    chain = picture.read_bytes()
    assert len(chain) > 5000
    run({**values, "comparisons": CHAIN[:2]}, tmp_path / "run")
    assert not picture.exists()
    run({**values, "comparisons": [*CHAIN[:2], ["l0", "l2"]]}, tmp_path / "run")  # all pairs of three: another form
    assert picture.stat().st_size > 5000 and picture.read_bytes() != chain
    assert passes == [N]  # nothing was looked at again


def test_the_table_repeats_what_the_comparisons_say(photos, tmp_path, passes):
    folder = tmp_path / "run"
    table = run(sweep(photos, CHAIN, figures=False), folder).set_index("comparison")
    assert table["verdict"].isna().all() or table["verdict"].isin(["difference", "no difference above chance"]).any()
    for pair, row in table.iterrows():
        metrics = pd.read_csv(folder / pair / "metrics.csv")
        for method in ("rdx", "kmeans"):
            concepts = pd.read_csv(folder / pair / method / "concepts.csv")
            for direction in ("a_not_b", "b_not_a"):
                chosen = metrics.query(
                    f"method == '{method}' and direction == '{direction}' and distance == 'neighborhood'"
                )
                np.testing.assert_equal(row[f"{method}_{direction}_bsr"], chosen["bsr"].item())
                shown = concepts[(concepts["direction"] == direction) & (concepts["concept"] > 0)]
                assert row[f"{method}_{direction}_concepts"] == len(shown)
        assert 0 < row["cka"] <= 1 + 1e-6
    assert not (folder / "summary.png").exists()  # figures: false
