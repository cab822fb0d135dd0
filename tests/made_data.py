"""Small made data sets in the layouts of the published ones, for the tests of their readers and scripts.

Every image is noise around a shade of its class, so that models tell classes apart a little. Use:
`from made_data import make_cub` (the tests' folder is on the path).
"""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

SYNSETS = ("n02091032", "n02091134", "n02091831")  # Italian greyhound 171, whippet 172, Saluki 176
BIRDS = ("Crow", "Jay", "Wren", "Tern", "Gull", "Finch", "Heron", "Owl", "Swift", "Robin", "Auk", "Lark")
PARTS = ("back_color", "crown_color", "wing_color", "belly_color", "bill_color", "tail_color", "throat_color",
         "eye_color", "nape_color", "leg_color")  # fmt: skip
COLOURS = ("yellow", "black", "white", "red", "blue", "brown", "grey", "green", "buff", "pink", "olive", "rufous")


def noise(number: int, shade: int, size: tuple[int, int] = (40, 32), channels: int = 3) -> np.ndarray:
    """Pixels (h, w, 3) or (h, w) uint8 of image `number`, around a shade 0 … 255; size is (w, h)."""
    rng = np.random.default_rng(number)
    shape = (size[1], size[0], channels) if channels > 1 else (size[1], size[0])
    return np.clip(shade + rng.normal(0, 25, shape), 0, 255).astype(np.uint8)


def write_picture(path: Path, number: int, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(number, shade)).save(path, format="JPEG", quality=90)


def make_cub(root: Path, *, n_classes: int = 12, per_class: int = 2, pickles: bool = True) -> list[str]:
    """A CUB-200-2011 of n_classes × per_class images; returns the ids of its train list, in order.

    The first half of each class is train. 120 attributes: 112 are present in all classes but one, as at least
    10 classes of 12 have to be, 8 rare ones in two classes. With `pickles` the concept-bottleneck lists too,
    whose train list has an order of its own.
    """
    names = [f"{c + 1:03d}.Made_{BIRDS[c % len(BIRDS)]}" for c in range(n_classes)]
    paths = [f"{name}/{name[4:]}_{i:04d}.jpg" for name in names for i in range(per_class)]
    classes = [c for c in range(n_classes) for _ in range(per_class)]
    train = [i % per_class < max(1, per_class // 2) for i in range(len(paths))]
    for i, path in enumerate(paths):
        write_picture(root / "images" / path, i, 40 + 170 * classes[i] // n_classes)
    _lines(root / "images.txt", [f"{i + 1} {path}" for i, path in enumerate(paths)])
    _lines(root / "image_class_labels.txt", [f"{i + 1} {c + 1}" for i, c in enumerate(classes)])
    _lines(root / "classes.txt", [f"{c + 1} {name}" for c, name in enumerate(names)])
    _lines(root / "train_test_split.txt", [f"{i + 1} {int(kept)}" for i, kept in enumerate(train)])
    present = cub_attributes(n_classes)
    attributes = [f"has_{part}::{colour}" for part in PARTS for colour in COLOURS]
    _lines(root / "attributes/attributes.txt", [f"{a + 1} {name}" for a, name in enumerate(attributes)])
    rows = [
        f"{i + 1} {a + 1} {int(present[c, a])} {4 if present[c, a] else 3} 2.5"
        for i, c in enumerate(classes)
        for a in range(len(attributes))
    ]
    _lines(root / "attributes/image_attribute_labels.txt", rows)
    order = [i for i in range(len(paths)) if train[i]]
    if pickles:
        order = [order[k] for k in np.random.default_rng(3).permutation(len(order))]
        rest = [i for i in range(len(paths)) if not train[i]]
        for split, chosen in (("train", order), ("test", rest)):
            _pickled_list(root / f"class_attr_data_10/{split}.pkl", chosen, paths, classes, present[:, :112])
    return [f"images/{paths[i]}" for i in order]


def cub_attributes(n_classes: int = 12) -> np.ndarray:
    """Which attribute (120) is present in which class: (n_classes, 120) bool."""
    present = np.ones((n_classes, 120), dtype=bool)
    for a in range(112):
        present[a % n_classes, a] = False
    present[:, 112:] = False
    present[:2, 112:] = True
    return present


def _pickled_list(path: Path, chosen: list[int], paths: list[str], classes: list[int], present: np.ndarray) -> None:
    rows = [
        {
            "id": i + 1,
            "img_path": f"/somewhere/else/CUB_200_2011/images/{paths[i]}",
            "class_label": classes[i],
            "attribute_label": list(present[classes[i]].astype(np.int64)),  # NumPy's numbers, as published
            "attribute_certainty": [3] * present.shape[1],
        }
        for i in chosen
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(rows, protocol=2))


def make_imagenet(
    root: Path, synsets: Sequence[str] = SYNSETS, per_class: int = 4, split: str = "train"
) -> list[str]:
    """ImageNet's folders of `synsets`; returns the ids, in the order of the paths."""
    ids = [f"{split}/{synset}/{synset}_{i}.JPEG" for synset in synsets for i in range(per_class)]
    for i, name in enumerate(ids):
        write_picture(root / name, i, 40 + 170 * (i // per_class) // len(synsets))
    return sorted(ids)


def make_inaturalist(root: Path, n_classes: int = 8, per_class: int = 6) -> dict:
    """The iNaturalist subset's data.json and images; every third image of a class is test. Returns the JSON."""
    paths = [f"images/species_{c}/{i:03d}.jpg" for c in range(n_classes) for i in range(per_class)]
    labels = [c for c in range(n_classes) for _ in range(per_class)]
    for i, path in enumerate(paths):
        write_picture(root / path, i, 40 + 170 * labels[i] // n_classes)
    test = [i for i in range(len(paths)) if i % per_class % 3 == 2]
    content = {
        "file_paths": paths,
        "class_labels": labels,
        "class_names": [f"Madeus species{c}" for c in range(n_classes)],
        "train_indices": [i for i in range(len(paths)) if i not in test],
        "test_indices": test,
    }
    (root / "data.json").write_text(json.dumps(content), encoding="utf-8")
    return content


def make_rsna(root: Path, n: int, size: int = 48) -> dict[str, int]:
    """n DICOM files as RSNA's are (grey, 8 bits, JPEG inside) and their labels; returns patient → target.

    Every third patient has pneumonia, and those have two rows of boxes each.
    """
    targets = {f"made-{i:05d}": int(i % 3 == 0) for i in range(n)}
    rows = [["patientId", "x", "y", "width", "height", "Target"]]
    for i, (patient, target) in enumerate(targets.items()):
        pixels = noise(i, 170 if target else 90, (size, size), channels=1)
        write_dicom(root / f"stage_2_train_images/{patient}.dcm", pixels, jpeg=True)
        rows += [[patient, 4, 5, 10, 12, 1], [patient, 20, 8, 9, 9, 1]] if target else [[patient, "", "", "", "", 0]]
    with open(root / "stage_2_train_labels.csv", "w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows(rows)
    return targets


def write_dicom(path: Path, pixels: np.ndarray, *, jpeg: bool = False, **tags: object) -> None:
    """A DICOM file of pixels (h, w) or (h, w, 3), 8 or 16 bits; `tags` such as PhotometricInterpretation."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    meta.TransferSyntaxUID = JPEGBaseline8Bit if jpeg else ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    data.Rows, data.Columns = pixels.shape[:2]
    data.SamplesPerPixel = 3 if pixels.ndim == 3 else 1
    data.PhotometricInterpretation = "RGB" if pixels.ndim == 3 else "MONOCHROME2"
    if pixels.ndim == 3:
        data.PlanarConfiguration = 0
    data.BitsAllocated = data.BitsStored = 8 * pixels.itemsize
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    for name, value in tags.items():
        setattr(data, name, value)
    if jpeg:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="JPEG", quality=95)
        data.PixelData = encapsulate([buffer.getvalue()])
        data["PixelData"].VR = "OB"
    else:
        data.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
        data["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def _lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
