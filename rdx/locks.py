"""One process at a time in a folder or at a file: locks that no killed process can leave behind.

A lock is the operating system's, on a small hidden file that says who holds it. The system lets go of it when its
process ends, however that ends; the file itself is removed by its holder, or by the next one.
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

from rdx.errors import InputError
from rdx.files import remove_temporaries, temporary_of, writing

LOCK = ".lock"
STAMPS = ".steps"  # marks a folder that is looked after on its own
_PAUSE = 0.1  # seconds between two tries: short enough to go unnoticed, and Ctrl-C gets through
_AT = 1 << 30  # the byte that is locked on Windows, where a locked byte cannot be read
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}
_held: set[tuple[str, int]] = set()  # what each thread of this process holds
_log = logging.getLogger(__name__)


class InUse(RuntimeError):
    """Another process holds a lock that was not to be waited for."""


@contextmanager
def alone(folders: Iterable[Path | str]) -> Iterator[None]:
    """No other process of ours writes into these folders; what a killed one left half written there is removed.

    They are made where they are missing, and taken away again where nothing came to lie in them. Where another
    process is at work, waits and says so. Raises WriteError for a folder that cannot be written, InputError
    for one that is a file.
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


def _lock_of(folder: Path, stem: str) -> Path:
    return folder / f".{stem}{LOCK}"


def _tidy(folder: Path) -> None:
    """Remove the locks and temporary folders beside files that nobody is making."""
    with suppress(OSError):  # there may be nothing, or it can only be read
        names = [entry.name for entry in os.scandir(folder) if entry.name.startswith(".")]
        for stem in {temporary_of(name) or name[1:].removesuffix(LOCK) for name in names}:
            with suppress(InUse), locked(_lock_of(folder, stem), stem, wait=False):
                for name in names:
                    if temporary_of(name) == stem:
                        shutil.rmtree(folder / name, ignore_errors=True)


@contextmanager
def locked(path: Path, what: str, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock that is the file `path`; a thread that holds it already goes on.

    Where another holds it, waits, saying once who keeps it from `what`; with `wait` off raises InUse.
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
        _held.discard(mine)
        if handle is not None:
            _release(path, handle)
        with suppress(OSError):  # the first that is in use ends it
            for folder in missing:
                folder.rmdir()


def _acquire(path: Path, what: str, wait: bool) -> int:
    told = False
    while True:
        handle = _open(path)
        if _try(handle, what):
            if _is_at(path, handle):
                break
            os.close(handle)  # its holder removed it between our two calls, so it locks nothing any more
            continue
        holder = _holder(handle)
        os.close(handle)
        if not wait:
            raise InUse(f"{what} is in use by {holder}")
        if not told:
            _log.warning("waiting for %s, which is in use by %s", what, holder)
            told = True
        time.sleep(_PAUSE)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(_myself()).encode())
    except OSError:
        _release(path, handle)
        raise
    return handle


def _open(path: Path) -> int:
    """The lock's file, with the folders above it: whoever was there before may be about to remove them."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:
            continue


def _try(handle: int, what: str) -> bool:
    """Whether the lock was free, and now is ours."""
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            os.lseek(handle, _AT, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            os.lseek(handle, 0, os.SEEK_SET)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            _log.warning("%s is on a disk without locks: run one process at a time there", what)
            return True
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True


def _is_at(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _release(path: Path, handle: int) -> None:
    """Remove the file while it is still locked, so that nobody locks one that is about to go."""
    if os.name != "posix":  # an open file cannot be removed there
        os.close(handle)
    with suppress(OSError):
        path.unlink()
    if os.name == "posix":
        os.close(handle)


def _myself() -> dict[str, object]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}


def _holder(handle: int) -> str:
    """Who holds the lock, in words."""
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        found = json.loads(os.read(handle, 4096))
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
