"""One computation cut into chunks, each a file written whole or not at all: what breaks off costs one chunk.

Where the cuts are depends on the computation alone, so what is gathered is byte for byte what one pass makes.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdx.errors import WriteError
from rdx.files import atomic_path, fingerprint

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chunks:
    """The chunks of one computation as files of arrays; `key` is the fingerprint of all that makes them."""

    folder: Path
    key: str
    count: int

    def path(self, number: int) -> Path:
        return self.folder / f"{number + 1:05d}-of-{self.count:05d}.safetensors"

    def write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep the arrays of a chunk, with its key and a checksum.

        Where another run discards all chunks just then, having what they are for, there is nothing to keep.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        arrays = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
        header = {"key": self.key, "number": number, "sha256": _checksum(arrays)}
        try:
            with atomic_path(self.path(number)) as temporary:
                save_file(arrays, str(temporary), metadata={"rdx": json.dumps(header)})
        except (FileNotFoundError, WriteError, SafetensorError):
            if self.folder.exists():
                raise

    def read(self, number: int) -> dict[str, np.ndarray] | None:
        """The arrays of a chunk; None where there is none, or (with a warning) a damaged one."""
        found = self._read(number)
        return None if found is None else found[1]

    def missing(self) -> list[int]:
        """Which chunks have to be computed; every file is read and verified."""
        return [number for number in range(self.count) if self.read(number) is None]

    def absent(self) -> list[int]:
        """Which chunks have no file; a quick look, that trusts the files."""
        return [number for number in range(self.count) if not self.path(number).is_file()]

    def discard(self) -> None:
        """Remove all chunks with their folder, and what an interrupted writer may have left in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, number: int) -> tuple[dict, dict[str, np.ndarray]] | None:
        from safetensors import SafetensorError, safe_open

        path = self.path(number)
        try:
            with safe_open(str(path), framework="numpy") as handle:
                header = json.loads((handle.metadata() or {})["rdx"])
                arrays = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 (no mapping)
            if (header["key"], header["number"]) == (self.key, number) and header["sha256"] == _checksum(arrays):
                return header, arrays
            reason = "its checksum is wrong"
        except FileNotFoundError:
            return None
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        _log.warning("chunk '%s' is damaged (%s) and is computed again", path, reason)
        path.unlink(missing_ok=True)  # so that whoever waits for it does not take it for whole
        return None


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    names = sorted(arrays)
    return fingerprint(names, *(arrays[name] for name in names))

