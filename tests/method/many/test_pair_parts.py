"""Samples drawn in parts are those of one process, whoever computes which part and in whatever order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rdx import RDX
from rdx.method.gpu.device_sample import DeviceParts
from rdx.method.gpu.device_tiles import on_device
from rdx.method.many import pair_parts, pair_tiles
from rdx.method.many.pair_parts import ProcessorParts, cut, draw_in_parts
from rdx.method.many.pair_sample import make_choice, sample_pairs
from rdx.method.neighborhoods import as_points

N = 230
SETTINGS = {"pairs_per_item": 20, "gamma": 0.1, "beta": 5.0, "seed": 1, "both_directions": True}


class Memory:
    """A store that keeps parts in a dictionary; ``mine`` are the parts that it computes before it looks."""

    def __init__(self, kept=None, mine=None):
        self.kept = {} if kept is None else kept
        self.mine, self.computed = mine, []

    def __call__(self, made_of):
        return self

    def once(self, name, make):
        return self.kept.setdefault(name, make()) if name not in self.kept else self.kept[name]

    def is_settled(self, passes, made_of, count):
        return False

    def gathered(self, name, made_of, count, compute, *, last):
        mine = [k for k in (range(count) if self.mine is None else self.mine) if (name, k) not in self.kept]
        compute(mine, lambda k, arrays: self.kept.__setitem__((name, k), dict(arrays)))
        self.computed += [(name, k) for k in mine]
        if any((name, k) not in self.kept for k in range(count)):
            return None
        return (self.kept[name, k] for k in range(count))


@pytest.fixture(params=[(8, 4), (13, 1), (64, 2)], ids=str)
def tiles(request, monkeypatch):
    """Odd numbers of parts, of one tile or several, and tiles that do not divide n."""
    monkeypatch.setattr(pair_tiles, "TILE_ROWS", request.param[0])
    monkeypatch.setattr(pair_parts, "LEAST_TILES", request.param[1])


def representations():
    rng = np.random.default_rng(3)
    A, B = rng.normal(size=(N, 6)), rng.normal(size=(N, 4))
    A[100:120] = A[99]  # duplicates
    return as_points(A), as_points(B.round(1))


def arrays(sample):
    ranks = [each for side in (sample.seen, sample.back) if side for each in (side.a, side.b, side.chances)]
    return [sample.starts, sample.items, sample.near, *ranks]


def assert_same(found, expected):
    for one, other in zip(arrays(found), arrays(expected), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("n", [4, 63, 64, 255, 256, 257, 20_000, 10**6])
def test_parts_are_whole_tiles_in_order_and_few(n):
    parts = cut(n)
    blocks = [block for part in parts for block in part]
    assert blocks == pair_tiles.row_blocks(n) and len(parts) <= pair_parts.MOST_PARTS
    assert all(len(part) == len(parts[0]) for part in parts[:-1])


@pytest.mark.parametrize("both_ways", [True, False], ids=["v2", "v1"])
@pytest.mark.parametrize("threads", [1, 3])
def test_in_parts_as_at_once(tiles, both_ways, threads):
    a, b = representations()
    expected = sample_pairs(a, b, make_choice(a, b, **SETTINGS), both_ways=both_ways)
    found = draw_in_parts(a, b, ProcessorParts(a, b, threads), Memory(), both_ways=both_ways, **SETTINGS)
    assert_same(found, expected)


@pytest.mark.parametrize("both_ways", [True, False], ids=["v2", "v1"])
def test_shared_by_several(tiles, both_ways):
    """As many rounds as there are passes: a second pass needs all of the first."""
    a, b = representations()
    count, kept, found = len(cut(N)), {}, []
    for _ in range(1 + both_ways):
        for worker in range(3):
            store = Memory(kept, range(worker, count, 3))
            found.append(draw_in_parts(a, b, ProcessorParts(a, b, 1), store, both_ways=both_ways, **SETTINGS))
    assert found[0] is None and len(kept) == 1 + (1 + both_ways) * count
    assert_same(found[-1], sample_pairs(a, b, make_choice(a, b, **SETTINGS), both_ways=both_ways))


@pytest.mark.parametrize("both_ways", [True, False], ids=["v2", "v1"])
def test_a_device_makes_the_same_parts(tiles, both_ways):
    a, b = representations()
    kept = [{}, {}]
    placed = [on_device(each, torch.device("cpu")) for each in (a, b)]
    for held, one in zip(kept, (ProcessorParts(a, b, 1), DeviceParts(*placed)), strict=True):
        draw_in_parts(a, b, one, Memory(held), both_ways=both_ways, **SETTINGS)
    assert kept[0].keys() == kept[1].keys()
    for key, held in kept[0].items():
        for name, values in held.items():
            assert values.dtype == kept[1][key][name].dtype
            np.testing.assert_array_equal(values, kept[1][key][name])


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("alignment", [None, "ridge"])
def test_a_fit_from_shared_parts(version, alignment, monkeypatch):
    monkeypatch.setattr(pair_parts, "LEAST_TILES", 1)
    monkeypatch.setattr(pair_tiles, "TILE_ROWS", 64)
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(N, 6)), rng.normal(size=(N, 5))
    estimator = RDX(2, version=version, solver="sparse", pairs_per_item=20, alignment=alignment, device="cpu")
    expected = estimator.fit(A, B)
    maps = {}
    if alignment:
        maps = {"a_to_b": expected.map_a_to_b_.apply(A), "b_to_a": expected.map_b_to_a_.apply(B)}
    stores = {}
    of = lambda made_of: stores.setdefault(str(made_of), Memory())  # noqa: E731
    estimator.share_pairs(A, B, *maps.values(), stores=of)
    assert len(stores) == (2 if alignment else 1)
    for store in stores.values():
        store.computed.clear()
    found = RDX(2, version=version, solver="sparse", pairs_per_item=20, device="cpu").fit(A, B, **maps, stores=of)
    assert not any(store.computed for store in stores.values())
    for direction in ("a_not_b_", "b_not_a_"):
        one, other = getattr(found, direction), getattr(expected, direction)
        np.testing.assert_array_equal(one.labels, other.labels)
        np.testing.assert_array_equal(one.item_affinity, other.item_affinity)
