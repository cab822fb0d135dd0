"""Inputs that came as values from Python, kept in the cache so that the saved configuration can be run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rdx.errors import InputError
from rdx.features.cache import cache_folder
from rdx.files import atomic_path, fingerprint
from rdx.locks import alone_at
from rdx.models.spec import parse_spec

if TYPE_CHECKING:
    from rdx.config import Experiment

_FOLDER = "inputs"


def keep(content: np.ndarray | str | bytes) -> Path:
    """Write an array (.npy), the text of a table (.csv) or a Parquet file to the cache, named by its contents.

    Returns its path.
    """
    suffix = ".csv" if isinstance(content, str) else ".parquet" if isinstance(content, bytes) else ".npy"
    path = cache_folder() / _FOLDER / f"{_name(content)}{suffix}"
    with alone_at([path]), atomic_path(path) as temporary:
        if isinstance(content, (str, bytes)):
            temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        else:
            with open(temporary, "wb") as handle:
                np.save(handle, content, allow_pickle=False)
    return path


def check(config: Experiment) -> None:
    """Raises InputError where a kept input is not what its name says: it cannot be made again from here."""
    for path in names(config):
        if path.is_file() and not _is_whole(path):
            raise InputError(
                f"'{path}' is damaged (its checksum is wrong): it was kept by compare(); call that again with the "
                "same values"
            )


def names(config: Experiment) -> dict[Path, str]:
    """The kept inputs that a configuration names, each with what it is: the representation's key, images or labels."""
    specs = {key: parse_spec(entry.model) for key, entry in config.representations.items()}
    paths = {Path(spec.name): key for key, spec in specs.items() if not spec.is_model}
    data = config.data or {}
    others = {"root": "images", "labels": "labels"}
    paths |= {Path(str(data[key])): name for key, name in others.items() if data.get(key)}
    return {path: name for path, name in paths.items() if path.parent == cache_folder() / _FOLDER}


def _is_whole(path: Path) -> bool:
    try:
        if path.suffix == ".npy":
            content = np.load(path, allow_pickle=False)
        else:
            content = path.read_bytes() if path.suffix == ".parquet" else path.read_bytes().decode("utf-8")
    except (OSError, ValueError, EOFError):
        return False
    return _name(content) == path.stem


def _name(content: np.ndarray | str | bytes) -> str:
    return fingerprint(content)[:16]
