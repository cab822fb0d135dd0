"""Every command, program and message of docs/own_data.md, on made images, arrays and small models."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_commands import rdx

from rdx.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
# Small models of the same libraries in the place of the page's, so that nothing is downloaded. Layers keep their names.
SMALL = {
    "timm:resnet18": "timm:test_resnet",
    "timm:resnet50": "timm:test_resnet",
    "timm:vit_base_patch16_224.dino": "timm:test_vit",
    "open_clip:ViT-B-32/openai": "open_clip:RN50",
}


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == language]


COMMANDS = [line for block in blocks("bash") for line in block.splitlines()]
MESSAGES = re.findall(r"^\| `(.+?)` \| ", PAGE.split("## What can go wrong")[1], flags=re.MULTILINE)


def image(path: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)).save(path)


def random_weights(path: Path) -> None:
    """Weights for the page's `?weights=fine_tuned.pth&num_classes=3`."""
    import torch

    from rdx._torchvision import ensure_torchvision

    ensure_torchvision()
    import timm

    torch.save(timm.create_model("test_resnet", num_classes=3).state_dict(), path)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with everything that the page's commands name."""
    import pandas as pd
    import torch
    from safetensors.numpy import save_file

    folder = tmp_path_factory.mktemp("own data")
    rng = np.random.default_rng(0)
    for i in range(8):
        for kind in ("cat", "dog"):
            image(folder / "my_photos" / kind / f"{i:03}.jpg", rng)
    names = [f"{i:03}.jpg" for i in range(1, 13)]
    for name in names:
        image(folder / "holiday" / name, rng)
    places = ["beach" if i % 2 else "town" for i in range(12)]
    pd.DataFrame({"id": names, "label": places}).to_csv(folder / "labels.csv", index=False)
    table = pd.DataFrame({"path": [f"holiday/{name}" for name in names], "label": places})
    table["id"] = [f"day {i}" for i in range(12)]
    table.to_csv(folder / "photos.csv", index=False)
    table.to_parquet(folder / "photos.parquet")
    cells = [{"bytes": (folder / "holiday" / name).read_bytes(), "path": name} for name in names]
    for split in ("train", "test"):
        (folder / "my_dataset" / split).mkdir(parents=True)
        pd.DataFrame({"image": cells, "label": places}).to_parquet(folder / "my_dataset" / split / "0000.parquet")
    random_weights(folder / "fine_tuned.pth")

    before = rng.normal(size=(16, 6)).astype(np.float32)
    after = (before[:, :5] + rng.normal(size=(16, 5))).astype(np.float32)
    for name, values in (("before", before), ("after", after)):
        np.save(folder / f"{name}.npy", values)
    np.savez(folder / "both.npz", before=before, after=after)
    save_file({"features": before}, folder / "before.safetensors")
    torch.save(torch.from_numpy(after), folder / "after.pt")
    ids = [f"item {i}" for i in range(16)]
    for name, values in (("before.csv", before), ("after.parquet", after)):
        frame = pd.DataFrame(values, columns=[f"d{i}" for i in range(values.shape[1])])
        frame.insert(0, "id", ids)
        frame.to_csv(folder / name, index=False) if name.endswith("csv") else frame.to_parquet(folder / name)
    kinds = ["cat" if i % 2 else "dog" for i in range(16)]
    (folder / "labels.txt").write_text("\n".join(kinds) + "\n")
    pd.DataFrame({"id": ids[::-1], "label": kinds[::-1]}).to_csv(folder / "species.csv", index=False)
    about = pd.DataFrame({"age": [20 + i % 7 for i in range(16)], "site": ["north", "south"] * 8})
    about.to_csv(folder / "about.csv", index=False)
    texts = pd.DataFrame({"text": [f"What there is to say of {name}" for name in ids], "label": kinds})
    texts.to_csv(folder / "texts.csv", index=False)
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch):
    """A copy of that folder to work in; no network, no caches of others."""
    folder = tmp_path / "work"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return folder


def small(spec: str) -> str:
    """The SPEC with a small model of random weights, unless it names weights of its own."""
    name, _, options = spec.partition("?")
    if name.startswith("features:"):
        return spec
    given = options.split("&") if options else []
    if not any(option.startswith("weights=") for option in given):
        given.append("pretrained=false")
    return f"{SMALL[name]}?{'&'.join(given)}"


def small_models(words: list[str]) -> list[str]:
    """A command with its models exchanged."""
    return [small(word) if words[i - 1] in ("--a", "--b") else word for i, word in enumerate(words)]


def carry_out(words: list[str]) -> None:
    """The command line in this process."""
    assert words[0] == "rdx" and rdx(*words[1:]) == 0


def measured(folder: Path) -> set[str]:
    """The methods in the table of a finished run, which is looked into."""
    import pandas as pd

    table = pd.read_csv(folder / "a_vs_b" / "metrics.csv")
    assert table["bsr"].dropna().between(0, 1).all()
    return set(table["method"])


def run_folder() -> Path:
    (folder,) = Path("outputs").iterdir()
    return folder


COMPARISONS = [line for line in COMMANDS if line.startswith("rdx compare")]
EVERY_TIME = "rdx compare --a features:before.npy --b features:after.npy --labels labels.txt"
OTHERS = [pytest.param(line, marks=pytest.mark.slow) for line in COMPARISONS if line != EVERY_TIME]


@pytest.mark.parametrize("line", [EVERY_TIME, *OTHERS])
def test_a_comparison_runs_as_written(place, plain_comparisons, line):
    carry_out(small_models(shlex.split(line)))
    folder = run_folder()
    expected = {"rdx", "kmeans"}
    if "--align" in line:
        expected = {"rdx", "kmeans_a_to_b", "kmeans_b_to_a", "cnmf_a_to_b", "cnmf_b_to_a"}
    assert measured(folder) <= expected and "kmeans" in " ".join(measured(folder))
    labelled = any(part in line for part in ("labels.", "species.", "my_photos", "photos.", "texts.", "my_dataset"))
    assert (folder / "a_vs_b" / "classification.csv").is_file() == labelled
    if "outputs/mine" in line:
        (again,) = [line for line in COMMANDS if line.startswith("rdx run")]
        carry_out(shlex.split(again))
        assert "n_clusters: 3" in (folder / "config.yaml").read_text()


@pytest.mark.parametrize("shown", ["my_photos", "texts.csv"])
def test_the_picture_to_look_at_first_is_there(place, quick_statistics, light_pictures, shown):
    (line,) = [line for line in COMPARISONS if f"after.npy --images {shown}" in line]
    carry_out(small_models(shlex.split(line)))
    (picture,) = re.findall(r"`(\S+summary\S+)`", PAGE)
    assert (run_folder() / picture).stat().st_size > 1000
    if shown == "texts.csv":
        assert "What there is to say of item 3" in (run_folder() / "items.csv").read_text()
        assert "What there is to say of item 3" in (run_folder() / "a_vs_b" / "explorer.html").read_text()


def test_every_command_is_one_of_these():
    assert len(COMPARISONS) >= 12 and EVERY_TIME in COMPARISONS
    assert [line for line in COMMANDS if line not in COMPARISONS] == [
        "rdx run outputs/mine/config.yaml --output-dir outputs/mine --set methods.rdx.n_clusters=3"
    ]


def test_the_models_of_the_page_exist():
    from rdx._torchvision import ensure_torchvision

    ensure_torchvision()
    import open_clip
    import timm

    for spec in SMALL:
        family, _, name = spec.partition(":")
        if family == "timm":
            assert name.split(".")[0] in timm.list_models() and timm.list_models(f"{name}*", pretrained=True)
        else:
            assert tuple(name.split("/")) in open_clip.list_pretrained()


def test_labels_are_matched_by_id(place, plain_comparisons):
    """species.csv is in the reverse order: labels follow the ids, not the rows."""
    import pandas as pd

    (line,) = [line for line in COMPARISONS if "species.csv" in line]
    carry_out(small_models(shlex.split(line)))
    items = pd.read_csv(run_folder() / "items.csv")
    assert items["id"].tolist() == [f"item {i}" for i in range(16)]
    assert items["label_name"].tolist() == ["cat" if i % 2 else "dog" for i in range(16)]


def test_the_tables_on_the_page_are_read(place):
    """The page's own labels.csv and photos.csv, with their two rows repeated up to twelve."""
    (block,) = [block for block in blocks("") if block.startswith("labels.csv")]
    rows = [re.split(r"\s{2,}", line) for line in block.strip().splitlines()[1:]]
    assert Path("labels.csv").read_text().splitlines()[:1] == [rows[0][0]]
    assert Path("photos.csv").read_text().splitlines()[:1] == [rows[0][1]]
    for cells in rows[1:]:
        name = cells[0].split(",")[0]
        assert Path("holiday", name).is_file() and Path(cells[1].split(",")[0]) == Path("holiday", name)


def test_the_program_in_python(place, capsys, sketched_pictures):
    (program,) = blocks("python")
    exec(program, {})
    assert measured(Path("outputs/from_python")) <= {"rdx", "kmeans"}
    assert "neighborhood" in capsys.readouterr().out


# --- messages --------------------------------------------------------------------------------------------

A, B = "timm:test_resnet?pretrained=false", "timm:test_vit?pretrained=false"


def _both_forms() -> None:
    shutil.copy("my_photos/cat/000.jpg", "my_photos/a.jpg")


def _saved(name: str, values: np.ndarray) -> str:
    np.save(name, values)
    return f"features:{name}"


def _written(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


def _broken() -> str:
    Path("holiday/003.jpg").write_bytes(b"no image")
    return "holiday"


def _sorted_otherwise() -> str:
    import pandas as pd

    pd.read_parquet("after.parquet")[::-1].to_parquet("turned.parquet")
    return "features:turned.parquet"


def _with_words() -> str:
    import pandas as pd

    pd.read_csv("before.csv").assign(species="cat").to_csv("words.csv", index=False)
    return "features:words.csv"


HEADLESS = "".join(f"item {i},{i}.5,{2 * i}.5\n" for i in range(16))


def _two_vectors() -> str:
    import pandas as pd

    lists = np.load("before.npy").tolist()
    pd.DataFrame({"image": lists, "text": lists}).to_parquet("vectors.parquet")
    return "features:vectors.parquet"


def _shuffled() -> str:
    import pandas as pd

    pd.DataFrame(np.load("before.npy")).sample(frac=1, random_state=0).to_csv("shuffled.csv")
    return "features:shuffled.csv"


def _with_a_gap() -> np.ndarray:
    values = np.load("after.npy")
    values[7, 2] = np.nan
    return values


def _labels_with_another_id() -> str:
    return _written("wrong.csv", Path("labels.csv").read_text().replace("003.jpg", "3.jpg"))


CAUSES = {
    "so images are needed": lambda: (A, B),
    "no such folder or file": lambda: (A, B, "my_fotos"),
    "images both in the folder ('a.jpg') and in sub-folders ('cat')": lambda: (A, B, _both_forms() or "my_photos"),
    "cannot be read: not an image file": lambda: (A, B, _broken()),
    "has 1 labels for 12 items": lambda: (A, B, "holiday", _written("one.csv", "id,label\n001.jpg,beach\n")),
    "holds several splits": lambda: (A, B, "my_dataset"),
    "did you mean '003.jpg'?": lambda: (A, B, "holiday", _labels_with_another_id()),
    "needs a column 'path' of image files": lambda: (A, B, _written("names.csv", "name,label\n001.jpg,beach\n")),
    "did you mean 'resnet18'?": lambda: ("timm:resnet18x", B, "holiday"),
    "can't be reached": lambda: ("timm:test_resnet", B, "holiday"),
    "do not fit timm:resnet50": lambda: ("timm:resnet50?weights=fine_tuned.pth", B, "holiday"),
    "'a' has 60 items, 'b' has 50: give the same items": lambda: (
        _saved("a.npy", np.ones((60, 2))), _saved("b.npy", np.ones((50, 2)))
    ),
    "name the same items in another order": lambda: ("features:before.csv", _sorted_otherwise()),
    "row 7 contains NaN or infinity": lambda: ("features:before.npy", _saved("gap.npy", _with_a_gap())),
    "expected (items, dimensions)": lambda: ("features:before.npy", _saved("maps.npy", np.ones((16, 3, 4, 4)))),
    "hold 2 arrays (before, after); add '?key=NAME'": lambda: ("features:both.npz", "features:after.npy"),
    "leave it out with '?drop=species'": lambda: (_with_words(), "features:after.npy"),
    "may be a header or an item": lambda: (f"features:{_written('b.csv', HEADLESS)}", "features:after.npy"),
    "columns 'image', 'text' hold vectors": lambda: (_two_vectors(), "features:after.npy"),
    "numbers its rows in another order": lambda: (_shuffled(), "features:after.npy"),
    "looks like a table": lambda: (
        "features:before.npy", "features:after.npy", None, _written("l.txt", Path("species.csv").read_text())
    ),
    "nmf needs non-negative features": lambda: ("features:before.npy", "features:after.npy", None, None, ["nmf"]),
}  # fmt: skip


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_what_one_gets(place, message):
    from rdx import compare

    with pytest.raises(InputError) as caught:
        compare(*CAUSES[message](), output_dir="outputs/none")
    assert message in str(caught.value) and len(str(caught.value).splitlines()) == 1
    assert not Path("outputs").exists()


def test_every_message_has_its_cause():
    assert sorted(MESSAGES) == sorted(CAUSES)
