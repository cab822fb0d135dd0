"""Running a model over items and keeping what chosen layers give out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from typing import TYPE_CHECKING

import numpy as np

from rdx.compute.allocator import freed_memory_kept
from rdx.compute.progress import progress_bar
from rdx.errors import InputError, unknown
from rdx.features.capture import Choice, Look, looking
from rdx.features.reading import batches
from rdx.models.vision_model import VisionModel

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from rdx.data.items import Items

BATCH_SIZE = 64  # at most, where nothing else is asked for
PRECISIONS = ("float32", "float16", "bfloat16")
_CPU_PIXELS = 6 * 224 * 224  # of one batch on a CPU; rounded down to a power of two this makes 4 images of 224 × 224
_log = logging.getLogger(__name__)


def extract(
    model: VisionModel,
    items: Items,
    *,
    layer: str | None = None,
    pool: str | None = None,
    batch_size: int | None = None,
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
    batch_size: int | None = None,
    device: str = "cpu",
    precision: str = "float32",
    progress: bool = False,
) -> dict[Choice, np.ndarray]:
    """Several representations, each (n, d) float32, in one pass over the n items.

    Each is bit for bit what it is when extracted alone. The batch size (None: see `default_batch_size`) changes
    nothing but the last bits (about 1e-6 of a value): matrix products of other sizes add up in another order, on
    a CPU as on a GPU. So where a GPU's memory is too small and batches are halved, features stay the same in that
    sense.

    `precision` other than float32 computes in half precision on a GPU; features are stored as float32.
    Raises InputError for an unknown layer or pooling, for an unreadable image, which it names, for half
    precision without a GPU, and where not even one image fits into the GPU's memory.
    """
    if batch_size is None:
        batch_size = default_batch_size(model, items, device)
    spans = batch_spans(len(items), batch_size)
    values: dict[Choice, np.ndarray] = {}
    found = stream(model, items, choices, spans, device=device, precision=precision, progress=progress)
    for span, vectors in zip(spans, found, strict=True):
        for choice, rows in vectors.items():
            if choice not in values:
                values[choice] = np.empty((len(items), rows.shape[1]), dtype=np.float32)
            values[choice][span.start : span.stop] = rows
    return values


def batch_spans(n: int, batch_size: int) -> list[range]:
    """The positions 0 … n - 1 in whole batches, but for the last."""
    if batch_size < 1:
        raise InputError(f"batch_size must be 1 or more, not {batch_size}")
    if not n:
        raise InputError("there are no items to extract features of")
    return [range(start, min(start + batch_size, n)) for start in range(0, n, batch_size)]


def default_batch_size(model: VisionModel, items: Items, device: str) -> int:
    """How many images a forward pass takes where nothing is asked for: 64 on a GPU, on a CPU by their size.

    A CPU gains nothing from large batches, and loses where every layer's output is fresh memory from the system:
    64 images of 224 × 224 pixels take up to three times as long as sixteen batches of 4.
    """
    if device.startswith("cuda") or not len(items):
        return BATCH_SIZE
    height, width = model.transform(items.image(0)).shape[-2:]
    fitting = max(1, _CPU_PIXELS // (height * width))
    return min(BATCH_SIZE, 1 << (fitting.bit_length() - 1))


def stream(
    model: VisionModel,
    items: Items,
    choices: Sequence[Choice],
    spans: Sequence[range],
    *,
    device: str = "cpu",
    precision: str = "float32",
    progress: bool = False,
    processes: int | None = None,
) -> Iterator[dict[Choice, np.ndarray]]:
    """The vectors (b, d) float32 of every choice, one batch after the other; `spans` are the batches' positions.

    What `extract_layers` does, without holding all; `processes` read the images (see `reading.batches`).
    """
    import torch

    check_precision(precision, device)
    model.module.to(device).eval()
    feeder = _Feeder(device, max(map(len, spans), default=1))
    bar = progress_bar(total=sum(map(len, spans)), desc="features", unit="image", disable=not progress)
    read = batches(model, items, spans, pinned=device.startswith("cuda"), processes=processes)
    kept = nullcontext() if device.startswith("cuda") else freed_memory_kept()
    with bar, kept, closing(read), looking(model, choices) as look:
        for images in read:
            # Entered anew for every batch: a generator shares its caller's modes while it stands still.
            with torch.inference_mode(), _kernels(device, precision):
                vectors = feeder.feed(look, images)
            for choice, rows in vectors.items():
                _check_range(rows, choice, precision)
            bar.update(len(images))
            yield vectors


def check_precision(precision: str, device: str | None = None) -> str:
    """`precision` where it is one of `PRECISIONS`, and one that `device` (None: not known yet) is good for."""
    if precision not in PRECISIONS:
        raise unknown("precision", precision, PRECISIONS)
    if precision != "float32" and device is not None and not device.startswith("cuda"):
        raise InputError(f"precision '{precision}' needs a GPU, and this run computes on '{device}'; take float32")
    return precision


def try_layer(model: VisionModel, image: Image.Image, layer: str, pool: str | None) -> int | None:
    """The width d of a model's representation, or of that of a shell of it; None where only numbers would tell.

    Raises InputError where the model gives out nothing at `layer` that `pool` fits, one row an image.
    """
    images = model.transform(image)[None]
    asked = layer, pool, model.layout, tuple(images.shape)
    if asked not in model.widths:
        model.widths[asked] = _width(model, images, layer, pool)
    return model.widths[asked]


def _width(model: VisionModel, images: torch.Tensor, layer: str, pool: str | None) -> int | None:
    import torch

    device = next((one.device for one in model.module.parameters()), torch.device("cpu"))
    with torch.inference_mode(), looking(model, [(layer, pool)]) as look:
        try:
            return look(images.to(device))[layer, pool].shape[1]
        except (NotImplementedError, RuntimeError):
            return None  # a shell has no numbers; a forward pass that needs some can only be tried in earnest


class _Feeder:
    """Gives a model its batches, in smaller pieces once a GPU's memory has proved too small for whole ones."""

    def __init__(self, device: str, size: int) -> None:
        self.device, self.size = device, size

    def feed(self, look: Look, images: torch.Tensor) -> dict[Choice, np.ndarray]:
        """The vectors (b, d) of a batch (b, c, h, w)."""
        pieces: list[dict[Choice, np.ndarray]] = []
        start, refused = 0, 0
        while start < len(images):
            vectors = self._try(look, images[start : start + self.size])
            if vectors is None:
                refused = refused or min(self.size, len(images) - start)
                self._halve(min(self.size, len(images) - start))
                continue
            if refused:
                _log.warning("out of GPU memory with %d images at a time: going on with %d", refused, self.size)
                refused = 0
            pieces.append(vectors)
            start += len(next(iter(vectors.values())))
        return {choice: np.concatenate([piece[choice] for piece in pieces]) for choice in pieces[0]}

    def _try(self, look: Look, images: torch.Tensor) -> dict[Choice, np.ndarray] | None:
        import torch

        try:
            vectors = look(images.to(self.device, non_blocking=True))
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
