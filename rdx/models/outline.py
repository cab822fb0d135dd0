"""What is known of a model that was not built: a plan with such models alone need not wait for torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_OF_CHANNELS = (None, "mean", "patch")  # pools that leave a value a channel of a map


@dataclass(frozen=True)
class Outline:
    """Of a model whose file was checked, and of whose layers some are maps (b, c, h, w)."""

    parameters: int
    image_size: tuple[int, int]  # (h, w) that it is fed
    channels: Mapping[str | None, int]  # of the layers that are maps; None: of the default one

    def width(self, layer: str | None, pool: str | None) -> int | None:
        """The width of a representation; None where only the model itself can tell."""
        return self.channels.get(layer) if pool in _OF_CHANNELS else None
