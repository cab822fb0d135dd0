"""CUB and iNaturalist from a server on this machine: made data in the right layouts, and everything that goes wrong."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_data import make_cub, make_inaturalist
from made_server import serving

from rdx.data import load_items
from rdx.data.download import command as download
from rdx.data.download import cub, transfer
from rdx.data.download.archives import Archive

CUB, INAT = Path("data/CUB_200_2011"), Path("data/inat_subset")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(transfer, "PAUSE", 0.001)


def zipped(folder: Path, top: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{top}{path.relative_to(folder)}")
    return buffer.getvalue()


def tarred(**tops: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, path in tops.items():
            archive.add(path, name.replace("__", "."))
    return buffer.getvalue()


def without_lists(made: Path) -> bytes:
    """CUB_200_2011.tgz as published: the attributes' names lie beside the folder, the lists are elsewhere."""
    names = made.parent / "attributes.txt"
    os.replace(made / "attributes/attributes.txt", names)
    os.replace(made / "class_attr_data_10", made.parent / "lists")
    return tarred(CUB_200_2011=made, attributes__txt=names)


@pytest.fixture
def server(tmp_path, monkeypatch):
    make_inaturalist(tmp_path / "made/inat")
    make_cub(tmp_path / "made/cub")
    files = {"CUB_200_2011.tgz": without_lists(tmp_path / "made/cub")}
    files["class_attr_data_10.zip"] = zipped(tmp_path / "made/lists", "class_attr_data_10/")
    files["inat_subset.zip"] = zipped(tmp_path / "made/inat", "inat_subset/")
    md5 = hashlib.md5(files["CUB_200_2011.tgz"]).hexdigest()
    monkeypatch.setattr(cub, "IMAGES", Archive("CUB_200_2011.tgz", f"md5:{md5}"))
    with serving(files) as state:
        yield state


def fetch(server, name: str, *options: str) -> int:
    more = ["--lists-url", server.address] if name == "cub" else []
    return download.main([name, "--base-url", f"{server.address}/", *more, *options])


def refused(server, capsys, name: str, *options: str) -> str:
    capsys.readouterr()
    assert fetch(server, name, *options) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


def left() -> list[str]:
    """What lies in data/, hidden folders and their contents too."""
    return sorted(str(path.relative_to("data")) for path in Path("data").rglob("*") if CUB not in path.parents
                  and INAT not in path.parents)  # fmt: skip


def test_cub_and_its_lists(server, capsys, tmp_path):
    assert "'data/CUB_200_2011/images.txt' is missing" in refused(server, capsys, "cub", "--check")
    assert server.asked == []
    assert fetch(server, "cub") == 0
    said = capsys.readouterr().out
    assert said.index(f"accept the terms at {cub.TERMS}") < said.index("fetching http")
    items = load_items("cub")
    assert len(items) == 12 and (CUB / "attributes/attributes.txt").is_file()
    assert pickle.loads((CUB / "class_attr_data_10/test.pkl").read_bytes())  # made by this test
    assert left() == [".downloads", ".downloads/checksums.json", "CUB_200_2011"]
    asked = len(server.asked)
    for options in ([], ["--check"]):
        assert fetch(server, "cub", *options) == 0
        assert capsys.readouterr().out == "data set cub: already downloaded: data/CUB_200_2011\n"
    assert len(server.asked) == asked == 2


def test_inaturalist(server, capsys):
    assert "'data/inat_subset/data.json' is missing" in refused(server, capsys, "inaturalist", "--check")
    assert fetch(server, "inaturalist") == 0
    assert len(load_items("inaturalist", classes=[0, 6])) == 8
    assert left() == [".downloads", ".downloads/checksums.json", "inat_subset"]
    assert fetch(server, "inaturalist") == 0 and len(server.asked) == 1


@pytest.mark.parametrize("top", ["", "some/where/", "__MACOSX/"])
def test_wherever_data_json_lies_in_the_archive(server, capsys, tmp_path, top):
    server.files["inat_subset.zip"] = zipped(tmp_path / "made/inat", top)
    if top == "__MACOSX/":
        assert "inat_subset.zip has no data.json" in refused(server, capsys, "inaturalist")
    else:
        assert fetch(server, "inaturalist") == 0
        assert len(load_items("inaturalist", classes=[0, 1])) == 8


def test_the_first_downloads_checksum_is_kept_to(server, capsys):
    assert fetch(server, "inaturalist") == 0
    noted = json.loads(Path("data/.downloads/checksums.json").read_text())
    digits = hashlib.sha256(server.files["inat_subset.zip"]).hexdigest()
    assert noted == {"inat_subset.zip": f"sha256:{digits}"}
    os.rename(INAT, "elsewhere")
    server.files["inat_subset.zip"] += b"another file"
    said = refused(server, capsys, "inaturalist")
    assert "it is not the file of the first download (noted in 'data/.downloads/checksums.json')" in said
    assert left() == [".downloads", ".downloads/checksums.json"]


def test_a_wrong_checksum_removes_the_file(server, capsys):
    server.files["CUB_200_2011.tgz"] += b"x"
    assert "its checksum is wrong (it should be md5:" in refused(server, capsys, "cub")
    assert not CUB.exists() and left() == []


def test_an_interrupted_transfer_continues_at_the_next_call(server, capsys, monkeypatch):
    monkeypatch.setattr(transfer, "_CHUNK", 512)
    server.break_after = [1024, 512, 512, 512]
    assert "run the same command again to continue from there" in refused(server, capsys, "inaturalist")
    assert not INAT.exists() and ".downloads/inat_subset.zip/inat_subset.zip.part" in left()
    assert fetch(server, "inaturalist") == 0
    assert server.asked[-1][1] == "bytes=2560-" and fetch(server, "inaturalist", "--check") == 0


@pytest.mark.parametrize("status", [404, 500])
def test_a_server_without_the_file(server, capsys, status):
    server.status = [status] * 4
    assert f"/CUB_200_2011.tgz: the server answered {status}" in refused(server, capsys, "cub")
    assert left() == []


def test_without_the_lists_the_photos_stay(server, capsys):
    lists = server.files.pop("class_attr_data_10.zip")
    assert "class_attr_data_10.zip: the server answered 404" in refused(server, capsys, "cub")
    server.files["class_attr_data_10.zip"] = lists
    assert fetch(server, "cub") == 0
    assert [name for name, _ in server.asked] == ["CUB_200_2011.tgz", *["class_attr_data_10.zip"] * 2]


@pytest.mark.parametrize("name", ["../../outside", "/outside", "inat_subset/../../x"])
def test_a_hostile_archive_leaves_nothing(server, capsys, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    buffer = io.BytesIO(server.files["inat_subset.zip"])
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(name, b"x")
    server.files["inat_subset.zip"] = buffer.getvalue()
    assert "unsafe path" in refused(server, capsys, "inaturalist")
    assert sorted(path for path in tmp_path.rglob("*") if path != tmp_path / "data") == before


def test_an_archive_that_lacks_images_is_not_taken(server, capsys, tmp_path):
    (tmp_path / "made/inat/images/species_3/002.jpg").unlink()
    for species in (tmp_path / "made/inat/images").iterdir():
        (species / "002.jpg").unlink(missing_ok=True)
    server.files["inat_subset.zip"] = zipped(tmp_path / "made/inat", "")
    said = refused(server, capsys, "inaturalist")
    assert "inat_subset.zip is not whole: the image 'images/species_0/002.jpg' is missing, one of 8" in said
    assert not INAT.exists()


def test_an_interrupted_unpacking_is_not_taken_for_complete(server, capsys, monkeypatch):
    """As if the process were killed in between: what it left is never the data set, and the next call ends well."""
    with monkeypatch.context() as patch:
        cleaning_nothing = SimpleNamespace(**{**vars(shutil), "rmtree": lambda *_, **__: None})  # as a killed process
        patch.setattr("rdx.data.download.unpacking.shutil", cleaning_nothing)
        patch.setattr("rdx.data.download.archives.place", _killed)
        with pytest.raises(SystemError):
            fetch(server, "inaturalist")
    assert not INAT.exists() and any("unpacking" in name for name in left())
    assert fetch(server, "inaturalist", "--check") == 1
    assert fetch(server, "inaturalist") == 0
    assert len(server.asked) == 1, "the archive was there"
    assert left() == [".downloads", ".downloads/checksums.json", "inat_subset"]


def _killed(*_: object) -> None:
    raise SystemError


def test_a_damaged_archive_of_an_earlier_call_is_fetched_again(server, capsys):
    work = Path("data/.downloads/CUB_200_2011.tgz")
    work.mkdir(parents=True)
    (work / "CUB_200_2011.tgz").write_bytes(b"half")
    assert "was damaged (its checksum is wrong) and is removed" in refused(server, capsys, "cub")
    assert fetch(server, "cub") == 0


def test_an_archive_of_the_user_is_taken_and_stays(server, capsys):
    Path("data").mkdir()
    archive = Path("data/CUB_200_2011.tgz")
    archive.write_bytes(server.files["CUB_200_2011.tgz"][:-9])
    assert "'data/CUB_200_2011.tgz' is not whole, or another file" in refused(server, capsys, "cub")
    archive.write_bytes(server.files["CUB_200_2011.tgz"])
    assert fetch(server, "cub") == 0 and archive.is_file()
    assert [name for name, _ in server.asked] == ["class_attr_data_10.zip"]


def test_what_the_user_has_is_not_replaced(server, capsys):
    INAT.mkdir(parents=True)
    (INAT / "mine.txt").write_text("mine")
    assert "'data/inat_subset' exists, but" in refused(server, capsys, "inaturalist")
    assert (INAT / "mine.txt").read_text() == "mine" and server.asked == []
    CUB.symlink_to("nowhere")
    assert "is a symlink to 'nowhere', which does not exist" in refused(server, capsys, "cub")


def test_symlinks_are_enough(server, capsys, tmp_path, monkeypatch):
    """CUB as everybody unpacks it, on another disk: only the lists are fetched, and put there."""
    with tarfile.open(fileobj=io.BytesIO(server.files["CUB_200_2011.tgz"])) as archive:
        archive.extractall(tmp_path / "elsewhere", filter="data")
    Path("data").mkdir()
    CUB.symlink_to(tmp_path / "elsewhere/CUB_200_2011")
    real = os.replace

    def other_disk(source: Path, target: Path) -> None:
        if Path(target).name == "class_attr_data_10" and ".downloads" in Path(source).parts:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target)

    monkeypatch.setattr(os, "replace", other_disk)
    assert fetch(server, "cub") == 0
    assert CUB.is_symlink() and len(load_items("cub")) == 12
    assert sorted(path.name for path in (CUB / "class_attr_data_10").iterdir()) == ["test.pkl", "train.pkl"]
    assert [name for name, _ in server.asked] == ["class_attr_data_10.zip"]


def test_two_at_once(server, capsys):
    fcntl = pytest.importorskip("fcntl")
    work = Path("data/.downloads/inat_subset.zip")
    work.mkdir(parents=True)
    handle = os.open(work / ".lock", os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert "inat_subset.zip is already being fetched by another process" in refused(server, capsys, "inaturalist")
    finally:
        os.close(handle)
    assert fetch(server, "inaturalist") == 0


def test_another_place(server, capsys, tmp_path):
    assert fetch(server, "inaturalist", "--root", str(tmp_path / "my data/inat")) == 0
    assert len(load_items("inaturalist", root=tmp_path / "my data/inat", classes=[0, 1])) == 8
    assert not Path("data").exists()
