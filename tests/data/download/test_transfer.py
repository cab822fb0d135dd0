"""Fetching one file from a server on this machine that does everything wrong in turn."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
from made_server import Server, serving

from rdx.data.download import transfer
from rdx.data.download.transfer import DownloadError, fetch

K = transfer._CHUNK  # what comes in less than that before a break is lost
DATA = np.random.default_rng(0).bytes(600_000)
OTHER = np.random.default_rng(1).bytes(600_000)
MD5 = f"md5:{hashlib.md5(DATA).hexdigest()}"
SHA256 = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(transfer, "PAUSE", 0.001)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    with serving({"a.zip": DATA}) as state:
        yield state


def got(server: Server, folder: Path, **options) -> bytes:
    """The file fetched, and nothing else beside it."""
    fetch(f"{server.address}/a.zip", folder / "a.zip", timeout=10, **options)
    assert [path.name for path in folder.iterdir()] == ["a.zip"]
    return (folder / "a.zip").read_bytes()


def refused(server: Server, folder: Path, **options) -> str:
    with pytest.raises(DownloadError) as error:
        fetch(f"{server.address}/a.zip", folder / "a.zip", timeout=10, **options)
    assert "\n" not in str(error.value) and not (folder / "a.zip").exists()
    return str(error.value)


@pytest.mark.parametrize("checksum", [None, MD5, SHA256, SHA256.upper().replace("SHA256", "sha256")])
def test_a_whole_file(server, tmp_path, checksum):
    assert got(server, tmp_path, checksum=checksum) == DATA
    assert server.asked == [("a.zip", None)]


def test_an_interrupted_transfer_continues_from_there(server, tmp_path):
    server.break_after = [5 * K, 10 * K]
    assert got(server, tmp_path, checksum=MD5) == DATA
    assert server.asked == [("a.zip", None), ("a.zip", f"bytes={5 * K}-"), ("a.zip", f"bytes={15 * K}-")]


def test_the_next_call_continues_too(server, tmp_path):
    server.break_after = [5 * K, 2 * K]
    said = refused(server, tmp_path, tries=2)
    assert "the connection was lost after 115 kB of 600 kB; run the same command again to continue from there" in said
    assert (tmp_path / "a.zip.part").read_bytes() == DATA[:7 * K]
    assert got(server, tmp_path) == DATA
    assert server.asked[-1] == ("a.zip", f"bytes={7 * K}-")


def test_the_tries_are_counted_anew_while_it_gets_on(server, tmp_path, monkeypatch):
    monkeypatch.setattr(transfer, "_PROGRESS", K)
    server.break_after = [K] * 12
    assert got(server, tmp_path, tries=2) == DATA


def test_a_server_that_ignores_ranges_is_started_over(server, tmp_path):
    server.ranges, server.break_after = False, [5 * K]
    assert got(server, tmp_path, checksum=MD5) == DATA
    assert [wanted for _, wanted in server.asked] == [None, f"bytes={5 * K}-"]


def test_without_a_version_nothing_is_continued(server, tmp_path):
    server.validators, server.break_after = False, [5 * K]
    said = refused(server, tmp_path, tries=1)
    assert "run the same command again to start over" in said
    assert got(server, tmp_path) == DATA
    assert [wanted for _, wanted in server.asked] == [None, None]


@pytest.mark.parametrize("if_range", [True, False])
@pytest.mark.parametrize("other", [OTHER, OTHER[:70_000], OTHER + b"more"])
def test_a_file_that_changed_between_calls_is_started_over(server, tmp_path, if_range, other):
    server.break_after, server.if_range = [5 * K], if_range
    refused(server, tmp_path, tries=1)
    server.files["a.zip"] = other
    assert got(server, tmp_path) == other


def test_another_address_is_no_continuation(server, tmp_path):
    server.break_after = [5 * K]
    refused(server, tmp_path, tries=1)
    server.files["b.zip"] = OTHER
    fetch(f"{server.address}/b.zip", tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == OTHER


@pytest.mark.parametrize("notes", ["", "no json", "[]", '{"address": 1}'])
def test_a_part_of_unknown_origin_is_not_used(server, tmp_path, notes):
    (tmp_path / "a.zip.part").write_bytes(OTHER[:1000])
    (tmp_path / "a.zip.part.json").write_text(notes)
    assert got(server, tmp_path) == DATA


def test_a_part_that_is_whole_needs_no_request(server, tmp_path):
    server.break_after = [5 * K]
    refused(server, tmp_path, tries=1)
    (tmp_path / "a.zip.part").write_bytes(DATA)
    server.asked.clear()
    assert got(server, tmp_path, checksum=MD5) == DATA
    assert server.asked == []


def test_wrong_bytes_are_not_kept(server, tmp_path):
    server.files["a.zip"] = OTHER
    assert "its checksum is wrong" in refused(server, tmp_path, checksum=MD5)
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_length_is_an_error(server, tmp_path):
    server.extra_length = 1000
    assert "the connection was lost" in refused(server, tmp_path, tries=3)
    server.extra_length = -1000
    assert "its checksum is wrong" in refused(server, tmp_path, checksum=MD5)


@pytest.mark.parametrize(("status", "tries"), [(404, 1), (403, 1), (410, 1), (500, 3), (503, 3)])
def test_an_answer_that_is_no_file(server, tmp_path, status, tries):
    server.status = [status] * 9
    assert f"the server answered {status}" in refused(server, tmp_path, tries=3)
    assert len(server.asked) == tries and list(tmp_path.iterdir()) == []


def test_a_server_that_is_busy_for_a_moment(server, tmp_path):
    server.status = [503, 500]
    assert got(server, tmp_path) == DATA


def test_nobody_there(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(DownloadError, match="no answer in time$"):
            fetch(f"http://127.0.0.1:{port}/a.zip", tmp_path / "a.zip", timeout=0.1, tries=2)
    with pytest.raises(DownloadError, match="the server cannot be reached$"):
        fetch(f"http://127.0.0.1:{port}/a.zip", tmp_path / "a.zip", timeout=1, tries=2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["file:///etc/passwd", "nowhere", "http://"])
def test_an_address_that_is_none(tmp_path, address):
    with pytest.raises(DownloadError, match="is not a web address"):
        fetch(address, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_too_little_space_is_said_before(server, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=500_000))
    assert "needs 600 kB on the disk of" in refused(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_noted_of_a_part(server, tmp_path):
    server.break_after = [5 * K]
    refused(server, tmp_path, tries=1)
    noted = json.loads((tmp_path / "a.zip.part.json").read_text())
    assert noted["size"] == len(DATA) and noted["validator"] == f'"{MD5.removeprefix("md5:")}"'


def test_old_bytes_never_pass_for_the_new_version(server, tmp_path, monkeypatch):
    """Killed just as the new version's note is written: what had arrived of the old one is gone."""
    server.break_after = [5 * K]
    refused(server, tmp_path, tries=1)
    server.files["a.zip"] = OTHER

    def killed(*_: object) -> None:
        assert not (tmp_path / "a.zip.part").exists()
        raise SystemError

    with monkeypatch.context() as patch:
        patch.setattr(transfer, "write_json", killed)
        with pytest.raises(SystemError):
            got(server, tmp_path)
    assert got(server, tmp_path) == OTHER
