"""Writing files whole or not at all, and the fingerprints that say what made them."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rdx.errors import WriteError

PART = ".part"  # the mark of what is still being written
_TEMPORARY = re.compile(rf"\.(.+)\.[0-9a-f]{{12}}{re.escape(PART)}")  # the name of a temporary folder
_OS_ERROR = re.compile(r"\(os error (\d+)\)")  # how libraries in Rust say what the system said
_listeners: list[Callable[[Path, Path], None]] = []
_log = logging.getLogger(__name__)


@contextmanager
def atomic_path(path: Path | str) -> Iterator[Path]:
    """A temporary file on the disk of `path`; on success it is synced and renamed to it, on failure removed.

    The name is kept, since writers of images and arrays choose their format by its suffix. Raises WriteError,
    naming `path`, where the disk refuses.
    """
    path = Path(path)
    with atomic_files(path.parent, [path.name]) as temporary:
        yield temporary / path.name


@contextmanager
def atomic_files(folder: Path | str, names: Sequence[str]) -> Iterator[Path]:
    """A temporary folder inside `folder`; on success its files `names` are synced and moved out of it, in order.

    Files that belong together: the last of them vouches for the others, so an older one is taken away before the
    first is replaced. On failure before that nothing has changed. A folder, not a file: whatever else a
    writer leaves when it is killed lies in there too, and goes with it. Raises WriteError where the disk refuses.
    """
    folder, names = Path(folder), list(names)
    with temporary_folder(folder / names[-1]) as temporary:
        with writing(folder / names[-1], temporary):
            yield temporary
        for name in names:
            with writing(folder / name, temporary):
                _sync_file(temporary / name)
            for before in list(_listeners):
                before(folder / name, temporary / name)
        if len(names) > 1:
            (folder / names[-1]).unlink(missing_ok=True)
        for name in names:
            with writing(folder / name, temporary):
                os.replace(temporary / name, folder / name)
    with writing(folder):
        sync_folder(folder)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, in which it can be made; gone at the end, unless it was moved to its place."""
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}{PART}")
    try:
        with writing(path, temporary):
            temporary.mkdir(parents=True)
        yield temporary
    finally:
        try:
            shutil.rmtree(temporary, ignore_errors=True)
        finally:  # again, where Ctrl-C broke into it
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def before_replacing(before: Callable[[Path, Path], None]) -> Iterator[None]:
    """Inside, `before(path, new)` is called for every file of this process before `new` takes the place of `path`."""
    _listeners.append(before)
    try:
        yield
    finally:
        _listeners.remove(before)


def set_aside(path: Path) -> None:
    """Keep what is no file of ours under another name: ``grids/thesis.png`` as ``grids/thesis.saved.png``."""
    target, number = path.with_name(f"{path.stem}.saved{path.suffix}"), 1
    while target.exists() or target.is_symlink():
        number += 1
        target = path.with_name(f"{path.stem}.saved-{number}{path.suffix}")
    with writing(path):
        path.rename(target)
    _log.warning("'%s' is not as it was written here: it stays as '%s'", path, target.name)


@contextmanager
def writing(path: Path | str, temporary: Path | None = None) -> Iterator[None]:
    """Inside, what the disk refuses is a WriteError that names `path`; errors about other files pass."""
    try:
        yield
    except WriteError as error:
        if temporary is None or not Path(error.path).is_relative_to(temporary):
            raise
        place = Path(path).parent / Path(error.path).relative_to(temporary)  # where it was to go in the end
        raise WriteError(place, error.errno) from error
    except Exception as error:
        number = _refusal(error, [place for place in (Path(path), temporary) if place is not None])
        if number is None:
            raise
        raise WriteError(path, number) from error


def _refusal(error: Exception, places: Sequence[Path]) -> int | None:
    """The number of the system's error; None where it is no such error, or one about another place."""
    if isinstance(error, OSError):
        named = None if error.filename is None else Path(os.fsdecode(error.filename))
        if named is not None and not any(_on_one_path(named, place) for place in places):
            return None
        return error.errno
    number = _OS_ERROR.search(str(error)) if type(error).__name__ == "SafetensorError" else None
    return int(number[1]) if number else None


def _on_one_path(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def temporary_of(name: str) -> str | None:
    """The stem of the file for which a temporary folder of this name was made; None for other names."""
    found = _TEMPORARY.fullmatch(name)
    return found and found[1]


def remove_temporaries(folder: Path, *, keep_out: Sequence[str] = ()) -> None:
    """Remove what killed processes left half written in `folder` and below; whoever calls it is alone there.

    Folders below that hold a file or folder named in `keep_out` are others' and are left alone.
    """
    for place, below, _ in os.walk(folder):
        for name in [name for name in below if temporary_of(name)]:
            shutil.rmtree(Path(place, name), ignore_errors=True)
            below.remove(name)
        below[:] = [name for name in below if not any(Path(place, name, mark).exists() for mark in keep_out)]


def _sync_file(path: Path) -> None:
    with open(path, "rb+") as handle:
        os.fsync(handle.fileno())


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
