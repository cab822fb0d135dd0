"""Which axis of a layer's output is the channel, and whether its rows are images: told by numbers, not by names.

The oracle of `benchmarks.layers`, which shares nothing with `rdx.features`. Three kinds of evidence, of one forward
pass with random weights and of two more:

- weights: a channel is what has an entry of its own in the weights that made it. The gradient of all values at one
  place of an axis, with respect to the bias of a module that ran just before, is zero but for one entry if that axis
  is the channel; places in an image depend on every entry.
- size: the same model for a larger image; an axis that has grown is no channel.
- rows: the same two images in the other order; rows that do not change places are no images.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Visit = Callable[[str, Any, tuple[nn.Parameter, ...]], None]
INPUT = ":input"
_RECENT, _EARLIER = 2, 6  # modules with weights that may have made a value
_PLACES = 2  # of an axis that are tried


class Evidence:
    """What is known of the layers of a module that sees two images (2, c, h, w); their names as `rdx` has them."""

    def __init__(self, module: nn.Module, images: torch.Tensor) -> None:
        self._values: dict[str, tuple[Any, tuple[nn.Parameter, ...]]] = {}
        self._axes: dict[tuple[int, bool], set[int]] = {}  # by the identity of a tensor, all of which are kept
        self._uses: Counter[int] = Counter()  # of a parameter: one of several blocks tells of none of them
        self._rows: dict[str, list[bool]] = {}  # of every part of a tuple
        self._larger: dict[str, Any] = {}
        self._modules = dict(module.named_modules())
        _fill_zeros(module)
        with torch.enable_grad(), _visited(module, self._keep, self._uses):
            module(images)
        with torch.no_grad(), _visited(module, self._compare):
            module(images.flip(0))

    def see_larger(self, module: nn.Module, images: torch.Tensor) -> None:
        """Note the shapes of the same model for larger images; on the device meta, where that suffices."""

        def note(name: str, value: Any, _: Any) -> None:
            self._larger[name] = [shape(one) for one in _parts(value)]

        with torch.no_grad(), _visited(module, note):
            module(images)

    def knows(self, name: str) -> bool:
        return name in self._values

    def rows_are_images(self, name: str, place: int | None) -> bool:
        return self._rows[name][place or 0]

    def by_weights(self, name: str, place: int | None, *, earlier: bool = False) -> set[int]:
        """The axes, counted from 1 behind the batch, whose places have a weight each: in the modules just before, or
        also in `earlier` ones, as where two axes come from two modules."""
        value, recent = self._values[name]
        tensor = _parts(value)[place or 0]
        if not isinstance(tensor, torch.Tensor) or not tensor.requires_grad:
            return set()
        key = id(tensor), earlier
        if key not in self._axes:
            axes = [axis for axis in range(1, tensor.ndim) if tensor.shape[axis] > 1]
            recent = recent if earlier else recent[-_RECENT:]
            recent = tuple(one for one in recent if self._uses[id(one)] == 1)
            self._axes[key] = {axis for axis in axes if _has_own_weights(tensor, axis, recent)}
        return self._axes[key]

    def takes(self, name: str) -> int | None:
        """How many channels a convolution has whose input this is."""
        return getattr(self._modules.get(name.removesuffix(INPUT)), "in_channels", None) if INPUT in name else None

    def grown(self, name: str, place: int | None) -> set[int] | None:
        """The axes that are longer for the larger images; None where that is not known."""
        before = shape(_parts(self._values[name][0])[place or 0])
        parts = self._larger.get(name, [])
        after = parts[place or 0] if len(parts) > (place or 0) else ()
        if not before or len(after) != len(before):
            return None
        return {axis for axis in range(1, len(before)) if after[axis] != before[axis]}

    def _keep(self, name: str, value: Any, recent: tuple[nn.Parameter, ...]) -> None:
        self._values[name] = value, recent

    def _compare(self, name: str, value: Any, _: Any) -> None:
        pairs = zip(_parts(self._values[name][0]), _parts(value), strict=False)
        self._rows[name] = [_are_flipped(first, second) for first, second in pairs]


def shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, torch.Tensor) else ()


@contextmanager
def _visited(module: nn.Module, visit: Visit, uses: Counter[int] | None = None) -> Iterator[None]:
    """Inside, `visit` is told what goes into and comes out of each submodule, with the parameters used just before.

    What goes on is a copy: a later layer may work in place. `uses` counts how often a parameter was used, by identity.
    """
    recent: list[nn.Parameter] = []
    originals: dict[int, torch.Tensor] = {}  # of copies that were handed on

    def seen(name: str, value: Any) -> Any:
        visit(name, _mapped(value, lambda one: originals.get(id(one), one)), tuple(recent[-_EARLIER:]))

        def handed_on(one: torch.Tensor) -> torch.Tensor:
            # In one memory format, since gradients of some layers in others ended the process (torch 2.13.0, CPU).
            copied = one.clone(memory_format=torch.contiguous_format)
            originals[id(copied)] = originals.get(id(one), one)
            kept.append(copied)  # so that no other tensor gets its identity
            return copied

        return _mapped(value, handed_on)

    def before(name: str) -> Callable:
        def hook(_: nn.Module, inputs: tuple, named: dict) -> tuple[tuple, dict]:
            if inputs:
                return (seen(name + INPUT, inputs[0]), *inputs[1:]), named
            for key in list(named)[:1]:
                named = {**named, key: seen(name + INPUT, named[key])}
            return inputs, named

        return hook

    def after(name: str) -> Callable:
        def hook(one: nn.Module, _: tuple, output: Any) -> Any:
            recent.extend(_own_weights(one))
            if isinstance(one, nn.RNNBase):
                recent.clear()  # gradients through its steps take minutes; sizes tell as well
            if uses is not None:
                uses.update(map(id, _own_weights(one)))
            return seen(name, output)

        return hook

    kept: list[torch.Tensor] = []
    handles = []
    for name, one in module.named_modules():
        if name:
            handles.append(one.register_forward_pre_hook(before(name), with_kwargs=True))
            handles.append(one.register_forward_hook(after(name)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _own_weights(module: nn.Module) -> list[nn.Parameter]:
    """The one parameter of a module that has an entry (or a row) for each of its outputs."""
    module = module.out_proj if isinstance(module, nn.MultiheadAttention) else module
    if isinstance(module, nn.Embedding):
        return []
    own = dict(module.named_parameters(recurse=False))
    one = own.get("bias") if own.get("bias") is not None else own.get("weight")
    return [] if one is None or not one.ndim else [one]


def _has_own_weights(tensor: torch.Tensor, axis: int, recent: tuple[nn.Parameter, ...]) -> bool:
    """Whether values at one place of an axis depend on one entry of a parameter alone, and others on others."""
    if not recent:
        return False
    places = torch.linspace(0, tensor.shape[axis] - 1, _PLACES).long().unique().tolist()
    reached: list[set[int]] = [set() for _ in recent]
    for place in places:
        cotangent = torch.zeros_like(tensor)
        cotangent.select(axis, place).normal_()
        gradients = torch.autograd.grad(tensor, recent, cotangent, retain_graph=True, allow_unused=True)
        rows = [None if g is None else g.flatten(1).any(1) if g.ndim > 1 else g != 0 for g in gradients]
        for own, row in zip(reached, rows, strict=True):
            found = [] if row is None or len(row) == 1 else row.nonzero().flatten().tolist()
            own.update(found if len(found) == 1 else [-1, -2] if found else [])
        if all(-1 in own or not own for own in reached):
            break
    return any(len(own) > 1 and -1 not in own for own in reached)


def _fill_zeros(module: nn.Module) -> None:
    """Random numbers in place of zeros, through which no gradient goes; nothing works in place."""
    for one in module.modules():
        if getattr(one, "inplace", None) is True:
            one.inplace = False
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.requires_grad_(True)
            if not parameter.any():
                parameter.normal_(std=0.02)


def _are_flipped(first: Any, second: Any) -> bool:
    if shape(first) != shape(second) or not shape(first) or len(first) != 2 or not first.is_floating_point():
        return False
    near = 1e-3 * first.detach().abs().max().item() + 1e-12
    return torch.allclose(first.detach().flip(0), second, rtol=1e-3, atol=near)


def _parts(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (tuple, list)) else [value]


def _mapped(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    """A tensor, or those of a tuple or list, changed."""
    if isinstance(value, torch.Tensor):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(change(one) if isinstance(one, torch.Tensor) else one for one in value)
    return value
