"""Difference graphs whose numbers lie on a device: what is clustered, and the blocks that grids need.

Ranks are the CPU's. Affinities are float32 as there, and may differ from its in the last bit, since
tanh and exp are another library's. Products with vectors are float64: no setting that lets single
precision be rounded to TF32 reaches them, and every sum is added in one order.
"""

from __future__ import annotations

import numpy as np
import torch

from rdx.errors import InputError
from rdx.method.difference import DifferenceGraph, Distances
from rdx.method.gpu.device_counting import Chosen, count_ranks_on
from rdx.method.gpu.device_sample import SAMPLE_BYTES, transposed_on
from rdx.method.gpu.device_tiles import (
    OWN,
    DevicePoints,
    device_ranks,
    for_each_rows,
    free_bytes,
    nearest_on,
    on_device,
    squared_rows,
)
from rdx.method.guidance import OwnGuide, PaperGuide
from rdx.method.many.key_ranks import rank_type
from rdx.method.many.sparse_graph import WIDTH, SparseAdjacency, SparseGraph
from rdx.method.neighborhoods import Points

BLOCK = 4096  # side of the square blocks in which symmetric matrices are filled
BLOCK_BYTES = 48  # of device memory for each pair of a block of affinities
RANKS_BYTES = 8  # for each pair of items: two rank matrices
GRAPH_BYTES = 4  # for each pair of items, where the graph is held
STEP = 1 << 24  # sampled pairs that a product takes at a time


class DeviceDistances(Distances):
    """Ranks over all items as a tensor (n, n) int32 on a device; r + rᵀ with ``unit`` 2."""

    def equals(self, other: DeviceDistances) -> bool:
        return torch.equal(self.values[:8], other.values[:8]) and torch.equal(self.values, other.values)

    def matrix(self) -> np.ndarray:
        """r itself, (n, n), in the CPU's memory and types."""
        values = self.values.cpu().numpy()
        if self.unit == 1.0:
            return values.astype(rank_type(len(values)))
        return values.astype(np.float32) / np.float32(self.unit)


def check_ranks_fit(n: int, device: torch.device) -> None:
    """Raises InputError where the device has no room for two matrices of ranks."""
    needed, free = RANKS_BYTES * n * n, free_bytes(device)
    if device.type == "cuda" and needed > free:
        raise InputError(
            f"the exact comparison of {n} items keeps {needed / 2**30:.0f} GB on device '{device}', which has "
            f"{free / 2**30:.0f} GB free: use solver='sparse' or device='cpu'"
        )


def compute_distances_on(points: Points, device: torch.device, *, symmetric: bool) -> DeviceDistances:
    """The ranks of all items on a device; ``symmetric`` replaces r by (r + rᵀ) / 2."""
    ranks = device_ranks(on_device(points, device))
    if not symmetric:
        return DeviceDistances(ranks)
    for rows, columns in _block_pairs(len(ranks)):
        total = ranks[rows, columns] + ranks[columns, rows].T
        ranks[rows, columns] = total
        ranks[columns, rows] = total.T
    return DeviceDistances(ranks, unit=2.0)


def _block_pairs(n: int) -> list[tuple[slice, slice]]:
    starts = range(0, n, BLOCK)
    return [(slice(i, min(i + BLOCK, n)), slice(j, min(j + BLOCK, n))) for i in starts for j in starts if j >= i]


class DeviceDifferenceGraph(DifferenceGraph):
    """A DifferenceGraph of DeviceDistances: blocks are computed there, and copied when they are asked for."""

    def placed(self, points: Points) -> DevicePoints:
        return on_device(points, self.own.values.device)

    def nearest(self, points: DevicePoints, rows, m: int, members: np.ndarray) -> np.ndarray:
        return nearest_on(points, rows, m)

    def difference(self, rows, columns, guided: bool = True) -> np.ndarray:
        return self._difference(rows, columns, guided).cpu().numpy()

    def affinity(self, rows, columns, guided: bool = True) -> np.ndarray:
        return self.affinity_there(rows, columns, guided).cpu().numpy()

    def affinity_there(self, rows, columns, guided: bool = True) -> torch.Tensor:
        """The affinity at rows × columns, float32, not symmetrised, left on the device."""
        return self._difference(rows, columns, guided).mul_(-self.beta).exp_()

    def _difference(self, rows, columns, guided: bool) -> torch.Tensor:
        rows, columns = _index(rows), _index(columns)
        own, other = (each.values[rows, columns].float() for each in (self.own, self.other))
        guide = self.guide if guided else None
        if isinstance(guide, PaperGuide):
            own.masked_fill_(self._apart(guide.own, rows, columns), float(guide.own_far))
            other.masked_fill_(self._apart(guide.other, rows, columns), float(guide.other_far))
        block = own - other
        if self.kind == "locally_biased":
            block.mul_(self.gamma).div_(torch.minimum(own, other).add_(self.own.unit)).tanh_()
        else:
            block.div_(self.own.unit)
        if self.largest[guided] != 1.0:
            block.div_(self.largest[guided])
        if isinstance(guide, OwnGuide):
            block.masked_fill_(self._apart(guide.groups, rows, columns), 1.0)
        return block

    def _apart(self, groups: np.ndarray, rows, columns) -> torch.Tensor:
        """Which pairs lie in different groups, in the shape of the block."""
        numbered = np.unique(groups, return_inverse=True)[1].reshape(-1)
        there = torch.as_tensor(numbered, device=self.own.values.device)
        first, second = there[rows], there[columns]
        return first[:, None] != second[None, :] if isinstance(rows, slice) else first != second

    def adjacency(self) -> DeviceAdjacency:
        """What is clustered: (W + Wᵀ) / 2 without its diagonal."""
        return DeviceAdjacency(self)

    def affinity_to_clusters(self, labels: np.ndarray, n_clusters: int) -> np.ndarray:
        n, device = len(self), self.own.values.device
        membership = torch.zeros((n, n_clusters), dtype=torch.float64, device=device)
        membership[torch.arange(n, device=device), torch.as_tensor(labels, device=device)] = 1.0
        total = np.empty((n, n_clusters))

        def work(rows: slice) -> None:
            block = self.affinity_there(rows, slice(0, n), guided=False).double()
            total[rows] = (block @ membership).cpu().numpy()

        for_each_rows(n, n, BLOCK_BYTES, device, work)
        return total


def _index(where):
    return where if isinstance(where, slice) else torch.as_tensor(where)


class DeviceAdjacency:
    """The symmetric graph without self-loops, (n, n) float32 on the device, or tile by tile where it does not fit."""

    def __init__(self, graph: DeviceDifferenceGraph, keep: bool | None = None) -> None:
        """``keep``: whether to hold the whole matrix; decided by the free memory where it is None."""
        self.graph, self.device = graph, graph.own.values.device
        n = len(graph)
        if keep is None:
            keep = self.device.type != "cuda" or 1.2 * GRAPH_BYTES * n * n < free_bytes(self.device)
        self.matrix = self._filled() if keep else None

    def __len__(self) -> int:
        return len(self.graph)

    def _filled(self) -> torch.Tensor:
        n = len(self)
        matrix = torch.empty((n, n), dtype=torch.float32, device=self.device)
        for rows, columns in _block_pairs(n):
            block = self.graph.affinity_there(rows, columns)
            if not self.graph.symmetric:
                block.add_(self.graph.affinity_there(columns, rows).T).mul_(0.5)
            matrix[rows, columns] = block
            matrix[columns, rows] = block.T
        matrix.fill_diagonal_(0.0)
        return matrix

    def degrees(self) -> np.ndarray:
        return self.multiply(np.ones((len(self), 1)))[:, 0]

    def multiply(self, vectors: np.ndarray) -> np.ndarray:
        """The graph times vectors (n, p), float64."""
        n = len(self)
        there = torch.as_tensor(np.ascontiguousarray(vectors), device=self.device)
        product = torch.zeros_like(there)

        def work(rows: slice) -> None:
            if self.matrix is not None:
                product[rows] = self.matrix[rows].double() @ there
                return
            block = self.graph.affinity_there(rows, slice(0, n))
            block.diagonal(rows.start).fill_(0.0)
            block = block.double()
            if self.graph.symmetric:
                product[rows] = block @ there
                return
            onward, back = block @ there, block.T @ there[rows]
            product[rows] += 0.5 * onward
            product.add_(back, alpha=0.5)

        for_each_rows(n, n, BLOCK_BYTES, self.device, work)
        return product.cpu().numpy()


class DeviceSparseGraph(SparseGraph):
    """A SparseGraph whose exact ranks and products are computed on the device of its points."""

    def adjacency(self) -> DeviceSparseAdjacency:
        return DeviceSparseAdjacency(self)

    def _ranks(self, points: Points, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        pairs, where = np.unique(first.astype(np.int64) * len(self) + second, return_inverse=True)
        rows, items = np.divmod(pairs, len(self))
        own, begins = np.unique(rows, return_index=True)
        starts = np.append(begins, len(rows))
        ranks = np.empty(len(rows), np.uint32)
        device = points.device

        def work(some: slice) -> None:
            here = slice(starts[some.start], starts[some.stop])
            local = torch.as_tensor(starts[some.start : some.stop + 1] - starts[some.start], device=device)
            of = torch.as_tensor(own[some], device=device)
            squared = squared_rows(points, of)
            squared[torch.arange(len(of), device=device), of] = OWN
            chosen = Chosen.from_starts(local, torch.as_tensor(items[here], device=device))
            ranks[here] = count_ranks_on(squared, chosen).cpu().numpy()

        for_each_rows(len(own), len(self), SAMPLE_BYTES, device, work)
        return ranks[where]


class DeviceSparseAdjacency(SparseAdjacency):
    """A SparseAdjacency whose sampled pairs lie on the device, by their first item and by their second.

    Each item's sum runs over its pairs in their order: the same on every run, which atomic additions are not.
    """

    def __init__(self, graph: DeviceSparseGraph) -> None:
        super().__init__(graph)
        device = graph.points[0].device
        there = [torch.as_tensor(each, device=device) for each in (self.starts, self.items, self.values)]
        starts, rows, place = transposed_on(*there[:2])
        self.sides = [there, [starts, rows, there[2][place]]]
        self.cuts = [_cuts(side[0].cpu().numpy()) for side in self.sides]

    def _sampled(self, vectors: np.ndarray) -> np.ndarray:
        """(T + Tᵀ) / 2 times vectors (n, ≤ WIDTH), in float32 products."""
        n = len(self)
        block = torch.zeros((n, WIDTH), dtype=torch.float32)
        block[:, : vectors.shape[1]] = torch.as_tensor(np.ascontiguousarray(vectors))
        block = block.to(self.sides[0][0].device)
        total = torch.zeros_like(block, dtype=torch.float64)
        for (starts, items, values), cuts in zip(self.sides, self.cuts, strict=True):
            for first, last in zip(cuts[:-1], cuts[1:], strict=True):
                begins = starts[first : last + 1]
                here = slice(int(begins[0]), int(begins[-1]))
                terms = block.index_select(0, items[here]).mul_(values[here, None])
                offsets = begins - begins[0]
                total[first:last] += torch.segment_reduce(terms, "sum", offsets=offsets, axis=0, unsafe=True)
        return total.mul_(0.5).cpu().numpy()


def _cuts(starts: np.ndarray) -> list[int]:
    """Rows that divide the pairs into parts of about STEP, from 0 to n."""
    inner = np.searchsorted(starts, np.arange(STEP, starts[-1], STEP))
    return np.unique(np.concatenate([[0], inner, [len(starts) - 1]])).tolist()
