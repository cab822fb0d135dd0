"""Unpacking archives that others made: zip, tar and tar.gz, without trusting a single name or number in them.

Refused, with one line that names the member: paths that leave the folder (absolute, '..', backslashes, drive
letters), links that lead outside or to a folder, devices and pipes, sparse and encrypted members, and more bytes,
members or compression than `Limits` allows; bytes are counted as they come, not as declared. A link to a file of
the archive becomes a copy of it, so nothing unpacked is ever a link. What is half unpacked is removed.
"""

from __future__ import annotations

import errno
import gzip
import lzma
import os
import posixpath
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from rdx.data.download.transfer import check_space
from rdx.errors import InputError

_CHUNK = 1 << 18
_ZIP = b"PK"  # the first bytes of a zip
_HEADER = 4 << 20  # bytes of one read: tarfile takes a name of whatever length into memory
# What the readers raise over bytes that are no archive; the last ones come from numbers that make no sense.
_DAMAGED = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError,
    NotImplementedError, struct.error, ValueError, OverflowError,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to."""

    total: int = 100 << 30  # bytes
    members: int = 500_000
    ratio: int = 200  # times the size of the archive; images come near 1, tables near 20 …
    always: int = 256 << 20  # … and this many bytes are fine at any ratio

    def bytes_of(self, archive_size: int) -> int:
        """The most bytes that an archive of this size may unpack to."""
        return min(self.total, max(self.always, self.ratio * archive_size))


@dataclass(frozen=True)
class Member:
    """A file, a folder or a link of an archive, its name already found to lie inside."""

    name: str  # parts joined by '/'
    kind: str  # "file" | "folder" | "link"
    size: int  # bytes, as declared
    link: str | None  # name of the member that a link leads to
    open: Callable[[], IO[bytes]]  # of a file, while the archive is open and before the next member

    def read(self) -> bytes:
        """The contents of a file. Raises InputError when they are not of the declared size."""
        parts, size = [], 0
        with self.open() as handle:
            while size <= self.size and (chunk := handle.read(_CHUNK)):
                parts.append(chunk)
                size += len(chunk)
        if size != self.size:
            raise InputError(f"'{self.name}' is not of the size that its archive says")
        return b"".join(parts)


@contextmanager
def members(archive: Path, limits: Limits, stream: BinaryIO | None = None) -> Iterator[Iterator[Member]]:
    """The members of an archive in its order, each checked before it is given out.

    `stream` is read in the place of the file where a tar lies in another archive. Raises InputError for what
    is refused, and where the archive is not whole.
    """
    with ExitStack() as stack:
        most = limits.total
        if stream is None:
            stream = stack.enter_context(open(archive, "rb"))
            most = limits.bytes_of(archive.stat().st_size)
        try:
            start = stream.read(2)
            stream.seek(0)
            if start == b"\x1f\x8b":
                stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
            of_kind = _zip_members if start == _ZIP else _tar_members
            yield _checked(of_kind(stream, archive.name), archive.name, limits, most)
        except InputError:
            raise
        except (*_DAMAGED, OSError) as error:
            # A zip's numbers may ask for a place before the file's beginning.
            if not isinstance(error, _DAMAGED) and error.errno != errno.EINVAL:
                raise
            raise InputError(f"'{archive.name}' is not a whole archive: {error or type(error).__name__}") from None


@contextmanager
def unpacked(
    archive: Path, beside: Path, limits: Limits | None = None, *, stream: BinaryIO | None = None
) -> Iterator[Path]:
    """A folder in `beside` with everything of the archive in it, to move things out of; gone at the end.

    Its name is fixed, so that what a killed process left there is removed first; it may be moved away itself.
    `stream`: as in `members`. Raises InputError as `members` does, and DownloadError where the disk is too small.
    """
    folder = beside / f".{archive.name}.unpacking"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    try:
        if stream is None:
            check_space(folder, _least_space(archive), f"unpacking '{archive.name}'")
        _unpack(archive, folder, limits or Limits(), stream)
        if hasattr(os, "sync"):
            os.sync()  # a rename must not survive a power cut that the contents do not
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(archive: Path, folder: Path, limits: Limits, stream: BinaryIO | None) -> None:
    from tqdm import tqdm

    links: dict[str, str] = {}
    written = _Count(limits.total if stream else limits.bytes_of(archive.stat().st_size), archive.name)
    bar = tqdm(desc=f"unpacking {archive.name}", unit=" files", disable=True if stream else None, leave=False)
    with members(archive, limits, stream) as found, bar:
        for member in found:
            bar.update()
            path = folder / member.name
            try:
                if member.kind == "folder":
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                if member.link is not None:
                    links[member.name] = member.link
                else:
                    links.pop(member.name, None)
                    with member.open() as source, open(path, "wb") as target:
                        written.copy(source, target, member)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise InputError(f"'{member.name}' in '{archive.name}' is both a file and a folder") from None
        for name, link in links.items():
            source = folder / _end_of(link, links, name, archive.name)
            if not source.is_file() or (folder / name).is_dir():
                raise InputError(f"link '{name}' in '{archive.name}' leads to no file of the archive: not unpacked")
            with open(source, "rb") as copied, open(folder / name, "wb") as target:
                written.copy(copied, target, None)


def inside_name(name: str, archive: str) -> str:
    """A member's name with its parts joined by '/'; "" for the top itself. Raises InputError if it leads outside."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    unsafe = name.startswith("/") or ".." in parts or "\\" in name or "\0" in name
    if unsafe or (parts and re.match("[A-Za-z]:", parts[0])):
        raise InputError(f"unsafe path {name!r} in '{archive}': not unpacked")
    return "/".join(parts)


class _Count:
    """Copies members and counts their bytes, whatever their headers say."""

    def __init__(self, most: int, archive: str) -> None:
        self.left, self.archive = most, archive

    def copy(self, source: IO[bytes], target: IO[bytes], member: Member | None) -> None:
        size = 0
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            self.left -= len(chunk)
            if self.left < 0 or (member is not None and size > member.size):
                raise InputError(f"'{self.archive}' unpacks to more bytes than it may: not unpacked")
            target.write(chunk)
        if member is not None and size != member.size:
            raise InputError(f"'{self.archive}' is not a whole archive: '{member.name}' ends early")


class _Capped:
    """A tar's bytes, without reads of a size that only a hostile header asks for."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self.stream.read(size)


def _checked(found: Iterator[Member], archive: str, limits: Limits, most: int) -> Iterator[Member]:
    """The members, as long as what they declare stays within the limits."""
    declared = 0
    for count, member in enumerate(found, start=1):
        declared += member.size
        if count > limits.members:
            raise InputError(f"'{archive}' has more than {limits.members:,} members: not unpacked")
        if declared > most:
            raise InputError(
                f"'{archive}' says that it unpacks to {declared:,} bytes or more; {most:,} are allowed: not unpacked"
            )
        if member.name:
            yield member


def _zip_members(stream: BinaryIO, archive: str) -> Iterator[Member]:
    with zipfile.ZipFile(stream) as package:
        for info in package.infolist():
            name = inside_name(info.orig_filename, archive)
            mode = info.external_attr >> 16
            if info.flag_bits & 0x1:
                raise InputError(f"'{name}' in '{archive}' is encrypted: not unpacked")
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
                raise InputError(f"'{name}' in '{archive}' is no plain file: not unpacked")
            link = None
            if stat.S_ISLNK(mode):
                with package.open(info) as handle:
                    link = _link_from(name, handle.read(4096).decode("utf-8", "replace"), archive)
            kind = "folder" if info.is_dir() else "file" if link is None else "link"
            size = info.file_size if kind == "file" else 0
            yield Member(name, kind, size, link, lambda info=info: package.open(info))


def _tar_members(stream: BinaryIO, archive: str) -> Iterator[Member]:
    with tarfile.open(fileobj=_Capped(stream), mode="r:") as package:
        for info in package:
            name, link = inside_name(info.name, archive), None
            if info.issym():
                link = _link_from(name, info.linkname, archive)
            elif info.islnk():
                link = inside_name(info.linkname, archive)
            elif not (info.isreg() or info.isdir()) or info.issparse():
                raise InputError(f"{info.name!r} in '{archive}' is no plain file: not unpacked")
            kind = "folder" if info.isdir() else "file" if link is None else "link"
            size = info.size if kind == "file" else 0
            yield Member(name, kind, size, link, lambda info=info: package.extractfile(info))
        _check_end(stream, package.offset)


def _check_end(stream: BinaryIO, start: int) -> None:
    """Raise tarfile.ReadError unless a tar ends as it should: tarfile stops at a damaged header without a word.

    Read to the last byte, where gzip's own checksum is.
    """
    stream.seek(start)
    blocks = False
    while end := stream.read(_CHUNK):
        blocks = True
        if end.strip(b"\0"):
            raise tarfile.ReadError("a header in it makes no sense")
    if not blocks:
        raise tarfile.ReadError("its end is missing")


def _link_from(name: str, link: str, archive: str) -> str:
    """The member that a symbolic link leads to. Raises InputError where it leaves the archive's folder."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    if link.startswith("/") or path.startswith("../") or path == "..":
        raise InputError(f"link {name!r} in '{archive}' leads outside, to {link!r}: not unpacked")
    return inside_name(path, archive)


def _end_of(link: str, links: dict[str, str], name: str, archive: str) -> str:
    """The member at the end of a chain of links."""
    seen = {name}
    while link in links:
        if link in seen:
            raise InputError(f"link '{name}' in '{archive}' leads to itself: not unpacked")
        seen.add(link)
        link = links[link]
    return link


def _least_space(archive: Path) -> int:
    """Bytes that unpacking takes at least: what a zip declares, else the size of the archive."""
    with open(archive, "rb") as stream:
        if stream.read(2) == _ZIP:
            with suppress(*_DAMAGED), zipfile.ZipFile(stream) as package:
                return sum(info.file_size for info in package.infolist())
    return archive.stat().st_size
