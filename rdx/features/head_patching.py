"""Head patching: a block's output when one attention head gives out its mean over the items instead.

The mean is taken for every token by itself. What the head says about an item in particular is gone then,
and what it says about all of them alike stays, so that the block's other parts see nothing unusual.

Where the representation is the class token, one pass over the items keeps its rows (block input, heads) for
any number of blocks, and all patches follow from those. Other poolings look at every token, which would not
fit into memory: a first pass takes the means, a second one patches head after head, batch by batch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rdx.features.extraction import extract_layers
from rdx.features.request import Request
from rdx.models.heads import HeadBlock, seen
from rdx.models.vision_model import INPUT

if TYPE_CHECKING:
    from rdx.data.items import Items
    from rdx.models.vision_model import VisionModel

_ROWS = 2048  # class tokens whose block output is computed at once
CLASS_TOKEN = "cls"


def block_between(shallow: Request, deep: Request) -> str | None:
    """The one block that leads from one representation to another, by the layers' names; None where there is none.

    That is ``blocks.3`` for ``blocks.2`` (or ``blocks.3:input``) and ``blocks.3`` of the same model. How the
    shallow one is pooled does not matter.
    """
    same = (shallow.spec, shallow.precision) == (deep.spec, deep.precision)
    parts = re.fullmatch(r"(.+)\.(\d+)", deep.layer or "")
    if not same or parts is None:
        return None
    stem, number = parts[1], int(parts[2])
    before = f"{stem}.{number - 1}" if number else f"{stem}{INPUT}"
    return deep.layer if shallow.layer in (before, deep.layer + INPUT) else None


def is_class_token(model: VisionModel, pool: str | None) -> bool:
    """Whether a pooling takes a block's class token alone."""
    return pool == CLASS_TOKEN or (pool is None and model.class_token_by_default)


@dataclass(frozen=True)
class HeadRows:
    """The class tokens of n items in one block."""

    input: np.ndarray  # (n, d)
    heads: np.ndarray  # (n, heads · width)
    gate: np.ndarray | None  # (n, heads · width)


def head_rows(
    model: VisionModel, items: Items, blocks: Sequence[HeadBlock], **how: Any
) -> dict[str, HeadRows]:
    """The rows of every block, by its layer, from one pass; `how` is what `extract_layers` takes."""
    choices = [(name, CLASS_TOKEN) for block in blocks for name in _row_layers(block) if name is not None]
    found = extract_layers(model, items, choices, **how)
    return {
        block.layer: HeadRows(*(found.get((name, CLASS_TOKEN)) for name in _row_layers(block))) for block in blocks
    }


def _row_layers(block: HeadBlock) -> tuple[str, str, str | None]:
    return block.layer + INPUT, block.heads, block.gate


def patched_rows(block: HeadBlock, rows: HeadRows, device: str = "cpu") -> Iterator[np.ndarray]:
    """The class token after the block, (n, d): first with all heads as they are, then with each patched."""
    block.block.to(device).eval()
    yield _finished(block, rows, rows.heads, device)
    mean = rows.heads.mean(axis=0, dtype=np.float64).astype(rows.heads.dtype)
    for head in range(block.n_heads):
        heads = rows.heads.copy()
        heads[:, block.columns(head)] = mean[block.columns(head)]
        yield _finished(block, rows, heads, device)


def _finished(block: HeadBlock, rows: HeadRows, heads: np.ndarray, device: str) -> np.ndarray:
    parts = []
    for start in range(0, len(heads), _ROWS):
        chosen = slice(start, start + _ROWS)
        x, h, gate = (
            None if values is None else torch.from_numpy(values[chosen]).to(device)[:, None]
            for values in (rows.input, heads, rows.gate)
        )
        with torch.inference_mode():
            parts.append(block.finish(x, h, gate)[:, 0].float().cpu().numpy())
    return np.concatenate(parts)


def head_means(
    model: VisionModel, items: Items, blocks: Sequence[HeadBlock], **how: Any
) -> dict[str, np.ndarray]:
    """The mean of the heads' outputs over the items, (t, heads · width) float32 by layer, from one pass."""
    sums: dict[str, Any] = {}

    def add(module: Any, inputs: Any, output: Any) -> None:
        # Only now is the pass through; one that ran out of memory is repeated, and must not count twice.
        for layer, held in parts.items():
            sums[layer] = sums.get(layer, 0.0) + held["heads"].double().sum(dim=0)
            held.clear()

    with ExitStack() as hooks:
        parts = {block.layer: hooks.enter_context(seen(block)) for block in blocks}
        hooks.callback(model.module.register_forward_hook(add).remove)
        extract_layers(model, items, [(blocks[0].layer, "mean")], **how)
    return {layer: (value / len(items)).float().cpu().numpy() for layer, value in sums.items()}


def patched_pooled(
    model: VisionModel, items: Items, block: HeadBlock, mean: np.ndarray, pool: str | None, **how: Any
) -> Iterator[np.ndarray]:
    """The representation after the block, (n, d): first as it is, then with each head patched; from one pass.

    mean: (t, heads · width), of `head_means`. All are held at once. The model is left as it was.
    """
    taps = _Taps(block, mean)
    model.module.set_submodule(block.layer, taps)
    try:
        choices = [(f"{block.layer}.taps.{number}", pool) for number in range(len(taps.taps))]
        found = extract_layers(model, items, choices, **how)
    finally:
        model.module.set_submodule(block.layer, block.block)
    yield from (found[choice] for choice in choices)


class _Taps(torch.nn.Module):
    """A block that also computes its patched outputs, and hands them to submodules where they can be looked at."""

    def __init__(self, found: HeadBlock, mean: np.ndarray) -> None:
        super().__init__()
        self.block = found.block
        self.taps = torch.nn.ModuleList(torch.nn.Identity() for _ in range(found.n_heads + 1))
        self.register_buffer("mean", torch.from_numpy(mean), persistent=False)
        self._found = found

    def forward(self, x: torch.Tensor, *others: Any, **named: Any) -> Any:
        with seen(self._found) as parts:
            output = self.block(x, *others, **named)
        self.taps[0](self._found.finish(x, parts["heads"], parts.get("gate")))
        for head, tap in enumerate(self.taps[1:]):
            heads = parts["heads"].clone()
            columns = self._found.columns(head)
            heads[..., columns] = self.mean[:, columns].to(heads.dtype)
            tap(self._found.finish(x, heads, parts.get("gate")))
        return output


def stored(rows: HeadRows | np.ndarray) -> dict[str, np.ndarray]:
    """Rows, or means, as arrays by name, to be saved."""
    if isinstance(rows, np.ndarray):
        return {"mean": rows}
    return {name: value for name, value in vars(rows).items() if value is not None}


def restored(arrays: Mapping[str, np.ndarray]) -> HeadRows | np.ndarray:
    """What `stored` was given."""
    if "mean" in arrays:
        return arrays["mean"]
    return HeadRows(arrays["input"], arrays["heads"], arrays.get("gate"))
