"""The pairs of a sparse difference graph, chosen on a device: the very sample that the processor draws.

pair_choice and pair_sample say what is chosen and why; here the same is done to whole tiles at a time. The
same 32-bit random number belongs to each pair, the same chances to each class, and items come in the
same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from rdx.method import pair_choice
from rdx.method.device_counting import Chosen, count_ranks_on
from rdx.method.device_tiles import OWN, DevicePoints, for_each_rows, squared_rows
from rdx.method.pair_choice import NEAR, PairChoice
from rdx.method.pair_parts import Arrays, Drawn, chosen_arrays, joined, ranked_arrays
from rdx.method.pair_sample import PairSample, Ranks, transposed

SAMPLE_BYTES = 80  # of device memory for each pair of a tile: two distances, classes, random numbers, a histogram


class DeviceChoice:
    """A PairChoice with its tables on a device."""

    def __init__(self, choice: PairChoice, device: torch.device) -> None:
        self.seed, self.device = choice.seed, device
        self.columns = torch.as_tensor(choice.columns, device=device)
        self.positions = torch.as_tensor(choice.positions, device=device)
        self.n_classes = len(choice.chances)
        thresholds = choice.thresholds
        chances = (thresholds.astype(np.float32) + np.float32(1)) * np.float32(1 / (1 << 32))
        self.chances = torch.as_tensor(np.minimum(chances, np.float32(1)).ravel(), device=device)
        # Unsigned numbers keep their order as signed ones once their highest bit is turned over.
        self.limits = torch.as_tensor((thresholds ^ np.uint32(1 << 31)).view(np.int32).ravel(), device=device)
        spread = np.arange(choice.n, dtype=np.uint32) * np.uint32(0x9E3779B1)
        self.spread = torch.as_tensor(spread.view(np.int32), device=device)

    def bounds(self, squared: torch.Tensor) -> torch.Tensor:
        """The distances that divide the rank classes of rows of squared distances (t, n): (t, classes − 1)."""
        return squared[:, self.columns].sort(dim=1).values[:, self.positions].contiguous()

    def classes(self, bounds: list[torch.Tensor], values: list[torch.Tensor]) -> torch.Tensor:
        """The class of each pair by its distances in A and B, both (t, m): an index into the flat tables."""
        in_a, in_b = (
            torch.searchsorted(each, some, right=True, out_int32=True)
            for each, some in zip(bounds, values, strict=True)
        )
        return in_a.mul_(self.n_classes).add_(in_b)

    def random(self, own: np.ndarray) -> torch.Tensor:
        """pair_choice's random numbers of the rows ``own`` (t,): (t, n) int32, the highest bit turned over.

        Signed 32-bit products wrap around to the same bits as unsigned ones; only shifts need a mask.
        """
        keys = np.array([pair_choice._keys(self.seed, row) for row in own], dtype=np.uint32).view(np.int32)
        first, second = (torch.as_tensor(keys[:, [side]], device=self.device) for side in (0, 1))
        x = self.spread + first
        _fold(x, 16).mul_(_signed(0x7FEB352D)).bitwise_xor_(second)
        _fold(x, 15).mul_(_signed(0x846CA68B))
        return _fold(x, 16).bitwise_xor_(_signed(1 << 31))


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def _fold(x: torch.Tensor, shift: int) -> torch.Tensor:
    """x ^= x >> shift as on unsigned 32-bit numbers, in place."""
    return x.bitwise_xor_((x >> shift).bitwise_and_((1 << (32 - shift)) - 1))


def sample_pairs_on(
    a: DevicePoints, b: DevicePoints, choice: PairChoice, *, both_ways: bool, tile_rows: int | None = None
) -> PairSample:
    """What ``pair_sample.sample_pairs`` returns, made on the points' device."""
    n, tables = len(a), DeviceChoice(choice, a.device)
    parts: list[tuple] = []
    for_each_rows(n, n, SAMPLE_BYTES, a.device, lambda rows: parts.append(_sample_rows(a, b, tables, rows)), tile_rows)
    sample = _joined(parts)
    if both_ways:
        sample.back = ranks_from_the_other_end_on(a, b, choice, sample, tile_rows)
    return sample


def _joined(parts: list[tuple]) -> PairSample:
    """One sample from those of consecutive rows."""
    starts = np.concatenate([[0], np.cumsum(np.concatenate([np.diff(part[0]) for part in parts]))])
    seen = [np.concatenate([getattr(part[2], name) for part in parts]) for name in ("a", "b", "chances")]
    items, near = np.concatenate([part[1] for part in parts]), np.concatenate([part[3] for part in parts], axis=1)
    return PairSample(starts, items, Ranks(*seen), None, near)


def _sample_rows(
    a: DevicePoints, b: DevicePoints, tables: DeviceChoice, rows: slice, ranked: bool = True
) -> tuple[np.ndarray, np.ndarray, Ranks, np.ndarray]:
    """The chosen pairs of some rows: starts (t + 1,), items, ranks (or none) and chances, and near (2, t, NEAR)."""
    squared = [squared_rows(points, rows) for points in (a, b)]
    bounds = [tables.bounds(each) for each in squared]
    own = np.arange(rows.start, rows.stop)
    for each in squared:
        each.diagonal(rows.start).fill_(OWN)
    near = torch.stack([_nearest(each) for each in squared])
    classes = tables.classes(bounds, squared)
    limits = tables.limits.index_select(0, classes.view(-1)).view(classes.shape)
    taken = tables.random(own) <= limits
    del limits
    taken.diagonal(rows.start).fill_(False)
    both = torch.cat([near[0], near[1]], dim=1)  # (t, 2 NEAR)
    fresh = both >= 0
    fresh[:, NEAR:] &= (near[1][:, :, None] != near[0][:, None, :]).all(dim=2)
    near_rows, near_at = fresh.nonzero(as_tuple=True)
    near_items = both[near_rows, near_at]
    taken[near_rows, near_items] = False
    drawn_rows, drawn_items = taken.nonzero(as_tuple=True)
    of = torch.cat([near_rows, drawn_rows])
    chances = tables.chances[classes[drawn_rows, drawn_items].long()]
    chances = torch.cat([chances.new_ones(len(near_rows)), chances])
    del taken, classes
    order = torch.sort(of, stable=True).indices  # in each row the near ones first
    starts = _starts(torch.bincount(of, minlength=len(own)))
    chosen = Chosen(starts, of[order], torch.cat([near_items, drawn_items])[order])
    ranks = Ranks(*(_ranks(each, chosen) if ranked else None for each in squared), chances[order].cpu().numpy())
    return starts.cpu().numpy(), _numpy(chosen.items, np.int32), ranks, _numpy(near, np.int32)


def _nearest(squared: torch.Tensor) -> torch.Tensor:
    """The items nearest to each row's own, nearest first, ties by index: (t, NEAR), −1 where there are fewer."""
    t, n = squared.shape
    farthest = squared.topk(min(NEAR + 1, n), dim=1, largest=False).values.amax(dim=1, keepdim=True)
    rows, items = (squared <= farthest).nonzero(as_tuple=True)  # by row and index, with all that tie for the last
    order = torch.sort(squared[rows, items], stable=True).indices
    order = order[torch.sort(rows[order], stable=True).indices]
    rows, items = rows[order], items[order]
    place = torch.arange(len(rows), device=rows.device) - _starts(torch.bincount(rows, minlength=t))[rows]
    kept = (place >= 1) & (place <= NEAR)  # place 0 is the row's own item
    near = torch.full((t, NEAR), -1, dtype=torch.int64, device=squared.device)
    near[rows[kept], place[kept] - 1] = items[kept]
    return near


def ranks_from_the_other_end_on(
    a: DevicePoints, b: DevicePoints, choice: PairChoice, sample: PairSample, tile_rows: int | None = None
) -> Ranks:
    """What ``pair_sample.ranks_from_the_other_end`` returns, made on the points' device."""
    n, total = len(a), sample.n_pairs
    tables = DeviceChoice(choice, a.device)
    starts, seen_from, place = transposed(sample.starts, sample.items)
    back = Ranks(np.empty(total, np.uint32), np.empty(total, np.uint32), np.empty(total, np.float32))

    def work(rows: slice) -> None:
        where = place[starts[rows.start] : starts[rows.stop]]
        if len(where):
            found = _other_end(*_distances(a, b, tables, rows), tables, sample.near, rows, starts, seen_from)
            back.a[where], back.b[where], back.chances[where] = found.a, found.b, found.chances

    for_each_rows(n, n, SAMPLE_BYTES, a.device, work, tile_rows)
    return back


def _distances(
    a: DevicePoints, b: DevicePoints, tables: DeviceChoice, rows: slice
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Squared distances of some rows in A and in B, each (t, n), their own items first; and their classes' bounds."""
    squared = [squared_rows(points, rows) for points in (a, b)]
    bounds = [tables.bounds(each) for each in squared]
    for each in squared:
        each.diagonal(rows.start).fill_(OWN)
    return squared, bounds


def _other_end(
    squared: list[torch.Tensor], bounds: list[torch.Tensor], tables: DeviceChoice, near: np.ndarray, rows: slice,
    starts: np.ndarray, seen_from: np.ndarray,
) -> Ranks:  # fmt: skip
    """What some rows say of the pairs that have them at the other end: row j's are seen_from[starts[j] : …]."""
    chosen = _chosen(rows, starts, seen_from, tables.device)
    values = [chosen.padded(each[chosen.rows, chosen.items]) for each in squared]
    classes = tables.classes(bounds, values)[chosen.rows, chosen.positions]
    chances = tables.chances[classes.long()]
    for side in near:
        close = torch.as_tensor(side[rows], device=tables.device)[chosen.rows]
        chances[(close == chosen.items[:, None]).any(dim=1)] = 1.0
    return Ranks(*(_ranks(each, chosen) for each in squared), chances.cpu().numpy())


def _chosen(rows: slice, starts: np.ndarray, items: np.ndarray, device: torch.device) -> Chosen:
    """The items of some rows out of those of all."""
    first, last = starts[rows.start], starts[rows.stop]
    local = torch.as_tensor(starts[rows.start : rows.stop + 1] - first, device=device)
    return Chosen.from_starts(local, torch.as_tensor(items[first:last], device=device).long())


class DeviceParts:
    """The parts of ``pair_parts`` made on the points' device; as many rows at a time as its memory holds."""

    threads = 1  # as the memory is one

    def __init__(self, a: DevicePoints, b: DevicePoints) -> None:
        self.a, self.b = a, b

    def split(self, part: Sequence[range]) -> Sequence[range]:
        return [range(part[0].start, part[-1].stop)]

    def choose(self, choice: PairChoice, *, ranked: bool) -> Callable[[range], Arrays]:
        tables = DeviceChoice(choice, self.a.device)

        def of_rows(rows: slice) -> Arrays:
            starts, items, ranks, near = _sample_rows(self.a, self.b, tables, rows, ranked)
            found = {"items": items, "chances": ranks.chances}
            return chosen_arrays(starts, {**found, "a": ranks.a, "b": ranks.b} if ranked else found, near)

        return lambda rows: self._joined(rows, of_rows)

    def rank(self, choice: PairChoice, drawn: Drawn) -> Callable[[range], Arrays]:
        tables = DeviceChoice(choice, self.a.device)

        def of_rows(rows: slice) -> Arrays:
            squared, bounds = _distances(self.a, self.b, tables, rows)
            chosen = _chosen(rows, drawn.starts, drawn.items, tables.device)
            forth = [_ranks(each, chosen) for each in squared]
            back = Ranks(np.empty(0, np.uint32), np.empty(0, np.uint32), np.empty(0, np.float32))
            if drawn.back_starts[rows.start] < drawn.back_starts[rows.stop]:
                back = _other_end(
                    squared, bounds, tables, drawn.near, rows, drawn.back_starts, drawn.back_items
                )
            return ranked_arrays(forth, (back.a, back.b), back.chances)

        return lambda rows: self._joined(rows, of_rows)

    def _joined(self, rows: range, of_rows: Callable[[slice], Arrays]) -> Arrays:
        found: list[Arrays] = []
        shifted = lambda some: found.append(of_rows(slice(rows.start + some.start, rows.start + some.stop)))  # noqa: E731
        for_each_rows(len(rows), len(self.a), SAMPLE_BYTES, self.a.device, shifted)
        return joined(found)


def _ranks(squared: torch.Tensor, chosen: Chosen) -> np.ndarray:
    return _numpy(count_ranks_on(squared, chosen), np.uint32)


def _starts(counts: torch.Tensor) -> torch.Tensor:
    """Where each row's begin, and the end of the last, (t + 1,), from how many each has (t,)."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def _numpy(tensor: torch.Tensor, dtype: type) -> np.ndarray:
    """A copy in the processor's memory, narrowed on the way there."""
    return tensor.to(torch.int32).cpu().numpy().astype(dtype, copy=False)
