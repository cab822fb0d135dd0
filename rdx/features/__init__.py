"""Representations: a model at a layer over items, or an array from a file; computed once, then cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.errors import InputError, unknown
from rdx.features import cache
from rdx.features.extraction import BATCH_SIZE, extract, try_layer
from rdx.features.pooling import POOLS, check_pool
from rdx.files import fingerprint, sha256_file
from rdx.models import load_model, model_fingerprint
from rdx.models.spec import ModelSpec, parse_spec
from rdx.models.weights import existing_file

if TYPE_CHECKING:
    from pathlib import Path

    from rdx.data.items import Items

__all__ = [
    "KEYS",
    "POOLS",
    "Features",
    "check_representation",
    "load_representation",
    "representation_fingerprint",
]

KEYS = ("model", "layer", "pool", "title", "batch_size")  # of one entry under `representations:`
_VERSION = 1  # raise it when the same settings come to mean other numbers


@dataclass(frozen=True, eq=False)
class Features:
    """A representation of n items."""

    values: np.ndarray  # (n, d) float32
    fingerprint: str  # of everything that made them
    ids: tuple[str, ...] | None = None  # of the rows, where a file has them
    from_cache: bool = False


@dataclass(frozen=True)
class _Request:
    spec: ModelSpec
    layer: str | None
    pool: str | None
    batch_size: int

    @property
    def is_array(self) -> bool:
        return self.spec.family == "features"


def representation_fingerprint(settings: Mapping[str, Any], items: Items | None) -> str:
    """The sha256 of everything that makes a representation; the model is not built, nothing is computed.

    `settings` are the keys in `KEYS`; `items` may be None for ``features:PATH``. Raises InputError for
    wrong settings and missing files.
    """
    return fingerprint(_made_of(_request(settings), items))


def check_representation(
    settings: Mapping[str, Any], items: Items | None = None, *, cache_dir: str | Path | None = None
) -> None:
    """Raises InputError where `load_representation` would for its settings: model, file, layer or pooling.

    Published weights are not downloaded for it. Features found in the cache are fine as they are.
    """
    request = _request(settings)
    if request.is_array:
        _read(request)
        return
    made_of = _made_of(request, items) if items is not None else None
    if made_of is not None and cache.cached_path(fingerprint(made_of), cache_dir).is_file():
        return
    if items is not None and not items.has_images:
        raise InputError(f"model '{request.spec}' needs images, and the items have none")
    model = load_model(request.spec, weights=False)
    layer = model.check_layer(request.layer)
    if items is not None:
        try_layer(model, items.image(0), layer, request.pool)


def load_representation(
    settings: Mapping[str, Any],
    items: Items | None,
    *,
    device: str = "cpu",
    progress: bool = False,
    cache_dir: str | Path | None = None,
) -> Features:
    """The representation that `settings` ask for: from its file, from the cache, or computed and cached.

    Raises InputError for wrong settings, files or images, one line each.
    """
    request = _request(settings)
    made_of = _made_of(request, items)
    key = fingerprint(made_of)
    if request.is_array:
        values, ids = _read(request)
        if items is not None and ids is None and len(values) != len(items):
            raise InputError(f"features '{request.spec.name}' have {len(values)} rows for {len(items)} items")
        return Features(values, key, ids)
    values = cache.lookup(key, cache_dir)
    if values is not None:
        return Features(values, key, from_cache=True)
    model = load_model(request.spec, device)
    values = extract(
        model,
        items,
        layer=request.layer,
        pool=request.pool,
        batch_size=request.batch_size,
        device=device,
        progress=progress,
    )
    cache.store(key, values, {**made_of, "description": model.description}, cache_dir)
    return Features(values, key)


def _request(settings: Mapping[str, Any]) -> _Request:
    for key in settings:
        if key not in KEYS:
            raise unknown("setting of a representation", key, KEYS)
    if not settings.get("model"):
        raise InputError("a representation needs a 'model', for example 'timm:resnet50'")
    spec = parse_spec(settings["model"])
    batch_size = settings.get("batch_size")
    batch_size = BATCH_SIZE if batch_size is None else batch_size
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise InputError(f"batch_size must be a whole number of 1 or more, not {batch_size!r}")
    layer, pool = (_one_of(settings, spec, key) for key in ("layer", "pool"))
    if spec.family == "features" and (layer or pool):
        raise InputError(f"'{spec}' is an array: it takes no layer and no pool")
    return _Request(spec, layer, check_pool(pool), batch_size)


def _one_of(settings: Mapping[str, Any], spec: ModelSpec, key: str) -> str | None:
    """A setting that may stand in the SPEC or beside it."""
    beside, within = settings.get(key), spec.options.get(key)
    if beside is not None and within is not None and beside != within:
        raise InputError(f"model '{spec}' asks for {key} '{within}', and the key {key} for '{beside}'")
    return within if beside is None else str(beside)


def _read(request: _Request) -> tuple[np.ndarray, tuple[str, ...] | None]:
    from rdx.features.arrays import read_array

    return read_array(request.spec.name, request.spec.options.get("key"))


def _made_of(request: _Request, items: Items | None) -> dict[str, Any]:
    """Everything that the numbers depend on, by name. The transform is part of the model's fingerprint."""
    if request.is_array:
        contents = sha256_file(existing_file(request.spec.name, "features"))
        return {"version": _VERSION, "array": contents, "key": request.spec.options.get("key")}
    if items is None:
        raise InputError(f"model '{request.spec}' needs images")
    return {
        "version": _VERSION,
        "model": model_fingerprint(request.spec),
        "layer": request.layer,
        "pool": request.pool,
        "items": items.fingerprint,
        "dtype": "float32",
        "libraries": {name: version(name) for name in ("torch", "numpy", "pillow")},
    }
