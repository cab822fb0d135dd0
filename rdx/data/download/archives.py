"""A published archive, fetched, checked and unpacked: what most sources need.

Archives come into <folder>/.downloads/<name>/ and are removed once their contents are in place. One that the user
has put into <folder> is taken instead, and stays. Where no checksum is published, the sha256 of the first download
is written down in <folder>/.downloads/checksums.json, and a later download must have it too.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rdx.data.download.transfer import DownloadError, WrongChecksum, fetch, has_checksum
from rdx.data.download.unpacking import Limits, unpacked
from rdx.errors import InputError
from rdx.files import PART, sha256_file, sync_folder, write_json

STORE = ".downloads"
_CHECKSUMS = "checksums.json"


@dataclass(frozen=True)
class Archive:
    """A file of a publisher: its name below the base address, and its checksum where one is published."""

    name: str
    checksum: str | None = None  # md5:… or sha256:…
    limits: Limits = Limits()


@contextmanager
def unpacked_archive(archive: Archive, base_url: str, folder: Path, *, timeout: float = 30.0) -> Iterator[Path]:
    """A temporary folder below `folder` with all of the archive in it, to `place` parts of.

    The download is kept where the caller's part fails, so that nothing is fetched again. Raises DownloadError
    and InputError as `fetch` and `unpacked` do, and DownloadError while another process is at the same archive.
    """
    store = folder / STORE
    with _alone(store / archive.name) as work:
        known = archive.checksum or _recorded(store).get(archive.name)
        path = folder / archive.name
        ours = not path.is_file()
        if ours:
            path = work / archive.name
        if path.is_file():
            print(f"taking {path}", flush=True)
            _check_present(path, known, ours)
        else:
            address = f"{base_url.rstrip('/')}/{archive.name}"
            print(f"fetching {address}", flush=True)
            try:
                fetch(address, path, checksum=known, timeout=timeout)
            except WrongChecksum as error:
                raise WrongChecksum(f"{error}{_meaning(archive, store)}") from None
        print(f"unpacking {path.name}", flush=True)
        whole = False
        try:
            with unpacked(path, work, archive.limits) as content:
                whole = True
                if known is None:
                    _record(store, archive.name, sha256_file(path))
                yield content
        except InputError:
            if ours and not whole:
                path.unlink(missing_ok=True)
            raise
        if ours:
            path.unlink()


def place(source: Path, target: Path) -> None:
    """Move an unpacked file or folder to where it belongs. Raises InputError where something is there already."""
    if target.is_symlink() or target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise InputError(f"'{target}' is there already and is not replaced: move it away and run this again")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _place_on_other_disk(source, target)
    sync_folder(target.parent)


def refuse_rest(target: Path, missing: str) -> None:
    """Raise InputError, before anything is fetched, where `target` holds something that is not the whole."""
    if target.is_symlink() and not target.exists():
        raise InputError(f"'{target}' is a symlink to '{os.readlink(target)}', which is not there")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"'{target}' is there, but {missing}: move it away and run this again")


def _place_on_other_disk(source: Path, target: Path) -> None:
    """The same where a symlink leads elsewhere: a copy beside the target, then a rename."""
    copy = target.with_name(f".{target.name}{PART}")
    try:
        if source.is_dir():
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(source, copy)
        else:
            shutil.copyfile(source, copy)
        os.replace(copy, target)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        copy.unlink(missing_ok=True)
        raise


@contextmanager
def _alone(work: Path) -> Iterator[Path]:
    """The folder `work`, in which no other process is at work; removed at the end when it is empty."""
    work.mkdir(parents=True, exist_ok=True)
    handle = os.open(work, os.O_RDONLY) if os.name == "posix" else None
    try:
        if handle is not None:
            import fcntl

            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DownloadError(f"{work.name} is being fetched by another process already") from None
        yield work
    finally:
        if handle is not None:
            os.close(handle)
        for empty in (work, work.parent):
            with suppress(OSError):
                empty.rmdir()


def _check_present(path: Path, known: str | None, ours: bool) -> None:
    """Raise DownloadError where an archive that is there is not the one expected."""
    if known is None or has_checksum(path, known):
        return
    if ours:
        path.unlink()
        raise DownloadError(f"'{path}' was damaged (its checksum is wrong) and is removed: run this again")
    raise DownloadError(f"'{path}' is not whole, or another file: its checksum should be {known}; fetch it again")


def _recorded(store: Path) -> dict[str, str]:
    """Name → checksum of what was downloaded before."""
    path = store / _CHECKSUMS
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (ValueError, TypeError):
        raise InputError(f"'{path}' is not readable: remove it and run this again") from None


def _record(store: Path, name: str, digits: str) -> None:
    known = _recorded(store)
    if name not in known:
        write_json(store / _CHECKSUMS, dict(sorted((known | {name: f"sha256:{digits}"}).items())))


def _meaning(archive: Archive, store: Path) -> str:
    """What a wrong checksum says, which may be no more than that of the first download."""
    if archive.checksum is not None:
        return f" (it should be {archive.checksum}); it was not kept: run this again"
    return (
        f": it is not the file of the first download (noted in '{store / _CHECKSUMS}'); it was not kept. "
        "Run this again; if the publisher has replaced the file, remove its line there first"
    )
