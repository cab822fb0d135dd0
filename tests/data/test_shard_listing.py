"""WebDataset shards: which tars a path means, what a sample says, and what is refused."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from made_data import noise
from PIL import Image

from rdx.data import load_items
from rdx.errors import InputError


def encoded(i: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(noise(i, 60, (24, 16))).save(buffer, format="PNG")
    return buffer.getvalue()


def shard(path: Path, members: dict[str, bytes | None]) -> Path:
    """A tar; None is a link to somewhere else."""
    with tarfile.open(path, "w") as tar:
        for name, held in members.items():
            info = tarfile.TarInfo(name)
            if held is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            info.size = len(held or b"")
            tar.addfile(info, io.BytesIO(held or b""))
    return path


def sample(i: int, name: str | None = None) -> dict[str, bytes]:
    name = name or f"s{i:02d}"
    told = json.dumps({"sharp": 0.5, "boxes": [1], "id": f"own {i}"}).encode()
    return {f"{name}.png": encoded(i), f"{name}.cls": f"{i % 2}\n".encode(), f"{name}.json": told,
            f"{name}.txt": f"a thing, {i}".encode()}  # fmt: skip


def two(folder: Path) -> None:
    shard(folder / "x-001.tar", {name: held for i in (9, 3, 4) for name, held in sample(i).items()})
    shard(folder / "x-000.tar", {name: held for i in (2, 0, 1) for name, held in sample(i).items()} | {"s02.jpg": None})


@pytest.mark.parametrize("root", ["", "x-{000..001}.tar"])
def test_samples_in_the_order_of_shards_and_tars(tmp_path, root):
    two(tmp_path)
    items = load_items("image_folder", root=tmp_path / root)
    assert items.ids == ("s02", "s00", "s01", "s09", "s03", "s04")
    assert items.labels.tolist() == [0, 0, 1, 1, 1, 0] and items.columns["text"][3] == "a thing, 9"
    assert list(items.columns) == ["sharp", "table_id", "text"] and items.columns["table_id"][0] == "own 2"
    assert np.array_equal(np.asarray(items.image(4)), noise(3, 60, (24, 16)))
    assert "shards: 2, from 'x-000.tar' to 'x-001.tar', samples in the order of each" in items.notes


def test_one_shard_names_that_come_twice_and_samples_without_an_image(tmp_path):
    for number in (0, 1):
        shard(tmp_path / f"y{number}.tar", {f"{i}.png": encoded(i) for i in range(3)} | {"note.txt": b"hello"})
    items = load_items("image_folder", root=tmp_path)
    assert items.ids[2:4] == ("y0/2", "y1/0") and items.labels is None
    assert "samples without an image are left out: 2" in items.notes


def test_what_is_refused(tmp_path):
    two(tmp_path)
    whole = (tmp_path / "x-000.tar").read_bytes()
    for name, held, said in (
        ("cut.tar", whole[:3000], "shard '.*cut.tar' is no whole tar file"),
        ("none.tar", whole[:0] + b"x" * 3000, "is no whole tar file \\(compressed ones are not read\\)"),
    ):
        (tmp_path / name).write_bytes(held)
        with pytest.raises(InputError, match=said):
            load_items("image_folder", root=tmp_path / name)
    with pytest.raises(InputError, match="shard '.*x-002.tar' does not exist"):
        load_items("image_folder", root=tmp_path / "x-{000..002}.tar")
    shard(tmp_path / "z.tar", {**sample(0), "s01.png": encoded(1), "s01.json": b"{"})
    with pytest.raises(InputError, match="'s01.json' is no JSON"):
        load_items("image_folder", root=tmp_path / "z.tar")
    shard(tmp_path / "t.tar", {"a.txt": b"x"})
    with pytest.raises(InputError, match="no images found"):
        load_items("image_folder", root=tmp_path / "t.tar")


@pytest.mark.parametrize("cell", ["https://example.org/a.png", "s3://bucket/a.png", "data:image/png;base64,AAAA"])
def test_addresses_are_refused_with_the_reason(tmp_path, cell):
    (tmp_path / "x.csv").write_text("path\na.png\n" + f'"{cell}"\n' * 5)
    with pytest.raises(InputError, match="x.csv', row 2: column 'path' has the address '.*nothing is downloaded"):
        load_items("image_folder", root=tmp_path / "x.csv")
