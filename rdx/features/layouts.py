"""How what a layer gives out is to be read: found by trying the model with two and with three images.

Rows must be images: their number follows the batch. The channel is the axis that the modules say (`axes`), and
never one whose length follows the image's size, where the model takes images of another size. The model is not
touched: a copy without numbers is tried, or one with zeros where a forward pass needs numbers.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from rdx.errors import InputError
from rdx.features.axes import Seen, watching
from rdx.models.vision_model import INPUT, OUTPUT, PRE_LOGITS, VisionModel, described, has_pre_logits

_NEAREST = 3  # usable layers that an error names
_LISTED = 12  # of them where a model's own output can't be used
# Parameters times pixels up to which a pass over zeros takes less than one without numbers, where torch's own operators
# are worked out in Python one by one: 0.6 s for twelve blocks of any size.
_SMALL = 2e10


@dataclass(frozen=True)
class Layout:
    """How to read what a layer gives out, (b, …)."""

    axis: int | None  # of the channel; None where two readings are possible
    place: int | None = None  # which of a tuple's parts is meant
    prefix_tokens: int = 0  # tokens before the patches, of those that are given out here
    shape: tuple[int, ...] = ()  # of one image
    problem: str = ""  # why nothing can be read here


def layouts(model: VisionModel, shape: tuple[int, ...]) -> dict[str, Layout]:
    """The layouts of all layers that give something out for images of `shape` (c, h, w); tried once a model.

    Raises NotImplementedError where the model can't be tried: a shell whose forward pass needs numbers of its own.
    """
    key = (shape, *((name, type(one)) for name, one in model.module.named_modules()))
    if key not in model.layouts:
        model.layouts[key] = _layouts(model, shape)
    return model.layouts[key]


def _layouts(model: VisionModel, shape: tuple[int, ...]) -> dict[str, Layout]:
    two, three, resized = _tried(model, shape)
    found = {name: _settled(seen, three.get(name), resized) for name, seen in two.items()}
    block = found.get(model.first_block)
    tokens = block.shape[0] if block and len(block.shape) == 2 and block.axis == 2 else None
    for name, one in found.items():
        if tokens is not None and len(one.shape) == 2 and one.axis and one.shape[2 - one.axis] == tokens:
            found[name] = Layout(one.axis, one.place, model.prefix_tokens, one.shape, one.problem)
    return found


def layout_at(model: VisionModel, found: Mapping[str, Layout], layer: str, pool: str | None) -> Layout:
    """The layout of a layer, or the one that the model's SPEC asks for.

    Raises InputError, naming the nearest layers that can be used, where it can't be read with this pooling.
    """
    one = found.get(layer)
    if one is None:
        raise nothing_at(layer)
    if one.problem and layer == OUTPUT:
        raise InputError(f"what the model gives out {one.problem}; name a layer, '?layer=…': {_last(found)}")
    if one.problem:
        raise InputError(f"layer '{layer}' {one.problem}; {_nearest(found, layer)}")
    if len(one.shape) == 1 or pool == "flatten":
        return one
    if model.layout is not None:
        return Layout(_axis_of(model.layout, one, layer), one.place, one.prefix_tokens, one.shape)
    if one.axis is None:
        raise InputError(
            f"layer '{layer}' gives out {_text(one.shape)}, and which axis is the channel can't be told: say "
            f"'layout=nchw', 'nhwc' or 'tokens' in the SPEC, or take pool 'flatten'; {_nearest(found, layer)}"
        )
    return one


def nothing_at(layer: str) -> InputError:
    return InputError(f"layer '{layer}' gives out no array when the model sees an image; choose another")


def _axis_of(layout: str, one: Layout, layer: str) -> int:
    ndim = len(one.shape)
    if layout == "tokens" and ndim != 2 or layout == "nhwc" and ndim != 3:
        raise InputError(f"layout '{layout}' does not fit layer '{layer}', whose output is {_text(one.shape)}")
    return 1 if layout == "nchw" else ndim


def _last(found: Mapping[str, Layout]) -> str:
    """The last layers that can be used, in the place of a whole model's output."""
    named = [name for name in _usable(found) if not name.endswith(INPUT)]
    return ", ".join(named[-_LISTED:]) or "there is none that can be used"


def _usable(found: Mapping[str, Layout]) -> list[str]:
    return [name for name, one in found.items() if not one.problem and (one.axis or len(one.shape) == 1)]


def _nearest(found: Mapping[str, Layout], layer: str) -> str:
    near = difflib.get_close_matches(layer, _usable(found), n=_NEAREST, cutoff=0)
    return f"nearest that can be used: {', '.join(near)}" if near else "no layer of this model can be used"


def _settled(two: Seen, three: Seen | None, resized: bool) -> Layout:
    shape = two.shape[1:]
    if two.unusable:
        return Layout(None, problem=f"is {two.unusable} of two images")
    if three is None or len(three.shape) != len(two.shape) or three.place != two.place:
        return Layout(None, shape=shape, problem="gives out another kind of array for two images than for three")
    if (two.shape[0], three.shape[0]) != (2, 3):
        return Layout(None, shape=shape, problem=f"has {two.shape[0]} rows for 2 images (windows, patches or heads?)")
    if two.several:
        return Layout(None, shape=shape, problem="gives out several arrays; choose one inside it")
    if len(shape) == 1:
        return Layout(1, two.place, shape=shape)
    return Layout(_axis(two, three, resized), two.place, shape=shape)


def _axis(two: Seen, three: Seen, resized: bool) -> int | None:
    """The axis that modules and sizes agree on; None where they do not, or several are possible."""
    axes = range(1, len(two.shape))
    constant = [axis for axis in axes if two.shape[axis] == three.shape[axis]]
    if two.axis is not None and two.axis == three.axis:
        return two.axis if two.axis in constant else None
    if two.axis is not None and three.axis is not None:
        return None
    told = two.axis if two.axis is not None else three.axis  # of one size it may be plain, of another not
    if told is not None:
        return told if told in constant else None
    if resized and len(constant) == 1:
        return constant[0]
    longer = [axis for axis in axes if two.shape[axis] > 1]
    return longer[0] if len(longer) == 1 and longer[0] in constant else None


def _tried(model: VisionModel, shape: tuple[int, ...]) -> tuple[dict[str, Seen], dict[str, Seen], bool]:
    """What two images give, what three of twice the size do, and whether the model took that size."""
    channels, height, width = shape
    numbers = next((one.device.type for one in model.module.parameters()), "cpu") != "meta"
    small = sum(one.numel() for one in model.module.parameters()) * height * width < _SMALL
    for device in ("cpu", "meta") if small else ("meta", "cpu"):
        try:
            module = _copied(model.module, device)
            two = _pass(module, (2, *shape), device)
        except Exception:  # noqa: BLE001  (whatever a model's code raises without numbers: then zeros are tried)
            continue
        try:
            return two, _pass(module, (3, channels, 2 * height, 2 * width), device), True
        except Exception:  # noqa: BLE001  (a model for one image size says so in its own way)
            return two, _pass(_copied(model.module, device), (3, *shape), device), False
    if not numbers:
        raise NotImplementedError("the model can't be tried without its weights")
    device = next((one.device for one in model.module.parameters()), torch.device("cpu"))
    return (
        _pass(model.module, (2, *shape), device), _pass(model.module, (3, *shape), device), False
    )  # fmt: skip


def _copied(module: nn.Module, device: str) -> nn.Module:
    """The module's structure on `device` with empty or zero tensors; without hooks, those of torch's own apart."""
    memo: dict[int, Any] = {}
    for tensor in (*module.parameters(), *module.buffers()):
        like = torch.zeros(tensor.shape, dtype=tensor.dtype, device=device)
        memo[id(tensor)] = nn.Parameter(like, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else like
    copied = copy.deepcopy(module, memo)
    for one in copied.modules():
        for hooks in (one._forward_hooks, one._forward_pre_hooks):
            for key in [key for key, hook in hooks.items() if not type(hook).__module__.startswith("torch.nn")]:
                del hooks[key]
    return copied.eval()


def _pass(module: nn.Module, shape: tuple[int, ...], device: Any) -> dict[str, Seen]:
    """What all layers give out for images of zeros (b, c, h, w)."""
    modules = {name: one for name, one in module.named_modules() if name}
    images = torch.zeros(shape, device=device)
    with torch.no_grad(), watching(modules, shape[0]) as (found, of):
        output = module(images)
        seen = of(output)
        special = {OUTPUT: seen if seen and not seen.several else Seen((), None, None, unusable=described(output))}
        if has_pre_logits(module):
            with suppress(TypeError):  # a head that has no such place
                special[PRE_LOGITS] = of(module.forward_head(module.forward_features(images), pre_logits=True))
    return {**{name: seen for name, seen in special.items() if seen}, **{n: s for n, s in found.items() if n}}


def _text(shape: tuple[int, ...]) -> str:
    return f"(b, {', '.join(map(str, shape))})"
