"""Running a model over items and keeping what chosen layers give out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.errors import InputError, unknown
from rdx.features.capture import Choice, Look, looking
from rdx.models.vision_model import VisionModel

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from rdx.data.items import Items

BATCH_SIZE = 64
PRECISIONS = ("float32", "float16", "bfloat16")
_MAX_READERS = 8  # threads that read images while the model computes
_log = logging.getLogger(__name__)


def extract(
    model: VisionModel,
    items: Items,
    *,
    layer: str | None = None,
    pool: str | None = None,
    batch_size: int = BATCH_SIZE,
    device: str = "cpu",
    precision: str = "float32",
    progress: bool = False,
) -> np.ndarray:
    """The representation (n, d) float32 of n items at one layer; see `extract_layers`."""
    choice = (layer, pool)
    return extract_layers(
        model, items, [choice], batch_size=batch_size, device=device, precision=precision, progress=progress
    )[choice]


def extract_layers(
    model: VisionModel,
    items: Items,
    choices: Sequence[Choice],
    *,
    batch_size: int = BATCH_SIZE,
    device: str = "cpu",
    precision: str = "float32",
    progress: bool = False,
) -> dict[Choice, np.ndarray]:
    """Several representations, each (n, d) float32, in one pass over the n items.

    Each is bit for bit what it is when extracted alone. The batch size changes nothing but the last bits
    (about 1e-6 of a value): matrix products of other sizes add up in another order, on a CPU as on a GPU.
    So where a GPU's memory is too small and batches are halved, features stay the same in that sense.

    `precision` other than float32 computes in half precision on a GPU; features are stored as float32.
    Raises InputError for an unknown layer or pooling, for an unreadable image, which it names, for half
    precision without a GPU, and where not even one image fits into the GPU's memory.
    """
    import torch
    from tqdm import tqdm

    if batch_size < 1:
        raise InputError(f"batch_size must be 1 or more, not {batch_size}")
    if not len(items):
        raise InputError("there are no items to extract features of")
    check_precision(precision, device)
    model.module.to(device).eval()
    values: dict[Choice, np.ndarray] = {}
    bar = tqdm(total=len(items), desc="features", unit="image", disable=not progress)
    with bar, torch.inference_mode(), _kernels(device, precision), looking(model, choices) as look:
        feeder = _Feeder(look, device, batch_size)
        for start, images in _batches(model, items, batch_size):
            for offset, vectors in feeder.feed(images):
                for choice, rows in vectors.items():
                    first = start + offset
                    _check_range(rows, choice, precision)
                    if choice not in values:
                        values[choice] = np.empty((len(items), rows.shape[1]), dtype=np.float32)
                    values[choice][first : first + len(rows)] = rows
            bar.update(len(images))
    return values


def check_precision(precision: str, device: str | None = None) -> str:
    """`precision` where it is one of `PRECISIONS`, and one that `device` (None: not known yet) is good for."""
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if precision != "float32" and device is not None and not device.startswith("cuda"):
        raise InputError(f"precision '{precision}' needs a GPU, and this run computes on '{device}'; take float32")
    return precision


def try_layer(model: VisionModel, image: Image.Image, layer: str, pool: str | None) -> int | None:
    """The width d of a model's representation, or of that of a shell of it; None where only numbers would tell.

    Raises InputError where the model gives out nothing at `layer` that `pool` fits.
    """
    import torch

    device = next(model.module.parameters()).device
    with torch.inference_mode(), looking(model, [(layer, pool)]) as look:
        try:
            return look(model.transform(image)[None].to(device))[layer, pool].shape[1]
        except (NotImplementedError, RuntimeError):
            return None  # a shell has no numbers; a forward pass that needs some can only be tried in earnest


class _Feeder:
    """Gives a model its batches, in smaller pieces once a GPU's memory has proved too small for whole ones."""

    def __init__(self, look: Look, device: str, size: int) -> None:
        self.look, self.device, self.size = look, device, size

    def feed(self, images: torch.Tensor) -> Iterator[tuple[int, dict[Choice, np.ndarray]]]:
        """The vectors (p, d) of each piece of a batch (b, c, h, w), with the position of its first image."""
        start, refused = 0, 0
        while start < len(images):
            vectors = self._try(images[start : start + self.size])
            if vectors is None:
                refused = refused or min(self.size, len(images) - start)
                self._halve(min(self.size, len(images) - start))
                continue
            if refused:
                _log.warning("out of GPU memory with %d images at a time: going on with %d", refused, self.size)
                refused = 0
            yield start, vectors
            start += len(next(iter(vectors.values())))

    def _try(self, images: torch.Tensor) -> dict[Choice, np.ndarray] | None:
        import torch

        try:
            vectors = self.look(images.to(self.device))
            return {choice: rows.cpu().numpy() for choice, rows in vectors.items()}
        except torch.cuda.OutOfMemoryError:
            return None  # what the failed pass holds is let go with its frames, so it is tried again outside

    def _halve(self, size: int) -> None:
        import torch

        if size == 1:
            raise InputError(
                "out of GPU memory with one image at a time; free the GPU, set 'precision: float16', "
                "or compute on the CPU ('--device cpu')"
            )
        self.size = size // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _batches(model: VisionModel, items: Items, batch_size: int) -> Iterator[tuple[int, torch.Tensor]]:
    """Batches (b, c, h, w) with the position of their first item; the next one is read ahead."""
    starts = range(0, len(items), batch_size)
    readers = min(_MAX_READERS, os.cpu_count() or 1)
    with ThreadPoolExecutor(readers) as pool:

        def submit(start: int) -> list[Any]:
            return [
                pool.submit(_read, model, items, position)
                for position in range(start, min(start + batch_size, len(items)))
            ]

        waiting = submit(0)
        try:
            for start in starts:
                current, waiting = waiting, submit(start + batch_size)
                yield start, _stacked([future.result() for future in current], items, start)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _read(model: VisionModel, items: Items, position: int) -> torch.Tensor:
    return model.transform(items.image(position))


def _stacked(images: list[torch.Tensor], items: Items, start: int) -> torch.Tensor:
    import torch

    for offset, image in enumerate(images):
        if image.shape != images[0].shape:
            first, other = items.ids[start], items.ids[start + offset]
            raise InputError(
                f"images '{first}' and '{other}' differ in size ({tuple(images[0].shape)} and "
                f"{tuple(image.shape)}), and the model has no size of its own to bring them to"
            )
    return torch.stack(images)


def _check_range(rows: np.ndarray, choice: Choice, precision: str) -> None:
    if precision == "float16" and not np.isfinite(rows).all():
        where = f"layer '{choice[0]}'" if choice[0] else "its layer"
        raise InputError(f"the model leaves float16's range at {where}; take 'precision: bfloat16' or float32")


@contextmanager
def _kernels(device: str, precision: str) -> Iterator[None]:
    """Full float32 unless less is asked for, and no choice of kernels by timing: a run can be repeated."""
    import torch

    kind, half = torch.device(device).type, precision != "float32"
    exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with exact, torch.autocast(kind, dtype=getattr(torch, precision) if half else None, enabled=half):
        yield
