"""Taking vectors out of a model while it looks at images: one forward pass for any number of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rdx.errors import InputError
from rdx.features.pooling import check_pool, pool_output
from rdx.models.vision_model import INPUT, OUTPUT, PRE_LOGITS, VisionModel

if TYPE_CHECKING:
    import torch

    from rdx.features.layouts import Layout

Choice = tuple[str | None, str | None]  # layer and pool; None takes the model's default
Look = Callable[["torch.Tensor"], "dict[Choice, torch.Tensor]"]


@contextmanager
def looking(model: VisionModel, choices: Sequence[Choice]) -> Iterator[Look]:
    """A function from images (b, c, h, w) to the vectors (b, d) float32 of every choice.

    Vectors are pooled as soon as their layer has run, for two reasons: a later layer may work in place on
    what an earlier one gave out, and whole token maps of many layers would fill a GPU. Of a submodule that
    runs twice the last output counts. With the first images the model is tried for the layers' layouts.
    Raises InputError for an unknown layer or pool, and before anything is computed for a layer that gives out
    no rows of images, or whose channels can't be told.
    """
    from rdx.features.layouts import layout_at, layouts, nothing_at

    modules = dict(model.module.named_modules())
    read: dict[str, Layout] = {}
    wanted: dict[str, list[Choice]] = {}
    for choice in choices:
        check_pool(choice[1])
        wanted.setdefault(model.check_layer(choice[0]), []).append(choice)
    found: dict[Choice, torch.Tensor | InputError] = {}
    batch = [0]  # images in the pass that runs

    def keep(layer: str, value: Any) -> None:
        for choice in wanted[layer] if layer in read else ():  # not yet while the model itself is tried
            try:
                found[choice] = _vectors(model, read[layer], value, layer, choice[1], batch[0])
            except InputError as error:  # raised at the end, unless the submodule runs again and then fits
                found[choice] = error

    def look(images: torch.Tensor) -> dict[Choice, torch.Tensor]:
        if not read:
            tried = layouts(model, tuple(images.shape[1:]))
            read.update({layer: layout_at(model, tried, layer, pool) for layer, pool in _asked(wanted)})
        found.clear()
        batch[0] = len(images)
        for layer, value in _forward(model, images, wanted).items():
            if layer not in modules:
                keep(layer, value)
        for layer, layers_choices in wanted.items():
            for choice in layers_choices:
                found.setdefault(choice, nothing_at(layer))
        for value in found.values():
            if isinstance(value, InputError):
                raise value
        return {choice: found[choice] for choice in choices}

    handles = [_hooked(modules, layer, keep) for layer in wanted if layer.removesuffix(INPUT) in modules]
    try:
        yield look
    finally:
        for handle in handles:
            handle.remove()


def _hooked(modules: Mapping[str, torch.nn.Module], layer: str, keep: Callable[[str, Any], None]) -> Any:
    """A hook that hands over what comes out of a layer, or what goes into it."""
    if layer in modules:
        return modules[layer].register_forward_hook(lambda module, inputs, output: keep(layer, output))
    return modules[layer.removesuffix(INPUT)].register_forward_pre_hook(
        lambda module, inputs, named: keep(layer, next(iter((*inputs, *named.values())), None)), with_kwargs=True
    )


def _forward(model: VisionModel, images: torch.Tensor, wanted: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """One pass, in which the hooks do their work; returns the layers that are no submodule."""
    if PRE_LOGITS not in wanted or PRE_LOGITS in dict(model.module.named_modules()):
        output = model.module(images)
        return {OUTPUT: output} if OUTPUT in wanted else {}
    features = model.module.forward_features(images)
    found = {PRE_LOGITS: model.module.forward_head(features, pre_logits=True)}
    if len(wanted) > 1:  # another layer may lie in the head
        output = model.module.forward_head(features)
        found |= {OUTPUT: output} if OUTPUT in wanted else {}
    return found


def _asked(wanted: Mapping[str, Sequence[Choice]]) -> Iterator[tuple[str, str | None]]:
    """Each layer with what it is pooled with; `flatten` first: the others ask for more."""
    for layer, choices in wanted.items():
        for pool in sorted((pool for _, pool in choices), key=lambda pool: pool != "flatten"):
            yield layer, pool


def _vectors(
    model: VisionModel, layout: Layout, value: Any, layer: str, pool: str | None, batch: int
) -> torch.Tensor:
    """A copy (b, d) float32, so that nothing else is kept alive by it or changes it."""
    import torch

    from rdx.features.layouts import nothing_at

    if layout.place is not None and isinstance(value, (tuple, list)):
        value = value[layout.place]
    if not isinstance(value, torch.Tensor):
        raise nothing_at(layer)
    if len(value) != batch:
        raise InputError(f"layer '{layer}' has {len(value)} rows for {batch} images; choose another")
    prefixed = layout.prefix_tokens > 0
    pooled = pool_output(
        value.float(),
        pool,
        axis=layout.axis,
        prefix_tokens=layout.prefix_tokens,
        class_token=model.class_token and prefixed,
        class_token_by_default=model.class_token_by_default,
        layer=layer,
    )
    return pooled.clone()
