"""Features computed in chunks of whole batches: a pass that was broken off goes on.

Chunks lie beside the cached features, one folder a layout: how many images are a batch, how many batches a chunk,
and on what they were computed, since each of these changes the last bits. A folder with every chunk of a layout
is as good as the features, on whatever machine they are put together.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.compute.progress import progress_bar
from rdx.features import cache
from rdx.features.capture import Choice
from rdx.features.chunks import Chunks
from rdx.features.extraction import batch_spans, default_batch_size, stream
from rdx.files import fingerprint
from rdx.models import load_model

if TYPE_CHECKING:
    from rdx.data.items import Items
    from rdx.models.spec import ModelSpec
    from rdx.models.vision_model import VisionModel

_BATCHES = 16  # of a chunk, at least: some seconds' work
_CHUNKS = 256  # at most, so that files stay few
_TENSOR = "features"


@dataclass(frozen=True)
class Layout:
    """How n items are cut."""

    kind: str  # cpu or cuda
    batch_size: int
    batches: int  # of a chunk

    def chunks(self, key: str, n: int, folder: str | Path | None) -> Chunks:
        """The chunks of the features (n, d) with this key."""
        name = f"{self.kind}-{self.batch_size}x{self.batches}"
        count = -(-n // (self.batch_size * self.batches))
        return Chunks(cache.chunk_folder(key, folder) / name, fingerprint(key, name, n), count)

    def spans(self, number: int, n: int) -> list[range]:
        """The batches of a chunk."""
        start = number * self.batches * self.batch_size
        inside = batch_spans(min(n - start, self.batches * self.batch_size), self.batch_size)
        return [range(start + span.start, start + span.stop) for span in inside]


def layout_of(model: VisionModel, items: Items, batch_size: int | None, device: str) -> Layout:
    """The same for everybody who computes these features on such a device with these settings."""
    size = batch_size or default_batch_size(model, items, device)
    batches = len(batch_spans(len(items), size))
    return Layout(device.partition(":")[0], size, max(_BATCHES, -(-batches // _CHUNKS)))


def started(key: str, n: int, folder: str | Path | None = None) -> list[Chunks]:
    """The chunks of every layout in which somebody has begun to compute features (n, d), the most complete first."""
    found = []
    for path in cache.chunk_folder(key, folder).glob("*"):
        parts = re.fullmatch(r"(cpu|cuda)-(\d+)x(\d+)", path.name)
        if parts:
            found.append(Layout(parts[1], int(parts[2]), int(parts[3])).chunks(key, n, folder))
    return sorted(found, key=lambda chunks: len(chunks.absent()) / chunks.count)


def gathered(key: str, n: int, folder: str | Path | None = None) -> np.ndarray | None:
    """The features (n, d) out of the chunks of some layout; None where none has all of them."""
    for chunks in started(key, n, folder):
        if not chunks.absent():
            values = _together(chunks, n)
            if values is not None:
                return values
    return None


def _together(chunks: Chunks, n: int) -> np.ndarray | None:
    values, start = None, 0
    for number in range(chunks.count):
        arrays = chunks.read(number)
        if arrays is None:
            return None
        rows = arrays[_TENSOR]
        if values is None:
            values = np.empty((n, rows.shape[1]), dtype=np.float32)
        values[start : start + len(rows)] = rows
        start += len(rows)
    return values


class Pass:
    """One pass of a model over n items, for several representations at once."""

    def __init__(
        self, model: VisionModel, items: Items, keys: Mapping[Choice, str], layout: Layout,
        folder: str | Path | None = None, spec: ModelSpec | None = None,
    ) -> None:  # fmt: skip
        self.model, self.items, self.layout, self.spec = model, items, layout, spec
        self.chunks = {choice: layout.chunks(key, len(items), folder) for choice, key in keys.items()}
        self.images, self.seconds = 0, 0.0  # of what was computed

    def compute(
        self, *, device: str, precision: str, progress: bool, spread: Callable | None = None
    ) -> None:
        """Compute the chunks that are missing, of all representations in step; elsewhere where `spread` is given."""
        each = {choice: chunks.missing() for choice, chunks in self.chunks.items()}
        missing = sorted(set().union(*each.values()))
        batches = {number: self.layout.spans(number, len(self.items)) for number in missing}
        start = time.perf_counter()
        how = {"device": device, "precision": precision, "progress": progress}
        found = self._here(batches, **how) if spread is None else self._elsewhere(batches, spread, **how)
        for number, vectors in zip(missing, found, strict=True):
            for choice, chunks in self.chunks.items():
                if number in each[choice]:
                    chunks.write(number, {_TENSOR: vectors[choice]})
            self.images += sum(map(len, batches[number]))
            self.seconds = time.perf_counter() - start

    def _here(self, batches: Mapping[int, list[range]], **how: Any) -> Iterator[dict[Choice, np.ndarray]]:
        """The vectors of chunk after chunk, while the next one's images are read."""
        spans = [span for each in batches.values() for span in each]
        with closing(stream(self.model, self.items, list(self.chunks), spans, **how)) as found:
            for each in batches.values():
                yield _joined([next(found) for _ in each])

    def _elsewhere(
        self, batches: Mapping[int, list[range]], spread: Callable, *, device: str, precision: str, progress: bool
    ) -> Iterator[dict[Choice, np.ndarray]]:
        """The same from other processes, each of which loads the model once and reads its images itself."""
        kind = self.layout.kind
        shared = (self.spec, self.items, list(self.chunks), kind, precision)
        total = sum(len(span) for each in batches.values() for span in each)
        with progress_bar(total=total, desc="features", unit="image", disable=not progress) as bar:
            found = spread(compute_chunk, batches.values(), shared, whole=True, gpu=kind == "cuda")
            for each, vectors in zip(batches.values(), found, strict=True):
                bar.update(sum(map(len, each)))
                yield vectors

    def values(self) -> Iterator[tuple[Choice, np.ndarray | None]]:
        """The features (n, d) of every choice, one after the other.

        None where chunks have gone: another run on the same features was faster, and has stored them.
        """
        for choice, chunks in self.chunks.items():
            yield choice, _together(chunks, len(self.items))


_loaded: dict[tuple[str, str], VisionModel] = {}  # the model that a worker computes with, by SPEC and device


def compute_chunk(
    spans: list[range], spec: ModelSpec, items: Items, choices: list[Choice], device: str, precision: str
) -> dict[Choice, np.ndarray]:
    """The vectors (b, d) of a chunk's batches, by choice, in a worker."""
    key = str(spec), device
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = load_model(spec, device)
    return _joined(list(stream(_loaded[key], items, choices, spans, device=device, precision=precision, processes=0)))


def _joined(vectors: list[dict[Choice, np.ndarray]]) -> dict[Choice, np.ndarray]:
    """Batches' vectors (b, d) under each other."""
    return {choice: np.concatenate([one[choice] for one in vectors]) for choice in vectors[0]}
