"""File names with spaces, quotes, line ends and letters of other alphabets, through a whole comparison."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from made_commands import rdx
from PIL import Image

from rdx import compare
from rdx.experiment.run.tables import read_table

NAMES = (
    "two words.png", "two\nlines.png", "carriage\rreturn.png", "both\r\nends.png", 'quo"ted.png', "apo'strophe.png",
    "com,ma.png", "semi;colon.png", "tab\there.png", "naïve — 漢字 ع 🐦.png", "#hash%20&?.png", "-dash.png", "NA.png",
    "null.png", "007.png", "=1+1.png", " lead.png", "back\\slash.png", "<b>&amp;.png", "$HOME `x`.png",
)  # fmt: skip
MODEL = "timm:test_vit?pretrained=false&img_size=32"


@pytest.fixture
def folder(tmp_path):
    """Two class folders, awkward themselves, with the same awkward names inside."""
    root = tmp_path / 'my "images"\n& more'
    rng = np.random.default_rng(0)
    for name in ("Épée 剣", "a\nclass"):
        (root / name).mkdir(parents=True)
        for image in NAMES:
            Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(root / name / image)
    return root


def test_a_whole_comparison_keeps_every_name(folder, tmp_path, quick_statistics):
    expected = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.png"))
    assert len(expected) == 2 * len(NAMES)
    found = compare(
        f"{MODEL}&seed=1", f"{MODEL}&seed=2", images=folder, methods=("rdx",), n_clusters=2,
        output_dir=tmp_path / "out put", device="cpu",
    )  # fmt: skip
    items = read_table(found.run_folder / "items.csv")
    with open(found.run_folder / "items.csv", newline="", encoding="utf-8") as handle:
        plain = list(csv.DictReader(handle))
    for ids, paths, names in (
        (items["id"], items["path"], items["label_name"]),
        ([row["id"] for row in plain], [row["path"] for row in plain], [row["label_name"] for row in plain]),
    ):
        assert sorted(ids) == expected
        assert list(paths) == [str(folder / name) for name in ids]
        assert set(names) == {"Épée 剣", "a\nclass"}
    for method in found.methods:
        grid = read_table(found.folder / method / "explanations.csv")
        assert [items["id"][i] for i in grid["index"]] == grid["id"].tolist() and len(grid)
        grids = list((found.folder / method / "grids").rglob("*.png"))
        assert grids and (found.folder / method / "summary_a_not_b.png").is_file()
    json.loads((found.folder / "summary.json").read_text(encoding="utf-8"))


def test_a_list_in_a_table_keeps_them_too(folder, tmp_path):
    table = tmp_path / "list.csv"
    names = sorted(path.relative_to(folder).as_posix() for path in folder.glob("*/*.png"))
    with open(table, "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([["path", "label"], *([folder / name, name[:3]] for name in names)])
    from rdx.data import load_items

    items = load_items("image_folder", root=table)
    assert items.ids == tuple(str(folder / name) for name in names)


def test_what_is_wrong_with_an_awkward_name_is_one_line(folder, tmp_path, capsys):
    (folder / "a\nclass/two\nlines.png").write_bytes(b"no image")
    assert rdx("compare", "--a", MODEL, "--b", MODEL, "--images", folder, "--output-dir", tmp_path / "o") == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert not (tmp_path / "o").exists()
    assert len([line for line in said if "checking images" not in line]) == 1
    assert r"a\nclass/two\nlines.png' cannot be read: not an image file" in said[-1]


def test_awkward_names_that_are_left_out_are_written_down(folder, tmp_path):
    (folder / "a\nclass/carriage\rreturn.png").write_bytes(b"no image")
    found = compare(
        f"{MODEL}&seed=1", f"{MODEL}&seed=2", images=folder, methods=("kmeans",), n_clusters=2, figures=False,
        output_dir=tmp_path / "out", device="cpu", skip_bad_images=True,
    )  # fmt: skip
    dropped = read_table(found.run_folder / "dropped.csv")
    assert dropped["id"].tolist() == ["a\nclass/carriage\rreturn.png"]
    assert len(read_table(found.run_folder / "items.csv")) == 2 * len(NAMES) - 1
