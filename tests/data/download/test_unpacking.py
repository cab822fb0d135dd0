"""Unpacking: whole archives of each kind, hostile members of each kind, damage at every place."""

from __future__ import annotations

import gzip
import io
import random
import shutil
import stat
import struct
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from rdx.data.download import unpacking
from rdx.data.download.transfer import DownloadError
from rdx.data.download.unpacking import Limits, unpacked
from rdx.errors import InputError

FILES = {
    "top/a.txt": b"a" * 1000,
    "top/empty": b"",
    "top/with space/ünïcode 'x'.bin": random.Random(0).randbytes(700_000),
    "./dotted//b.txt": b"b",
}
WRITTEN = {"top/a.txt", "top/empty", "top/with space/ünïcode 'x'.bin", "dotted/b.txt"}


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, size
    return member


def make_tar(path: Path, files: dict[str, bytes], extra: list[tarfile.TarInfo] = (), mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            archive.addfile(tar_member(name, size=len(data)), io.BytesIO(data))
        for member in extra:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def make_zip(path: Path, files: dict[str, bytes], modes: dict[str, int] | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.filename = info.orig_filename = name  # as given, with whatever is unsafe in it
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = ((modes or {}).get(name, stat.S_IFREG | 0o644)) << 16
            archive.writestr(info, data)
    return path


def make(kind: str, path: Path, files: dict[str, bytes]) -> Path:
    if kind == "zip":
        return make_zip(path, files)
    return make_tar(path, files, mode="w:gz" if kind == "tgz" else "w")


def contents(folder: Path) -> dict[str, bytes]:
    assert not any(path.is_symlink() for path in folder.rglob("*"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(archive: Path, beside: Path, limits: Limits = unpacking.USUAL) -> str:
    """The one line an archive is refused with; nothing of it is left, inside or outside."""
    before = sorted(beside.parent.rglob("*"))
    with pytest.raises(InputError) as error, unpacked(archive, beside, limits):
        pytest.fail("was unpacked")
    assert sorted(beside.parent.rglob("*")) == before
    assert "\n" not in str(error.value) and archive.name in str(error.value)
    return str(error.value)


@pytest.fixture
def beside(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("kind", ["zip", "tgz", "tar"])
def test_whole_archives(tmp_path, beside, kind):
    archive = make(kind, tmp_path / "made", FILES)  # the kind is told by the contents, not by the name
    with unpacked(archive, beside) as folder:
        found = contents(folder)
        assert folder.parent == beside
        shutil.move(folder / "top", beside / "kept")
    assert set(found) == WRITTEN and found["top/a.txt"] == b"a" * 1000
    assert found["top/with space/ünïcode 'x'.bin"] == FILES["top/with space/ünïcode 'x'.bin"]
    assert [path.name for path in beside.iterdir()] == ["kept"]


@pytest.mark.skipif(shutil.which("tar") is None, reason="tar is not installed")
def test_what_tar_itself_makes(tmp_path, beside):
    (tmp_path / "top/inner").mkdir(parents=True)
    (tmp_path / "top/inner/long").write_bytes(b"x" * 5000)
    subprocess.run(["tar", "czf", "made.tgz", "./top"], cwd=tmp_path, check=True)
    with unpacked(tmp_path / "made.tgz", beside) as folder:
        assert contents(folder) == {"top/inner/long": b"x" * 5000}


UNSAFE_NAMES = [
    "../outside", "/etc/outside", "top/../../outside", "top\\..\\..\\outside", "C:/outside", "c:outside", "..",
    "//server/outside", "top/a/..",
]  # fmt: skip


@pytest.mark.parametrize("kind", ["zip", "tgz", "tar"])
@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_names_that_lead_outside(tmp_path, beside, kind, name):
    archive = make(kind, tmp_path / "made", {"top/first": b"1", name: b"2"})
    assert "unsafe path" in refused(archive, beside)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("link", ["/etc/passwd", "../../etc/passwd", "..", "a\\..\\b"])
def test_tar_links_that_lead_outside(tmp_path, beside, kind, link):
    archive = make_tar(tmp_path / "made", {}, [tar_member("top/link", kind, link)])
    assert "not unpacked" in refused(archive, beside)


@pytest.mark.parametrize("link", ["/etc/passwd", "../../etc/passwd", "../..", "a\\..\\b"])
def test_zip_links_that_lead_outside(tmp_path, beside, link):
    modes = {"top/link": stat.S_IFLNK | 0o777}
    assert "not unpacked" in refused(make_zip(tmp_path / "made", {"top/link": link.encode()}, modes), beside)


def test_a_link_to_a_folder_and_a_file_through_it(tmp_path, beside):
    """The classic way out: a link to a folder, then a file whose path goes through the link."""
    (tmp_path / "victim").mkdir()
    for target in (str(tmp_path / "victim"), "../../victim", "."):
        extra = [tar_member("door", tarfile.SYMTYPE, target), tar_member("door/file", size=3)]
        refused(make_tar(tmp_path / "made", {}, extra), beside)
    extra = [tar_member("here", tarfile.SYMTYPE, "."), tar_member("up", tarfile.SYMTYPE, "here/..")]
    refused(make_tar(tmp_path / "made", {"a": b""}, extra), beside)
    assert list((tmp_path / "victim").iterdir()) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_to_files_of_the_archive_are_refused_too(tmp_path, beside, kind):
    """No published archive has one, and every known way out of tarfile's filter goes through one."""
    archive = make_tar(tmp_path / "made", {"files/a": b"aa"}, [tar_member("top/link", kind, "files/a")])
    assert "'top/link' in 'made' is neither a file nor a folder" in refused(archive, beside)


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_and_pipes(tmp_path, beside, kind):
    archive = make_tar(tmp_path / "made", {"a": b"1"}, [tar_member("top/device", kind)])
    assert "'top/device' in 'made' is neither a file nor a folder" in refused(archive, beside)
    modes = {"top/device": {tarfile.FIFOTYPE: stat.S_IFIFO, tarfile.CHRTYPE: stat.S_IFCHR}.get(kind, stat.S_IFBLK)}
    assert "is neither a file nor a folder" in refused(make_zip(tmp_path / "zip", {"top/device": b""}, modes), beside)


def test_sparse_members_are_refused(tmp_path, beside):
    member = tar_member("sparse", size=512)
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50)}
    body = b"1\n0\n512\n".ljust(512, b"\0")
    with tarfile.open(tmp_path / "made", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member, io.BytesIO(body))
    refused(tmp_path / "made", beside)


def test_encrypted_members_are_refused(tmp_path, beside):
    archive = make_zip(tmp_path / "made", {"a": b"1"})
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    assert "'a' in 'made' is encrypted" in refused(archive, beside)


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_bombs(tmp_path, beside, kind, monkeypatch):
    zeros = {f"{i}": bytes(1 << 20) for i in range(8)}
    archive = make(kind, tmp_path / "made", zeros)
    assert archive.stat().st_size < 20_000
    assert "more bytes" in refused(archive, beside, Limits(total=1 << 20))
    assert "more members" in refused(archive, beside, Limits(members=7))
    with unpacked(archive, beside, Limits(members=8)) as folder:
        assert len(contents(folder)) == 8
    monkeypatch.setattr(unpacking, "_ANY_RATIO", 1 << 20)
    assert "more bytes" in refused(archive, beside)


def test_a_zip_that_lies_about_its_sizes(tmp_path, beside):
    archive = make_zip(tmp_path / "made", {"a": bytes(1 << 20)})
    data = archive.read_bytes()
    archive.write_bytes(data.replace(struct.pack("<I", 1 << 20), struct.pack("<I", 1000)))
    refused(archive, beside)


def test_a_name_of_a_gigabyte_is_not_read(tmp_path, beside):
    header = tar_member("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1 << 30)
    with gzip.open(tmp_path / "made", "wb") as archive:
        archive.write(header.tobuf())
        archive.write(bytes(1 << 20))
    assert "not a whole archive" in refused(tmp_path / "made", beside)


@pytest.mark.parametrize("kind", ["zip", "tgz", "tar"])
def test_an_archive_cut_anywhere_is_refused(tmp_path, beside, kind):
    files = {"a": b"a" * 3000, "b": random.Random(1).randbytes(3000), "c/d": b"d"}
    whole = make(kind, tmp_path / "made", files).read_bytes()
    end = len(whole) if kind != "tar" else 3 * 512 + 6 * 512 * 2 + 512  # behind it there are only zeros
    for cut in sorted({0, 1, 2, 511, 512, *range(5, end, max(1, end // 40)), end - 1}):
        if cut < len(whole):
            (tmp_path / "made").write_bytes(whole[:cut])
            refused(tmp_path / "made", beside)


@pytest.mark.parametrize("kind", ["zip", "tgz", "tar"])
def test_damaged_bytes_give_one_line_or_no_harm(tmp_path, beside, kind):
    """No damage makes another error than InputError, or writes outside."""
    files = {"a": b"a" * 300, "b": random.Random(1).randbytes(900), "c/d": b"d"}
    whole, generator = make(kind, tmp_path / "made", files).read_bytes(), random.Random(2)
    before = sorted(tmp_path.rglob("*"))
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(generator.randint(1, 3)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        (tmp_path / "made").write_bytes(data)
        try:
            with unpacked(tmp_path / "made", beside) as folder:
                contents(folder)
        except InputError as error:
            assert "\n" not in str(error)
        assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("data", [b"", b"no archive", b"<html>not found</html>" * 100, b"PK\x03\x04", b"\x1f\x8b\x08"])
def test_what_is_no_archive(tmp_path, beside, data):
    (tmp_path / "made").write_bytes(data)
    assert "'made' is not a whole archive" in refused(tmp_path / "made", beside)


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_a_path_that_is_both_a_file_and_a_folder(tmp_path, beside, kind):
    for files in ({"a": b"", "a/b": b""}, {"a/b": b"", "a": b""}):
        assert "both a file and a folder" in refused(make(kind, tmp_path / "made", files), beside)


def test_an_interruption_leaves_nothing(tmp_path, beside, monkeypatch):
    archive = make_zip(tmp_path / "made", FILES)
    with pytest.raises(KeyboardInterrupt), unpacked(archive, beside):
        raise KeyboardInterrupt
    assert list(beside.iterdir()) == []

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "extractall", interrupted)
    with pytest.raises(KeyboardInterrupt), unpacked(archive, beside):
        pytest.fail("was unpacked")
    assert list(beside.iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path, beside):
    archive = make_zip(tmp_path / "made", {"a": b"new"})
    with unpacked(archive, beside) as folder:
        name = folder.name
    (beside / name).mkdir()
    (beside / name / "old").write_text("half")
    with unpacked(archive, beside) as folder:
        assert contents(folder) == {"a": b"new"}


def test_too_little_space_is_said_before(tmp_path, beside, monkeypatch):
    archive = make_zip(tmp_path / "made", {"a": bytes(1 << 20)})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=500_000))
    with pytest.raises(DownloadError, match="unpacking 'made' needs 1.0 MB"), unpacked(archive, beside):
        pytest.fail("was unpacked")
    assert list(beside.iterdir()) == []


def test_an_archive_in_an_archive(tmp_path, beside):
    inner = make_tar(tmp_path / "inner", FILES, mode="w").read_bytes()
    with unpacked(Path("one.tar"), beside, stream=io.BytesIO(inner)) as folder:
        assert set(contents(folder)) == WRITTEN
    cut, said = io.BytesIO(inner[:2000]), r"'one\.tar' is not a whole archive"
    with pytest.raises(InputError, match=said), unpacked(Path("one.tar"), beside, stream=cut):
        pytest.fail("was unpacked")
