"""Graphs on a device against those of the processor: affinities, products, and whole comparisons."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import oracle
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from rdx import RDX
from rdx.errors import InputError
from rdx.method.difference import DifferenceGraph, compute_distances
from rdx.method.gpu.device_graph import (
    DeviceAdjacency,
    DeviceDifferenceGraph,
    DeviceSparseGraph,
    check_ranks_fit,
    compute_distances_on,
)
from rdx.method.gpu.device_tiles import on_device
from rdx.method.guidance import make_guide
from rdx.method.many import directions
from rdx.method.many.pair_sample import make_choice, sample_pairs
from rdx.method.many.sparse_graph import SparseGraph
from rdx.method.neighborhoods import as_points

HERE = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def representations(n: int = 230) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    return rng.normal(size=(n, 6)), rng.normal(size=(n, 4))


def both_graphs(symmetric=True, rule=None, **settings):
    """The processor's DifferenceGraph and the device's."""
    points = [as_points(X) for X in representations()]
    groups = [np.arange(230) % 3, np.arange(230) % 2]
    settings = {"difference": "locally_biased", "gamma": 0.1, "beta": 5.0} | settings
    graphs = []
    for kind, compute in (
        (DifferenceGraph, lambda p: compute_distances(p, "neighborhood", symmetric=symmetric)),
        (DeviceDifferenceGraph, lambda p: compute_distances_on(p, HERE, symmetric=symmetric)),
    ):
        own, other = map(compute, points)
        guide = make_guide(rule, own, other, *groups) if rule else None
        graphs.append(kind(own, other, guide=guide, **settings))
    return graphs


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("rule", [None, "own", "paper"])
@pytest.mark.parametrize("plain", [False, True])
def test_blocks_and_sums_are_those_of_the_processor(symmetric, rule, plain):
    changes = {"difference": "plain", "normalize": True} if plain else {}
    expected, found = both_graphs(symmetric, rule, **changes)
    np.testing.assert_array_equal(found.own.matrix(), expected.own.matrix())
    assert found.own.matrix().dtype == expected.own.matrix().dtype
    some = np.array([3, 0, 229, 17])
    for rows, columns in ((slice(5, 90), slice(0, 230)), (some[:, None], some[None, :])):
        for guided in (True, False):
            np.testing.assert_allclose(
                found.affinity(rows, columns, guided), expected.affinity(rows, columns, guided), **CLOSE
            )
    np.testing.assert_allclose(found.mean_affinity(some), expected.mean_affinity(some), **CLOSE)
    labels = np.arange(230) % 4
    np.testing.assert_allclose(
        found.affinity_to_clusters(labels, 4), expected.affinity_to_clusters(labels, 4), rtol=1e-4
    )


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("symmetric", [False, True])
def test_products_are_those_of_the_processors_matrix_held_or_not(symmetric, keep, monkeypatch):
    monkeypatch.setattr("rdx.method.gpu.device_graph.BLOCK", 64)  # several blocks
    monkeypatch.setattr("rdx.method.gpu.device_tiles.MOST_PAIRS", 50 * 230)  # several tiles
    expected, found = both_graphs(symmetric)
    there = DeviceAdjacency(found, keep)
    assert (there.matrix is not None) == keep
    vectors = np.random.default_rng(0).normal(size=(230, 3))
    matrix = expected.adjacency().astype(np.float64)
    np.testing.assert_allclose(there.multiply(vectors), matrix @ vectors, rtol=1e-5, atol=1e-3)
    np.testing.assert_allclose(there.degrees(), matrix.sum(axis=1), rtol=1e-5)


def sparse_graphs(symmetric, groups=None):
    a, b = (as_points(X) for X in representations(700))
    choice = make_choice(a, b, pairs_per_item=60, gamma=0.1, beta=5.0, both_directions=True, seed=0)
    sample = sample_pairs(a, b, choice, both_ways=symmetric)
    settings = {"gamma": 0.1, "beta": 5.0, "swapped": True, "own_groups": groups}
    there = DeviceSparseGraph.of_sample(sample, on_device(b, HERE), on_device(a, HERE), **settings)
    return SparseGraph.of_sample(sample, b, a, **settings), there


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("groups", [None, np.arange(700) % 3])
def test_sparse_products_and_exact_blocks_are_those_of_the_processor(symmetric, groups, monkeypatch):
    monkeypatch.setattr("rdx.method.gpu.device_graph.STEP", 5000)  # several parts
    expected, found = sparse_graphs(symmetric, groups)
    vectors = np.random.default_rng(0).normal(size=(700, 11))
    product = found.adjacency().multiply(vectors)
    scale = np.abs(product).max()
    np.testing.assert_allclose(product, expected.adjacency().multiply(vectors), rtol=1e-5, atol=1e-6 * scale)
    np.testing.assert_array_equal(product, found.adjacency().multiply(vectors))
    rows, columns = np.array([[0], [699], [5]]), np.array([[1, 699, 5, 0, 33]])
    np.testing.assert_array_equal(found.affinity(rows, columns), expected.affinity(rows, columns))


# ---- whole comparisons -----------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["dense", "sparse"])
@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("aligned", [False, True])
def test_a_comparison_on_a_device_finds_what_the_processor_finds(solver, version, aligned, monkeypatch):
    A, B, _, _ = oracle.planted_pair(n=300, size=30, groups=2, seed=0)
    settings = {"n_clusters": 2, "version": version, "solver": solver, "pairs_per_item": 100}
    settings["alignment"] = "ridge" if aligned else None
    expected = RDX(**settings, device="cpu").fit(A, B)
    monkeypatch.setattr(directions, "tile_device", lambda name, n: HERE)
    kinds = []
    adjacency = DeviceAdjacency if solver == "dense" else DeviceSparseGraph
    original = adjacency.__init__
    monkeypatch.setattr(adjacency, "__init__", lambda self, *a, **k: (kinds.append(1), original(self, *a, **k))[1])
    found = RDX(**settings, device="cpu").fit(A, B)
    assert len(kinds) == 2
    for direction in ("a_not_b_", "b_not_a_"):
        ours, theirs = getattr(found, direction), getattr(expected, direction)
        assert adjusted_rand_score(ours.labels, theirs.labels) == 1.0
        for mine, other in zip(ours.concepts, theirs.concepts, strict=True):
            assert mine.mean_affinity == pytest.approx(other.mean_affinity, rel=1e-5)
            np.testing.assert_array_equal(np.sort(mine.indices), np.sort(other.indices))


def test_kept_matrices_and_shared_distances_come_from_the_device(monkeypatch):
    A, B = representations(60)
    expected = RDX(2, keep_matrices=True, device="cpu").fit(A, B)
    monkeypatch.setattr(directions, "tile_device", lambda name, n: HERE)
    points, shared = {"A": as_points(A), "B": as_points(B)}, {}
    found = RDX(2, keep_matrices=True).fit_points(points, shared)
    np.testing.assert_array_equal(found.distances_a_, expected.distances_a_)
    np.testing.assert_allclose(found.a_not_b_.affinity, expected.a_not_b_.affinity, **CLOSE)
    assert len(shared) == 2
    held = {key: id(value) for key, value in shared.items()}
    RDX(2, gamma=0.05).fit_points(points, shared)
    assert {key: id(value) for key, value in shared.items()} == held


def test_what_is_no_rank_stays_on_the_processor(monkeypatch):
    A, B = representations(60)
    monkeypatch.setattr(directions, "tile_device", lambda name, n: pytest.fail("no device was to be asked for"))
    for changes in ({"distance": "local_scaling"}, {"clustering": "affinity_propagation"}):
        assert RDX(2, version="v1", **changes).fit(A, B).device_ == "cpu"


def test_ranks_that_do_not_fit_are_one_clear_line(monkeypatch):
    card = torch.device("cuda", 0)
    monkeypatch.setattr("rdx.method.gpu.device_graph.free_bytes", lambda device: 1 << 30)
    check_ranks_fit(10_000, card)
    with pytest.raises(InputError, match="75 GB on device 'cuda:0', which has 1 GB free: use solver='sparse'"):
        check_ranks_fit(100_000, card)
    monkeypatch.setattr(directions, "tile_device", lambda name, n: card)
    rdx = RDX(device="auto")
    rdx.solver_ = "dense"
    assert directions.device_for(rdx, "dense", 100_000) is None
    with pytest.raises(InputError, match="solver='sparse'"):
        directions.device_for(rdx.set_params(device="cuda"), "dense", 100_000)


@pytest.mark.slow
def test_the_processors_path_imports_no_torch():
    code = (
        "import sys, numpy as np; from rdx import RDX; A = np.random.default_rng(0).normal(size=(60, 4));"
        "RDX(2, device='cpu').fit(A, A[:, ::-1] ** 2); RDX(2).fit(A, A[:, ::-1] ** 2); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
