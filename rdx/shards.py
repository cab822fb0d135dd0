"""One computation cut into chunks: several processes share it, and losing one of them costs a chunk.

A chunk is a file, written whole or not at all. Where the cuts are depends on the computation alone, never on
how many processes there are: worker w of N computes chunks w, w + N, w + 2 N, …, whoever misses one computes
it, and what is gathered is byte for byte what a single process makes. Processes talk through these files only.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rdx.errors import InputError, WriteError
from rdx.files import atomic_path, fingerprint

PATIENCE = 120.0  # seconds without a new chunk after which others are taken to be lost
_POLL = 0.2  # seconds between two looks at the folder
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Worker:
    """Which of how many processes this is; the only one where nothing is said."""

    index: int = 0  # 0 … count - 1
    count: int = 1
    by_hand: bool = False  # started with --shard: others may run at another time, on another machine
    local: int | None = None  # under torchrun: the number on this machine

    @property
    def name(self) -> str:
        return f"{self.index + 1}/{self.count}"

    @property
    def is_silent(self) -> bool:
        """Whether another process under torchrun speaks for this one."""
        return self.local is not None and self.index > 0

    def share(self, chunks: int) -> range:
        """The numbers of this worker's chunks."""
        return range(self.index, chunks, self.count)

    def device(self, device: str) -> str:
        """`device`, or this process's own one of several GPUs."""
        if self.local is None or device != "cuda":
            return device
        import torch

        return f"cuda:{self.local % torch.cuda.device_count()}"


ALONE = Worker()


def worker_of(shard: str | None, environment: Mapping[str, str] = os.environ) -> Worker:
    """The worker that ``--shard i/N`` or torchrun's environment makes of this process.

    Raises InputError for anything but 1/N … N/N, and for --shard under torchrun, which numbers processes itself.
    """
    under_torchrun = "TORCHELASTIC_RUN_ID" in environment
    if shard is not None:
        if under_torchrun:
            raise InputError("--shard and torchrun don't go together: torchrun numbers its processes itself")
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", shard.strip())
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise InputError(f"--shard must be i/N with i from 1 to N, such as 2/8, not '{shard}'")
        return Worker(int(found[1]) - 1, int(found[2]), by_hand=True)
    if not under_torchrun:
        return ALONE
    rank, count, local = (int(environment[key]) for key in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    return Worker(rank, count, local=local)


@dataclass(frozen=True)
class Chunks:
    """The chunks of one computation as files of arrays; `key` is the fingerprint of all that makes them."""

    folder: Path
    key: str
    count: int

    def path(self, number: int) -> Path:
        return self.folder / f"{number + 1:05d}-of-{self.count:05d}.safetensors"

    def write(self, number: int, arrays: Mapping[str, np.ndarray], worker: Worker = ALONE) -> None:
        """Keep the arrays of a chunk, with its key and a checksum; `worker` is noted for whoever looks for gaps.

        Where somebody discards all chunks just then, having what they are for, there is nothing to keep.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import save_file

        arrays = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
        header = {"key": self.key, "number": number, "sha256": _checksum(arrays), "workers": worker.count}
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

    def missing(self, worker: Worker = ALONE) -> list[int]:
        """Which chunks of a worker's share have to be computed; every file is read and verified."""
        return [number for number in worker.share(self.count) if self.read(number) is None]

    def absent(self) -> list[int]:
        """Which chunks have no file; a quick look, that trusts the files."""
        return [number for number in range(self.count) if not self.path(number).is_file()]

    def workers(self) -> int | None:
        """Among how many workers the chunks were shared, as far as the first one there tells."""
        found = next(filter(None, map(self._read, range(self.count))), None)
        return None if found is None else int(found[0].get("workers", 1))

    def wait(self, patience: float = PATIENCE, until: Callable[[], bool] = lambda: False) -> list[int]:
        """Wait for others' chunks; returns the numbers of those that did not come.

        It ends as soon as all are there, or when for `patience` seconds no new one has come: then their worker
        is lost or far behind, and whoever waits had better compute them. It also ends when `until()` is true, or
        when somebody discards the chunks, having what they are for.
        """
        left, since, begun = self.absent(), time.monotonic(), self.folder.exists()
        while left and time.monotonic() - since < patience and not until():
            time.sleep(_POLL)
            if begun and not self.folder.exists():
                break
            begun = begun or self.folder.exists()
            before, left = len(left), self.absent()
            if len(left) < before:
                since = time.monotonic()
        return left

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


def gaps(chunks: Chunks) -> str:
    """Which chunks are missing, and the shards that compute them, in words; "" where none is."""
    left = chunks.missing()
    if not left:
        return ""
    workers = chunks.workers()
    numbers = _listed(number + 1 for number in left)
    if workers is None:
        return f"none of {chunks.count} chunks is there"
    shards = _listed(sorted({number % workers + 1 for number in left}))
    by = f", of shard{'s' if ',' in shards else ''} {shards} of {workers}" if workers > 1 else ""
    return f"{len(left)} of {chunks.count} chunks {'is' if len(left) == 1 else 'are'} missing ({numbers}{by})"


def _listed(numbers: Iterable[int]) -> str:
    """Up to eight numbers with commas between."""
    found = list(numbers)
    return ", ".join(str(number) for number in found[:8]) + (", …" if len(found) > 8 else "")


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    names = sorted(arrays)
    return fingerprint(names, *(arrays[name] for name in names))

