"""The parts of sparse samples as chunks in the cache: who computes which, who waits, what is read.

One folder a sample, named by all that makes it: the choice of pairs, the parts of both passes. Samples of
several methods that draw the same pairs are one. Beside them lie the alignment maps that workers have learnt.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import rdx
from rdx.features.cache import cache_folder
from rdx.files import fingerprint
from rdx.locks import alone_at
from rdx.method.many.pair_parts import BOTH, CHOSEN, RANKED, Arrays, Compute
from rdx.shards import PATIENCE, Chunks, Worker, gaps

FOLDER = "pairs"  # of the cache
NAMES = {CHOSEN: "first pass over the pairs", RANKED: "pass over the pairs", BOTH: "second pass over the pairs"}
_AT_ONCE = 16  # chunks that are computed together where they are not there to be read
_log = logging.getLogger(__name__)


def anything_kept() -> bool:
    """Whether some process has left chunks of pairs or maps: else there is no need to ask for whose they are."""
    folder = cache_folder() / FOLDER
    return folder.is_dir() and any(folder.iterdir())


def maps_chunk(made_by: str) -> Chunks:
    """Both maps of the alignment step with this fingerprint, as one chunk."""
    return Chunks(cache_folder() / FOLDER / f"{made_by}.maps", made_by, 1)


def discard(folders: Iterable[Path]) -> None:
    """Remove samples with all their chunks, and what an interrupted writer may have left of them."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class _Sample:
    """Where the parts of one sample lie."""

    folder: Path
    key: str

    @classmethod
    def of(cls, made_of: object) -> _Sample:
        key = fingerprint(rdx.__version__, made_of)
        return cls(cache_folder() / FOLDER / key, key)

    def chunks(self, name: str, made_of: object = None, count: int = 1) -> Chunks:
        return Chunks(self.folder / name, fingerprint(self.key, name, made_of), count)


def _read_or_compute(chunks: Chunks, compute: Compute, done: list[int]) -> Iterator[Arrays]:
    """All parts in order; those that are not there are computed, some at a time, and not kept."""
    for start in range(0, chunks.count, _AT_ONCE):
        group = range(start, min(start + _AT_ONCE, chunks.count))
        made: dict[int, Arrays] = {}
        compute([number for number in group if not chunks.path(number).is_file()], made.__setitem__)
        for number in group:
            found = made.pop(number, None)
            if found is None:
                found = chunks.read(number)
                done.append(number)
            if found is None:  # a damaged one, of which `read` has warned
                done.pop()
                compute([number], made.__setitem__)
                found = made.pop(number)
            yield found


@dataclass
class Reading:
    """Stores of fits, which read the parts that are there and compute the others; called with a sample's making."""

    fingerprints: dict[str, str] = field(default_factory=dict)  # of the run's steps
    folders: set[Path] = field(default_factory=set)  # what was looked into
    chunks_read: list[int] = field(default_factory=list)

    def __call__(self, made_of: object) -> _Read:
        sample = _Sample.of(made_of)
        self.folders.add(sample.folder)
        return _Read(sample, self.chunks_read)

    def maps(self, step: str) -> Arrays | None:
        """The arrays of the maps that workers have learnt for an alignment step; None where none have."""
        chunks = maps_chunk(self.fingerprints[step])
        self.folders.add(chunks.folder)
        return chunks.read(0)

    def discard(self) -> None:
        """Remove all chunks that were looked for: what they are for is saved."""
        discard(self.folders)


@dataclass(frozen=True)
class _Read:
    sample: _Sample
    done: list[int]

    def once(self, name, make) -> Arrays:
        return self.sample.chunks(name).read(0) or make()

    def is_settled(self, passes, made_of, count) -> bool:
        return False

    def gathered(self, name, made_of, count, compute, *, last) -> Iterable[Arrays]:
        return _read_or_compute(self.sample.chunks(name, made_of, count), compute, self.done)


@dataclass
class Sharing:
    """Stores in which a worker computes its share of the parts; called with a sample's making."""

    worker: Worker
    patience: float = PATIENCE
    computed: int = 0  # chunks, of all samples
    waiting: set[str] = field(default_factory=set)  # passes of which other shards have yet to compute a part
    folders: set[Path] = field(default_factory=set)

    def __call__(self, made_of: object) -> _Shared:
        sample = _Sample.of(made_of)
        self.folders.add(sample.folder)
        return _Shared(self, sample)

    def once(self, chunks: Chunks, make) -> Arrays:
        """The only chunk of a computation that all have to have alike: the first worker makes it, or whoever can."""
        self.folders.add(chunks.folder)
        if self.worker.local is not None and self.worker.index:
            chunks.wait(self.patience)
        found = chunks.read(0)
        if found is None:
            with alone_at([chunks.path(0)]):
                found = chunks.read(0)
                if found is None:
                    found = make()
                    chunks.write(0, found, self.worker)
        return found


@dataclass(frozen=True)
class _Shared:
    sharing: Sharing
    sample: _Sample

    def once(self, name, make) -> Arrays:
        return self.sharing.once(self.sample.chunks(name), make)

    def is_settled(self, passes: Sequence[str], made_of, count: int) -> bool:
        return not any(self.sample.chunks(name, made_of, count).absent() for name in passes)

    def gathered(self, name: str, made_of, count: int, compute: Compute, *, last: bool) -> Iterable[Arrays] | None:
        chunks, worker = self.sample.chunks(name, made_of, count), self.sharing.worker
        slowest = self._compute(chunks, chunks.missing(worker), compute)
        if worker.by_hand:
            if chunks.absent():
                self.sharing.waiting.add(name)
                return None
        elif last and worker.index:
            return None
        else:
            patience = max(self.sharing.patience, 4 * slowest)
            left = chunks.wait(patience)
            if left and worker.index and not chunks.folder.exists():  # the first worker did not wait for this one
                return None
            if left:
                said = "no new chunk of the %s for %.0f s: %d missing ones are computed here"
                _log.warning(said, NAMES[name], patience, len(left))
                self._compute(chunks, left, compute)
        return None if last else _read_or_compute(chunks, compute, [])

    def _compute(self, chunks: Chunks, numbers: Sequence[int], compute: Compute) -> float:
        """Computes and writes chunks; returns the longest time that passed without one, in seconds."""
        times = [time.monotonic()]

        def keep(number: int, arrays: Arrays) -> None:
            chunks.write(number, arrays, self.sharing.worker)
            times.append(time.monotonic())

        compute(numbers, keep)
        self.sharing.computed += len(numbers)
        times.sort()
        return max((later - earlier for earlier, later in zip(times, times[1:], strict=False)), default=0.0)


@dataclass
class Looking:
    """Stores that compute nothing and note what is missing; called with a sample's making."""

    missing: list[tuple[str, str]] = field(default_factory=list)  # what, and which chunks of which shards

    def __call__(self, made_of: object) -> _Looked:
        return _Looked(self, _Sample.of(made_of))


@dataclass(frozen=True)
class _Looked:
    looking: Looking
    sample: _Sample

    def once(self, name, make) -> Arrays | None:
        found = self.sample.chunks(name).read(0)
        if found is None:
            self.looking.missing.append(("pairs", "no chunk of them is there"))
        return found

    def is_settled(self, passes: Sequence[str], made_of, count: int) -> bool:
        found = ((NAMES[name], gaps(self.sample.chunks(name, made_of, count))) for name in passes)
        self.looking.missing += [(name, gap) for name, gap in found if gap][:1]
        return True

    def gathered(self, name, made_of, count, compute, *, last) -> None:
        return None
