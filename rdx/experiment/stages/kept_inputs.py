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


def keep(content: np.ndarray | str) -> Path:
    """Write an array (.npy) or the text of a table (.csv) to the cache, named by its contents; returns its path."""
    is_text = isinstance(content, str)
    path = cache_folder() / _FOLDER / f"{_name(content)}{'.csv' if is_text else '.npy'}"
    with alone_at([path]), atomic_path(path) as temporary:
        if is_text:
            temporary.write_bytes(content.encode("utf-8"))
        else:
            with open(temporary, "wb") as handle:
                np.save(handle, content, allow_pickle=False)
    return path


def check(config: Experiment) -> None:
    """Raises InputError where a kept input is not what its name says: it cannot be made again from here."""
    specs = [parse_spec(entry.model) for entry in config.representations.values()]
    paths = [Path(spec.name) for spec in specs if not spec.is_model]
    paths += [Path(str(config.data["labels"]))] if config.data and config.data.get("labels") else []
    for path in paths:
        if path.parent == cache_folder() / _FOLDER and path.is_file() and not _is_whole(path):
            raise InputError(
                f"'{path}' is damaged (its checksum is wrong): it was kept by compare(); call that again with the "
                "same values"
            )


def _is_whole(path: Path) -> bool:
    try:
        content = path.read_bytes().decode("utf-8") if path.suffix != ".npy" else np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return _name(content) == path.stem


def _name(content: np.ndarray | str) -> str:
    return fingerprint(content)[:16]
