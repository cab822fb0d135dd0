"""The sizes of the small convnets, for those who do not build one."""

from __future__ import annotations

SMALLEST_SIDE = 4  # of images: two poolings must leave a pixel
COUNTED = ("running_mean", "running_var", "num_batches_tracked")  # by a batch norm, which learns its other arrays


def shapes(channels: tuple[int, int], n_outputs: int) -> dict[str, tuple[int, ...]]:
    """Those of all arrays, by name; a test holds them against the convnet's own."""
    first, second = channels
    found: dict[str, tuple[int, ...]] = {"fc.weight": (n_outputs, second), "fc.bias": (n_outputs,)}
    for layer, before, after in (("layer1", 1, first), ("layer2", first, second)):
        found |= {f"{layer}.0.weight": (after, before, 5, 5), f"{layer}.0.bias": (after,)}
        found |= {f"{layer}.1.{name}": (after,) for name in ("weight", "bias", *COUNTED[:2])}
        found[f"{layer}.1.{COUNTED[2]}"] = ()
    return found
