"""What one entry under `representations:` asks for, and everything that its numbers depend on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rdx.errors import InputError, unknown
from rdx.features.extraction import check_precision
from rdx.features.pooling import check_layout, check_pool
from rdx.models import model_fingerprint
from rdx.models.spec import ModelSpec, parse_spec
from rdx.models.weights import contents, existing_file
from rdx.source import source_fingerprint, version

if TYPE_CHECKING:
    from rdx.data.items import Items

KEYS = ("model", "layer", "pool", "title", "batch_size", "precision")  # of one entry under `representations:`
_READERS = (  # decide what is an item and what a feature in a file
    *(f"rdx.data.reading.{name}" for name in ("delimited", "headers", "parquet_files", "table", "tables")),
    *(f"rdx.features.{name}" for name in ("arrays", "columns", "scientific", "table_columns", "table_ids", "tables")),
    *(f"rdx.features.{name}" for name in ("mat_files", "tensors")),
)
_VERSION = 1  # raise it when the same settings come to mean other numbers
_LAYER_VERSION = 3  # the same of models alone: how layers are read (2: convolutions over tokens on their channels)


@dataclass(frozen=True)
class Request:
    """A representation's settings, checked."""

    spec: ModelSpec  # without layer and pool
    layer: str | None
    pool: str | None
    batch_size: int | None  # None: what suits the device
    precision: str

    @property
    def is_array(self) -> bool:
        return not self.spec.is_model

    @property
    def choice(self) -> tuple[str | None, str | None]:
        return self.layer, self.pool

    def goes_with(self, other: Request) -> bool:
        """Whether both can come from one pass. What keeps every value is too large to be held along."""
        same = (self.spec, self.batch_size, self.precision) == (other.spec, other.batch_size, other.precision)
        return same and not self.is_array and "flatten" not in (self.pool, other.pool)


def parse_request(settings: Mapping[str, Any]) -> Request:
    """Raises InputError for an unknown key or a wrong value."""
    for key in settings:
        if key not in KEYS:
            raise unknown("setting of a representation", key, KEYS)
    if not settings.get("model"):
        raise InputError("a representation needs a 'model', for example 'timm:resnet50'")
    spec = parse_spec(settings["model"])
    batch_size = settings.get("batch_size")
    whole = isinstance(batch_size, int) and not isinstance(batch_size, bool) and batch_size >= 1
    if batch_size is not None and not whole:
        raise InputError(f"batch_size must be a whole number of 1 or more, not {batch_size!r}")
    check_layout(spec.options.get("layout"))
    layer, pool = (_one_of(settings, spec, key) for key in ("layer", "pool"))
    precision = check_precision(settings.get("precision") or "float32")
    if not spec.is_model and (layer or pool):
        raise InputError(f"'{spec}' is an array: it takes no layer and no pool")
    options = {key: value for key, value in spec.options.items() if key not in ("layer", "pool")}
    return Request(ModelSpec(spec.family, spec.name, options), layer, check_pool(pool), batch_size, precision)


def made_of(request: Request, items: Items | None) -> dict[str, Any]:
    """Everything that the numbers depend on, by name. The transform is part of the model's fingerprint."""
    if request.is_array:
        held = contents(existing_file(request.spec.name, "features"))
        return {"code": source_fingerprint(*_READERS), "array": held, **_of_options(request)}
    if items is None:
        raise InputError(f"model '{request.spec}' needs images")
    return {
        "version": [_VERSION, _LAYER_VERSION],
        "layout": request.spec.options.get("layout"),
        "model": model_fingerprint(request.spec),
        "layer": request.layer,
        "pool": request.pool,
        "items": items.fingerprint,
        "dtype": request.precision,
        "libraries": {name: version(name) for name in ("torch", "numpy", "pillow")},
    }


def _of_options(request: Request) -> dict[str, Any]:
    """What else an array depends on: the options that choose in its file, and the names that they refer to."""
    options = dict(request.spec.options)
    names = options.pop("names", None)
    if names is not None and "drop" in options:
        options["names"] = contents(existing_file(names, "names of columns"))
    return options


def _one_of(settings: Mapping[str, Any], spec: ModelSpec, key: str) -> str | None:
    """A setting that may stand in the SPEC or beside it."""
    beside, within = settings.get(key), spec.options.get(key)
    if beside is not None and within is not None and beside != within:
        raise InputError(f"model '{spec}' asks for {key} '{within}', and the key {key} for '{beside}'")
    return within if beside is None else str(beside)
