"""A data set and its download, added as docs/contributing_data_set.md says: one file and one line each."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from made_commands import rdx
from made_data import write_picture

from rdx.data import DATASETS, dataset_settings, load_items
from rdx.data.download.command import DOWNLOADS, main
from rdx.errors import InputError, MissingInput

PAGE = (Path(__file__).resolve().parents[2] / "docs/contributing_data_set.md").read_text(encoding="utf-8")
FILE, LINE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
DOWNLOAD = '''
from pathlib import Path

from made_data import write_picture

from rdx.data.download.source import Check, DownloadError, Root, say, say_terms


def download(*, root: Root = Path("data/leaves"), check: Check = False) -> None:
    """Thirty made photos of leaves."""
    if root.is_dir():
        return say(f"data set leaves is already downloaded: {root}")
    if check:
        raise DownloadError("data set leaves is missing: run `python -m rdx.data.download leaves`")
    say_terms("leaves", "nowhere")
    for number in range(30):
        write_picture(root / ("ash", "oak")[number % 2] / f"{number:02}.jpg", number, 60 + 120 * (number % 2))
'''


@pytest.fixture(autouse=True)
def added(in_a_folder, tmp_path, monkeypatch):
    """The page's file and line, with a name of the file that Python finds here."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/made_leaves.py").write_text(FILE, encoding="utf-8")
    (tmp_path / "modules/made_leaves_download.py").write_text(DOWNLOAD, encoding="utf-8")
    name, _, function = yaml.safe_load("{" + LINE + "}").popitem()[1].rpartition(":")
    assert name == "rdx.data.sets.leaves"
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    monkeypatch.setitem(DATASETS, "leaves", f"made_leaves:{function}")
    monkeypatch.setitem(DOWNLOADS, "leaves", "made_leaves_download:download")


@pytest.fixture
def config(tmp_path) -> str:
    rng = np.random.default_rng(0)
    for name, width in (("a", 6), ("b", 4)):
        np.save(tmp_path / f"{name}.npy", rng.random((30, width), dtype=np.float32))
    content = {
        "name": "leaves", "data": {"dataset": "leaves"}, "figures": False, "statistics": "off",
        "representations": {name: f"features:{name}.npy" for name in "ab"},
        "methods": [{"method": "kmeans", "n_clusters": 2}],
    }  # fmt: skip
    (tmp_path / "leaves.yaml").write_text(yaml.safe_dump(content))
    return "leaves.yaml"


def make_photos(n: int = 30) -> None:
    for number in range(n):
        write_picture(Path("data/leaves", ("ash", "oak")[number % 2], f"{number:02}.jpg"), number, 60)


def test_its_items(tmp_path):
    assert dataset_settings("leaves") == ("root", "classes", "images_per_class", "seed")
    with pytest.raises(MissingInput, match=r"'leaves': '.*data/leaves' is missing: run `bash download_leaves\.sh`"):
        load_items("leaves")
    make_photos()
    items = load_items("leaves", classes=["oak", "ash"], images_per_class=4)
    assert items.labels.tolist() == [1] * 4 + [0] * 4 and items.ids[0].startswith("oak/")
    assert items.image(0).mode == "RGB"
    Path("data/leaves/oak/01.jpg").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"oak/01\.jpg' cannot be read"):
        load_items("leaves")
    assert len(load_items("leaves", skip_bad_images=True)) == 29


def test_a_plan_while_it_is_missing_then_a_run(config, capsys):
    assert rdx("run", config, "--dry-run", "--output-dir", "run") == 0
    said = capsys.readouterr().out
    assert "30 items, as far as the configuration tells" in said and "`bash download_leaves.sh`" in said
    assert not Path("run").exists()
    make_photos()
    assert rdx("run", config, "--quiet", "--output-dir", "run") == 0
    with open("run/items.csv", newline="") as table:
        assert {row["label_name"] for row in csv.DictReader(table)} == {"ash", "oak"}
    assert Path("run/a_vs_b/kmeans/concepts.csv").is_file()


def test_its_download(capsys):
    assert main(["leaves", "--check"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["leaves"]) == main(["leaves", "--check"]) == 0
    assert "by fetching it you accept the terms" in capsys.readouterr().out
    assert len(load_items("leaves")) == 30
    assert main(["leaves", "--help"]) == 0 and "Thirty made photos" in capsys.readouterr().out
