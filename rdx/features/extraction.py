"""Running a model over items and keeping what chosen layers give out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.errors import InputError
from rdx.features.pooling import check_pool, pool_output
from rdx.models.vision_model import OUTPUT, PRE_LOGITS, VisionModel

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from rdx.data.items import Items

BATCH_SIZE = 64
_MAX_READERS = 8  # threads that read images while the model computes
Choice = tuple[str | None, str | None]  # layer and pool; None takes the model's default


def extract(
    model: VisionModel,
    items: Items,
    *,
    layer: str | None = None,
    pool: str | None = None,
    batch_size: int = BATCH_SIZE,
    device: str = "cpu",
    progress: bool = False,
) -> np.ndarray:
    """The representation (n, d) float32 of n items at one layer.

    Raises InputError for an unknown layer or pooling, and for an unreadable image, which it names.
    """
    choices = [(layer, pool)]
    (values,) = extract_layers(
        model, items, choices, batch_size=batch_size, device=device, progress=progress
    ).values()
    return values


def extract_layers(
    model: VisionModel,
    items: Items,
    choices: Sequence[Choice],
    *,
    batch_size: int = BATCH_SIZE,
    device: str = "cpu",
    progress: bool = False,
) -> dict[Choice, np.ndarray]:
    """Several representations, each (n, d) float32, in one pass over the n items."""
    import torch
    from tqdm import tqdm

    if batch_size < 1:
        raise InputError(f"batch_size must be 1 or more, not {batch_size}")
    if not len(items):
        raise InputError("there are no items to extract features of")
    layers = {choice: model.check_layer(choice[0]) for choice in choices}
    pools = {choice: check_pool(choice[1]) for choice in choices}
    model.module.to(device).eval()
    values: dict[Choice, np.ndarray] = {}
    bar = tqdm(total=len(items), desc="features", unit="image", disable=not progress)
    with bar, torch.inference_mode(), _exact_kernels(), _captured(model, set(layers.values())) as outputs:
        for start, images in _batches(model, items, batch_size):
            outputs.clear()
            _forward(model, images.to(device), outputs, set(layers.values()))
            for choice, layer in layers.items():
                rows = _vectors(model, outputs, layer, pools[choice]).float().cpu().numpy()
                if choice not in values:
                    values[choice] = np.empty((len(items), rows.shape[1]), dtype=np.float32)
                values[choice][start : start + len(rows)] = rows
            bar.update(len(images))
    return values


def try_layer(model: VisionModel, image: Image.Image, layer: str, pool: str | None) -> None:
    """Raises InputError where the model, or a shell of it, gives out nothing at `layer` that `pool` fits."""
    import torch

    device = next(model.module.parameters()).device
    with torch.inference_mode(), _captured(model, {layer}) as outputs:
        try:
            _forward(model, model.transform(image)[None].to(device), outputs, {layer})
        except (NotImplementedError, RuntimeError):
            return  # a shell has no numbers; a forward pass that needs some can only be tried in earnest
        _vectors(model, outputs, layer, pool)


def _batches(model: VisionModel, items: Items, batch_size: int) -> Iterator[tuple[int, torch.Tensor]]:
    """Batches (b, c, h, w) with the position of their first item; the next one is read ahead."""
    starts = range(0, len(items), batch_size)
    readers = min(_MAX_READERS, os.cpu_count() or 1)
    with ThreadPoolExecutor(readers) as pool:

        def submit(start: int) -> list[Any]:
            return [
                pool.submit(_read, model, items, position)
                for position in range(start, min(start + batch_size, len(items)))
            ]

        waiting = submit(0)
        try:
            for start in starts:
                current, waiting = waiting, submit(start + batch_size)
                yield start, _stacked([future.result() for future in current], items, start)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _read(model: VisionModel, items: Items, position: int) -> torch.Tensor:
    return model.transform(items.image(position))


def _stacked(images: list[torch.Tensor], items: Items, start: int) -> torch.Tensor:
    import torch

    for offset, image in enumerate(images):
        if image.shape != images[0].shape:
            first, other = items.ids[start], items.ids[start + offset]
            raise InputError(
                f"images '{first}' and '{other}' differ in size ({tuple(images[0].shape)} and "
                f"{tuple(image.shape)}), and the model has no size of its own to bring them to"
            )
    return torch.stack(images)


def _forward(model: VisionModel, images: torch.Tensor, outputs: dict[str, Any], layers: set[str]) -> None:
    """One pass; `outputs` gets the two special layers, the hooks add the others."""
    if PRE_LOGITS in layers and PRE_LOGITS not in dict(model.module.named_modules()):
        features = model.module.forward_features(images)
        outputs[PRE_LOGITS] = model.module.forward_head(features, pre_logits=True)
        if len(layers) > 1:  # another layer may lie in the head
            outputs.setdefault(OUTPUT, model.module.forward_head(features))
    else:
        outputs.setdefault(OUTPUT, model.module(images))


@contextmanager
def _captured(model: VisionModel, layers: set[str]) -> Iterator[dict[str, Any]]:
    """The outputs of the named submodules after each forward pass; of one that runs twice, the last."""
    outputs: dict[str, Any] = {}
    modules = dict(model.module.named_modules())

    def hook(name: str) -> Any:
        return lambda module, inputs, output: outputs.__setitem__(name, output)

    handles = [modules[name].register_forward_hook(hook(name)) for name in layers if name in modules]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _vectors(model: VisionModel, outputs: dict[str, Any], layer: str, pool: str | None) -> torch.Tensor:
    import torch

    output = outputs.get(layer)
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, torch.Tensor):
        raise InputError(f"layer '{layer}' gives out no array when the model sees an image; choose another")
    return pool_output(
        output,
        pool,
        prefix_tokens=model.prefix_tokens,
        class_token=model.class_token,
        channels_last=_channels_last(model, layer),
        layer=layer,
    )


def _channels_last(model: VisionModel, layer: str) -> bool:
    """Whether a layer's maps are (b, h, w, c): timm's patch embeddings say so themselves."""
    import torch

    module = dict(model.module.named_modules()).get(layer)
    own = getattr(module, "output_fmt", None)
    if own is not None:
        return str(own).upper().endswith("NHWC")
    return model.channels_last and not isinstance(module, (torch.nn.Conv2d, torch.nn.BatchNorm2d))


@contextmanager
def _exact_kernels() -> Iterator[None]:
    """On a GPU: full float32 and no choice of kernels by timing, so that a run can be repeated."""
    import torch

    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
