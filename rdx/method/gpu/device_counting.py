"""Exact ranks of a few chosen items by counting, on a device: what rank_counting does on the CPU.

Squared distances are whole numbers. With every chosen distance s as an edge, one histogram of a row gives how
many items are nearer than s and how many are exactly as far: no row is put in order. Only where others are
exactly as far does the index decide, and those few are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from rdx.method.gpu import device_kernels


@dataclass(frozen=True)
class Chosen:
    """Chosen items of t rows, one row after the other."""

    starts: torch.Tensor  # (t + 1,) int64: row r's are items[starts[r] : starts[r + 1]]
    rows: torch.Tensor  # (p,) int64
    items: torch.Tensor  # (p,) int64

    @classmethod
    def from_starts(cls, starts: torch.Tensor, items: torch.Tensor) -> Chosen:
        rows = torch.repeat_interleave(torch.arange(len(starts) - 1, device=starts.device), starts.diff())
        return cls(starts, rows, items)

    @classmethod
    def from_rows(cls, rows: torch.Tensor, items: torch.Tensor, t: int) -> tuple[Chosen, torch.Tensor]:
        """Items of t rows in any order; and the order (p,) in which they are now, in each row as before."""
        order = torch.sort(rows, stable=True).indices
        return cls(starts_of(torch.bincount(rows, minlength=t)), rows[order], items[order]), order

    @property
    def positions(self) -> torch.Tensor:
        """Each item's place among those of its row, (p,)."""
        return torch.arange(len(self.items), device=self.items.device) - self.starts[self.rows]

    def padded(self, values: torch.Tensor) -> torch.Tensor:
        """Values (p,) as one line a row, (t, the most of a row), filled up with infinity."""
        width = max(1, int(self.starts.diff().max()))
        table = values.new_full((len(self.starts) - 1, width), torch.inf)
        table[self.rows, self.positions] = values
        return table


def starts_of(counts: torch.Tensor) -> torch.Tensor:
    """Where each row's begin, and the end of the last, (t + 1,), from how many each has (t,)."""
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def count_ranks_on(squared: torch.Tensor, chosen: Chosen) -> torch.Tensor:
    """The rank of each chosen item (p,) int64 in rows of squared distances (t, n) float64.

    A row's own item has a distance of −1 there: it comes before all others.
    """
    if not len(chosen.items):
        return chosen.items.clone()
    if not device_kernels.usable(squared.device):
        return _count_with_torch(squared, chosen)
    ranks, tied = _count_with_kernels(squared, chosen)
    if tied.any():
        rows, of = torch.unique(chosen.rows[tied], return_inverse=True)
        some, order = Chosen.from_rows(of, chosen.items[tied], len(rows))
        ranks[tied.nonzero()[:, 0][order]] = _count_with_torch(squared[rows], some)
    return ranks


def _count_with_kernels(squared: torch.Tensor, chosen: Chosen) -> tuple[torch.Tensor, torch.Tensor]:
    """The ranks (p,) but for items that are exactly as far as others, and which those are (p,)."""
    values = squared[chosen.rows, chosen.items]
    order = torch.sort(values).indices
    order = order[torch.sort(chosen.rows[order], stable=True).indices]
    edges, rows, width = values[order], chosen.rows[order], device_kernels.WIDTH
    # A row of more than WIDTH items has several histograms.
    place = torch.arange(len(rows), device=rows.device) - chosen.starts[rows]
    begins = (place % width == 0).nonzero()[:, 0]
    histogram = torch.searchsorted(begins, torch.arange(len(rows), device=rows.device), right=True) - 1
    starts = torch.cat([begins, begins.new_tensor([len(rows)])])
    up_to = device_kernels.histograms(squared, edges, starts, rows[begins]).cumsum(1, dtype=torch.int32)
    # Of equal edges the last one's bin has what is as far: that edge's number in its histogram, from 1.
    last = torch.ones_like(rows, dtype=torch.bool)
    last[:-1] = (edges[1:] != edges[:-1]) | (histogram[1:] != histogram[:-1])
    ends = last.nonzero()[:, 0]
    number = ends[torch.searchsorted(ends, torch.arange(len(rows), device=rows.device))] + 1 - starts[histogram]
    less, not_above = up_to[histogram, 2 * number - 2], up_to[histogram, 2 * number - 1]
    ranks, tied = torch.empty_like(chosen.items), torch.empty_like(last)
    ranks[order], tied[order] = less.long(), not_above - less > 1
    return ranks, tied


def _count_with_torch(squared: torch.Tensor, chosen: Chosen) -> torch.Tensor:
    wanted = chosen.padded(squared[chosen.rows, chosen.items])
    edges = torch.cat([wanted, wanted + 1], dim=1).sort(dim=1).values
    bins, below = _counted(squared, edges)
    less = below.gather(1, torch.searchsorted(edges, wanted))
    not_above = below.gather(1, torch.searchsorted(edges, wanted + 1))
    at = chosen.rows, chosen.positions
    ranks = less[at]
    tied = not_above[at] - ranks > 1
    if tied.any():
        ranks[tied] += _places_among_equals(bins, chosen.rows[tied], chosen.items[tied])
    return ranks


def _counted(squared: torch.Tensor, edges: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Each item's bin (t, n) int32, numbered through all rows; items up to each bin of a row (t, edges + 1)."""
    bins = torch.searchsorted(edges, squared, right=True, out_int32=True)
    n_bins = edges.shape[1] + 1
    bins += n_bins * torch.arange(len(bins), dtype=torch.int32, device=bins.device)[:, None]
    sizes = torch.bincount(bins.view(-1), minlength=len(bins) * n_bins).view(len(bins), n_bins)
    return bins, sizes.cumsum(dim=1)


def _places_among_equals(bins: torch.Tensor, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """How many items of lower index share each item's bin, (p,): a bin from s to s + 1 holds one distance only."""
    n = bins.shape[1]
    flat = bins.view(-1)
    looked_at = torch.zeros(int(flat.max()) + 1, dtype=torch.bool, device=bins.device)
    looked_at[flat[rows * n + items].long()] = True
    where = looked_at.index_select(0, flat).nonzero()[:, 0]  # ascending: by row, then by index
    group, order = torch.sort(flat[where], stable=True)
    places = torch.empty_like(order)
    places[order] = torch.arange(len(order), device=bins.device) - torch.searchsorted(group, group)
    return places[torch.searchsorted(where, rows * n + items)]
