"""The attention heads of a transformer block: where their outputs pass, and what the block makes of them.

In a block, the heads' outputs stand side by side, (b, t, heads · width), before the attention's output
projection. From there on the block treats every token by itself (projection, scale, residual, MLP), so its
output for some tokens can be computed again from their input and changed heads alone, without the others.

Any block of tokens qualifies whose `attn` has `num_heads` and an output projection: timm's ViTs (with
query-key norm, scale norm, gates, rotary embeddings, EVA, BEiT), open_clip's own ViT and its towers from
timm. Whether the block really works so is not assumed: `verify` computes one image's output both ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from rdx.errors import InputError
from rdx.models.vision_model import INPUT

if TYPE_CHECKING:
    from PIL import Image

    from rdx.models.vision_model import VisionModel

_ATTENTION = "attn"
_PROJECTIONS, _NORMS, _GATE = ("proj", "out_proj"), ("norm", "ln_inner"), "gate"
_TOLERANCE = 1e-4  # of the largest value: other orders of addition cost about 1e-6


@dataclass(frozen=True)
class HeadBlock:
    """One transformer block of a model, with its heads."""

    layer: str  # the block's name
    block: torch.nn.Module
    n_heads: int
    taken_at: str  # the submodule of the block whose input is the heads' outputs (b, t, heads · width)
    gated_by: str | None = None  # the one whose output is a gate before its sigmoid, where the attention has one

    @property
    def heads(self) -> str:
        """The layer that is the heads' outputs."""
        return f"{self.layer}.{self.taken_at}{INPUT}"

    @property
    def gate(self) -> str | None:
        """The layer that is the gate."""
        return None if self.gated_by is None else f"{self.layer}.{self.gated_by}"

    def columns(self, head: int) -> slice:
        """Where a head's outputs stand."""
        width = self._projection.in_features // self.n_heads
        return slice(head * width, (head + 1) * width)

    def finish(self, x: torch.Tensor, heads: torch.Tensor, gate: torch.Tensor | None = None) -> torch.Tensor:
        """The block's output (b, t, d) from its input x (b, t, d) and the heads' outputs (b, t, heads · width).

        t may be any number of the block's tokens.
        """
        for name in _NORMS:
            heads = getattr(self._attention, name, _same)(heads)
        if gate is not None:
            heads = heads * gate.sigmoid()
        given = self._projection(heads)
        as_tuple = isinstance(self._attention, OpenAttention)
        attention = self._attention
        try:
            self.block.attn = _Gives((given, None) if as_tuple else given)
            return self.block(x)
        finally:
            self.block.attn = attention

    @property
    def _attention(self) -> torch.nn.Module:
        return self.block.attn

    @property
    def _projection(self) -> torch.nn.Linear:
        return _first(self._attention, _PROJECTIONS)[1]


def find_heads(model: VisionModel, layer: str) -> HeadBlock:
    """The heads of the block at `layer`; `nn.MultiheadAttention`, which hides them, is opened up in place.

    Raises InputError, naming the model, where the layer is no block with attention heads.
    """
    block = dict(model.module.named_modules()).get(layer)
    attention = getattr(block, _ATTENTION, None)
    if isinstance(attention, torch.nn.MultiheadAttention) and attention.in_proj_weight is not None:
        attention = block.attn = OpenAttention(attention)
    projection, linear = _first(attention, _PROJECTIONS)
    n_heads = getattr(attention, "num_heads", None)
    if not isinstance(linear, torch.nn.Linear) or not isinstance(n_heads, int) or linear.in_features % n_heads:
        raise _no_heads(model, layer, "it is no transformer block whose attention has heads before a projection")
    norm, _ = _first(attention, _NORMS)
    gate, _ = _first(attention, (_GATE,))
    return HeadBlock(layer, block, n_heads, f"{_ATTENTION}.{norm or projection}", gate and f"{_ATTENTION}.{gate}")


def verify(model: VisionModel, found: HeadBlock, image: Image.Image) -> None:
    """Raises InputError unless the block's output is what `finish` makes of its input and heads.

    Of a shell without numbers only the shapes are looked at.
    """
    device = next(model.module.parameters()).device
    why = "its output does not come from its heads token by token"
    with torch.inference_mode():
        try:
            with seen(found) as parts:
                model.module(model.transform(image)[None].to(device))
        except (NotImplementedError, RuntimeError):
            if device.type == "meta":
                return  # a forward pass that needs numbers can only be tried in earnest
            raise
        x, heads, gate, out = (parts.get(name) for name in ("input", "heads", "gate", "output"))
        if not isinstance(out, torch.Tensor) or x.ndim != 3 or heads.shape[:2] != x.shape[:2]:
            raise _no_heads(model, found.layer, why)
        try:
            again = found.finish(x, heads, gate)
            first = found.finish(x[:, :1], heads[:, :1], None if gate is None else gate[:, :1])
        except (TypeError, RuntimeError):  # a block that needs more than its tokens, such as their grid's size
            raise _no_heads(model, found.layer, why) from None
    if again.shape != out.shape:
        raise _no_heads(model, found.layer, why)
    if device.type == "meta":
        return
    off = max(float((again - out).abs().max()), float((first - out[:, :1]).abs().max()))
    if not off <= _TOLERANCE * float(out.abs().max()):
        raise _no_heads(model, found.layer, why)


@contextmanager
def seen(found: HeadBlock) -> Iterator[dict[str, Any]]:
    """The whole tensors of a block in the latest forward pass: "input", "heads", "gate" and "output"."""
    block = found.block
    parts: dict[str, Any] = {}

    def before(name: str) -> Any:
        return lambda module, inputs, named: parts.__setitem__(name, next(iter((*inputs, *named.values()))))

    def after(name: str) -> Any:
        return lambda module, inputs, output: parts.__setitem__(name, output)

    handles = [
        block.register_forward_pre_hook(before("input"), with_kwargs=True),
        block.register_forward_hook(after("output")),
        block.get_submodule(found.taken_at).register_forward_pre_hook(before("heads"), with_kwargs=True),
    ]
    if found.gated_by is not None:
        handles.append(block.get_submodule(found.gated_by).register_forward_hook(after("gate")))
    try:
        yield parts
    finally:
        for handle in handles:
            handle.remove()


class OpenAttention(torch.nn.Module):
    """What `nn.MultiheadAttention` computes (self-attention, batch first), with the projection as a submodule call."""

    def __init__(self, attention: torch.nn.MultiheadAttention) -> None:
        super().__init__()
        self.num_heads, self.batch_first = attention.num_heads, attention.batch_first
        self.in_proj_weight, self.in_proj_bias = attention.in_proj_weight, attention.in_proj_bias
        self.out_proj = attention.out_proj

    def forward(self, query: torch.Tensor, *others: Any, attn_mask: Any = None, **named: Any) -> tuple:
        """query: (b, t, d), which is the key and the value too."""
        if not self.batch_first:
            query = query.transpose(0, 1)
        b, t, d = query.shape
        qkv = functional.linear(query, self.in_proj_weight, self.in_proj_bias)  # (b, t, 3 d)
        q, k, v = qkv.view(b, t, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)  # each (b, heads, t, d / heads)
        heads = functional.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)
        output = self.out_proj(heads.transpose(1, 2).reshape(b, t, d))
        return output if self.batch_first else output.transpose(0, 1), None


class _Gives(torch.nn.Module):
    """Takes an attention's place in a block, and gives out what was computed already."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self.output


def _same(value: torch.Tensor) -> torch.Tensor:
    return value


def _first(module: Any, names: tuple[str, ...]) -> tuple[str | None, Any]:
    """The first submodule that goes by one of `names`, with its name."""
    for name in names:
        if isinstance(getattr(module, name, None), torch.nn.Module):
            return name, getattr(module, name)
    return None, None


def _no_heads(model: VisionModel, layer: str, why: str) -> InputError:
    name = model.description.partition(";")[0]
    return InputError(f"the heads of layer '{layer}' of {name} cannot be patched: {why}")
