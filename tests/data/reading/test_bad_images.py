"""Files as they come: every kind of image either becomes grey or colour as it should, or is named in one line."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

from rdx.data import load_items
from rdx.data.reading.image_files import read_image
from rdx.errors import InputError

COLOURS = np.array([[200, 30, 30], [30, 200, 30], [30, 30, 200], [230, 230, 40]], dtype=np.uint8)
PICTURE = np.repeat(np.repeat(COLOURS.reshape(2, 2, 3), 16, axis=0), 16, axis=1)  # four squares of 16 × 16


def pixels(path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return np.asarray(read_image(path))


def folder_of(tmp_path, name, save):
    """Four sound images and the one in question; returns its path."""
    for i in range(4):
        Image.fromarray(PICTURE).save(tmp_path / f"sound {i}.png")
    save(tmp_path / name)
    return tmp_path / name


def test_cmyk(tmp_path):
    image = Image.fromarray(PICTURE)
    for name in ("cmyk.jpg", "cmyk.tif"):
        path = folder_of(tmp_path, name, lambda path: image.convert("CMYK").save(path))
        assert np.abs(pixels(path).astype(int) - PICTURE).mean() < 6
    assert {load_items("image_folder", root=tmp_path).image(i).mode for i in range(6)} == {"RGB"}


@pytest.mark.parametrize("transparency", [None, 0, bytes([0, 128, 255, 255])])
def test_palettes_with_and_without_transparency(tmp_path, transparency):
    image = Image.fromarray(PICTURE).quantize(4)
    options = {} if transparency is None else {"transparency": transparency}
    path = folder_of(tmp_path, "palette.png", lambda path: image.save(path, **options))
    assert np.array_equal(pixels(path), np.asarray(image.convert("RGB")))  # what is transparent keeps its colour
    assert np.abs(pixels(path).astype(int) - PICTURE).max() <= 2
    assert len(load_items("image_folder", root=tmp_path)) == 5


def test_transparency_is_dropped(tmp_path):
    alpha = np.full((32, 32, 1), 7, np.uint8)
    for name in ("a.png", "a.webp", "a.tif"):
        Image.fromarray(np.concatenate([PICTURE, alpha], axis=2)).save(
            tmp_path / name, **({"lossless": True, "exact": True} if name.endswith("webp") else {})
        )
        assert np.array_equal(pixels(tmp_path / name), PICTURE)


def test_sixteen_bits(tmp_path):
    deep = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32) * 64
    for name in ("grey.png", "grey.tif"):
        Image.fromarray(deep).save(tmp_path / name)
        assert np.array_equal(pixels(tmp_path / name), deep >> 8)
    big = deep.astype(">u2")
    (tmp_path / "big.pgm").write_bytes(b"P5\n32 32\n65535\n" + big.tobytes())
    assert np.array_equal(pixels(tmp_path / "big.pgm"), deep >> 8)


def sixteen_bit_colour(path) -> None:
    """A PNG of 16 bits a channel, written by hand: Pillow only reads them."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + (row.astype(">u2") * 257).tobytes() for row in PICTURE)
    header = struct.pack(">IIBBBBB", 32, 32, 16, 2, 0, 0, 0)
    end = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + end)


def test_sixteen_bit_colour(tmp_path):
    sixteen_bit_colour(tmp_path / "a.png")
    assert np.array_equal(pixels(tmp_path / "a.png"), PICTURE)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "avif", "tif"])
@pytest.mark.parametrize("mark", [3, 6, 7])
def test_a_cameras_orientation_mark_is_followed_in_every_format(tmp_path, suffix, mark):
    """Also where torchvision's ImageFolder ignores it: of one scene, one picture."""
    shown = {3: PICTURE[::-1, ::-1], 6: np.rot90(PICTURE, -1), 7: PICTURE[::-1, ::-1].transpose(1, 0, 2)}[mark]
    exif = Image.Exif()
    exif[0x0112] = mark
    path = folder_of(tmp_path, f"a.{suffix}", lambda path: Image.fromarray(PICTURE).save(path, exif=exif, quality=100))
    assert np.abs(pixels(path).astype(int) - shown).mean() < 6
    items = load_items("image_folder", root=tmp_path)
    assert np.array_equal(np.asarray(items.image(0)), pixels(path))  # figures and thumbnails take this one too


def test_a_damaged_note_of_the_camera_leaves_the_image_as_it_is(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff damaged")
    assert np.array_equal(pixels(tmp_path / "a.png"), PICTURE)


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "moving.png", "pages.tif"])
def test_of_several_frames_the_first_counts(tmp_path, name):
    frames = [Image.fromarray(PICTURE), Image.fromarray(255 - PICTURE), Image.new("RGB", (32, 32))]
    options = {"lossless": True} if name.endswith("webp") else {}

    def save(path):
        if not name.endswith("tif"):
            options["duration"] = 40
        frames[0].save(path, save_all=True, append_images=frames[1:], **options)

    path = folder_of(tmp_path, name, save)
    with Image.open(path) as image:
        assert image.n_frames == 3
    assert np.abs(pixels(path).astype(int) - PICTURE).max() <= 2
    assert len(load_items("image_folder", root=tmp_path)) == 5


def noisy(path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp", "tif", "ppm", "jp2", "avif"])
def test_truncated_files_of_every_kind_are_named(tmp_path, suffix):
    path = folder_of(tmp_path, f"cut short.{suffix}", noisy)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=f"image '{path}' cannot be read: .*; --skip-bad-images") as caught:
        load_items("image_folder", root=tmp_path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cut short"):
        read_image(path)


def test_empty_files_folders_and_wrong_names(tmp_path):
    path = folder_of(tmp_path, "empty.png", lambda path: path.write_bytes(b""))
    with pytest.raises(InputError, match="empty.png' cannot be read: the file is empty"):
        load_items("image_folder", root=tmp_path)
    Image.fromarray(PICTURE).save(path, format="JPEG")  # the contents count, not the name
    assert len(load_items("image_folder", root=tmp_path)) == 5


@pytest.mark.parametrize("mode", ["I", "F"])
def test_kinds_that_cannot_be_shown_are_refused(tmp_path, mode):
    image = Image.new(mode, (8, 8))
    path = folder_of(tmp_path, "odd.tif", image.save)
    with pytest.raises(InputError, match="odd.tif' cannot be read: ") as caught:
        load_items("image_folder", root=tmp_path)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)


def test_a_bomb_of_pixels_is_refused_before_it_goes_off(tmp_path):
    """A PNG of a few bytes that says it has 60,000 × 60,000 pixels."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10_000))) + chunk(b"IEND", b"")
    path = folder_of(tmp_path, "bomb.png", lambda path: path.write_bytes(data))
    with pytest.raises(InputError, match=f"image '{path}' cannot be read: .*pixels"):
        load_items("image_folder", root=tmp_path)
    Image.fromarray(PICTURE).save(tmp_path / "fifth.png")
    items = load_items("image_folder", root=tmp_path, skip_bad_images=True)
    assert [name for name, _ in items.dropped] == ["bomb.png"]


def test_a_bomb_among_text_chunks_is_refused(tmp_path):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("comment", "a" * 20_000_000, zip=True)  # 20 kB on disk
    path = folder_of(tmp_path, "text.png", lambda path: Image.fromarray(PICTURE).save(path, pnginfo=info))
    assert path.stat().st_size < 100_000
    with pytest.raises(InputError, match="text.png' cannot be read"):
        load_items("image_folder", root=tmp_path)


def test_the_wrong_level_of_folders_is_noted(tmp_path):
    for split in ("train", "val"):
        for kind in ("cat", "dog"):
            (tmp_path / split / kind).mkdir(parents=True)
            for i in range(2):
                Image.fromarray(PICTURE).save(tmp_path / split / kind / f"{i}.png")
    items = load_items("image_folder", root=tmp_path)
    assert items.label_names == {0: "train", 1: "val"}
    assert items.notes == (
        f"the classes are the folders of '{tmp_path}' (train, val); if they are those inside (cat, dog), "
        f"give '{tmp_path / 'train'}'",
    )
    (tmp_path / "train/cat/0.png").rename(tmp_path / "train/0.png")
    assert load_items("image_folder", root=tmp_path).notes == ()


def test_fewer_images_than_asked_for_is_noted(tmp_path):
    for i in range(6):
        Image.fromarray(PICTURE).save(tmp_path / f"{i}.png")
    assert load_items("image_folder", root=tmp_path, images_per_class=6).notes == ()
    items = load_items("image_folder", root=tmp_path, images_per_class=9)
    assert len(items) == 6 and items.notes == ("6 images, fewer than the 9 asked for",)
    digits = load_items("digits", classes=[3, 5], images_per_class=180)
    assert digits.notes == ()
    assert load_items("digits", classes=[3, 5], images_per_class=183).notes == (
        "fewer than 183 images in 5 182",
    )


def test_names_that_are_no_text_are_refused(tmp_path):
    import os

    folder_of(tmp_path, "a.png", Image.fromarray(PICTURE).save)
    try:
        os.rename(os.fsencode(tmp_path / "a.png"), os.fsencode(tmp_path) + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    with pytest.raises(InputError, match=r"caf\\udce9.png' is not text in UTF-8; rename the file"):
        load_items("image_folder", root=tmp_path)
