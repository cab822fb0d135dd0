"""The figures of coefficients and of losses: what they show, for every method that has them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_pictures import contains, edges_are_white, pixels

import baselines
from baselines.base import Baseline, from_coefficients
from rdx import compare
from rdx.figures import style
from rdx.figures.coefficients import by_concept, save_coefficients
from rdx.figures.loss import COLORS, save_loss


def coefficients(n: int, k: int, low: float = 0.0) -> dict:
    U = np.random.default_rng(n).uniform(low, 1, size=(n, k))
    labels = np.where(U.max(axis=1) > 0.3, U.argmax(axis=1) + 1, 0)
    grids = [np.argsort(-column)[:9] for column in U.T]
    return dict(coefficients=U, labels=labels, grids=grids, heading="nmf: concepts of “one $ model”")


@pytest.mark.parametrize(("n", "k", "low"), [(900, 3, 0.0), (900, 4, -1.0), (5, 1, 0.0), (700, 12, 0.0)])
def test_every_concept_has_its_colour(tmp_path, n, k, low):
    save_coefficients(tmp_path / "c.png", **coefficients(n, k, low))
    shown = pixels(tmp_path / "c.png")
    assert edges_are_white(tmp_path / "c.png")
    for number in range(1, k + 1):
        assert contains(shown[:, :760], style.concept_color(number)), "curve"
        assert contains(shown[:, 760:], style.concept_color(number)), "map"


def test_items_are_ordered_by_concept_then_strength():
    U = np.array([[0.1, 0.9], [0.8, 0.2], [0.0, 0.0], [0.9, 0.1], [0.3, 0.95]])
    labels = np.array([2, 1, 0, 1, 2])
    assert by_concept(U, labels).tolist() == [3, 1, 4, 0, 2]
    thinned = by_concept(np.repeat(U, 400, axis=0), np.repeat(labels, 400), 100)
    assert len(set(thinned)) == 100
    assert np.bincount(np.repeat(labels, 400)[thinned]).tolist() == [20, 40, 40]


def test_no_concepts_say_so(tmp_path):
    nothing = dict(coefficients=np.zeros((30, 0)), labels=np.zeros(30, dtype=int), grids=[], heading="sae")
    save_coefficients(tmp_path / "c.png", **nothing)
    assert (pixels(tmp_path / "c.png") < 200).any() and edges_are_white(tmp_path / "c.png")
    dead = dict(coefficients=np.zeros((30, 2)), labels=np.zeros(30, dtype=int), grids=[np.arange(3)] * 2, heading="x")
    save_coefficients(tmp_path / "dead.png", **dead)  # all zero: no division by zero
    assert edges_are_white(tmp_path / "dead.png")


def test_losses_one_panel_a_quantity_and_equal_sides_once(tmp_path):
    falling = 3 * np.exp(-np.arange(200) / 20) + 0.01
    two = {"a_not_b: “one”": falling, "b_not_a: “other”": 2 * falling}
    odd = {"a_not_b: “one”": [np.nan] * 200, "b_not_a: “other”": np.r_[np.inf, -np.ones(199)]}
    save_loss(tmp_path / "two.png", {"loss": two, "penalty": odd}, heading="sae: training " * 20)
    shown = pixels(tmp_path / "two.png")
    assert all(contains(shown, color) for color in COLORS) and edges_are_white(tmp_path / "two.png")
    save_loss(tmp_path / "one.png", {"loss": {"a": falling, "b": falling.copy()}}, heading="usae: training")
    assert not contains(pixels(tmp_path / "one.png"), COLORS[1])
    assert pixels(tmp_path / "one.png").shape[1] < shown.shape[1]
    many = {f"quantity {i}": {"a": [i + 1.0]} for i in range(5)}
    save_loss(tmp_path / "many.png", many, heading="one step")
    assert pixels(tmp_path / "many.png").shape[0] > pixels(tmp_path / "one.png").shape[0]
    assert edges_are_white(tmp_path / "many.png")


def test_same_bytes_every_time(tmp_path):
    for folder in ("first", "second"):
        save_coefficients(tmp_path / folder / "c.png", **coefficients(200, 3))
        save_loss(tmp_path / folder / "l.png", {"loss": {"a": [3.0, 2.0, 1.0]}}, heading="h")
    for name in ("c.png", "l.png"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


class Trained(Baseline):
    """A method with coefficients and a loss."""

    def explain(self, X, rng, direction):
        U = np.abs(X[:, : self.n_clusters])
        V = np.eye(self.n_clusters, X.shape[1])
        return from_coefficients(direction, U, V, 9, loss={"loss": [2.0, 1.0], "penalty": [0.1, 0.2]})


def test_a_run_draws_what_its_methods_have(in_a_folder, monkeypatch, light_pictures):
    get = baselines.get
    monkeypatch.setitem(baselines._HOME, "trained", "baselines.base:Baseline")
    monkeypatch.setattr(baselines, "get", lambda name: Trained if name == "trained" else get(name))
    rng = np.random.default_rng(0)
    A, B = rng.random((40, 5)), rng.random((40, 4))
    done = compare(A, B, methods=["kmeans", "pca", "trained"], n_clusters=2, output_dir="run")
    drawn = {name: {path.name for path in (done.folder / name).glob("*.png")} for name in done.methods}
    overviews = {f"overview_{direction}.png" for direction in ("a_not_b", "b_not_a")}
    heat = {f"coefficients_{direction}.png" for direction in ("a_not_b", "b_not_a")}
    assert drawn == {"kmeans": overviews, "pca": overviews | heat, "trained": overviews | heat | {"loss.png"}}
    assert set(pd.read_csv(done.folder / "trained/loss.csv")["quantity"]) == {"loss", "penalty"}
    loss = done.folder / "trained/loss.png"
    loss.unlink()  # declared as an output: a run notices that it is gone
    compare(A, B, methods=["kmeans", "pca", "trained"], n_clusters=2, output_dir="run")
    assert loss.is_file()
