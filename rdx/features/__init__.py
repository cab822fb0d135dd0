"""Representations: a model at a layer over items, or an array from a file; computed once, then cached."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.data.listing import said_of_order
from rdx.errors import InputError
from rdx.features import cache
from rdx.features.arrays import read_array
from rdx.features.capture import Choice
from rdx.features.chunked import Pass, gathered, layout_of
from rdx.features.description import Description, describe, outlined, shell
from rdx.features.extraction import PRECISIONS, check_precision, try_layer
from rdx.features.pooling import POOLS
from rdx.features.request import KEYS, Request, made_of, parse_request
from rdx.files import fingerprint
from rdx.models import load_model

if TYPE_CHECKING:
    from pathlib import Path

    from rdx.compute.engine import Engine
    from rdx.data.items import Items

__all__ = [
    "KEYS",
    "POOLS",
    "PRECISIONS",
    "Description",
    "Features",
    "check_representation",
    "describe",
    "load_representation",
    "representation_fingerprint",
]


@dataclass(frozen=True, eq=False)
class Features:
    """A representation of n items."""

    values: np.ndarray  # (n, d) float32
    fingerprint: str  # of everything that made them
    ids: tuple[str, ...] | None = None  # of the rows, where a file has them
    from_cache: bool = False
    images_per_second: float | None = None  # of what was computed now


def representation_fingerprint(settings: Mapping[str, Any], items: Items | None) -> str:
    """The sha256 of everything that makes a representation; the model is not built, nothing is computed.

    `settings` are the keys in `KEYS`; `items` may be None for ``features:PATH``. Raises InputError for
    wrong settings and missing files.
    """
    return fingerprint(made_of(parse_request(settings), items))


def check_representation(
    settings: Mapping[str, Any],
    items: Items | None = None,
    *,
    cache_dir: str | Path | None = None,
) -> tuple[str, ...]:
    """Raises InputError where `load_representation` would for its settings: model, file, layer or pooling.

    Returns how a file was read where that is not plain, a line each. Published weights are not downloaded for it.
    Features found in the cache are fine as they are.
    """
    request = parse_request(settings)
    if request.is_array:
        array = read_array(request.spec.name, request.spec.options)
        by_place = array.ids is None and items is not None and items.can_be_shown
        return (*array.notes, *said_of_order(items.ids)) if by_place else array.notes
    made_by = made_of(request, items) if items is not None else None
    if made_by is not None and cache.cached_path(fingerprint(made_by), cache_dir).is_file():
        return ()
    if items is not None and not items.has_images:
        what = "the items are texts: give features of them" if items.texts else "the items have none"
        raise InputError(f"model '{request.spec}' needs images, and {what}")
    if outlined(request) is not None:
        if items is not None:
            items.image(0)  # whatever its size, as long as it can be read
        return ()
    model = shell(request.spec)
    layer = model.check_layer(request.layer)
    if items is not None:
        try_layer(model, items.image(0), layer, request.pool)
    return ()


def load_representation(
    settings: Mapping[str, Any],
    items: Items | None,
    *,
    together: Sequence[Mapping[str, Any]] = (),
    device: str = "cpu",
    progress: bool = False,
    cache_dir: str | Path | None = None,
    engine: Engine | None = None,
) -> Features:
    """The representation that `settings` ask for: from its file, from the cache, or computed and cached.

    `together` are the settings of others that will be asked for. Where a pass over the items is needed, it
    also computes and caches those of the same model, so that a sweep over layers costs one pass; pooled
    with `flatten`, a representation is computed on its own. A pass that was broken off goes on from the
    chunks that are there. Where the engine's workers are other processes, they compute the chunks.
    Raises InputError for wrong settings, files or images, one line each.
    """
    request = parse_request(settings)
    made_by = made_of(request, items)
    key = fingerprint(made_by)
    if request.is_array:
        array = read_array(request.spec.name, request.spec.options)
        if items is not None:
            _check_rows(request.spec.name, len(array.values), array.ids, items)
        return Features(array.values, key, array.ids)
    values = cache.lookup(key, cache_dir)
    if values is not None:
        return Features(values, key, from_cache=True)
    cache_dir = cache.writable(cache_dir)
    values = gathered(key, len(items), cache_dir)  # before the model is there: others may have computed it elsewhere
    if values is not None:
        with cache.alone([key], cache_dir):  # or another process would tidy the half-written file away
            cache.store(key, values, {**made_by, "description": shell(request.spec).description}, cache_dir)
            cache.discard_chunks(key, cache_dir)
        return Features(values, key, from_cache=True)
    with cache.alone([key, *_missing(request, made_by, together, cache_dir).values()], cache_dir):
        values = cache.lookup(key, cache_dir)  # another process may have brought it while this one waited
        if values is not None:
            return Features(values, key, from_cache=True)
        group, one = _prepare_pass(request, made_by, items, together, device, cache_dir)
        one.compute(device=device, precision=request.precision, progress=progress, spread=_elsewhere(engine))
        for choice, found in one.values():
            layer, pool = choice
            if found is not None:
                header = {**made_by, "layer": layer, "pool": pool, "description": one.model.description}
                cache.store(group[choice], found, header, cache_dir)
            cache.discard_chunks(group[choice], cache_dir)
            values = found if choice == request.choice else values
    if values is None:  # another run has stored them meanwhile
        return load_representation(
            settings, items, together=together, device=device, progress=progress, cache_dir=cache_dir, engine=engine
        )
    return Features(values, key, images_per_second=one.images / one.seconds if one.images else None)


def _elsewhere(engine: Engine | None) -> Callable | None:
    """Where other processes can compute; in this one a pass reads ahead from chunk to chunk instead."""
    return engine.map if engine is not None and engine.elsewhere else None


def _prepare_pass(
    request: Request, made_by: Mapping[str, Any], items: Items, together: Sequence[Mapping[str, Any]], device: str,
    cache_dir: str | Path | None,
) -> tuple[dict[Choice, str], Pass]:  # fmt: skip
    """What one pass computes, by layer and pool with their keys; and the pass, its model loaded."""
    check_precision(request.precision, device)  # before anything is downloaded
    group = {request.choice: fingerprint(made_by)} | _missing(request, made_by, together, cache_dir)
    model = load_model(request.spec, device)
    layout = layout_of(model, items, request.batch_size, device)
    return group, Pass(model, items, group, layout, cache_dir, request.spec)


def _check_rows(name: str, n: int, ids: tuple[str, ...] | None, items: Items) -> None:
    """Refuse an array whose rows are not the items, as far as their number and its own ids tell."""
    if n != len(items):
        raise InputError(f"features '{name}' have {n} rows for {len(items)} items")
    if ids is not None and ids != items.ids:
        row = next(i for i, pair in enumerate(zip(ids, items.ids, strict=True)) if pair[0] != pair[1])
        raise InputError(
            f"features '{name}' name row {row} '{ids[row]}', the item there is '{items.ids[row]}': give the rows in "
            "the items' order, or leave the ids out ('?drop=NAME') where the order is right"
        )


def _missing(
    request: Request,
    made_by: Mapping[str, Any],
    together: Sequence[Mapping[str, Any]],
    cache_dir: str | Path | None,
) -> dict[tuple[str | None, str | None], str]:
    """Layer and pool, with their keys, of the others that one pass can compute and the cache has not got."""
    others = [other for other in map(parse_request, together) if request.goes_with(other)]
    keys = {
        other.choice: fingerprint({**made_by, "layer": other.layer, "pool": other.pool}) for other in others
    }
    return {choice: key for choice, key in keys.items() if not cache.cached_path(key, cache_dir).is_file()}
