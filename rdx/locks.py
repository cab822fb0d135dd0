"""One process at a time in a folder or at a file: locks that no killed process can leave behind.

A lock is the operating system's (taken through filelock), on a small hidden file that says who holds it. The system
releases it when its process ends, however that ends; the file is removed by its holder, or by the next one.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import socket
import stat
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from filelock import lock_descriptor

from rdx.errors import InputError
from rdx.files import remove_temporaries, temporary_of, writing

LOCK = ".lock"
STAMPS = ".steps"  # marks a folder that is looked after on its own
_PAUSE = 0.1  # seconds between two tries: short enough to go unnoticed, and Ctrl-C gets through
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
_held: set[tuple[str, int]] = set()  # what each thread of this process holds
_log = logging.getLogger(__name__)


class InUse(RuntimeError):
    """Another process holds a lock that was not to be waited for."""


@contextmanager
def alone(folders: Iterable[Path | str]) -> Iterator[None]:
    """No other process of ours writes into these folders; what a killed one left half written there is removed.

    Missing folders are created, and removed again if nothing was written to them. Waits, and says so, while another
    process holds one. Raises WriteError for a folder that cannot be written, InputError for one that is a file.
    """
    places = sorted({Path(os.path.abspath(folder)) for folder in folders})
    with ExitStack() as held:
        for place in places:  # in the same order everywhere, or two processes could wait for each other
            _refuse_file(place)
            held.enter_context(locked(place / LOCK, f"'{place}'"))
            remove_temporaries(place, keep_out=(LOCK, STAMPS))
        yield


@contextmanager
def alone_at(paths: Iterable[Path]) -> Iterator[None]:
    """No other process makes these files meanwhile. Waits, and says so, where one does already.

    What killed processes left in their folders, half written or locked, is removed.
    """
    paths = sorted(set(paths))
    for folder in {path.parent for path in paths}:
        _tidy(folder)
    with ExitStack() as held:
        for path in paths:
            held.enter_context(locked(_lock_of(path.parent, path.stem), f"'{path}'"))
        yield


def release(path: Path) -> None:
    """Remove the lock, and the temporary folder, of a process that was killed when it had just made this file."""
    if _lock_of(path.parent, path.stem).exists():
        _tidy(path.parent, path.stem)


def _lock_of(folder: Path, stem: str) -> Path:
    return folder / f".{stem}{LOCK}"


def _tidy(folder: Path, only: str | None = None) -> None:
    """Remove the locks and temporary folders beside files, or the one with this stem, that nobody is making."""
    with suppress(OSError):  # there may be nothing, or it can only be read
        names = [entry.name for entry in os.scandir(folder) if entry.name.startswith(".")]
        stems = {temporary_of(name) or name[1:].removesuffix(LOCK) for name in names}
        for stem in stems if only is None else stems & {only}:
            with suppress(InUse), locked(_lock_of(folder, stem), stem, wait=False):
                for name in names:
                    if temporary_of(name) == stem:
                        shutil.rmtree(folder / name, ignore_errors=True)


@contextmanager
def locked(path: Path, what: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file `path`; a thread that holds it already goes on.

    While another process or thread holds it, waits, and says once who holds `what`; with `wait` off raises InUse.
    """
    mine = (str(path), threading.get_ident())
    if mine in _held:
        yield
        return
    missing = [folder for folder in path.parents if not folder.exists()]
    handle = None
    try:
        with writing(path.parent):
            handle = _acquire(path, what, wait)
        _held.add(mine)
        yield
    finally:
        try:
            _let_go(mine, path, handle, missing)
        finally:  # Ctrl-C may have broken into it; what is done already is not done again
            _let_go(mine, path, handle, missing)


def _let_go(mine: tuple[str, int], path: Path, handle: BinaryIO | None, made: list[Path]) -> None:
    _held.discard(mine)
    with suppress(OSError):
        if handle is None:  # refused, or interrupted on the way, perhaps when the file was just made
            with _opened(path, "r+b") as free:
                if lock_descriptor(free.fileno(), blocking=False):
                    _remove(path, free)
        elif not handle.closed:
            _remove(path, handle)  # before the lock is released, so that nobody locks a file that is about to go
    if handle is not None:
        handle.close()
    with suppress(OSError):  # the first that is in use ends it
        for folder in made:
            folder.rmdir()


def _remove(path: Path, handle: BinaryIO) -> None:
    """Remove the lock file that is held; one that somebody made in its place since stays."""
    if _is_at(path, handle):
        path.unlink()


def _acquire(path: Path, what: str, wait: bool) -> BinaryIO:
    """The lock file, open and locked, with this process's name in it."""
    told = False
    while True:
        handle = _open(path)
        try:
            if not _lock(handle, what):
                holder = _holder(handle)
                if not wait:
                    raise InUse(f"{what} is in use by {holder}")
                if not told:
                    _log.warning("waiting for %s, which is in use by %s", what, holder)
                    told = True
                time.sleep(_PAUSE)
            elif _is_at(path, handle):  # else its holder removed it between our two calls: it protects nothing
                with suppress(OSError):  # on a full disk it stays empty
                    handle.truncate(0)
                    handle.write(json.dumps(_myself()).encode())
                ours, handle = handle, None
                return ours
        finally:
            if handle is not None:
                handle.close()


def _open(path: Path) -> BinaryIO:
    """The lock file, with the folders above it: whoever was there before may be about to remove them."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return _opened(path, "a+b")
        except FileNotFoundError:
            continue
        except FileExistsError:  # mkdir's, of a folder too that is gone when it looks what is there
            if os.path.lexists(path.parent) and not path.parent.is_dir():
                raise


def _opened(path: Path, mode: str) -> BinaryIO:
    """A file object and no bare number: one that Ctrl-C keeps from being assigned is closed by itself."""
    return open(path, mode, buffering=0)


def _lock(handle: BinaryIO, what: str) -> bool:
    """Whether the lock was free, and now is ours."""
    try:
        return lock_descriptor(handle.fileno(), blocking=False)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        _log.warning("%s is on a disk without locks: run one process at a time there", what)
        return True


def _is_at(path: Path, handle: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle.fileno()))
    except FileNotFoundError:
        return False


def _myself() -> dict[str, object]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}


def _holder(handle: BinaryIO) -> str:
    """Who holds the lock, in words."""
    try:
        handle.seek(0)
        found = json.loads(handle.read(4096))
        return f"process {found['pid']} on {found['host']} since {found['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"  # which is just about to say who it is


def _refuse_file(folder: Path) -> None:
    """Raise InputError where there is a file in the place of a folder."""
    for place in (folder, *folder.parents):
        with suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISDIR(place.stat().st_mode):
                what = "is a file" if place == folder else f"would lie in the file '{place}'"
                raise InputError(f"the output folder '{folder}' {what}")
            return
