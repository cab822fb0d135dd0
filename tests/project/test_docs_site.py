"""docs/ by task: commands of its first page and of that on models are planned; the site builds without a warning."""

from __future__ import annotations

import logging
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_commands import rdx
from made_data import write_picture

from rdx.models import int8

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
MODELS = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


def commands(page: str) -> list[str]:
    return [line for block in re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL) for line in block.splitlines()]


COMMANDS = commands(PAGE)
OF_MODELS = [line for line in commands(MODELS) if "onnx:" in line or "python:" in line]  # others in tests/models
QUANTISE = next(line for line in COMMANDS if line.startswith("python -m rdx.models.int8 "))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A folder with everything that the page's commands name, of the smallest."""
    import torch

    from rdx._torchvision import ensure_torchvision

    ensure_torchvision()
    import timm

    folder = tmp_path_factory.mktemp("docs")
    for i in range(12):
        write_picture(folder / "my_photos" / ("cat", "dog")[i % 2] / f"{i}.jpg", i, 60 + 90 * (i % 2))
    weights = timm.create_model("test_resnet", num_classes=3).state_dict()
    for name in ("epoch_10.pth", "epoch_90.pth", "fine_tuned.pth"):
        torch.save(weights, folder / name)
    for name in ("first", "second", "before", "after"):
        np.save(folder / f"{name}.npy", np.random.default_rng(len(name)).normal(size=(12, 4)).astype(np.float32))
    pd.DataFrame({"text": [f"text {i}" for i in range(12)]}).to_csv(folder / "texts.csv", index=False)
    (folder / "labels.txt").write_text("cat\ndog\n" * 6)
    (folder / "nets.py").write_text(re.findall(r"```python\n(.*?)```", MODELS, flags=re.DOTALL)[0])
    (yaml,) = re.findall(r"```yaml\n(.*?)```", PAGE, flags=re.DOTALL)
    (folder / "many.yaml").write_text(small(yaml))
    return folder


def small(text: str) -> str:
    """The page's command or file with a small model of random weights in the place of published ones."""
    return re.sub(
        r"timm:resnet\d+(\?[\w=&.]+)?",
        lambda found: "timm:test_resnet" + (found[1] or "") + (
            "" if "weights=" in (found[1] or "") else ("&" if found[1] else "?") + "pretrained=false"
        ),
        text,
    )  # fmt: skip


@pytest.mark.parametrize("line", [line for line in COMMANDS + OF_MODELS if line != QUANTISE])
def test_each_command_is_planned_as_written(made, monkeypatch, capsys, line):
    monkeypatch.chdir(made)
    if "onnx:" in line and not Path("int8.onnx").exists():
        written_as_onnx()
    words = shlex.split(small(line))
    code = rdx(*words[1:], "--dry-run")
    printed = capsys.readouterr()
    assert words[0] == "rdx" and code == 0, printed.err
    assert "missing" not in printed.out and "12 items" in printed.out


def written_as_onnx() -> None:
    for package in ("onnx", "onnxruntime"):
        pytest.importorskip(package)
    with pytest.raises(SystemExit) as ended:
        int8.main(shlex.split(small(QUANTISE))[3:])
    assert not ended.value.code and Path("float.onnx").stat().st_size > 2 * Path("int8.onnx").stat().st_size
    Path("resnet18_int8.onnx").write_bytes(Path("int8.onnx").read_bytes())


def test_every_task_has_its_command():
    tasks = re.findall(r"^## (.+)$", PAGE, flags=re.MULTILINE)
    assert len(COMMANDS) - 1 == len(tasks) - 1 == 7  # one task takes two; the last section shows pictures


def test_the_figures_of_the_example_are_those_of_its_table():
    page = " ".join((ROOT / "docs" / "reading.md").read_text(encoding="utf-8").split())
    table = pd.read_csv(ROOT / "results" / "photos_example" / "rdx_concepts.csv")
    rows = table[table["comparison"] == "photos_unaligned"].set_index(["direction", "concept"])
    a, b = (rows.loc[direction, 1] for direction in ("a_not_b", "b_not_a"))
    said = [
        f"{one['size']} {noun}(p {one['p_value']}, stability {one['stability']:.2f}, BSR {one['bsr']:.2f})"
        for one, noun in ((a, "photos "), (b, ""))
    ]
    more = rows["finding"].isna().sum()
    assert re.findall(r"(\d+) more groups may be chance", page) == [str(more)] * bool(more)
    assert rows["finding"].nunique() == 1 and rows["finding"].notna().sum() == 2
    assert [text for text in said if text not in page] == []


def test_the_site_builds_without_a_warning(tmp_path, caplog):
    pytest.importorskip("material", reason="mkdocs-material is not installed (pip install 'rdx[docs]')")
    build = pytest.importorskip("mkdocs.commands.build").build
    from mkdocs.config import load_config

    with caplog.at_level(logging.WARNING, logger="mkdocs"):
        build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(tmp_path / "site"), strict=True))
    assert caplog.records == []
    assert (tmp_path / "site" / "results" / "quickstart" / "summary_a_not_b.png").is_file()
    assert "Which command" in (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
