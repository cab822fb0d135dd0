"""Unpacking the archives of others: zip, tar and tar.gz, by zipfile and tarfile, without trusting a name or a number.

Refused, with one line that names the member: paths that leave the folder (absolute, '..', backslashes, drive
letters), links, devices and pipes, encrypted members, and more bytes, members or compression than `Limits` allows.
Both libraries write no more of a member than the size that counted. What is half unpacked is removed.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rdx.data.download.transfer import DownloadError, check_space
from rdx.errors import InputError

_CHUNK = 1 << 18
_ANY_RATIO = 256 << 20  # bytes that are fine however small the archive is
# What the libraries raise over bytes that are no archive; the last ones come from numbers that make no sense.
_DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, struct.error, ValueError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to."""

    total: int = 100 << 30  # bytes
    members: int = 500_000
    ratio: int = 200  # times the size of the archive; images come near 1, tables near 20


USUAL = Limits()


@contextmanager
def unpacked(
    archive: Path, beside: Path, limits: Limits = USUAL, *, stream: BinaryIO | None = None
) -> Iterator[Path]:
    """A folder in `beside` with everything of the archive in it, to move things out of; gone at the end.

    Its name is fixed, so that what a killed process left there is removed first; it may be moved away itself.
    `stream` is read in the place of the file where a tar lies in another archive. Raises InputError for what is
    refused and where the archive is not whole, and DownloadError where the disk is too small.
    """
    folder = beside / f".{archive.name}.unpacking"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        with _errors_named(archive.name):
            if stream is None and _starts_as_zip(archive):
                _unzip(archive, folder, limits)
            else:
                _untar(archive, folder, limits, stream)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Count:
    """Checks members one by one against the limits of their archive."""

    def __init__(self, archive: Path, limits: Limits, nested: bool = False) -> None:
        self.archive, self.members, self.total = archive.name, limits.members, limits.total
        if not nested:
            self.total = min(limits.total, max(_ANY_RATIO, limits.ratio * archive.stat().st_size))

    def check(self, name: str, kind: int, size: int) -> None:
        """`kind` is a file type of `stat`; 0 where the archive notes none."""
        parts = name.split("/")
        if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or re.match("[A-Za-z]:", name):
            raise InputError(f"unsafe path {name!r} in '{self.archive}': not unpacked")
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InputError(f"{name!r} in '{self.archive}' is neither a file nor a folder: not unpacked")
        self.members -= 1
        self.total -= size
        if self.members < 0 or self.total < 0:
            what = "members" if self.members < 0 else "bytes"
            raise InputError(f"'{self.archive}' unpacks to more {what} than it may: not unpacked")


def _starts_as_zip(archive: Path) -> bool:
    with open(archive, "rb") as stream:
        return stream.read(2) == b"PK"


def _unzip(archive: Path, folder: Path, limits: Limits) -> None:
    with zipfile.ZipFile(archive) as package:
        count = _Count(archive, limits)
        for info in package.infolist():
            if info.flag_bits & 0x1:
                raise InputError(f"{info.filename!r} in '{archive.name}' is encrypted: not unpacked")
            count.check(info.orig_filename, stat.S_IFMT(info.external_attr >> 16), info.file_size)
        check_space(folder, sum(info.file_size for info in package.infolist()), f"unpacking '{archive.name}'")
        package.extractall(folder)


def _untar(archive: Path, folder: Path, limits: Limits, stream: BinaryIO | None) -> None:
    kinds = {tarfile.DIRTYPE: stat.S_IFDIR, **dict.fromkeys(tarfile.REGULAR_TYPES, stat.S_IFREG)}
    # The first patch releases of Python 3.11 lack the filter; what would lead outside is refused before it anyway.
    safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}

    def checked() -> Iterator[tarfile.TarInfo]:
        count = _Count(archive, limits, nested=stream is not None)
        for member in package:
            count.check(member.name, kinds.get(member.type, -1), member.size)
            yield member

    if stream is None:
        check_space(folder, archive.stat().st_size, f"unpacking '{archive.name}'")
    with tarfile.open(None if stream else archive, fileobj=stream) as package:
        package.extractall(folder, checked(), **safely)
        _check_end(package)


def _check_end(package: tarfile.TarFile) -> None:
    """Raise tarfile.ReadError unless only zeros follow the last member: tarfile takes a damaged header for the end.

    Read to the last byte, where gzip's own checksum is.
    """
    package.fileobj.seek(package.offset)
    ended = False
    while end := package.fileobj.read(_CHUNK):
        ended = True
        if end.strip(b"\0"):
            raise tarfile.ReadError("a header in it makes no sense")
    if not ended:
        raise tarfile.ReadError("its end is missing")


@contextmanager
def _errors_named(archive: str) -> Iterator[None]:
    """What the libraries raise over a bad archive as an InputError that names it."""
    try:
        yield
    except (InputError, DownloadError):
        raise
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError(f"'{Path(error.filename).name}' in '{archive}' is both a file and a folder") from None
    except (*_DAMAGED, OSError) as error:
        # bz2 raises an OSError without a number; a damaged zip may ask for a place before the file's beginning.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        reason = str(error).partition(":\n")[0] or type(error).__name__
        raise InputError(f"'{archive}' is not a whole archive: {reason}") from None
