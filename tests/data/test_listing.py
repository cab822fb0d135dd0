"""Folders as users have them: what is an image, what is left out and said to be, and in which order they come."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from made_data import noise, write_dicom
from PIL import Image

from rdx.data import load_items
from rdx.data.listing import imagefolder_order, images_below, said_of_left_out, said_of_order
from rdx.data.locate import locate
from rdx.data.reading.decoding import SUFFIXES
from rdx.data.reading.dicom import SUFFIXES as DICOM_SUFFIXES
from rdx.errors import InputError

HEIF = (".heic", ".heif", ".hif")


def picture(path: Path, number: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(number, 100, (8, 8))).save(path, format="PNG")
    return path


@pytest.fixture
def root(tmp_path):
    for name in ("ant", "bee"):
        for i in range(3):
            picture(tmp_path / "photos" / name / f"{i}.png", i)
    return tmp_path / "photos"


def load(root, **settings):
    return load_items("image_folder", root=root, **settings)


def test_every_suffix_is_one_that_pillow_opens():
    known = Image.registered_extensions()
    others = (*DICOM_SUFFIXES, *HEIF, ".mpo")  # the last are JPEGs
    assert [suffix for suffix in SUFFIXES if known.get(suffix) not in Image.OPEN and suffix not in others] == []


@pytest.mark.parametrize("suffix", ["jpe", "tga", "pcx", "pnm", "dib", "j2k", "apng", "qoi"])
def test_suffixes_that_few_use(root, suffix):
    Image.fromarray(noise(1, 100, (8, 8))).save(root / f"ant/9.{suffix}", **{"quality": 95} if suffix == "jpe" else {})
    items = load(root)
    assert f"ant/9.{suffix}" in items.ids and items.notes == ()


def test_what_is_left_out_is_counted_by_suffix(root):
    for name in ("ant/a.txt", "ant/b.TXT", "bee/clip.mov", "bee/README", "notes.csv", ".DS_Store", "bee/.x.txt"):
        (root / name).write_text("no image")
    assert load(root).notes == (
        "files that are no images by their names are left out: 2 .txt, 1 .csv, 1 .mov, 1 without a suffix",
    )
    assert said_of_left_out(Counter()) == ()
    assert said_of_left_out(Counter({f".{i}": 20 - i for i in range(10)}))[0].endswith("13 .7 and 2 more kinds")


def test_heic_needs_an_extra_and_is_never_left_out_in_silence(root, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    (root / "ant/a.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(InputError, match=r"a.HEIC' .* HEIC needs the extra 'heif': pip install 'rdx\[heif\]'"):
        load(root)
    items = load(root, skip_bad_images=True)
    assert [name for name, _ in items.dropped] == ["ant/a.HEIC"]
    assert items.notes == ("images that cannot be read are left out: 'ant/a.HEIC' (dropped.csv says why)",)


def test_heic(root):
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    halves = np.repeat(np.array([[[200, 30, 30], [30, 30, 200]]], np.uint8), 32, axis=1).repeat(48, axis=0)
    Image.fromarray(halves).save(root / "ant/a.heic", quality=90)
    assert np.abs(np.asarray(load(root).image(3)).astype(int) - halves).mean() < 6


def test_folders_that_are_nobodys_classes(root):
    for name in ("__MACOSX/ant/._0", "__MACOSX/ant/0", ".thumbnails/0", "ant/@eaDir/0", "bee/.git/0"):
        picture(root / f"{name}.png")
    items = load(root)
    assert items.ids == tuple(f"{name}/{i}.png" for name in ("ant", "bee") for i in range(3))
    assert items.label_names == {0: "ant", 1: "bee"}


def test_empty_classes_are_refused_or_left_out(root):
    (root / "cat").mkdir()
    (root / "dog").mkdir()
    picture(root / "eel/0.png")
    with pytest.raises(InputError, match=r"cat' has no images \(and 1 more\); --skip-empty-classes.* leaves such"):
        load(root)
    items = load(root, skip_empty_classes=True)
    assert items.label_names == {0: "ant", 1: "bee", 4: "eel"} and items.labels.tolist() == [0] * 3 + [1] * 3 + [4]
    assert items.notes == ("classes without images are left out: cat, dog",)
    some = load(root, classes=["bee", "dog", "ant"], skip_empty_classes=True, images_per_class=3)
    assert some.labels.tolist() == [1] * 3 + [0] * 3 and some.notes == ("classes without images are left out: dog",)


def test_dicom_without_a_suffix(root):
    for name in ("IM000001", "1.2.840.10008.77", "scan.txt"):
        write_dicom(root / "ant" / name, noise(3, 100, (8, 8), channels=1))
    write_dicom(root / "ant/DICOMDIR", noise(3, 100, (8, 8), channels=1))
    items = load(root)
    assert {"ant/IM000001", "ant/1.2.840.10008.77", "ant/scan.txt"} < set(items.ids) and len(items) == 9
    assert items.notes == ("files that are no images by their names are left out: 1 without a suffix",)
    assert np.array_equal(np.asarray(items.image(items.ids.index("ant/IM000001"))), noise(3, 100, (8, 8), channels=1))


@pytest.mark.parametrize("kind", ["fifo", "device", "circle", "long"])
def test_what_is_no_file_is_named(root, kind):
    """A pipe would be waited for, a device may never end, and links may lead in a circle."""
    path = root / "ant/x.png"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "circle":
        path.symlink_to("y.png")
        (root / "ant/y.png").symlink_to("x.png")
    else:
        paths = [*(f"ant/{i}.png" for i in range(3)), "x/" * 3000 + "0.png", "ant/3.png"]
        (root / "list.csv").write_text("\n".join(["path", *paths]))
    said = {"circle": "Too many levels of symbolic links", "long": "File name too long"}.get(kind, "not a regular file")
    with pytest.raises(InputError, match=f"cannot be read: .*{said}") as caught:
        load(root / "list.csv" if kind == "long" else root)
    assert "\n" not in str(caught.value)
    if kind in ("fifo", "device"):
        assert [name for name, _ in load(root, skip_bad_images=True).dropped] == ["ant/x.png"]


def test_folders_that_may_not_be_read(root, monkeypatch):
    """As root every folder may be read, so the system's refusal is made up."""
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("bee/deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    picture(root / "bee/deep/0.png")
    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match=r"folder '.*bee/deep' cannot be read: Permission denied"):
        load(root)
    with pytest.raises(InputError, match=r"folder '.*bee/deep' cannot be read: Permission denied"):
        load(root / "bee/deep")


@pytest.mark.parametrize(
    ("path", "said"),
    [("x" * 300, "File name too long"), ("a\0b", "null"), ("~nobody-here/x", "home"), ("loop", "symbolic links")],
)
def test_paths_that_the_system_refuses(tmp_path, monkeypatch, path, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match=said):
        locate(path)


NESTED = ("a.png", "x-1/1.png", "x/1.png", "x/y/0.png", "x/z.png", "z.png")  # in the order of text


def test_the_order_of_torchvisions_imagefolder(root):
    for name in ("ant", "bee"):
        for file in NESTED:
            picture(root / name / file)
    theirs = [  # torchvision.datasets.folder.make_dataset, written out
        (Path(folder) / file).relative_to(root).as_posix()
        for name in sorted(("bee", "ant"))
        for folder, _, files in sorted(os.walk(root / name, followlinks=True))
        for file in sorted(files)
    ]
    ours = load(root)
    assert list(ours.ids) != theirs
    items = load(root, order="imagefolder")
    assert list(items.ids) == theirs and items.fingerprint != ours.fingerprint
    assert items.labels.tolist() == [0] * 9 + [1] * 9 and items.paths[0] == str(root / theirs[0])
    with pytest.raises(InputError, match="unknown order of images 'imagefolders'; did you mean 'imagefolder'"):
        load(root, order="imagefolders")
    (root / "list.csv").write_text("path\na/0.png\n")
    with pytest.raises(InputError, match="order 'imagefolder' is for folders of images; .* in the order of its rows"):
        load(root / "list.csv", order="imagefolder")


def test_without_nested_folders_both_orders_are_one():
    ids = [f"{name}/{i}.png" for name in ("a", "a-b", "b") for i in (0, 1, 10, 2)]
    assert imagefolder_order(ids) == list(range(12))
    assert imagefolder_order([]) == []


def test_a_folder_is_walked_once(root):
    (root / "ant/loop").symlink_to(root / "ant")
    (root / "ant/other").symlink_to(root / "bee")
    assert images_below(root / "ant") == ["0.png", "1.png", "2.png", "other/0.png", "other/1.png", "other/2.png"]


def test_rows_without_ids_are_said_to_be_by_place():
    flat = said_of_order([f"{name}/{i}.png" for name in "ab" for i in range(3)])
    assert flat == ("rows have no ids: row 0 is taken as 'a/0.png', row 5 as 'b/2.png'",)
    nested = said_of_order([f"a/{file}" for file in NESTED])
    assert nested[1] == (
        "torchvision's ImageFolder orders these images otherwise: its row 1 is 'a/z.png', not 'a/x-1/1.png'; "
        "--order imagefolder (data.order=imagefolder) takes its order"
    )
    theirs = imagefolder_order([f"a/{file}" for file in NESTED])
    assert len(said_of_order([f"a/{NESTED[i]}" for i in theirs])) == 1  # nothing to say where it is in use
    assert len(said_of_order(["b/x/1.png", "a/2.png", "a/x/1.png"])) == 1  # nor of rows in an order of their own


def test_the_plan_says_it_of_features_alone(root, tmp_path):
    from rdx.features import check_representation

    np.save(tmp_path / "a.npy", np.zeros((6, 2), np.float32))
    (tmp_path / "b.csv").write_text("id,x,y\n" + "".join(f"ant/{i}.png,0.5,{i}.5\n" for i in range(6)))
    items = load(root)
    notes = check_representation({"model": f"features:{tmp_path}/a.npy"}, items)
    assert notes == ("rows have no ids: row 0 is taken as 'ant/0.png', row 5 as 'bee/2.png'",)
    assert not any("no ids" in note for note in check_representation({"model": f"features:{tmp_path}/b.csv"}, items))
    assert check_representation({"model": f"features:{tmp_path}/a.npy"}) == ()
