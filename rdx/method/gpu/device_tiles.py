"""Row tiles of distances and ranks on a device, equal to those of the CPU.

Items lie on an exact grid (neighborhoods.Points): their squared distances are whole numbers below 2**51,
and float64 products of them are exact whatever a kernel's order of additions. Single precision and TF32
do not enter: there is no float32 product here. Whatever else a library may do to float64, a few rows are
compared with the CPU's before anything is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from rdx.errors import InputError
from rdx.method.neighborhoods import Points, squared_distance_rows

MOST_PAIRS = 1 << 28  # of a tile: several of torch's kernels count in 32 bits, and a GPU is busy with far fewer
WHOLE_ROWS = 128  # a product of other numbers of rows leaves a part of the GPU idle
FREE_SHARE = 0.8  # of the free memory; the rest is for what a sort or a product needs for itself
HOST_BYTES = 256 << 20  # for tiles on torch's CPU device
RANK_BYTES = 72  # of device memory for each pair of a tile that is ordered
PROBE_ROWS, PROBE_COLUMNS = 32, 4096
OWN = -1.0  # the squared distance of an item to itself: it comes before its own duplicates


@dataclass(frozen=True)
class DevicePoints(Points):
    """Points with a copy on a device."""

    tensor: torch.Tensor  # (n, d + 2) float64: ``extended``

    @property
    def device(self) -> torch.device:
        return self.tensor.device


def on_device(points: Points, device: torch.device) -> DevicePoints:
    """Points copied to a device. Raises InputError where its products are not the CPU's."""
    if isinstance(points, DevicePoints) and points.device == device:
        return points
    copied = DevicePoints(points.extended, points.unit, torch.as_tensor(points.extended).to(device))
    columns = np.linspace(0, len(points) - 1, min(len(points), PROBE_COLUMNS)).astype(np.int64)
    probe = Points(points.extended[columns], points.unit)
    rows = np.arange(min(len(columns), PROBE_ROWS))
    where = torch.as_tensor(columns, device=device)
    found = squared_rows(DevicePoints(probe.extended, probe.unit, copied.tensor[where]), torch.as_tensor(rows))
    if not np.array_equal(found.cpu().numpy(), squared_distance_rows(probe, rows)):
        raise InputError(f"device '{device}' does not multiply float64 numbers exactly: use device='cpu'")
    return copied


def squared_rows(points: DevicePoints, rows: slice | torch.Tensor) -> torch.Tensor:
    """Squared distances of some items to all, in squared grid steps: (t, n) float64 on the device, exact."""
    rows = rows if isinstance(rows, slice) else rows.to(points.device)
    factor = points.tensor[rows].clone()  # [x, |x|², 1] becomes [−2x, 1, |x|²]
    squares = factor[:, -2].clone()
    factor *= -2.0
    factor[:, -2] = 1.0
    factor[:, -1] = squares
    return factor @ points.tensor.T


def nearest_on(points: DevicePoints, rows, m: int) -> np.ndarray:
    """The m items nearest to some, themselves first, ties by index, (len(rows), m): those of ``order_rows``."""
    own = torch.as_tensor(np.asarray(rows), device=points.device)
    squared = squared_rows(points, own)
    squared[torch.arange(len(own), device=points.device), own] = OWN
    return torch.sort(squared, dim=1, stable=True).indices[:, :m].cpu().numpy()


def free_bytes(device: torch.device) -> int:
    """Memory that tiles may take: what the GPU has free, and what torch holds without using it."""
    if device.type != "cuda":
        return HOST_BYTES
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def for_each_rows(
    count: int, n: int, pair_bytes: int, device: torch.device, work: Callable[[slice], None],
    tile_rows: int | None = None,
) -> None:  # fmt: skip
    """Calls ``work`` with consecutive slices that cover ``count`` rows of n pairs each, in order.

    As many rows at a time as the free memory holds at ``pair_bytes`` a pair. Where that was too many, half
    as many are tried: ``work`` must leave nothing behind before it is done. Raises InputError where not even
    one row fits.
    """
    fitting = min(MOST_PAIRS // n, int(FREE_SHARE * free_bytes(device)) // (pair_bytes * n))
    if fitting > WHOLE_ROWS:
        fitting -= fitting % WHOLE_ROWS
    step = max(1, min(count, tile_rows or fitting))
    start = 0
    while start < count:
        rows = slice(start, min(start + step, count))
        try:
            work(rows)
        except torch.OutOfMemoryError:
            if step == 1:
                raise InputError(
                    f"device '{device}' has no memory for a single row of {n} distances: use device='cpu'"
                ) from None
        else:
            start = rows.stop
            continue
        step //= 2  # only here, after the error with all that its frames held, is there something to give back
        if device.type == "cuda":
            torch.cuda.empty_cache()


def device_ranks(points: DevicePoints, tile_rows: int | None = None) -> torch.Tensor:
    """All ranks (n, n) int32 on the points' device: those of ``neighborhood_ranks``."""
    n = len(points)
    ranks = torch.empty((n, n), dtype=torch.int32, device=points.device)
    position = torch.arange(n, dtype=torch.int32, device=points.device)

    def work(rows: slice) -> None:
        squared = squared_rows(points, rows)
        squared.diagonal(rows.start).fill_(OWN)
        order = torch.sort(squared, dim=1, stable=True).indices  # stable: ties by index
        ranks[rows].scatter_(1, order, position.expand(order.shape))

    for_each_rows(n, n, RANK_BYTES, points.device, work, tile_rows)
    return ranks
