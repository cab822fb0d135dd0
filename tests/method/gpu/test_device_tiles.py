"""Tiles on a device against those of the processor: the same ranks, the same sample, bit for bit.

On a machine without a card torch's own processor device stands in for it: the code is the same, only the memory
is another.
"""

from __future__ import annotations

import numpy as np
import oracle
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rdx.compute.devices import check_device, resolve_device, tile_device
from rdx.errors import InputError
from rdx.method.gpu import device_tiles
from rdx.method.gpu.device_choice import DeviceChoice
from rdx.method.gpu.device_counting import Chosen, count_ranks_on
from rdx.method.gpu.device_sample import sample_pairs_on
from rdx.method.gpu.device_tiles import OWN, device_ranks, for_each_rows, on_device, squared_rows
from rdx.method.many import pair_choice
from rdx.method.many.pair_sample import make_choice, sample_pairs
from rdx.method.neighborhoods import Points, as_points, neighborhood_ranks, squared_distance_rows

HERE = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def features(kind: str, n: int, d: int, seed: int = 0) -> np.ndarray:
    """Random numbers; few whole numbers, so that most distances tie; or near-ties around few of them."""
    rng = np.random.default_rng([seed, n, d])
    if kind == "normal":
        return rng.normal(size=(n, d)).astype(np.float32)
    few = rng.integers(0, 3, (n, d)).astype(np.float64)
    return few if kind == "ties" else few + 1e-7 * rng.integers(0, 3, (n, d))


KINDS = ("normal", "ties", "near-ties")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tile_rows", [None, 1, 7, 64])
def test_ranks_equal_the_processors_for_any_tile(kind, tile_rows):
    points = as_points(features(kind, 150, 5))
    found = device_ranks(on_device(points, HERE), tile_rows)
    np.testing.assert_array_equal(found.cpu().numpy(), neighborhood_ranks(points))


def test_ranks_equal_the_oracles():
    X = np.random.default_rng(1).integers(0, 5, (90, 3))
    np.testing.assert_array_equal(device_ranks(on_device(as_points(X), HERE)).cpu().numpy(), oracle.ranks(X))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(KINDS), st.integers(4, 120), st.integers(1, 6), st.integers(0, 10**6),
    st.sampled_from([0, 1, 5, 40]),
)  # fmt: skip
def test_counted_ranks_of_any_items_equal_the_sorted_ones(kind, n, d, seed, most):
    points = as_points(features(kind, n, d, seed) + 3 * np.eye(n, d))  # never constant: the others have 2 at most
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, min(most, n) + 1, n)
    items = np.concatenate([rng.permutation(n)[:count] for count in counts])
    starts = np.concatenate([[0], np.cumsum(counts)])
    chosen = Chosen.from_starts(torch.as_tensor(starts, device=HERE), torch.as_tensor(items, device=HERE))
    squared = squared_rows(on_device(points, HERE), slice(0, n))
    squared.diagonal().fill_(OWN)
    rows = np.repeat(np.arange(n), counts)
    expected = neighborhood_ranks(points)[rows, items.astype(int)]
    np.testing.assert_array_equal(count_ranks_on(squared, chosen).cpu().numpy(), expected)


def test_random_numbers_and_keys_are_those_of_the_processor():
    n, seed, own = 700, 123456789, np.array([0, 5, 699])
    choice = pair_choice.PairChoice(n, np.arange(n), np.array([1]), np.ones((2, 2), np.float32), seed)
    keys = np.array([pair_choice._keys(seed, row) for row in own], dtype=np.int64)
    found = DeviceChoice(choice, HERE).random(keys).cpu().numpy().view(np.uint32) ^ np.uint32(1 << 31)
    for row, line in zip(own, found, strict=True):
        first, second = pair_choice._keys(seed, row)
        expected = [pair_choice._random(np.uint32(j), np.uint32(first), np.uint32(second)) for j in range(n)]
        np.testing.assert_array_equal(line, np.array(expected, dtype=np.uint32))


def assert_same_sample(found, expected):
    np.testing.assert_array_equal(found.starts, expected.starts)
    np.testing.assert_array_equal(found.items, expected.items)
    np.testing.assert_array_equal(found.near, expected.near)
    for mine, theirs in ((found.seen, expected.seen), (found.back, expected.back)):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            for name in ("a", "b", "chances"):
                np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
                assert getattr(mine, name).dtype == getattr(theirs, name).dtype


@pytest.mark.parametrize("both_ways", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n, pairs, tile_rows", [(4, 3, None), (30, 500, 7), (640, 60, 100), (1300, 40, None)])
def test_the_sample_is_the_processors_pair_for_pair(kind, n, pairs, tile_rows, both_ways):
    a, b = as_points(features(kind, n, 6, 1)), as_points(features(kind, n, 4, 2))
    choice = make_choice(a, b, pairs_per_item=pairs, gamma=0.1, beta=5.0, both_directions=both_ways, seed=n)
    expected = sample_pairs(a, b, choice, both_ways=both_ways)
    found = sample_pairs_on(on_device(a, HERE), on_device(b, HERE), choice, both_ways=both_ways, tile_rows=tile_rows)
    assert n < 600 or (expected.seen.chances < 1).any()  # some were left to chance
    assert_same_sample(found, expected)


# ---- memory and devices --------------------------------------------------------------------------


def test_too_large_a_tile_is_halved_until_it_fits():
    done, tried = [], []

    def work(rows):
        tried.append(rows.stop - rows.start)
        if rows.stop - rows.start > 13:
            raise torch.OutOfMemoryError
        done.extend(range(rows.start, rows.stop))

    for_each_rows(100, 10, 8, HERE, work, tile_rows=100)
    assert done == list(range(100))
    assert tried[:4] == [100, 50, 25, 12]


def test_a_row_that_never_fits_is_one_clear_line():
    def work(rows):
        raise torch.OutOfMemoryError

    with pytest.raises(InputError, match="no memory for a single row of 10 distances: use device='cpu'"):
        for_each_rows(5, 10, 8, HERE, work)


def test_a_device_whose_products_are_not_exact_is_refused(monkeypatch):
    exact = device_tiles.squared_rows
    monkeypatch.setattr(device_tiles, "squared_rows", lambda *given: exact(*given).float().double())
    with pytest.raises(InputError, match="does not multiply float64 numbers exactly: use device='cpu'"):
        on_device(as_points(features("normal", 50, 8)), HERE)


def test_products_are_whole_numbers_whatever_the_rows():
    points = as_points(features("normal", 300, 64))
    there = on_device(points, HERE)
    assert isinstance(there, Points)
    whole = squared_distance_rows(points, slice(None))
    for rows in (slice(3, 4), slice(0, 300), torch.tensor([299, 7])):
        which = rows if isinstance(rows, slice) else rows.numpy()
        np.testing.assert_array_equal(squared_rows(there, rows).cpu().numpy(), whole[which])


@pytest.mark.parametrize("name", ["gpu", "cuda:x", 0, "", None])
def test_what_is_no_device_is_refused(name):
    with pytest.raises(InputError, match="device must be auto, cpu"):
        check_device(name)
    with pytest.raises(InputError, match="device must be auto, cpu"):
        resolve_device(name)


def test_the_device_is_chosen_by_name_cards_and_size(monkeypatch):
    monkeypatch.setattr("rdx.compute.devices.driver_present", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert tile_device("auto", 100) is None
    assert tile_device("auto", 100_000) == torch.device("cuda", 0)
    assert tile_device("cuda:1", 100) == torch.device("cuda", 1)
    assert tile_device("cpu", 100_000) is tile_device("mps", 100_000) is None
    assert [resolve_device(name) for name in ("auto", "cpu", "cuda", "cuda:1")] == ["cuda", "cpu", "cuda", "cuda:1"]
    for choose in (resolve_device, lambda name: tile_device(name, 100)):
        with pytest.raises(InputError, match="there are only 2 GPUs"):
            choose("cuda:2")


def test_a_card_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert tile_device("auto", 100_000) is None
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    for choose in (resolve_device, lambda name: tile_device(name, 100)):
        with pytest.raises(InputError, match="no usable GPU was found"):
            choose("cuda")
    with pytest.raises(InputError, match="device 'mps' asked for, but no usable GPU"):
        resolve_device("mps")
