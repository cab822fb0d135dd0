"""The pairs of a sparse difference graph, chosen and ranked on a device: the very sample that the CPU draws.

pair_choice and pair_sample say what is chosen and why; here the same is done to whole tiles at a time, and
items come in the same order.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from rdx.method.gpu.device_choice import DeviceChoice, Side
from rdx.method.gpu.device_counting import Chosen, count_ranks_on, starts_of
from rdx.method.gpu.device_tiles import DevicePoints, for_each_rows, free_bytes
from rdx.method.many.pair_choice import NEAR, PairChoice
from rdx.method.many.pair_sample import Drawn, Gathered, PairSample, Ranks, transposed

TRANSPOSED_BYTES = 48  # of device memory for each chosen pair
SAMPLE_BYTES = 80  # of device memory for each pair of a tile: two distances, classes, random numbers, a histogram


def sample_pairs_on(
    a: DevicePoints, b: DevicePoints, choice: PairChoice, *, both_ways: bool, tile_rows: int | None = None
) -> PairSample:
    """What ``pair_sample.sample_pairs`` returns, made on the points' device."""
    n, tables = len(a), DeviceChoice(choice, a.device)
    kinds = {"items": np.int32, "chances": np.float32}
    if not both_ways:
        kinds |= {"a": np.uint32, "b": np.uint32}
    gathered = Gathered(kinds, n * (choice.expected + 2 * NEAR))
    near, counts = np.empty((2, n, NEAR), np.int32), np.empty(n, np.int64)

    def choose(rows: slice) -> None:
        starts, found, near[:, rows] = _choose_rows(a, b, tables, rows, ranked=not both_ways)
        counts[rows] = np.diff(starts)
        gathered.append(found)

    for_each_rows(n, n, SAMPLE_BYTES, a.device, choose, tile_rows)
    found, starts = gathered.arrays(), np.concatenate([[0], np.cumsum(counts)])
    items, chances = found["items"], found["chances"]
    if not both_ways:
        return PairSample(starts, items, Ranks(found["a"], found["b"], chances), None, near)
    back_starts, back_items, place = _transposed_there(starts, items, a.device)
    drawn = Drawn(starts, items, near, back_starts, back_items)
    seen, back = (Ranks(*(np.empty(len(items), kind) for kind in (np.uint32, np.uint32, np.float32))) for _ in "ab")
    seen.chances = chances

    def rank(rows: slice) -> None:
        found = _rank_rows(a, b, tables, drawn, rows)
        which = slice(starts[rows.start], starts[rows.stop])
        where = slice(back_starts[rows.start], back_starts[rows.stop])
        seen.a[which], seen.b[which] = found["a"], found["b"]
        names = ("back_a", "back_b", "back_chances")
        written.append(writer.submit(put, place[where], [found[name] for name in names]))

    def put(where: np.ndarray, found: list[np.ndarray]) -> None:
        back.a[where], back.b[where], back.chances[where] = found

    written: list[Future] = []
    with ThreadPoolExecutor(1) as writer:  # while the device makes the next tile
        for_each_rows(n, n, SAMPLE_BYTES, a.device, rank, tile_rows)
    for each in written:
        each.result()
    return PairSample(starts, items, seen, back, near)


def _choose_rows(
    a: DevicePoints, b: DevicePoints, tables: DeviceChoice, rows: slice, *, ranked: bool
) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """The chosen pairs of some rows: starts (t + 1,), what is known of them, and near (2, t, NEAR)."""
    sides = [tables.side(points, rows) for points in (a, b)]
    near = torch.stack([side.nearest() for side in sides])
    taken = tables.drawn(sides, np.arange(rows.start, rows.stop))
    taken.diagonal(rows.start).fill_(False)
    both = torch.cat([near[0], near[1]], dim=1)  # (t, 2 NEAR)
    fresh = both >= 0
    fresh[:, NEAR:] &= (near[1][:, :, None] != near[0][:, None, :]).all(dim=2)
    near_rows, near_at = fresh.nonzero(as_tuple=True)
    near_items = both[near_rows, near_at]
    taken[near_rows, near_items] = False
    drawn_rows, drawn_items = taken.nonzero(as_tuple=True)
    del taken
    # In each row the near ones first.
    chosen, order = Chosen.from_rows(
        torch.cat([near_rows, drawn_rows]), torch.cat([near_items, drawn_items]), len(both)
    )
    chances = torch.where(order < len(near_rows), 1.0, tables.chances_of(sides, chosen))
    found = {"items": _numpy(chosen.items, np.int32), "chances": chances.cpu().numpy()}
    if ranked:
        found |= {name: _ranks(side, chosen) for name, side in zip("ab", sides, strict=True)}
    return chosen.starts.cpu().numpy(), found, _numpy(near, np.int32)


def _rank_rows(
    a: DevicePoints, b: DevicePoints, tables: DeviceChoice, drawn: Drawn, rows: slice
) -> dict[str, np.ndarray]:
    """What some rows say of the pairs that they have chosen, and of those that have chosen them."""
    sides = [tables.side(points, rows) for points in (a, b)]
    forth = _chosen(rows, drawn.starts, drawn.items, tables.device)
    back = _chosen(rows, drawn.back_starts, drawn.back_items, tables.device)
    split = len(forth.items)
    chosen, order = Chosen.from_rows(
        torch.cat([forth.rows, back.rows]), torch.cat([forth.items, back.items]), rows.stop - rows.start
    )
    ranks = []
    for side in sides:  # both ends from one look at the row
        found = torch.empty_like(order)
        found[order] = count_ranks_on(side.squared, chosen)
        found = _numpy(found, np.uint32)
        ranks.append((found[:split], found[split:]))
    (a_forth, a_back), (b_forth, b_back) = ranks
    chances = tables.chances_of(sides, back)
    for side in drawn.near:
        close = torch.as_tensor(side[rows], device=tables.device)[back.rows]
        chances[(close == back.items[:, None]).any(dim=1)] = 1.0
    found = {"a": a_forth, "b": b_forth, "back_a": a_back, "back_b": b_back}
    return {**found, "back_chances": chances.cpu().numpy()}


def _chosen(rows: slice, starts: np.ndarray, items: np.ndarray, device: torch.device) -> Chosen:
    """The items of some rows out of those of all."""
    first, last = starts[rows.start], starts[rows.stop]
    local = torch.as_tensor(starts[rows.start : rows.stop + 1] - first, device=device)
    return Chosen.from_starts(local, torch.as_tensor(items[first:last], device=device).long())


def transposed_on(starts: torch.Tensor, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """``pair_sample.transposed`` of tensors on a device: starts (n + 1,) int64, items int32, places (p,) int64."""
    rows = torch.repeat_interleave(
        torch.arange(len(starts) - 1, dtype=torch.int32, device=starts.device), starts.diff()
    )
    place = torch.sort(items, stable=True).indices
    return starts_of(torch.bincount(items, minlength=len(starts) - 1)), rows[place], place


def _transposed_there(
    starts: np.ndarray, items: np.ndarray, device: torch.device
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """``pair_sample.transposed``, on the device where its memory allows."""
    if device.type != "cuda" or TRANSPOSED_BYTES * len(items) > free_bytes(device) or len(items) >= 1 << 31:
        return transposed(starts, items)
    back_starts, rows, place = transposed_on(*(torch.as_tensor(each, device=device) for each in (starts, items)))
    return back_starts.cpu().numpy(), rows.cpu().numpy(), place.int().cpu().numpy()


def _ranks(side: Side, chosen: Chosen) -> np.ndarray:
    return _numpy(count_ranks_on(side.squared, chosen), np.uint32)


def _numpy(tensor: torch.Tensor, dtype: type) -> np.ndarray:
    """A copy in the CPU's memory, narrowed on the way there."""
    return tensor.to(torch.int32).cpu().numpy().astype(dtype, copy=False)
