"""Lists of neighbours against plain sorting; what the page is given, in bytes and in JSON."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
from made_comparison import N, made_content, representations

from rdx.explorer import payload as payload_module
from rdx.explorer.arrays import ArrayBlock, as_bytes, smallest_unsigned
from rdx.explorer.neighbors import nearest, nearest_members, pair_ranks, typical_rank, with_ranks
from rdx.explorer.page import safe_json
from rdx.explorer.payload import make_payload
from rdx.method.neighborhoods import as_points, neighborhood_ranks


@pytest.fixture(scope="module")
def both():
    A, B, labels = representations()
    return {"a": as_points(A), "b": as_points(B)}, labels


def plain_ranks(points) -> np.ndarray:
    """Ranks (n, n) by one stable sort a row."""
    X = points.grid
    squared = ((X[:, None] - X[None]) ** 2).sum(-1)
    np.fill_diagonal(squared, -1)
    return np.argsort(np.argsort(squared, axis=1, kind="stable"), axis=1, kind="stable")


def test_nearest_items_are_those_of_the_smallest_ranks(both):
    points = both[0]["a"]
    rows = np.array([3, 0, 149])
    order = np.argsort(plain_ranks(points), axis=1, kind="stable")
    assert (nearest(points, rows, 9) == order[rows, 1:10]).all()


def test_few_items_give_shorter_lists_that_end_with_the_item_itself(both):
    points = both[0]["a"].subset(np.arange(4))
    assert nearest(points, np.array([1, 2]), 6)[:, 3:].tolist() == [[1, 1, 1], [2, 2, 2]]


def test_nearest_members_stay_inside_their_label(both):
    views, labels = both
    labels = np.where(labels == 4, 0, labels)
    labels[7:12] = [8, 0, 0, 0, 9]
    rows = np.arange(N)
    found = nearest_members(views["b"], labels, rows, 5)
    ranks = plain_ranks(views["b"])
    for i in rows:
        inside = [j for j in np.argsort(ranks[i], kind="stable") if j != i and labels[j] == labels[i] and labels[i]]
        assert found[i].tolist() == (inside + [i] * 5)[:5]


def test_pair_ranks_are_those_of_all_ranks(both):
    points = both[0]["b"]
    first = np.sort(np.random.default_rng(0).integers(0, N, 500))
    second = np.random.default_rng(1).integers(0, N, 500)
    assert (pair_ranks(points, first, second) == neighborhood_ranks(points)[first, second]).all()


def test_lists_carry_the_ranks_of_both_ways_in_every_view(both):
    views = both[0]
    rows = np.array([5, 90])
    lists = with_ranks([nearest(views["a"], rows, 4), nearest(views["b"], rows, 3)], rows, views)
    for found in lists:
        for name, points in views.items():
            every = neighborhood_ranks(points)
            assert (found.ranks[name][0] == every[rows[:, None], found.neighbors]).all()
            assert (found.ranks[name][1] == every[found.neighbors, rows[:, None]]).all()


def test_typical_rank_is_the_median_over_ordered_pairs(both):
    points = both[0]["a"]
    grid = np.array([4, 9, 14, 30])
    pairs = [neighborhood_ranks(points)[i, j] for i in grid for j in grid if i != j]
    assert typical_rank(points, grid) == np.median(pairs)
    assert typical_rank(points, grid[:1]) is None


def unpacked(block: ArrayBlock) -> dict[str, np.ndarray]:
    data = base64.b64decode(block.base64())
    return {
        name: np.frombuffer(data, dtype=np.dtype(kind).newbyteorder("<"), count=count, offset=start)
        for name, (kind, start, count) in block.directory.items()
    }


def test_arrays_come_back_as_they_were():
    block = ArrayBlock()
    arrays = {
        "odd": np.arange(3, dtype=np.uint8), "floats": np.array([[1.5, -2.0]], dtype=np.float32),
        "small": as_bytes(np.array([-1.0, 0.5, 1.0]), 1.0), "wide": smallest_unsigned(np.array([0, 70_000])),
    }  # fmt: skip
    for name, array in arrays.items():
        block.add(name, array)
    for name, array in unpacked(block).items():
        assert (array == arrays[name].ravel()).all()
    assert all(start % 4 == 0 for _, start, _ in block.directory.values())
    assert arrays["small"].tolist() == [-127, 64, 127] and arrays["wide"].dtype == np.uint32
    with pytest.raises(ValueError, match="odd"):
        block.add("odd", arrays["odd"])
    with pytest.raises(ValueError, match="complex"):
        block.add("complex", np.zeros(1, dtype=complex))


def test_json_cannot_end_its_element_and_means_the_same():
    value = {"</script>": ["<!--", "&amp;", "\u2028", "ü", 1.5, None]}
    text = safe_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value
    with pytest.raises(ValueError):
        safe_json({"x": float("nan")})


def test_many_items_have_lists_for_their_grids_only(monkeypatch):
    monkeypatch.setattr(payload_module, "EVERY", 100)
    content = made_content(images=False)
    payload, block = make_payload(content, None)
    arrays = unpacked(block)
    assert arrays["rows"].tolist() == sorted(set(payload_module.grid_items(content).tolist()))
    assert len(arrays["near.a"]) == 9 * len(arrays["rows"])
    assert "more than 100 items" in payload["notes"][0]


def test_lists_inside_concepts_keep_to_their_budget(monkeypatch):
    monkeypatch.setattr(payload_module, "INSIDE_BYTES", 1)
    payload, _ = make_payload(made_content(images=False), None)
    lengths = {name.split(".")[0]: k for name, k in payload["lists"].items()}
    assert lengths == {"near": 9, "inside": 3}
