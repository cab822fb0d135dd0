"""Data set `rsna`: chest X-rays of the RSNA pneumonia challenge, DICOM files with a label a patient.

One draw splits it: the patients' files are sorted as text and shuffled with default_rng(seed); the first
`n_items` are explained, the next `n_probe_items` train probes:

    {dataset: rsna, part: explained}      {dataset: rsna, part: probes}

Both with the same other settings, so that no image is in both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rdx.data.items import Items
from rdx.data.listing import Listing, check_choice, chosen_items, require
from rdx.data.locate import locate
from rdx.data.reading.tables import find_column, read_table
from rdx.data.selection import class_labels, whole_number
from rdx.errors import InputError

ROOT = "data/rsna"
IMAGES = "stage_2_train_images"
LABELS = "stage_2_train_labels.csv"
SCRIPT = "download_rsna.sh"
PARTS = ("explained", "probes")
LABEL_NAMES = {0: "no pneumonia", 1: "pneumonia"}


def load(
    *,
    root: str | Path = ROOT,  # the folder that holds stage_2_train_images/ and stage_2_train_labels.csv
    part: str = "explained",  # | "probes": other images, with which probes are trained
    n_items: int = 2500,  # how many are explained
    n_probe_items: int = 3000,  # how many after them train probes
    classes: list[int | str] | None = None,  # 0 or "no pneumonia", 1 or "pneumonia"; drawn from these alone
    seed: int = 0,  # of the draw
    skip_bad_images: bool = False,
    progress: bool = False,
) -> Items:
    """The X-rays of one part, in the order of the draw; ids are their paths below `root`.

    Raises InputError naming what is missing, and where no image is left for the part.
    """
    check_choice("part of data set 'rsna'", part, PARTS)
    n_items = whole_number("n_items", n_items, least=1)
    n_probe_items = whole_number("n_probe_items", n_probe_items, least=1)
    wanted = class_labels(classes, LABEL_NAMES)
    folder = require("rsna", locate(root), SCRIPT)
    source = f"data set 'rsna' in '{folder}'"
    listing = _listing(folder)
    positions = np.arange(len(listing.ids)) if wanted is None else np.flatnonzero(np.isin(listing.labels, wanted))
    np.random.default_rng(whole_number("seed", seed, least=0)).shuffle(positions)
    start, asked = (0, n_items) if part == PARTS[0] else (n_items, n_probe_items)
    chosen = positions[start : start + asked]
    if not len(chosen):
        raise InputError(f"{source}: {len(positions)} images, of which none is left after the {start} explained ones")
    short = f"part '{part}' has {len(chosen)} images, fewer than the {asked} asked for"
    return chosen_items(
        Listing(
            [listing.files[i] for i in chosen],
            [listing.ids[i] for i in chosen],
            listing.labels[chosen],
            LABEL_NAMES,
            (*listing.notes, *([short] if len(chosen) < asked else [])),
            SCRIPT,
        ),
        classes=None,
        images_per_class=None,
        seed=0,
        source=source,
        skip_bad_images=skip_bad_images,
        progress=progress,
    )


def expected(
    *, part: str = "explained", n_items: int = 2500, n_probe_items: int = 3000, classes: Any = None, **_: object
) -> tuple[int, int]:
    """How many items and classes there will be; as many of one class as of both."""
    asked = whole_number("n_items", n_items if part == PARTS[0] else n_probe_items, least=1)
    return asked, len(classes or LABEL_NAMES)


def _listing(root: Path) -> Listing:
    """All labelled images on disk, sorted by id."""
    images = require("rsna", root / IMAGES, SCRIPT)
    targets = read_targets(require("rsna", root / LABELS, SCRIPT))
    present = {path.stem: path for path in images.glob("*.dcm")}
    if not present:
        deeper = next(images.glob("*/*.dcm"), None)
        hint = f"; they lie one folder deeper, in '{deeper.parent}'" if deeper else f": run `bash {SCRIPT}`"
        raise InputError(f"data set 'rsna': no .dcm files in '{images}'{hint}")
    for patient in sorted(present):
        if patient not in targets:
            raise InputError(f"data set 'rsna': '{present[patient]}' has no row in '{root / LABELS}'")
    patients = sorted(present, key=lambda patient: present[patient].name)
    gone = len(targets) - len(present)
    return Listing(
        [present[patient] for patient in patients],
        [f"{IMAGES}/{present[patient].name}" for patient in patients],
        np.array([targets[patient] for patient in patients], dtype=np.int64),
        LABEL_NAMES,
        (f"{gone} of the {len(targets)} labelled images are not in '{images}'",) if gone else (),
    )


def read_targets(path: Path) -> dict[str, int]:
    """Patient → 0 or 1. A patient with pneumonia has one row a box, all of the same target."""
    columns = read_table(path)
    patients = columns[find_column(columns, "patientId", (), "patient", path)]
    values = columns[find_column(columns, "Target", (), "label", path)]
    targets: dict[str, int] = {}
    for row, (patient, value) in enumerate(zip(patients, values, strict=True), 1):
        if value.strip() not in ("0", "1"):
            raise InputError(f"'{path}', row {row}: Target is '{value}', not 0 or 1")
        if targets.setdefault(patient, int(value)) != int(value):
            raise InputError(f"'{path}', row {row}: patient '{patient}' has Target 0 and 1")
    return targets
