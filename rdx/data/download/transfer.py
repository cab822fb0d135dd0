"""Fetching one file with pooch, and what pooch lacks: continuing an interrupted transfer.

What has arrived so far is ``<name>.part``; ``<name>.part.json`` says which version of which file it belongs to. It is
continued only where the server confirms that version (If-Range with its ETag or date); else the transfer starts over.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pooch
import requests
from tqdm import tqdm

from rdx.compute.memory import in_words
from rdx.files import write_json

TRIES = 4  # without `_PROGRESS` bytes more
PAUSE = 1.0  # seconds before the second try, doubled before each further one
_PROGRESS = 1 << 20
_CHUNK = 1 << 14  # bytes at once; when a transfer breaks off, at most so many are lost
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "rdx"}  # ranges count bytes as they are, not as compressed
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)

pooch.get_logger().setLevel("ERROR")  # what is fetched and why is said by the sources


class DownloadError(RuntimeError):
    """Something could not be fetched, or the user has to fetch it; the message says what to do."""


class WrongChecksum(DownloadError):
    """The file is not the one expected; it was removed."""


class _Interrupted(Exception):
    """A transfer ended early, for a reason that may pass; the message says which."""


def fetch(
    address: str, target: Path, *, checksum: str | None = None, timeout: float = 30.0, tries: int = TRIES
) -> None:
    """Fetch `address` to `target`, where nothing is yet. `checksum` is ``md5:…`` or ``sha256:…``, in hex.

    Raises DownloadError: where the server has no such file or can't be reached, after `tries` interrupted tries
    (what has arrived stays for the next call), with too little space, or, as WrongChecksum, with another file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    transfer = _Transfer(target.with_name(f"{target.name}.part"), timeout, tries)
    try:
        pooch.retrieve(address, checksum, target.name, target.parent, downloader=transfer)
    except ValueError:
        raise WrongChecksum(f"{address}: its checksum is wrong") from None


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether the file has the checksum ``md5:…`` or ``sha256:…``."""
    kind, _, digits = checksum.partition(":")
    return pooch.file_hash(str(path), alg=kind) == digits.lower()


def check_space(folder: Path, needed: int, what: str) -> None:
    """Raise DownloadError where the disk of `folder` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError(f"{what} needs {in_words(needed)} on the disk of '{folder}', {in_words(free)} are free")


@dataclass
class _Transfer:
    """A downloader for pooch that continues `part` and hands it over when it is whole."""

    part: Path
    timeout: float
    tries: int

    def __call__(self, address: str, target: str, _: Any) -> None:
        failures = 0
        while True:
            before = self._size()
            try:
                self._continue(address)
                break
            except _Interrupted as reason:
                failures = 1 if self._size() >= before + _PROGRESS else failures + 1
                if failures >= self.tries:
                    if not self._size():
                        self._forget()
                    raise DownloadError(f"{address}: {reason}{self._advice(address)}") from None
            time.sleep(PAUSE * 2 ** (failures - 1))
        os.replace(self.part, target)
        self._notes.unlink(missing_ok=True)

    def _continue(self, address: str) -> None:
        """One request. Returns when the part is whole; else _Interrupted, or DownloadError for good."""
        known, have = self._known(address), self._size()
        if have and have == known.get("size"):
            return
        wanted = {"Range": f"bytes={have}-", "If-Range": known["validator"]} if have and known.get("validator") else {}
        try:
            with requests.get(address, headers=_HEADERS | wanted, stream=True, timeout=self.timeout) as response:
                start, version = _answer(response, address)
                if response.status_code != 200 and (start, version) != (have, known):
                    self._forget()  # a range of another file than the one begun
                    raise _Interrupted("the file on the server changed")
                size = version["size"]
                check_space(self.part.parent, (size or 0) - start, address)
                if start == 0:
                    self._forget()  # before the new version is noted, or its note could vouch for the old bytes
                    write_json(self._notes, version)
                self._receive(response, start, size)
        except ValueError:  # requests' own
            raise DownloadError(f"'{address}' is not a web address") from None
        except requests.RequestException as error:
            raise _Interrupted(_in_short(error)) from None
        if size is not None and self._size() < size:
            raise _Interrupted("the connection was lost")

    def _receive(self, response: requests.Response, start: int, size: int | None) -> None:
        name = self.part.name.removesuffix(".part")
        # disable=None: no bar unless a terminal shows it
        bar = tqdm(total=size, initial=start, desc=name, unit="B", unit_scale=True, disable=None, leave=False)
        with bar, open(self.part, "ab" if start else "wb") as handle:
            for chunk in response.iter_content(_CHUNK):
                handle.write(chunk)
                bar.update(len(chunk))

    @property
    def _notes(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def _known(self, address: str) -> dict[str, Any]:
        """What was noted of the part; {} where it is of another address, or the note is not readable."""
        try:
            found = json.loads(self._notes.read_text(encoding="utf-8"))
            return found if found["address"] == address else {}
        except (OSError, ValueError, TypeError, KeyError):
            return {}

    def _forget(self) -> None:
        self.part.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _advice(self, address: str) -> str:
        have, known = self._size(), self._known(address)
        if not have:
            return ""
        of = f" of {in_words(known['size'])}" if known.get("size") else ""
        then = "continue from there" if known.get("validator") else "start over"
        return f" after {in_words(have)}{of}; run the same command again to {then}"


def _answer(response: requests.Response, address: str) -> tuple[int, dict[str, Any]]:
    """The first byte that the server sends, and which version of the file it is of."""
    status, headers = response.status_code, response.headers
    if status in _TRY_AGAIN:
        raise _Interrupted(f"the server answered {status}")
    if status not in (200, 206, 416):
        raise DownloadError(f"{address}: the server answered {status}{' (not found)' if status == 404 else ''}")
    place = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", "")) if status == 206 else None
    size = place[2] if place else headers.get("Content-Length", "")
    # A weak ETag vouches for the meaning, not for the bytes, and If-Range does not take it.
    etag = headers.get("ETag", "W/")
    validator = headers.get("Last-Modified") if etag.startswith("W/") else etag
    version = {"address": address, "validator": validator, "size": int(size) if size.isdigit() else None}
    return int(place[1]) if place else 0, version


def _in_short(error: requests.RequestException) -> str:
    """A network error without the addresses and objects that its text is full of."""
    kind = type(error).__name__
    if "Timeout" in kind or "timed out" in str(error):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return "the connection was lost" if kind == "ChunkedEncodingError" else f"{kind}: {str(error)[:120]}"
