"""ImageNet and RSNA, which the user has to fetch: what is said, and made archives checked and unpacked."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from made_data import SYNSETS, make_imagenet, make_rsna
from scipy.io import savemat

from rdx.data import load_items
from rdx.data.download import command as download
from rdx.data.download import imagenet, rsna

IMAGENET, RSNA = Path("data/imagenet"), Path("data/rsna")
ONLY = ["--synsets", ",".join(SYNSETS)]


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def refused(capsys, *arguments: str) -> str:
    capsys.readouterr()
    assert download.main(list(arguments)) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    return said


def tar_of(files: dict[str, bytes], mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def devkit(truth: list[int]) -> bytes:
    """The devkit's two files that are read: three synsets and one that has children."""
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    rows = [(i + 1, synset, "words", "gloss", 0) for i, synset in enumerate(SYNSETS)]
    rows.append((1001, "n00000001", "parent", "gloss", 3))
    meta = io.BytesIO()
    savemat(meta, {"synsets": np.array(rows, dtype=fields)})
    top = "ILSVRC2012_devkit_t12/data/"
    files = {f"{top}meta.mat": meta.getvalue()}
    files[f"{top}ILSVRC2012_validation_ground_truth.txt"] = "".join(f"{i}\n" for i in truth).encode()
    return tar_of(files, "w:gz")


@pytest.fixture
def archives(tmp_path, monkeypatch) -> dict[str, bytes]:
    """The three archives of ImageNet as published, with three synsets, and their md5 in the place of the real."""
    make_imagenet(tmp_path / "made")
    inner = {}
    for synset in SYNSETS:
        images = (tmp_path / f"made/train/{synset}").iterdir()
        inner[f"{synset}.tar"] = tar_of({path.name: path.read_bytes() for path in images})
    photos = [path.read_bytes() for path in sorted((tmp_path / "made").rglob("*.JPEG"))]
    made = {
        imagenet.TRAIN: tar_of(inner),
        imagenet.VAL: tar_of({f"ILSVRC2012_val_{i + 1:08d}.JPEG": photo for i, photo in enumerate(photos[:6])}),
        imagenet.DEVKIT: devkit([3, 1, 2, 1, 1, 3]),
    }
    sums = {name: (hashlib.md5(data).hexdigest(), "1 MB") for name, data in made.items()}
    monkeypatch.setattr(imagenet, "ARCHIVES", sums)
    return made


def put(files: dict[str, bytes], folder: Path = IMAGENET) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_what_imagenets_user_has_to_do(capsys):
    said = refused(capsys, "imagenet")
    assert "'data/imagenet/train/n01440764' is missing, one of 1,000 synsets" in said
    assert "ILSVRC2012_img_train.tar  (148 GB, md5 1d675b47d978889d74fa0da5fadfb00e)" in said
    assert "https://image-net.org/accessagreement" in said
    assert "put them, or symlinks to them, into data/imagenet/" in said
    assert "ILSVRC2012_img_val" not in said
    said = refused(capsys, "imagenet", "--split", "all")
    for name, (md5, size) in imagenet.ARCHIVES.items():
        assert f"{name}  ({size}, md5 {md5})" in said
    assert not Path("data").exists()


def test_the_checksums_are_torchvisions():
    from rdx._torchvision import import_torchvision

    published = import_torchvision().datasets.imagenet.ARCHIVE_META
    assert {name: md5 for name, (md5, _) in imagenet.ARCHIVES.items()} == dict(published.values())


def test_imagenets_train_archive(archives, capsys):
    put({imagenet.TRAIN: archives[imagenet.TRAIN]})
    assert refused(capsys, "imagenet", "--check", *ONLY).endswith("run `bash download_imagenet.sh`\n")
    assert not (IMAGENET / "train").exists()
    assert download.main(["imagenet", *ONLY]) == 0
    assert "data set imagenet is ready: data/imagenet (train: 12 images of 3 synsets)" in capsys.readouterr().out
    assert load_items("imagenet", root=IMAGENET).labels.tolist() == [171] * 4 + [172] * 4 + [176] * 4
    (IMAGENET / imagenet.TRAIN).unlink()
    assert download.main(["imagenet", "--check", *ONLY]) == 0
    assert "data set imagenet: already downloaded" in capsys.readouterr().out


def test_some_synsets_only_then_the_others(archives, capsys):
    put({imagenet.TRAIN: archives[imagenet.TRAIN]})
    assert download.main(["imagenet", "--synsets", "whippet, 176"]) == 0
    assert sorted(path.name for path in (IMAGENET / "train").iterdir()) == ["n02091134", "n02091831"]
    first = (IMAGENET / "train/n02091134").stat().st_mtime_ns
    assert capsys.readouterr().out.count("checking data/imagenet/ILSVRC2012_img_train.tar") == 1
    assert download.main(["imagenet", *ONLY]) == 0
    assert "checking" not in capsys.readouterr().out, "the archive is the same as before"
    assert len(list((IMAGENET / "train").iterdir())) == 3
    assert (IMAGENET / "train/n02091134").stat().st_mtime_ns == first


def test_imagenets_validation_archives(archives, capsys):
    put({imagenet.VAL: archives[imagenet.VAL]})
    said = refused(capsys, "imagenet", "--split", "val", *ONLY)
    assert "devkit" in said and "ILSVRC2012_img_val" not in said, "only what is not there yet is to be fetched"
    put(archives)
    assert download.main(["imagenet", "--split", "all", *ONLY]) == 0
    assert "train: 12 images of 3 synsets, val: 6 images of 3 synsets" in capsys.readouterr().out
    folders = (IMAGENET / "val").iterdir()
    found = {folder.name: sorted(int(image.stem[-8:]) for image in folder.iterdir()) for folder in folders}
    assert found == {SYNSETS[2]: [1, 6], SYNSETS[0]: [2, 4, 5], SYNSETS[1]: [3]}
    assert len(load_items("imagenet", split="val", root=IMAGENET)) == 6


def test_an_archive_that_is_not_whole(archives, capsys):
    put({imagenet.TRAIN: archives[imagenet.TRAIN][:-100]})
    said = refused(capsys, "imagenet", *ONLY)
    assert "ILSVRC2012_img_train.tar' is not whole, or another file: its md5 should be" in said
    assert (IMAGENET / imagenet.TRAIN).is_file() and not (IMAGENET / "train").exists()


def test_a_synset_that_is_not_in_the_archive(archives, capsys):
    put({imagenet.TRAIN: archives[imagenet.TRAIN]})
    said = refused(capsys, "imagenet", "--synsets", "n01440764")
    assert "ILSVRC2012_img_train.tar' has no images of n01440764" in said
    assert "unknown synset of ImageNet-1k 'n99999999'" in refused(capsys, "imagenet", "--synsets", "n99999999")


def test_a_hostile_archive_in_the_archive(archives, capsys, monkeypatch, tmp_path):
    data = tar_of({f"{SYNSETS[0]}.tar": tar_of({"../../outside.JPEG": b"x"})})
    monkeypatch.setattr(imagenet, "ARCHIVES", {imagenet.TRAIN: (hashlib.md5(data).hexdigest(), "1 MB")})
    put({imagenet.TRAIN: data})
    assert "unsafe path '../../outside.JPEG' in 'n02091032.tar'" in refused(capsys, "imagenet", *ONLY)
    assert not list(tmp_path.rglob("outside*")) and not (IMAGENET / "train").exists()


def test_an_interruption_between_two_synsets(archives, monkeypatch):
    put({imagenet.TRAIN: archives[imagenet.TRAIN]})
    real, placed = imagenet.place, []

    def interrupted(source: Path, target: Path) -> None:
        if placed:
            raise SystemError
        placed.append(target.name)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(imagenet, "place", interrupted)
        with pytest.raises(SystemError):
            download.main(["imagenet", *ONLY])
    assert [path.name for path in (IMAGENET / "train").iterdir()] == placed
    assert download.main(["imagenet", *ONLY]) == 0


def test_imagenet_elsewhere(archives, tmp_path, capsys):
    Path("data").mkdir()
    IMAGENET.symlink_to(tmp_path / "made")
    assert download.main(["imagenet", *ONLY]) == 0
    assert "already downloaded: data/imagenet (train: 12 images of 3 synsets)" in capsys.readouterr().out


# --- RSNA ------------------------------------------------------------------------------------------------


def zip_of(folder: Path, *also: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, str(path.relative_to(folder)))
        for name in also:
            archive.writestr(name, b"x")
    return buffer.getvalue()


@pytest.fixture
def kaggle(tmp_path) -> bytes:
    make_rsna(tmp_path / "made", 12)
    return zip_of(tmp_path / "made", "stage_2_test_images/other.dcm", "stage_2_sample_submission.csv")


def test_what_rsnas_user_has_to_do(capsys):
    said = refused(capsys, "rsna")
    assert "'data/rsna/stage_2_train_images' is missing" in said
    assert "kaggle.com/competitions/rsna-pneumonia-detection-challenge/rules" in said
    assert "put rsna-pneumonia-detection-challenge.zip into data/rsna/" in said
    assert "a Kaggle account of your own" in said
    assert not Path("data").exists()


@pytest.mark.parametrize("folder", [RSNA, RSNA.parent])
def test_kaggles_zip(kaggle, capsys, folder):
    put({rsna.ARCHIVE: kaggle}, folder)
    assert refused(capsys, "rsna", "--check").endswith("run `bash download_rsna.sh`\n")
    assert download.main(["rsna"]) == 0
    assert "data set rsna is ready: data/rsna (12 X-rays; the published set has 26,684)" in capsys.readouterr().out
    assert len(load_items("rsna", n_items=8)) == 8
    (folder / rsna.ARCHIVE).unlink()
    assert sorted(path.name for path in RSNA.iterdir()) == ["stage_2_train_images", "stage_2_train_labels.csv"]
    assert download.main(["rsna"]) == download.main(["rsna", "--check"]) == 0
    assert "data set rsna: already downloaded" in capsys.readouterr().out


def test_x_rays_that_are_missing(kaggle, capsys, tmp_path):
    os.remove(tmp_path / "made/stage_2_train_images/made-00003.dcm")
    RSNA.parent.mkdir()
    RSNA.symlink_to(tmp_path / "made")
    assert "made-00003.dcm' is missing, one of 1 X-rays" in refused(capsys, "rsna")


def test_a_zip_of_something_else(capsys):
    put({rsna.ARCHIVE: zip_of(Path("nowhere"), "readme.txt")}, RSNA)
    assert "it is not in 'data/rsna/rsna-pneumonia-detection-challenge.zip' either" in refused(capsys, "rsna")
    put({rsna.ARCHIVE: zip_of(Path("nowhere"), "../outside")}, RSNA)
    assert "unsafe path '../outside'" in refused(capsys, "rsna")
    put({rsna.ARCHIVE: b"<html>log in first</html>"}, RSNA)
    assert "is not a whole archive" in refused(capsys, "rsna")
    assert [path.name for path in RSNA.iterdir()] == [rsna.ARCHIVE]
