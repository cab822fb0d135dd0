"""Writing files whole or not at all, and the fingerprints that say what made them."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

PART = ".part"  # the mark of a file that is still being written


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary path beside `path`; on success it is synced and renamed to it, on failure removed.

    The suffix of `path` is kept, since writers of images and arrays choose their format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}{PART}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb+") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals inside `folder` survive a power cut (nothing to do on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path | str, text: str) -> None:
    """Write `text` as UTF-8 with plain line ends, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path | str, value: Any) -> None:
    """Write `value` as indented JSON; NaN is refused, since it is not JSON."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain) + "\n")


def copy_file(source: Path | str, target: Path | str) -> None:
    """Copy a file to `target`, whole or not at all."""
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def sha256_file(path: Path | str) -> str:
    """The sha256 of a file's contents, as 64 hex digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fingerprint(*parts: Any) -> str:
    """The sha256 of JSON-able values, arrays, bytes, paths (as text) and dataclasses, as 64 hex digits.

    Equal values give equal fingerprints on every machine: keys are sorted, arrays count by type,
    shape and contents, and every part is framed by its kind and length, so that ("ab", "c") and
    ("a", "bc") differ.
    """
    digest = hashlib.sha256()
    for part in parts:
        kind, data = _encoded(part)
        digest.update(f"{kind}:{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()


def _encoded(part: Any) -> tuple[str, bytes | memoryview]:
    if isinstance(part, (bytes, bytearray, memoryview)):
        return "bytes", bytes(part)
    if isinstance(part, np.ndarray) and part.dtype != object:
        little = np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<"))
        return f"array {little.dtype.str} {little.shape}", little.tobytes()
    return "json", json.dumps(part, sort_keys=True, ensure_ascii=False, default=_plain).encode("utf-8")


def _plain(value: Any) -> Any:
    """What JSON does not know, said in what it does."""
    if isinstance(value, np.ndarray):
        return {"array": fingerprint(value)} if value.dtype != object else value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"cannot fingerprint or store a {type(value).__name__}")
