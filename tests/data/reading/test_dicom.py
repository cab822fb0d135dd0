"""DICOM files become the 8-bit pictures that a screen would show."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from made_data import noise, write_dicom
from PIL import Image

from rdx.data import load_items
from rdx.data.reading.image_files import read_image
from rdx.errors import InputError

GREY = noise(0, 120, (20, 16), channels=1)


def shown(path) -> np.ndarray:
    image = read_image(path)
    assert image.mode in ("L", "RGB")
    return np.asarray(image)


def edited(path, edit) -> None:
    import pydicom

    data = pydicom.dcmread(path)
    edit(data)
    data.save_as(path)


def test_eight_bits_stay_as_they_are(tmp_path):
    write_dicom(tmp_path / "a.dcm", GREY)
    assert np.array_equal(shown(tmp_path / "a.dcm"), GREY)
    write_dicom(tmp_path / "b.DCM", GREY, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(shown(tmp_path / "b.DCM"), 255 - GREY)


def test_jpeg_inside_as_rsna_has_it(tmp_path):
    write_dicom(tmp_path / "a.dcm", GREY, jpeg=True)
    difference = np.abs(shown(tmp_path / "a.dcm").astype(int) - GREY)
    assert difference.mean() < 4


def test_windows_and_rescaling(tmp_path):
    """PS3.3 C.11.2.1.2.1, written out: y = ((x − (c − 0.5)) / (w − 1) + 0.5) · 255, clipped."""
    stored = np.linspace(-1024, 3000, 320).reshape(16, 20).astype(np.int16)
    write_dicom(
        tmp_path / "ct.dcm", stored, RescaleSlope=2, RescaleIntercept=-10, WindowCenter=40, WindowWidth=400
    )
    x = stored.astype(float) * 2 - 10
    expected = np.clip(((x - 39.5) / 399 + 0.5) * 255, 0, 255)
    assert np.abs(shown(tmp_path / "ct.dcm") - expected).max() <= 0.51
    write_dicom(tmp_path / "two.dcm", stored, WindowCenter=[40, 900], WindowWidth=[400, 100])
    assert np.abs(shown(tmp_path / "two.dcm") - np.clip(((stored - 39.5) / 399 + 0.5) * 255, 0, 255)).max() <= 0.51
    write_dicom(tmp_path / "s.dcm", stored, WindowCenter=900, WindowWidth=700, VOILUTFunction="SIGMOID")
    expected = 255 / (1 + np.exp(-4 * (stored.astype(float) - 900) / 700))
    assert np.abs(shown(tmp_path / "s.dcm") - expected).max() <= 0.51


def test_without_a_window_the_whole_range_is_shown(tmp_path):
    deep = np.linspace(500, 1500, 320).reshape(16, 20).astype(np.uint16)
    write_dicom(tmp_path / "deep.dcm", deep)
    expected = (deep.astype(float) - 500) * 255 / 1000
    assert np.abs(shown(tmp_path / "deep.dcm") - expected).max() <= 0.51
    write_dicom(tmp_path / "low.dcm", GREY // 32, BitsStored=4, HighBit=3)
    assert shown(tmp_path / "low.dcm").max() == 255
    write_dicom(tmp_path / "flat.dcm", np.full((4, 4), 700, np.uint16))
    assert not shown(tmp_path / "flat.dcm").any()


def test_a_table_of_greys(tmp_path):
    """A VOI LUT sequence: 8 entries from value 2 on, 10 bits."""
    from pydicom.dataset import Dataset

    table = np.array([0, 10, 50, 200, 400, 700, 1000, 1023], dtype=np.uint16)
    entry = Dataset()
    entry.LUTDescriptor, entry.LUTData = [8, 2, 10], table.tobytes()
    stored = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write_dicom(tmp_path / "lut.dcm", stored)

    def edit(data):
        data.VOILUTSequence = [entry]
        data.VOILUTSequence[0]["LUTDescriptor"].VR = "US"
        data.VOILUTSequence[0]["LUTData"].VR = "OW"

    edited(tmp_path / "lut.dcm", edit)
    expected = table[np.clip(stored.astype(int) - 2, 0, 7)] * (255 / 1023)
    assert np.abs(shown(tmp_path / "lut.dcm") - expected).max() <= 0.51


def test_colour_and_several_frames(tmp_path):
    colour = noise(1, 100, (20, 16))
    write_dicom(tmp_path / "c.dcm", colour)
    assert np.array_equal(shown(tmp_path / "c.dcm"), colour)
    frames = np.concatenate([GREY, 255 - GREY])
    write_dicom(tmp_path / "f.dcm", frames, NumberOfFrames=2, Rows=16)
    assert np.array_equal(shown(tmp_path / "f.dcm"), GREY)


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda data: data.__delattr__("PixelData"), "a DICOM file without PixelData"),
        (lambda data: setattr(data, "Rows", 60_000) or setattr(data, "Columns", 60_000), "60000 x 60000 pixels"),
        (lambda data: setattr(data, "Rows", 500), "pixel data"),
        (
            lambda data: setattr(data, "PhotometricInterpretation", "PALETTE COLOR"),
            "photometric interpretation 'PALETTE COLOR' is not read",
        ),
        (
            lambda data: setattr(data.file_meta, "TransferSyntaxUID", "1.2.840.10008.1.2.4.80"),
            "its compression, JPEG-LS Lossless Image Compression, needs a decoder",
        ),
        (
            lambda data: setattr(data.file_meta, "TransferSyntaxUID", "1.2.840.10008.1.2.4.100"),
            "its compression, MPEG2 .*, is not known",
        ),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_line(tmp_path, edit, said):
    import pydicom

    path = tmp_path / "x.dcm"
    write_dicom(path, GREY, jpeg="Syntax" in str(edit.__code__.co_consts))
    data = pydicom.dcmread(path)
    edit(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.save_as(path)
        with pytest.raises(InputError, match=f"image '{path}' cannot be read: .*{said}") as caught:
            read_image(path)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_dicom(tmp_path):
    (tmp_path / "x.dcm").write_bytes(b"hello")
    with pytest.raises(InputError, match="x.dcm' cannot be read: not a DICOM file"):
        read_image(tmp_path / "x.dcm")
    write_dicom(tmp_path / "cut.dcm", GREY)
    (tmp_path / "cut.dcm").write_bytes((tmp_path / "cut.dcm").read_bytes()[:-100])
    with pytest.raises(InputError, match="cut.dcm' cannot be read"):
        read_image(tmp_path / "cut.dcm")


def test_a_folder_of_dicom_files_is_a_data_set(tmp_path):
    for i in range(5):
        write_dicom(tmp_path / f"{i}.dcm", noise(i, 100, channels=1))
    Image.fromarray(GREY).save(tmp_path / "5.png")
    items = load_items("image_folder", root=tmp_path)
    assert len(items) == 6 and {items.image(i).mode for i in range(6)} == {"L"}


def without_preamble(path) -> None:
    """Only the elements, as old devices write them; their encoding has to be seen in them."""
    import pydicom

    data = pydicom.dcmread(path)
    implicit = data.file_meta.TransferSyntaxUID.is_implicit_VR
    del data.file_meta
    data.preamble = None
    data.save_as(path, implicit_vr=implicit, little_endian=True)


def test_without_a_preamble(tmp_path):
    write_dicom(tmp_path / "a.dcm", GREY)
    without_preamble(tmp_path / "a.dcm")
    assert (tmp_path / "a.dcm").read_bytes()[128:132] != b"DICM"
    assert np.array_equal(shown(tmp_path / "a.dcm"), GREY)


@pytest.mark.parametrize("width", [0, 0.5, -3, [0, 400]])
def test_a_window_that_is_none_is_passed_over(tmp_path, width):
    stored = np.linspace(0, 1000, 320).reshape(16, 20).astype(np.int16)
    several = isinstance(width, list)
    write_dicom(tmp_path / "a.dcm", stored, WindowCenter=[40, 300] if several else 40, WindowWidth=width)
    expected = np.clip(((stored - 299.5) / 399 + 0.5) * 255, 0, 255) if several else stored * 0.255
    assert np.abs(shown(tmp_path / "a.dcm") - expected).max() <= 0.51


@pytest.mark.parametrize("tags", [{}, {"PixelPaddingValue": -32768}, {"PixelPaddingValue": -2000},
                                  {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1500}])  # fmt: skip
def test_padding_is_no_measurement(tmp_path, tags):
    """Outside the scanner's circle nothing was measured; what stands there must not make the rest one grey."""
    stored = np.linspace(-1000, 1000, 320).reshape(16, 20).astype(np.int16)
    outside = {-1500: -1700, None: tags.get("PixelPaddingValue", -32768)}[tags.get("PixelPaddingRangeLimit")]
    stored[:, :3] = outside
    write_dicom(tmp_path / "ct.dcm", stored, RescaleSlope=1, RescaleIntercept=-24, **tags)
    inside = stored[:, 3:].astype(float)
    expected = (inside - inside.min()) * 255 / (inside.max() - inside.min())
    assert np.abs(shown(tmp_path / "ct.dcm")[:, 3:] - expected).max() <= 0.51
    assert not shown(tmp_path / "ct.dcm")[:, :3].any()


@pytest.mark.parametrize("place", ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"])
def test_a_window_in_functional_groups(tmp_path, place):
    """Enhanced files of many frames have no window at their top."""
    from pydicom.dataset import Dataset

    stored = np.linspace(-1024, 3000, 320).reshape(16, 20).astype(np.int16)
    write_dicom(tmp_path / "e.dcm", np.concatenate([stored, stored]), NumberOfFrames=2, Rows=16)

    def edit(data):
        frame, rescaling, window = Dataset(), Dataset(), Dataset()
        rescaling.RescaleSlope, rescaling.RescaleIntercept = 2, -10
        window.WindowCenter, window.WindowWidth = 40, 400
        frame.PixelValueTransformationSequence, frame.FrameVOILUTSequence = [rescaling], [window]
        setattr(data, place, [frame, frame])

    edited(tmp_path / "e.dcm", edit)
    x = stored.astype(float) * 2 - 10
    assert np.abs(shown(tmp_path / "e.dcm") - np.clip(((x - 39.5) / 399 + 0.5) * 255, 0, 255)).max() <= 0.51


def test_files_without_a_window_share_one_range(tmp_path):
    for i, value in enumerate((0, 100, 200, 300, 510)):
        write_dicom(tmp_path / f"{i}.dcm", np.full((4, 4), value, np.uint16))
    items = load_items("image_folder", root=tmp_path)
    assert [items.image(i).getpixel((0, 0)) for i in range(5)] == [0, 50, 100, 150, 255]
    assert items.notes[0].startswith("5 DICOM files without a window: 0 is black and 510 white in all of them")
