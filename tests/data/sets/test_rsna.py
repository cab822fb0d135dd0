"""Data set `rsna`: DICOM files, a label a patient, and the draw that splits them into two parts."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from made_data import make_rsna

from rdx.data import load_items
from rdx.data.sets.rsna import read_targets
from rdx.errors import InputError, MissingInput


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("rsna")
    return root, make_rsna(root, 30)


@pytest.fixture
def rsna(tmp_path):
    return tmp_path, make_rsna(tmp_path, 6)


def test_the_draw_and_its_two_parts(made):
    root, targets = made
    order = sorted(f"stage_2_train_images/{patient}.dcm" for patient in targets)
    np.random.default_rng(0).shuffle(order)
    sizes = {"n_items": 12, "n_probe_items": 10}
    explained = load_items("rsna", root=root, **sizes)
    probes = load_items("rsna", root=root, part="probes", **sizes)
    assert list(explained.ids) == order[:12] and list(probes.ids) == order[12:22]
    assert explained.notes == probes.notes == ()
    for items in (explained, probes):
        stems = [name.split("/")[1].removesuffix(".dcm") for name in items.ids]
        assert items.labels.tolist() == [targets[stem] for stem in stems]
    assert explained.label_names == {0: "no pneumonia", 1: "pneumonia"}
    image = explained.image(0)
    assert image.mode == "L" and image.size == (48, 48)
    means = [np.asarray(explained.image(i)).mean() for i in range(12)]
    assert np.array_equal(np.array(means) > 130, explained.labels == 1)
    other = load_items("rsna", root=root, seed=1, **sizes)
    assert other.ids != explained.ids


def test_fewer_images_than_asked_for(made):
    root, _ = made
    items = load_items("rsna", root=root)
    assert len(items) == 30 and items.notes == ("part 'explained' has 30 images, fewer than the 2500 asked for",)
    with pytest.raises(InputError, match="30 images, of which none is left after the 2500 explained ones"):
        load_items("rsna", root=root, part="probes")
    few = load_items("rsna", root=root, part="probes", n_items=20)
    assert few.notes == ("part 'probes' has 10 images, fewer than the 3000 asked for",)


def test_one_class_alone(made):
    root, targets = made
    items = load_items("rsna", root=root, classes=["pneumonia"], n_items=8)
    assert items.labels.tolist() == [1] * 8
    assert set(items.labels) == {1} and sum(targets.values()) == 10


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"part": "probe"}, "part of data set 'rsna' 'probe'; did you mean 'probes'"),
        ({"n_items": 0}, "n_items must be a whole number of at least 1"),
        ({"n_probe_items": 2.5}, "n_probe_items must be a whole number"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"classes": [2]}, "unknown class '2'"),
        ({"n_items": 3}, "3 items are too few"),
    ],
)
def test_wrong_settings(made, settings, said):
    root, _ = made
    with pytest.raises(InputError, match=said):
        load_items("rsna", root=root, **settings)


def test_what_is_missing_names_the_script(rsna):
    root, targets = rsna
    with pytest.raises(MissingInput, match="none' is missing: run `bash download_rsna.sh`"):
        load_items("rsna", root=root / "none")
    (root / "stage_2_train_labels.csv").rename(root / "labels.csv")
    with pytest.raises(MissingInput, match="stage_2_train_labels.csv' is missing: run `bash download_rsna.sh`"):
        load_items("rsna", root=root)
    (root / "labels.csv").rename(root / "stage_2_train_labels.csv")
    images = root / "stage_2_train_images"
    (images / "made-00002.dcm").unlink()
    items = load_items("rsna", root=root, n_items=5)
    assert items.notes == (f"1 of the 6 labelled images are not in '{images}'",)
    inner = images / "stage_2_train_images"
    inner.mkdir()
    for path in images.glob("*.dcm"):
        path.rename(inner / path.name)
    with pytest.raises(InputError, match=f"no .dcm files in '{images}'; they lie one folder deeper, in '{inner}'"):
        load_items("rsna", root=root)
    images.rename(root / "gone")
    with pytest.raises(MissingInput, match="stage_2_train_images' is missing: run `bash download_rsna.sh`"):
        load_items("rsna", root=root)
    images.symlink_to(root / "gone/stage_2_train_images")
    assert len(load_items("rsna", root=root, n_items=5)) == len(targets) - 1


def test_a_spoilt_file_is_named_or_dropped(rsna):
    root, _ = rsna
    path = root / "stage_2_train_images/made-00001.dcm"
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(InputError, match=f"image '{path}' cannot be read: .*; --skip-bad-images") as caught:
        load_items("rsna", root=root)
    assert "\n" not in str(caught.value)
    items = load_items("rsna", root=root, skip_bad_images=True)
    assert [name for name, _ in items.dropped] == ["stage_2_train_images/made-00001.dcm"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["patientId", "Target"], ["a", "2"]], "row 1: Target is '2', not 0 or 1"),
        ([["patientId", "Target"], ["a", "1"], ["a", "0"]], "row 2: patient 'a' has Target 0 and 1"),
        ([["patient", "Target"], ["a", "1"]], "patient column of .* 'patientId'"),
        ([["patientId", "Target"]], "has no rows"),
    ],
)
def test_wrong_labels(tmp_path, rows, said):
    path = tmp_path / "stage_2_train_labels.csv"
    with open(path, "w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    with pytest.raises(InputError, match=said):
        read_targets(path)


def test_an_image_without_a_label(rsna):
    root, _ = rsna
    table = root / "stage_2_train_labels.csv"
    table.write_text("".join(line for line in table.read_text().splitlines(True) if "00004" not in line))
    with pytest.raises(InputError, match="made-00004.dcm' has no row in"):
        load_items("rsna", root=root)
