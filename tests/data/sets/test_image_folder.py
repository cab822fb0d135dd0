"""A user's own images: folders, tables, labels files, and what is refused."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdx.data import load_items
from rdx.data.labels import encode_labels, read_labels
from rdx.data.reading.image_files import read_image
from rdx.errors import InputError


def write_image(path: Path, value: int, mode: str = "RGB", size: tuple[int, int] = (12, 9)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).convert(mode).save(path)


def shade(items, position: int) -> int:
    return int(np.asarray(items.image(position)).flat[0])


@pytest.fixture
def classes(tmp_path):
    """Three class folders of four images each, each image of a shade of its own."""
    root = tmp_path / "images"
    for number, name in enumerate(("cat", "ant", "bee")):
        for i in range(4):
            write_image(root / name / f"{i}.png", 20 * i + 80 * number)
    return root


@pytest.fixture
def flat(tmp_path):
    root = tmp_path / "flat"
    for i in (10, 9, 8, 2, 1, 0):
        write_image(root / f"{i}.png", 10 * i)
    return root


def write_csv(path: Path, rows: list[list[object]]) -> Path:
    with open(path, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(rows)
    return path


def test_sub_folders_are_classes(classes):
    items = load_items("image_folder", root=classes)
    assert items.ids == tuple(f"{name}/{i}.png" for name in ("ant", "bee", "cat") for i in range(4))
    assert items.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert items.label_names == {0: "ant", 1: "bee", 2: "cat"}
    assert items.paths[0] == str(classes / "ant/0.png") and shade(items, 1) == 100
    assert items.image(0).mode == "RGB" and items.pixels is None and items.dropped == ()


def test_classes_and_draw(classes):
    items = load_items("image_folder", root=classes, classes=["cat", 0], images_per_class=3, seed=5)
    rng = np.random.default_rng(5)
    expected = []
    for name in ("cat", "ant"):
        own = [f"{name}/{i}.png" for i in range(4)]
        rng.shuffle(own)
        expected += own[:3]
    assert list(items.ids) == expected
    assert items.labels.tolist() == [2] * 3 + [0] * 3
    with pytest.raises(InputError, match="unknown class 'bea'; did you mean 'bee'"):
        load_items("image_folder", root=classes, classes=["bea"])


def test_flat_folder_in_textual_order(flat):
    (flat / "notes.txt").write_text("not an image")
    (flat / ".hidden.png").write_text("not an image")
    (flat / "empty").mkdir()
    items = load_items("image_folder", root=flat)
    assert items.ids == ("0.png", "1.png", "10.png", "2.png", "8.png", "9.png")
    assert items.labels is None and items.label_name(0) == ""
    assert shade(items, 2) == 100


def test_links_and_deeper_folders_count(classes, tmp_path):
    outside = tmp_path / "elsewhere"
    write_image(outside / "x.png", 7)
    (classes / "ant/more").symlink_to(outside)
    (classes / "ant/loop").symlink_to(classes / "ant")
    (classes / "linked.class").symlink_to(outside)
    (classes / "bee/4.png").symlink_to(outside / "x.png")
    items = load_items("image_folder", root=classes)
    assert "ant/more/x.png" in items.ids and "linked.class/x.png" in items.ids and "bee/4.png" in items.ids
    assert len(items) == 12 + 3
    assert items.label_names[3] == "linked.class"


def test_fingerprint_is_of_contents(classes, tmp_path):
    before = load_items("image_folder", root=classes).fingerprint
    classes.rename(tmp_path / "moved")
    moved = tmp_path / "moved"
    assert load_items("image_folder", root=moved).fingerprint == before
    write_image(moved / "ant/2.png", 3)
    assert load_items("image_folder", root=moved).fingerprint != before


def test_empty_class_and_wrong_folders(classes, tmp_path):
    (classes / "dog").mkdir()
    with pytest.raises(InputError, match=r"class folder '.*dog' has no images"):
        load_items("image_folder", root=classes)
    with pytest.raises(InputError, match=r"class folder '.*dog' has no images"):
        load_items("image_folder", root=classes, classes=["ant", "bee", "dog"])
    assert len(load_items("image_folder", root=classes, classes=["ant", "bee"])) == 8
    write_image(classes / "stray.png", 1)
    with pytest.raises(InputError, match=r"both in the folder \('stray.png'\) and in sub-folders \('ant'\)"):
        load_items("image_folder", root=classes)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match=r"none': no images found"):
        load_items("image_folder", root=tmp_path / "none")
    with pytest.raises(InputError, match=r"missing': no such folder or file"):
        load_items("image_folder", root=tmp_path / "missing")
    with pytest.raises(InputError, match="neither a folder nor a .csv or .parquet file"):
        load_items("image_folder", root=classes / "ant/0.png")


def test_fewer_than_five_images_are_refused(classes):
    with pytest.raises(InputError, match="4 items are too few"):
        load_items("image_folder", root=classes, classes=["ant"])


def cut_short(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("name", "spoil", "reason"),
    [
        ("1.png", lambda path: path.write_bytes(b"no image"), "not an image file"),
        ("1.png", lambda path: path.write_bytes(b""), "the file is empty"),
        ("1.png", cut_short, "cannot be read"),
        ("spoilt.jpg", cut_short, "truncated"),
        ("broken.png", lambda path: path.symlink_to(path.parent / "gone.png"), "does not exist"),
    ],
)
def test_an_unreadable_image_is_named_or_dropped(classes, name, spoil, reason):
    path = classes / "bee" / name
    spoil(path)
    with pytest.raises(InputError, match=f"image '{path}' .*{reason}") as caught:
        load_items("image_folder", root=classes)
    assert "\n" not in str(caught.value)
    items = load_items("image_folder", root=classes, skip_bad_images=True)
    assert [dropped for dropped, _ in items.dropped] == [f"bee/{name}"]
    assert reason in items.dropped[0][1]
    assert f"bee/{name}" not in items.ids and len(items.ids) == len(items.labels) == len(items.paths)
    for i, path in enumerate(items.paths):
        assert path.endswith(items.ids[i]) and items.image(i)


def test_a_class_must_survive_dropping(classes):
    for i in range(4):
        (classes / f"bee/{i}.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"\(and 3 more\); --skip-bad-images"):
        load_items("image_folder", root=classes)
    with pytest.raises(InputError, match="no image of class 'bee' can be read"):
        load_items("image_folder", root=classes, skip_bad_images=True)
    for path in classes.glob("ant/*.png"):
        path.write_bytes(b"no image")
    with pytest.raises(InputError, match="4 items are too few"):
        load_items("image_folder", root=classes, skip_bad_images=True)


@pytest.mark.parametrize("factor", [0.6, 1.5])  # Pillow itself only warns between once and twice its limit
def test_a_decompression_bomb_is_refused(classes, monkeypatch, factor):
    path = classes / "bee/2.png"
    write_image(path, 5, size=(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", int(5000 / factor))
    with pytest.raises(InputError, match=f"image '{path}' cannot be read: .*(pixels|bomb)"):
        load_items("image_folder", root=classes)
    with pytest.raises(InputError, match="2.png' cannot be read"):
        read_image(path)


def test_modes_become_grey_or_colour(tmp_path):
    for mode, name, expected in (
        ("1", "a.png", "L"),
        ("LA", "b.png", "L"),
        ("P", "c.gif", "RGB"),
        ("RGBA", "d.png", "RGB"),
        ("CMYK", "e.jpg", "RGB"),
    ):
        write_image(tmp_path / name, 255, mode)
        image = read_image(tmp_path / name)
        assert image.mode == expected and np.asarray(image).min() > 250
    deep = np.linspace(0, 65535, 12, dtype=np.uint16).reshape(3, 4)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert np.array_equal(np.asarray(read_image(tmp_path / "deep.png")), deep // 256)
    Image.fromarray(np.zeros((3, 4), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(InputError, match="float.tif' cannot be read: its pixels have 32 bits"):
        read_image(tmp_path / "float.tif")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_of_paths(flat, tmp_path, kind):
    names = ["10.png", "2.png", "0.png", "9.png", "1.png"]
    rows = {"File": [f"flat/{name}" for name in names], "class": ["z", "a", "z", "a", "a"], "other": [1] * 5}
    if kind == "csv":
        table = write_csv(tmp_path / "list.csv", [list(rows), *zip(*rows.values(), strict=True)])
    else:
        import pandas

        table = tmp_path / "list.parquet"
        pandas.DataFrame(rows).to_parquet(table)
    items = load_items("image_folder", root=table)
    assert items.ids == tuple(f"flat/{name}" for name in names)
    assert items.labels.tolist() == [1, 0, 1, 0, 0] and items.label_names == {0: "a", 1: "z"}
    assert [shade(items, i) for i in range(5)] == [100, 20, 0, 90, 10]
    other = load_items("image_folder", root=table, label_column="other")
    assert other.labels.tolist() == [1] * 5
    with pytest.raises(InputError, match="label column of .* 'clas'; did you mean 'class'"):
        load_items("image_folder", root=table, label_column="clas")


def test_a_table_with_ids_and_its_own_image_root(flat, tmp_path):
    rows = [["path", "id"], *([f"{i}.png", f"item {i}"] for i in (0, 1, 2, 8, 9))]
    table = write_csv(tmp_path / "list.csv", rows)
    items = load_items("image_folder", root=table, image_root=flat)
    assert items.ids[1] == "item 1" and shade(items, 1) == 10 and items.labels is None
    absolute = write_csv(tmp_path / "abs.csv", [["path"], *([flat / f"{i}.png"] for i in (0, 1, 2, 8, 9))])
    assert shade(load_items("image_folder", root=absolute), 4) == 90


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["name"], ["0.png"]], r"needs a column 'path' of image files \(it has: name\)"),
        ([["path"]], "has no rows"),
        ([["path", "label"], ["0.png", "a"], ["1.png"]], "line 3: 1 cells where the header has 2"),
        ([["path"], ["0.png"], ["0.png"]], "row 2: column 'path' has '0.png' a second time"),
        ([["path", "label"], ["0.png", "a"], ["1.png", ""]], "row 2: column 'label' is empty"),
        ([["path", "path"], ["0.png", "a"]], "two columns of the same name"),
        ([["path"], *([f"{i}.png"] for i in range(5))], r"image '.*3.png' does not exist"),
    ],
)
def test_bad_tables(flat, rows, message):
    table = write_csv(flat / "list.csv", rows)
    with pytest.raises(InputError, match=message):
        load_items("image_folder", root=table)


def test_labels_file_for_a_folder(flat, tmp_path):
    labels = tmp_path / "labels.txt"
    labels.write_text("x\ny\nx\ny\ny y\nx\n\n")
    items = load_items("image_folder", root=flat, labels=labels)
    assert items.labels.tolist() == [0, 1, 0, 1, 2, 0] and items.label_names[2] == "y y"
    by_id = write_csv(tmp_path / "labels.csv", [["id", "label"], *([f"{i}.png", i] for i in (9, 8, 2, 10, 1, 0))])
    items = load_items("image_folder", root=flat, labels=by_id)
    assert items.labels.tolist() == [0, 1, 10, 2, 8, 9]
    drawn = load_items("image_folder", root=flat, labels=labels, classes=["y", "x"])
    assert drawn.ids == ("1.png", "2.png", "0.png", "10.png", "9.png")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.txt", "a\nb\n", "has 2 labels for 3 items"),
        ("l.txt", "a\n\nb\n", "label 2 is empty"),
        ("l.csv", "id,label\np,a\nq,b\n", "has 2 labels for 3 items"),
        ("l.csv", "id,label\np,a\nq,b\nqq,b\n", "row 3.* 'qq'; did you mean"),
        ("l.csv", "id,label\np,a\nq,b\nq,b\n", "row 3: id 'q' appears twice"),
        ("l.csv", "id\np\nq\nr\n", "needs a column 'label'"),
        ("l.csv", b"\xff\xfe\x00", "not a CSV file in UTF-8"),
        ("l.parquet", "no parquet", "is not a whole Parquet file"),
    ],
)
def test_bad_labels_files(tmp_path, name, text, message):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message):
        read_labels(path, ["p", "q", "r"])


def test_columns_of_a_labels_file_come_to_the_images(flat, tmp_path):
    names = [f"{i}.png" for i in (9, 8, 2, 10, 1, 0)]
    ages = [["id", "age"], *([name, len(name)] for name in names)]
    items = load_items("image_folder", root=flat, labels=write_csv(tmp_path / "ages.csv", ages))
    assert items.labels is None and dict(items.columns) == {"age": ("5", "5", "6", "5", "5", "5")}
    table = write_csv(flat / "list.csv", [["path", "label", "age"], *([name, name[0], "old"] for name in names)])
    items = load_items("image_folder", root=table, labels=tmp_path / "ages.csv")
    assert [items.label_name(i) for i in range(6)] == ["9", "8", "2", "1", "1", "0"]  # their own
    assert set(items.columns["age"]) == {"old"} and items.columns["labels_age"] == ("5", "5", "5", "6", "5", "5")


def test_labels_by_row_and_as_numbers(tmp_path):
    path = tmp_path / "l.csv"
    path.write_text("label\n7\n-2\n7\n")
    labels, names, *_ = read_labels(path, ["p", "q", "r"])
    assert labels.tolist() == [7, -2, 7] and names == {-2: "-2", 7: "7"}
    assert encode_labels(["007", "7", "7"])[0].tolist() == [0, 1, 1]  # not one label
    assert encode_labels(["10", "b", "9"])[0].tolist() == [0, 2, 1]
    with pytest.raises(InputError, match="labels file .* does not exist"):
        read_labels(tmp_path / "none.txt", ["p"])
