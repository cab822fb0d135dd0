"""Features on disk, found again by everything that made them."""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rdx.errors import InputError
from rdx.files import atomic_path, fingerprint
from rdx.locks import alone_at, release

_log = logging.getLogger(__name__)
_FOLDER = "features"
_TENSOR = "features"


def cache_folder(folder: str | Path | None = None) -> Path:
    """`folder`, else RDX_CACHE, else $XDG_CACHE_HOME/rdx, else ~/.cache/rdx."""
    if folder is not None:
        return Path(folder)
    if os.environ.get("RDX_CACHE"):
        return Path(os.environ["RDX_CACHE"]).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base).expanduser() if base else Path.home() / ".cache") / "rdx"


def writable(folder: str | Path | None = None) -> Path:
    """The cache's folder where it can be written, else (with a warning) one that lives as long as this process."""
    place = cache_folder(folder).absolute()
    nearest = next(path for path in (place / _FOLDER, place, *place.parents) if path.exists())
    return place if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) else _instead_of(place)


@cache
def _instead_of(place: Path) -> Path:
    folder = tempfile.TemporaryDirectory(prefix="rdx-cache-")
    atexit.register(folder.cleanup)
    _log.warning("the cache '%s' cannot be written: features are computed for this run alone", place)
    return Path(folder.name)


def cached_path(key: str, folder: str | Path | None = None) -> Path:
    """Where the features with this key lie, or would lie."""
    return cache_folder(folder) / _FOLDER / f"{key}.safetensors"


def chunk_folder(key: str, folder: str | Path | None = None) -> Path:
    """Where the features with this key lie in chunks until all are there."""
    return cache_folder(folder) / _FOLDER / f"{key}.chunks"


def forget(key: str, folder: str | Path | None = None) -> None:
    """Remove the features with this key, and chunks of them. Raises InputError where the cache can only be read."""
    path = cached_path(key, folder)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"'{path}' can't be removed, so that it would be computed again ({error.strerror}): leave --force out, or "
            "take another cache (RDX_CACHE)"
        ) from None
    discard_chunks(key, folder)


def discard_chunks(key: str, folder: str | Path | None = None) -> None:
    """Remove the chunks of the features with this key, in whatever layout they are."""
    shutil.rmtree(chunk_folder(key, folder), ignore_errors=True)


def alone(keys: Iterable[str], folder: str | Path | None = None) -> AbstractContextManager[None]:
    """Inside, no other process makes the features with these keys; see `rdx.locks.alone_at`."""
    return alone_at(cached_path(key, folder) for key in keys)


def store(key: str, values: np.ndarray, made_of: Mapping[str, Any], folder: str | Path | None = None) -> Path:
    """Write features (n, d) with what made them and a checksum in the header, whole or not at all."""
    from safetensors.numpy import save_file

    path = cached_path(key, folder)
    header = {"made_of": dict(made_of), "key": key, "checksum": fingerprint(values, dict(made_of), key)}
    with atomic_path(path) as temporary:
        tensors = {_TENSOR: np.ascontiguousarray(values)}
        save_file(tensors, str(temporary), metadata={"rdx": json.dumps(header)})
    return path


def cached_width(key: str, folder: str | Path | None = None) -> int | None:
    """The columns d of the features with this key; None where there are none that can be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(cached_path(key, folder)), framework="numpy") as handle:
            return handle.get_slice(_TENSOR).get_shape()[1]
    except (SafetensorError, OSError, IndexError):
        return None


def lookup(key: str, folder: str | Path | None = None) -> np.ndarray | None:
    """The features (n, d) with this key; None where there are none, or (with a warning) damaged ones."""
    from safetensors import SafetensorError, safe_open

    path = cached_path(key, folder)
    if not path.is_file():
        return None
    try:
        with safe_open(str(path), framework="numpy") as handle:
            header = json.loads((handle.metadata() or {})["rdx"])
            values = handle.get_tensor(_TENSOR)
        if header["key"] == key and _is_whole(header, values):
            discard_chunks(key, folder)  # a process may have been killed between storing them and tidying up
            release(path)
            return values
        reason = "its checksum is wrong"
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    _log.warning("cached features '%s' are damaged (%s) and are computed again", path, reason)
    with suppress(OSError):  # a cache that can only be read
        path.unlink()
    return None


def _is_whole(header: Mapping[str, Any], values: np.ndarray) -> bool:
    if "sha256" in header:  # written before the header itself had a part in the checksum
        return header["sha256"] == fingerprint(values)
    return header["checksum"] == fingerprint(values, header["made_of"], header["key"])
