"""Exact ranks of a few chosen items by counting, on a device: what rank_counting does on the processor.

Squared distances are whole numbers. With every chosen distance s, and s + 1, as the edges of bins, one
histogram of a row gives how many items are nearer than s and how many are exactly as far: no row is put
in order. Only where others are exactly as far does the index decide, and those few are looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


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


def count_ranks_on(squared: torch.Tensor, chosen: Chosen) -> torch.Tensor:
    """The rank of each chosen item (p,) int64 in rows of squared distances (t, n) float64.

    A row's own item has a distance of −1 there: it comes before all others.
    """
    if not len(chosen.items):
        return chosen.items.clone()
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
