"""Which axis of what a module puts out is the channel: told by the modules, while one forward pass runs.

A convolution or a BatchNorm puts its channels on axis 1, a linear layer or a LayerNorm on the last. What says
nothing about it (an activation, a dropout) leaves them where it was given them, and a block has them where the
last such modules inside it had as many. A layer that mixes tokens, as an MLP-Mixer's linear ones and CoaT's
convolution over class tokens, leaves the channel where it is. Where that does not settle it, the axis is None.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from rdx.models.vision_model import INPUT

_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
    nn.Upsample,
)
_NORMS = (nn.LayerNorm, nn.RMSNorm)
_NEAR = 3  # modules before a block that may tell where its channels are
_TAG = "_rdx_channel_axis"


@dataclass(frozen=True)
class Seen:
    """What came out of a layer in a pass."""

    shape: tuple[int, ...]
    axis: int | None  # of the channel; None where it can't be told
    place: int | None  # which of a tuple's parts it is
    several: bool = False  # whether other parts could be meant as well
    unusable: str = ""  # what it was instead, in words, where it holds no rows of arrays


@contextmanager
def watching(modules: Mapping[str, nn.Module], batch: int) -> Iterator[tuple[dict[str, Seen], Callable]]:
    """Inside, a pass of `batch` images fills the dictionary: layer (also NAME:input) → what was seen there last.

    The function beside it says the same of a value that no module put out.
    """
    watch = _Watch(batch)
    handles = []
    for name, module in modules.items():
        handles.append(module.register_forward_pre_hook(watch.before(name), with_kwargs=True))
        handles.append(module.register_forward_hook(watch.after(name)))
    try:
        yield watch.found, watch.of
    finally:
        for handle in handles:
            handle.remove()


def part(value: Any, batch: int, module: nn.Module | None = None) -> tuple[torch.Tensor | None, int | None, bool]:
    """The tensor meant by what a module put out, its place in a tuple, and whether others could be meant."""
    if isinstance(value, torch.Tensor):
        return value, None, False
    if not isinstance(value, (tuple, list)):
        return None, None, False
    places = [i for i, one in enumerate(value) if isinstance(one, torch.Tensor) and one.ndim >= 2]
    fitting = [i for i in places if value[i].shape[0] == batch]
    if isinstance(module, nn.MultiheadAttention):
        fitting = fitting[:1]  # behind it come the attention weights
    chosen = next(iter(fitting or places), None)
    return (None if chosen is None else value[chosen]), chosen, len(fitting) > 1


class _Watch:
    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.found: dict[str, Seen] = {}
        self._said: list[tuple[tuple[int, ...], int]] = []  # shape and axis of modules that say so, in order
        self._given: dict[str, list[tuple[int, Any, int | None]]] = {}  # of the modules that are running

    def before(self, name: str) -> Callable:
        def hook(module: nn.Module, inputs: tuple, named: dict) -> None:
            value = next(iter((*inputs, *named.values())), None)
            seen = self._note(name + INPUT, value, module, lambda shape: self._taken(module, shape, value))
            shape = seen.shape if seen else None
            self._given.setdefault(name, []).append((len(self._said), shape, seen.axis if seen else None))

        return hook

    def after(self, name: str) -> Callable:
        def hook(module: nn.Module, inputs: tuple, output: Any) -> None:
            start, shape, axis = self._given[name].pop()
            self._note(name, output, module, lambda out: self._put_out(module, out, shape, axis), start)

        return hook

    def of(self, value: Any) -> Seen | None:
        """What can be said of a value that no module put out."""
        return self._note("", value, None, lambda shape: None)

    def _note(
        self, name: str, value: Any, module: nn.Module | None, own: Callable, start: int | None = None
    ) -> Seen | None:
        tensor, place, several = part(value, self.batch, module)
        if tensor is None or tensor.ndim < 2:
            self.found.pop(name, None)
            return None
        shape = tuple(tensor.shape)
        axis = own(shape) if start is not None or not hasattr(tensor, _TAG) else None
        says = axis is not None and start is not None
        if axis is None:
            axis = getattr(tensor, _TAG, None)
        if axis is None:
            axis = self._near(shape, len(self._said) if start is None else start)
        if axis is not None and axis >= len(shape):
            axis = None
        if axis is not None:
            setattr(tensor, _TAG, axis)
            if says:
                self._said.append((shape, axis))
        found = self.found[name] = Seen(shape, axis, place, several)
        return found

    def _taken(self, module: nn.Module, shape: tuple[int, ...], value: Any) -> int | None:
        """The axis of a module's input, by the module itself."""
        if len(shape) < 3:
            return None
        if isinstance(module, nn.Conv1d):  # which may be laid across the tokens, or along the channels
            known = getattr(value, _TAG, None) or self._near(shape, len(self._said))
            return 2 if known == 2 or shape[1] == 1 else 1
        if _is_first(module, shape):
            return 1
        return len(shape) - 1 if isinstance(module, _NORMS) else None

    def _put_out(
        self, module: nn.Module, shape: tuple[int, ...], given: tuple[int, ...] | None, axis: int | None
    ) -> int | None:
        """The axis by the module itself."""
        if len(shape) < 3:
            return None
        if isinstance(module, nn.Conv1d) and axis == 2:
            return 2
        if _is_first(module, shape):
            return 1
        if isinstance(module, nn.Linear):
            return self._linear(shape, given, axis)
        if isinstance(module, (*_NORMS, nn.MultiheadAttention)) or _normalised(module) == shape[-1]:
            return None if self._are_heads(shape) else len(shape) - 1
        if next(module.children(), None) is None and shape == given:
            return axis
        return None

    def _linear(self, shape: tuple[int, ...], given: Any, axis: int | None) -> int | None:
        """The last axis, unless the channel came in on another one: then tokens were mixed."""
        last = len(shape) - 1
        if given is None or axis == last or not self._said:
            return last
        before, where = self._said[-1]
        if axis is None:  # by sizes it could have been two: then here as well
            return None if given[1:].count(before[where]) > 1 else last
        return axis if math.prod(before) == math.prod(given) else last

    def _are_heads(self, shape: tuple[int, ...]) -> bool:
        """Whether (b, heads, t, width) comes from a projection to heads · width: no one axis is the channel."""
        if len(shape) != 4 or not self._said:
            return False
        before, where = self._said[-1]
        channels = before[where]
        return channels != shape[-1] and channels % (shape[1] * shape[-1]) == 0

    def _near(self, shape: tuple[int, ...], start: int) -> int | None:
        """The axis with as many channels as the last modules inside a block had, or those just before it."""
        if len(shape) < 3:
            return None
        near = self._said[max(0, start - _NEAR) :]
        for before, axis in reversed(near):
            if math.prod(before) == math.prod(shape) and shape[1:].count(before[axis]) == 1:
                return shape.index(before[axis], 1)
        for before, axis in near[-1:]:
            channels, inside = before[axis], len(self._said) > start
            # Outside a block, as where a class token is put before the patches, nothing else may have moved.
            stayed = len(before) == len(shape) and shape[axis] == channels
            if (inside or stayed) and shape[1:].count(channels) == 1:
                return shape.index(channels, 1)
        return None


def _is_first(module: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether a module has its channels on axis 1; timm's norms of maps, with an activation or not, say 2d."""
    if isinstance(module, _FIRST):
        return True
    is_one = isinstance(module, _NORMS) or next(module.children(), None) is None
    return is_one and "2d" in type(module).__name__.lower() and len(shape) == 4


def _normalised(module: nn.Module) -> int | None:
    """How many channels a norm of a library's own normalises."""
    sizes = getattr(module, "normalized_shape", None)
    return sizes[-1] if isinstance(sizes, (tuple, list, torch.Size)) and len(sizes) == 1 else None
