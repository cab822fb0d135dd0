"""Images of more than 8 bits a channel: the same ramp looks the same, whatever file it comes in."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rdx.data import load_items
from rdx.data.reading.greys import common_ranges
from rdx.data.reading.image_files import read_image
from rdx.errors import InputError

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)
COLOURS = np.stack([RAMP, RAMP[::-1], RAMP.T], axis=-1)


def shown(path: Path) -> np.ndarray:
    return np.asarray(read_image(path))


def deep(ramp: np.ndarray, bits: int) -> np.ndarray:
    """The ramp spread over all values of so many bits."""
    return np.rint(ramp * ((2**bits - 1) / 255)).astype(np.uint16)


def write_tiff(path: Path, values: np.ndarray, *, photometric: int, order: str = "<", packed: bool = False) -> None:
    """A TIFF of 16-bit values (h, w) or (h, w, c), written by hand: Pillow writes few of these kinds."""
    height, width = values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    data = zlib.compress(data) if packed else data
    sign = 2 if values.dtype.kind == "i" else 1
    tags = {256: [width], 257: [height], 258: [16] * channels, 259: [8 if packed else 1], 262: [photometric],
            273: [0], 277: [channels], 278: [height], 279: [len(data)], 339: [sign] * channels}  # fmt: skip
    start = 8 + 2 + 12 * len(tags) + 4
    beyond = b"".join(struct.pack(f"{order}{len(v)}H", *v) for v in tags.values() if len(v) > 2)
    tags[273] = [start + len(beyond)]
    entries = b""
    for tag, numbers in tags.items():
        if len(numbers) > 2:
            entries += struct.pack(f"{order}HHII", tag, 3, len(numbers), start)
            start += 2 * len(numbers)
        elif tag in (273, 279):
            entries += struct.pack(f"{order}HHII", tag, 4, 1, numbers[0])
        else:
            entries += struct.pack(f"{order}HHIHH", tag, 3, len(numbers), *numbers, *[0] * (2 - len(numbers)))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    path.write_bytes(head + entries + bytes(4) + beyond + data)


def write_png(path: Path, values: np.ndarray) -> None:
    """A PNG of 16 bits a channel, of 1 to 4 channels (h, w, c), written by hand: Pillow only reads them."""
    height, width, channels = values.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("kind", "bits"),
    [(kind, bits) for kind in ("png", "tif", "pgm", "own.pgm") for bits in (8, 10, 12, 14, 16)] + [("jp2", 16)],
)
def test_greys_of_any_depth(tmp_path, kind, bits):
    """16-bit files of fewer bits that do not say so, and a PGM that says its largest value."""
    path, values = tmp_path / f"a.{kind}", deep(RAMP, bits)
    if kind == "own.pgm":
        stored = values.astype(np.uint8 if bits == 8 else ">u2").tobytes()
        path.write_bytes(b"P5\n16 16\n%d\n" % (2**bits - 1) + stored)
    else:
        Image.fromarray(values).save(path)
    assert np.array_equal(shown(path), RAMP)


def test_values_that_were_shifted_up(tmp_path):
    Image.fromarray(RAMP.astype(np.uint16) << 4).save(tmp_path / "a.png")  # of 12 bits
    assert np.array_equal(shown(tmp_path / "a.png"), RAMP)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("low", [None, 0, -2048, -32768])  # None: unsigned
def test_tiffs_of_any_sign_and_byte_order(tmp_path, low, white_is_zero, order, packed):
    bits = 16 if low == -32768 else 12
    values = deep(RAMP, bits) if low is None else (deep(RAMP, bits).astype(int) + low).astype(np.int16)
    write_tiff(tmp_path / "a.tif", values, photometric=0 if white_is_zero else 1, order=order, packed=packed)
    assert np.array_equal(shown(tmp_path / "a.tif"), 255 - RAMP if white_is_zero else RAMP)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_colours_of_any_depth(tmp_path, bits):
    values = deep(COLOURS, bits)
    transparent = np.concatenate([values, np.full((16, 16, 1), 65535, np.uint16)], axis=2)
    write_png(tmp_path / "a.png", values)
    write_png(tmp_path / "b.png", transparent)
    for number, (order, packed) in enumerate([("<", False), (">", False), ("<", True), (">", True)]):
        write_tiff(tmp_path / f"{number}.tif", values, photometric=2, order=order, packed=packed)
    for path in tmp_path.iterdir():
        assert np.array_equal(shown(path), COLOURS), path
    write_png(tmp_path / "grey.png", transparent[..., [0, 3]])
    assert np.array_equal(shown(tmp_path / "grey.png"), RAMP)


def test_all_images_of_a_set_share_one_range(tmp_path):
    """A dark one stays dark beside a bright one; the plan says what was taken, and a setting takes something else."""
    values = deep(RAMP, 12)
    for i in range(4):
        Image.fromarray(values // 4).save(tmp_path / f"{i}.png")
    Image.fromarray(RAMP).save(tmp_path / "plain.png")
    Image.fromarray(values).save(tmp_path / "x.png")
    items = load_items("image_folder", root=tmp_path)
    assert np.array_equal(np.asarray(items.image(0)), (values // 4) >> 4)
    assert np.array_equal(np.asarray(items.image(5)), RAMP) and np.array_equal(np.asarray(items.image(4)), RAMP)
    assert items.notes == (
        "5 images of 16 bits that do not say which value is white: 0 is black and 4095 white in all of them "
        "(they hold 0 … 4095; data.grey_range=[BLACK,WHITE] sets it)",
    )
    full = load_items("image_folder", root=tmp_path, grey_range=[0, 65535])
    assert np.array_equal(np.asarray(full.image(5)), values >> 8) and full.fingerprint != items.fingerprint
    alone = load_items("image_folder", root=tmp_path, grey_range=[0, 4095])
    assert alone.fingerprint == items.fingerprint  # the same pixels
    part = items.subset([0, 1])
    assert np.array_equal(np.asarray(part.image(0)), np.asarray(items.image(0)))


def test_the_range_of_a_set():
    assert common_ranges([(False, 3, 200), (False, 0, 256)]) == {False: (0, 1023)}
    assert common_ranges([(False, 0, 65535)]) == {False: (0, 65535)}
    assert common_ranges([(False, -5, 200), (False, 0, 4095), (True, 7, 9)]) == {False: (-5, 4095), True: (7, 9)}
    assert common_ranges([(True, 7, 9)], (0, 100)) == {True: (0, 100)}
    assert common_ranges([]) == {}


@pytest.mark.parametrize("value", [[0], [5, 5], "0,4095", [0, True], [0.5, 3], 4095])
def test_a_range_that_is_none(tmp_path, value):
    with pytest.raises(InputError, match="grey_range must be two whole numbers, black and white"):
        load_items("image_folder", root=tmp_path, grey_range=value)


def test_other_code_makes_other_features(tmp_path, monkeypatch):
    for i in range(5):
        Image.fromarray(RAMP).save(tmp_path / f"{i}.png")
    before = load_items("image_folder", root=tmp_path).fingerprint
    assert load_items("image_folder", root=tmp_path).fingerprint == before
    monkeypatch.setattr("rdx.data.reading.image_files.source_fingerprint", lambda *modules: "edited")
    assert load_items("image_folder", root=tmp_path).fingerprint != before
