"""A published archive, fetched, checked and unpacked: what most sources need.

Archives come into <folder>/.downloads/<name>/ and are removed once their contents are in place. One that the user
has put into <folder> is used instead, and stays. Where no checksum is published, the sha256 of the first download
is noted in <folder>/.downloads/checksums.json, and a later download must have it too.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rdx.data.download.source import say, say_terms
from rdx.data.download.transfer import DownloadError, WrongChecksum, fetch, has_checksum
from rdx.data.download.unpacking import USUAL, Limits, unpacked
from rdx.errors import InputError
from rdx.files import sha256_file, sync_folder, write_json
from rdx.locks import LOCK, InUse, locked

STORE = ".downloads"
_CHECKSUMS = "checksums.json"


@dataclass(frozen=True)
class Archive:
    """A file of a publisher: its name below the base address, and its checksum where one is published."""

    name: str
    checksum: str | None = None  # md5:… or sha256:…
    limits: Limits = USUAL


@contextmanager
def unpacked_archive(archive: Archive, base_url: str, folder: Path, *, timeout: float = 30.0) -> Iterator[Path]:
    """A temporary folder below `folder` with all of the archive in it, to `place` parts of.

    The download is kept where the caller's part fails, so that nothing is fetched again. Raises DownloadError
    and InputError as `fetch` and `unpacked` do, and DownloadError while another process is at the same archive.
    """
    store = folder / STORE
    work = store / archive.name
    users, ours = folder / archive.name, work / archive.name
    try:
        with locked(work / LOCK, archive.name, wait=False), ExitStack() as stack:
            known = archive.checksum or _noted(store).get(archive.name)
            path = users if users.is_file() else ours
            if path.is_file():
                say(f"using {path}")
                _check_present(path, known, removable=path == ours)
            else:
                _fetch(archive, f"{base_url.rstrip('/')}/{archive.name}", path, known, timeout)
            say(f"unpacking {path.name}")
            try:
                content = stack.enter_context(unpacked(path, work, archive.limits))
            except InputError:
                ours.unlink(missing_ok=True)  # or the next call would stop at it too
                raise
            if known is None:
                write_json(store / _CHECKSUMS, _noted(store) | {archive.name: f"sha256:{sha256_file(path)}"})
            yield content
            shutil.rmtree(work, ignore_errors=True)
    except InUse:
        raise DownloadError(f"{archive.name} is already being fetched by another process") from None
    finally:
        for empty in (work, store):
            with suppress(OSError):
                empty.rmdir()


def fetch_into(
    archive: Archive, base_url: str, target: Path, find: Callable[[Path], Path], *,
    store: Path, problem: str, what: str, terms: str, timeout: float,
) -> None:  # fmt: skip
    """Fetch an archive to below `store` and place what `find` returns of it at `target`, which lacks it (`problem`)."""
    refuse_rest(target, problem)
    say_terms(what, terms)
    with unpacked_archive(archive, base_url, store, timeout=timeout) as content:
        place(find(content), target)


def folders_with(name: str, content: Path) -> list[Path]:
    """The folders of an unpacked archive that have a file of this name."""
    return sorted(path.parent for path in content.rglob(name) if "__MACOSX" not in path.parts)


def place(source: Path, target: Path) -> None:
    """Move an unpacked file or folder to where it belongs. Raises InputError where something exists already."""
    if target.is_symlink() or target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise InputError(f"'{target}' already exists and is not replaced: move it away and run this again")
    target.parent.mkdir(parents=True, exist_ok=True)
    if hasattr(os, "sync"):
        os.sync()  # a rename must not survive a power cut that the contents do not
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # A symlink leads to another disk: a copy beside the target, then a rename.
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
            os.replace(shutil.move(source, beside), target)
    sync_folder(target.parent)


def refuse_rest(target: Path, missing: str) -> None:
    """Raise InputError, before anything is fetched, where `target` holds something that is not the whole."""
    if target.is_symlink() and not target.exists():
        raise InputError(f"'{target}' is a symlink to '{os.readlink(target)}', which does not exist")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"'{target}' exists, but {missing}: move it away and run this again")


def _fetch(archive: Archive, address: str, path: Path, known: str | None, timeout: float) -> None:
    say(f"fetching {address}")
    try:
        fetch(address, path, checksum=known, timeout=timeout)
    except WrongChecksum as error:
        if archive.checksum is not None:
            raise WrongChecksum(f"{error} (it should be {known}); it was removed: run this again") from None
        raise WrongChecksum(
            f"{error}: it is not the file of the first download (noted in '{path.parent.parent / _CHECKSUMS}'); it was "
            "removed. Run this again; if the publisher has replaced the file, remove its line there first"
        ) from None


def _check_present(path: Path, known: str | None, *, removable: bool) -> None:
    """Raise DownloadError where an archive on disk is not the one expected."""
    if known is None or has_checksum(path, known):
        return
    if removable:
        path.unlink()
        raise DownloadError(f"'{path}' was damaged (its checksum is wrong) and is removed: run this again")
    raise DownloadError(f"'{path}' is not whole, or another file: its checksum should be {known}; fetch it again")


def _noted(store: Path) -> dict[str, str]:
    """Name → checksum of what was downloaded before."""
    path = store / _CHECKSUMS
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (ValueError, TypeError):
        raise InputError(f"'{path}' is not readable: remove it and run this again") from None
