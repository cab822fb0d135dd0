"""A PairChoice on a device: whole tiles of pairs classed and drawn at a time, as pair_choice does on the CPU.

The same 32-bit random number belongs to each pair, and the same chance to each class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from rdx.method.gpu import device_kernels
from rdx.method.gpu.device_counting import Chosen, starts_of
from rdx.method.gpu.device_tiles import OWN, DevicePoints, squared_rows
from rdx.method.many import pair_choice
from rdx.method.many.pair_choice import CLASSES, NEAR, PairChoice

MISSED = 1e-6  # at most this share of rows has its nearest items beyond the distance up to which they are looked for


@dataclass(frozen=True)
class Side:
    """Rows of one representation: their squared distances, and what divides them."""

    squared: torch.Tensor  # (t, n) float64, the row's own item first of all
    bounds: torch.Tensor  # (t, CLASSES − 1): of the rank classes, filled up with infinity
    near: torch.Tensor | None  # (t, 1): a distance that the nearest items almost certainly stay below

    def nearest(self) -> torch.Tensor:
        """The items nearest to each row's own, nearest first, ties by index: (t, NEAR), −1 where there are fewer."""
        t, n = self.squared.shape
        found = None if self.near is None else (self.squared < self.near).nonzero(as_tuple=True)
        if found is None or int(torch.bincount(found[0], minlength=t).min()) <= NEAR:
            last = self.squared.topk(min(NEAR + 1, n), dim=1, largest=False).values.amax(dim=1, keepdim=True)
            found = (self.squared <= last).nonzero(as_tuple=True)  # with all that tie for the last
        rows, items = found  # by row and index
        order = torch.sort(self.squared[rows, items], stable=True).indices
        order = order[torch.sort(rows[order], stable=True).indices]
        rows, items = rows[order], items[order]
        place = torch.arange(len(rows), device=rows.device) - starts_of(torch.bincount(rows, minlength=t))[rows]
        kept = (place >= 1) & (place <= NEAR)  # place 0 is the row's own item
        near = torch.full((t, NEAR), -1, dtype=torch.int64, device=rows.device)
        near[rows[kept], place[kept] - 1] = items[kept]
        return near


class DeviceChoice:
    """A PairChoice with its tables on a device."""

    def __init__(self, choice: PairChoice, device: torch.device) -> None:
        from scipy.stats import hypergeom

        self.seed, self.device = choice.seed, device
        self.columns = torch.as_tensor(choice.columns, device=device)
        self.positions = torch.as_tensor(choice.positions, device=device)
        k = len(choice.chances)
        thresholds = np.zeros((CLASSES, CLASSES), np.uint32)
        thresholds[:k, :k] = choice.thresholds
        chances = (thresholds.astype(np.float32) + np.float32(1)) * np.float32(1 / (1 << 32))
        self.chances = torch.as_tensor(np.minimum(chances, np.float32(1)).ravel(), device=device)
        self.thresholds = torch.as_tensor(thresholds.astype(np.int64).ravel(), device=device)
        spread = np.arange(choice.n, dtype=np.uint32) * np.uint32(0x9E3779B1)
        self.spread = torch.as_tensor(spread.view(np.int32), device=device)
        # How many of the sampled columns are among the nearest items is known beforehand, but for chance.
        sampled = np.arange(len(choice.columns))
        few = hypergeom.sf(sampled, choice.n, min(NEAR + 2, choice.n), len(choice.columns)) < MISSED
        self.near_position = int(np.argmax(few)) if few.any() and choice.n > len(choice.columns) else None

    def side(self, points: DevicePoints, rows: slice) -> Side:
        squared = squared_rows(points, rows)
        sample = squared[:, self.columns].sort(dim=1).values
        bounds = sample.new_full((len(sample), CLASSES - 1), torch.inf)
        bounds[:, : len(self.positions)] = sample[:, self.positions]
        near = None if self.near_position is None else sample[:, self.near_position, None].clone()
        squared.diagonal(rows.start).fill_(OWN)
        return Side(squared, bounds, near)

    def drawn(self, sides: list[Side], own: np.ndarray) -> torch.Tensor:
        """Which pairs the random numbers choose, (t, n) bool; ``own`` (t,) are the rows' own items."""
        keys = np.array([pair_choice._keys(self.seed, row) for row in own], dtype=np.int64)
        squared, bounds = [side.squared for side in sides], [side.bounds for side in sides]
        if device_kernels.usable(self.device):
            return device_kernels.drawn(squared, bounds, self.thresholds, torch.as_tensor(keys, device=self.device))
        limits = self.thresholds.sub(1 << 31).int()  # unsigned numbers in the order of signed ones
        classes = self._classes(bounds, squared)
        return self.random(keys) <= limits.index_select(0, classes.view(-1)).view(classes.shape)

    def chances_of(self, sides: list[Side], chosen: Chosen) -> torch.Tensor:
        """The chance with which chosen pairs are drawn, by their classes: (p,) float32."""
        values = [chosen.padded(side.squared[chosen.rows, chosen.items]) for side in sides]
        classes = self._classes([side.bounds for side in sides], values)
        return self.chances[classes[chosen.rows, chosen.positions].long()]

    def _classes(self, bounds: list[torch.Tensor], values: list[torch.Tensor]) -> torch.Tensor:
        """The class of each pair by its distances in A and B, both (t, m): an index into the flat tables."""
        in_a, in_b = (
            torch.searchsorted(each, some, right=True, out_int32=True)
            for each, some in zip(bounds, values, strict=True)
        )
        return in_a.mul_(CLASSES).add_(in_b)

    def random(self, keys: np.ndarray) -> torch.Tensor:
        """pair_choice's random numbers of rows with ``keys`` (t, 2): (t, n) int32, the highest bit turned over.

        Signed 32-bit products wrap around to the same bits as unsigned ones; only shifts need a mask.
        """
        words = keys.astype(np.uint32).view(np.int32)
        first, second = (torch.as_tensor(words[:, [side]], device=self.device) for side in (0, 1))
        x = self.spread + first
        _fold(x, 16).mul_(_signed(0x7FEB352D)).bitwise_xor_(second)
        _fold(x, 15).mul_(_signed(0x846CA68B))
        return _fold(x, 16).bitwise_xor_(_signed(1 << 31))


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def _fold(x: torch.Tensor, shift: int) -> torch.Tensor:
    """x ^= x >> shift as on unsigned 32-bit numbers, in place."""
    return x.bitwise_xor_((x >> shift).bitwise_and_((1 << (32 - shift)) - 1))
