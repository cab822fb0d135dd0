"""Fetching one file over HTTP: resumed where it broke off, checked, and whole or not at all.

What has come so far lies in ``<name>.part``, and beside it, in ``<name>.part.json``, which version of the
server's file it is. It is gone on with only where the server says that its file is still that version (If-Range
with its ETag or date of change); else the transfer starts over.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rdx.files import sync_folder, write_json

if TYPE_CHECKING:
    import requests

TRIES = 4  # without getting on by `_PROGRESS` bytes
PAUSE = 1.0  # seconds before the second try, doubled before each further one
_PROGRESS = 1 << 20
_CHUNK = 1 << 14  # bytes at once; when a transfer breaks off, at most so many are lost
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "rdx"}  # compressed on the way, ranges would not fit
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class DownloadError(RuntimeError):
    """Something could not be fetched, or the user has to fetch it; the message says what to do."""


class WrongChecksum(DownloadError):
    """What came is not what was expected; it was not kept."""


class _BrokenOff(Exception):
    """The transfer ended early, for a reason that may pass; the message says which."""


@dataclass(frozen=True)
class _Version:
    """Which file of the server a part belongs to; `validator` is what If-Range asks for."""

    address: str
    etag: str | None
    modified: str | None
    size: int | None  # bytes of the whole file

    @property
    def validator(self) -> str | None:
        # A weak ETag vouches for the meaning, not for the bytes, and If-Range does not take it.
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


def fetch(
    address: str,
    target: Path,
    *,
    checksum: str | None = None,
    timeout: float = 30.0,
    tries: int = TRIES,
    progress: bool = True,
) -> None:
    """Fetch `address` to `target`, where nothing is yet. `checksum` is ``md5:…`` or ``sha256:…``, in hex.

    Raises DownloadError: where the server has no such file or can't be reached, after `tries` tries that broke
    off (what has come stays for the next call), with too little space, or, as WrongChecksum, with another file.
    """
    import requests

    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with requests.Session() as session, _open(part) as handle:
        failures = 0
        while True:
            before = handle.seek(0, os.SEEK_END)
            try:
                _transfer(session, address, handle, part, timeout, progress)
                break
            except _BrokenOff as reason:
                gained = handle.seek(0, os.SEEK_END) - before
                failures = 1 if gained >= _PROGRESS else failures + 1
                if failures >= tries:
                    raise DownloadError(_gave_up(address, part, str(reason))) from None
            time.sleep(PAUSE * 2 ** (failures - 1))
        handle.flush()
        os.fsync(handle.fileno())
    if checksum is not None and not has_checksum(part, checksum):
        _forget(part)
        raise WrongChecksum(f"{address}: its checksum is wrong")
    os.replace(part, target)
    _notes(part).unlink(missing_ok=True)
    sync_folder(target.parent)


def has_checksum(path: Path, checksum: str) -> bool:
    """Does the file have the checksum ``md5:…`` or ``sha256:…``?"""
    kind, _, digits = checksum.partition(":")
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, kind).hexdigest() == digits.lower()


def check_space(folder: Path, needed: int, what: str) -> None:
    """Raise DownloadError where the disk of `folder` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError(f"{what} needs {megabytes(needed)} on the disk of '{folder}', {megabytes(free)} are free")


def megabytes(size: int) -> str:
    """Bytes in words: ``12.3 MB``, ``1.1 GB``."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def in_short(error: BaseException) -> str:
    """A network error without the addresses and objects that its text is full of."""
    kind = type(error).__name__
    if "Timeout" in kind or "timed out" in str(error):
        return "no answer in time"
    if kind in ("ConnectionError", "ProxyError", "SSLError"):
        return "it cannot be reached"
    return "the connection was lost" if kind == "ChunkedEncodingError" else f"{kind}: {str(error)[:120]}"


@contextmanager
def _open(part: Path) -> Iterator[BinaryIO]:
    """The part, to add to; one that is still empty at the end is removed."""
    try:
        with open(part, "ab") as handle:
            yield handle
    except BaseException:
        if part.is_file() and part.stat().st_size == 0:
            _forget(part)
        raise


def _transfer(
    session: requests.Session, address: str, handle: BinaryIO, part: Path, timeout: float, progress: bool
) -> None:
    """One request. Returns when the file is whole; raises _BrokenOff, or DownloadError where waiting is no use."""
    import requests

    known, have = _known(part, address), handle.seek(0, os.SEEK_END)
    if known and have and have == known.size:
        return
    go_on = bool(have and known and known.validator)
    headers = _HEADERS | ({"Range": f"bytes={have}-", "If-Range": known.validator} if go_on else {})
    try:
        with session.get(address, headers=headers, stream=True, timeout=timeout) as response:
            version, start = _answer(response, address)
            if start is None or (start and not (go_on and start == have and _same(known, version))):
                handle.truncate(0)  # the server's file is another one by now, or its ranges are no use
                raise _BrokenOff("its file changed on the way")
            if start == 0:
                handle.truncate(0)
                write_json(_notes(part), asdict(version))
            if version.size is not None:
                check_space(part.parent, version.size - start, address)
            _receive(response, handle, start, version.size, progress)
    except (ValueError, requests.exceptions.RequestException) as error:
        if isinstance(error, ValueError):  # requests' own, of an address that is none
            raise DownloadError(f"'{address}' is not an address of the web") from None
        raise _BrokenOff(in_short(error)) from None
    if version.size is not None and handle.seek(0, os.SEEK_END) < version.size:
        raise _BrokenOff("the connection was lost")


def _answer(response: requests.Response, address: str) -> tuple[_Version, int | None]:
    """Which version the server sends, and from which byte on; None for a range that it does not have."""
    status, headers = response.status_code, response.headers
    if status in _TRY_AGAIN:
        raise _BrokenOff(f"it answered {status}")
    if status not in (200, 206, 416):
        raise DownloadError(f"{address}: it answered {status}{' (not there)' if status == 404 else ''}")
    start, size = 0, headers.get("Content-Length", "")
    if status != 200:
        match = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", "").strip())
        start = int(match[1]) if match and match[1] and status == 206 else None
        size = match[2] if match else ""
    whole = int(size) if size.isdigit() else None
    return _Version(address, headers.get("ETag"), headers.get("Last-Modified"), whole), start


def _same(known: _Version, now: _Version) -> bool:
    """Does an answer belong to the version of the part, by all that it says?"""
    pairs = ((known.etag, now.etag), (known.modified, now.modified), (known.size, now.size))
    return all(old == new for old, new in pairs if old is not None and new is not None)


def _receive(response: requests.Response, handle: BinaryIO, start: int, size: int | None, progress: bool) -> None:
    from tqdm import tqdm

    name = response.url.rsplit("/", 1)[-1].split("?")[0]
    # disable=None: no bar where nobody looks at a terminal.
    bar = tqdm(
        total=size, initial=start, desc=name, unit="B", unit_scale=True, disable=None if progress else True, leave=False
    )
    with bar:
        for chunk in response.iter_content(_CHUNK):
            handle.write(chunk)
            bar.update(len(chunk))


def _known(part: Path, address: str) -> _Version | None:
    """What was noted of the part; None where it is of another address, or the note is not readable."""
    try:
        version = _Version(**json.loads(_notes(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return version if version.address == address else None


def _notes(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _notes(part).unlink(missing_ok=True)


def _gave_up(address: str, part: Path, reason: str) -> str:
    have, known = part.stat().st_size, _known(part, address)
    if not have:
        return f"{address}: {reason}"
    of = f" of {megabytes(known.size)}" if known and known.size else ""
    if known and known.validator:
        return f"{address}: {reason} after {megabytes(have)}{of}; run the same command again to go on from there"
    return f"{address}: {reason} after {megabytes(have)}{of}; run the same command again (it will start over)"
