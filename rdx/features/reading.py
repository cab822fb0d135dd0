"""Images read and transformed ahead of the model, a batch at a time: by threads, or by processes of their own.

Processes keep the interpreter free for the model, which pays where a GPU waits for it or many cores decode;
they take seconds to start, so small jobs stay with threads. What comes out is the same, bit for bit.
"""

from __future__ import annotations

import pickle
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdx.compute.threads import cores
from rdx.errors import InputError

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from rdx.data.items import Items
    from rdx.models.vision_model import VisionModel

_MAX_READERS = 8  # threads that read images while the model computes
_MAX_PROCESSES = 16
_MANY = 4_000  # images below which starting processes, each of which imports torch, costs more than it saves
_LEAST_CORES = 4  # with fewer, reading and the model share the same cores in either way
_AHEAD = 2  # batches that each process holds ready
_SHARED = Path("/dev/shm")  # through which processes hand over batches; containers often have 64 MB there


def batches(
    model: VisionModel, items: Items, spans: Sequence[range], *, pinned: bool = False, processes: int | None = None
) -> Iterator[torch.Tensor]:
    """The images (b, c, h, w) of every span of positions, in order; the next ones are read ahead.

    `pinned`: in memory from which a GPU can fetch them by itself. `processes`: how many read; 0: threads;
    None: whatever suits the job. Raises InputError for an unreadable image, and for images of unlike sizes.
    """
    if not spans:
        return
    work = _packed(model, items) if processes or processes is None else None
    if processes is None:
        processes = _suitable(model, items, spans) if work is not None else 0
    if processes and work is not None:
        yield from _by_processes(work, spans, processes, pinned)
    else:
        yield from _by_threads(model, items, spans, pinned)


def _by_threads(
    model: VisionModel, items: Items, spans: Sequence[range], pinned: bool
) -> Iterator[torch.Tensor]:
    with ThreadPoolExecutor(min(_MAX_READERS, cores())) as pool:

        def submit(span: Sequence[int]) -> list[Any]:
            return [pool.submit(_read, model.transform, items.image, position) for position in span]

        waiting = submit(spans[0])
        try:
            for number, span in enumerate(spans):
                current, waiting = waiting, submit(spans[number + 1] if number + 1 < len(spans) else ())
                images = _stacked([future.result() for future in current], items.ids, span)
                yield images.pin_memory() if pinned else images
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _by_processes(work: bytes, spans: Sequence[range], processes: int, pinned: bool) -> Iterator[torch.Tensor]:
    from torch.utils.data import DataLoader

    # Spawned, not forked: a copy of a process whose threads hold locks can stand still for ever.
    loader = DataLoader(
        _Batches(work, spans), batch_size=None, num_workers=processes, prefetch_factor=_AHEAD,
        multiprocessing_context="spawn", pin_memory=pinned,
    )  # fmt: skip
    for images in loader:
        if isinstance(images, InputError):
            raise images
        yield images


class _Batches:
    """Batches by number, in whatever process is asked. Errors are handed over, as raising adds a traceback to them."""

    def __init__(self, work: bytes, spans: Sequence[range]) -> None:
        self.work, self.spans = work, spans
        self.parts: tuple[Callable, Callable, Sequence[str]] | None = None

    def __len__(self) -> int:
        return len(self.spans)

    def __getitem__(self, number: int) -> torch.Tensor | InputError:
        from rdx._torchvision import ensure_torchvision

        if self.parts is None:
            ensure_torchvision()
            self.parts = pickle.loads(self.work)  # our own, from the process that started this one
        transform, load, ids = self.parts
        span = self.spans[number]
        try:
            return _stacked([_read(transform, load, position) for position in span], ids, span)
        except InputError as error:
            return error


def _packed(model: VisionModel, items: Items) -> bytes | None:
    """What other processes need to read images; None where that cannot be handed over, or is in memory already."""
    if items.loader is None or items.pixels is not None:
        return None
    try:
        return pickle.dumps((model.transform, items.loader, items.ids))
    except (pickle.PicklingError, AttributeError, TypeError):  # a transform or loader that is a closure
        return None


def _suitable(model: VisionModel, items: Items, spans: Sequence[range]) -> int:
    """How many processes suit a job; 0 for threads."""
    if sum(map(len, spans)) < _MANY or cores() < _LEAST_CORES or not _main_can_be_imported():
        return 0
    processes = min(_MAX_PROCESSES, cores() - 1)
    batch = len(spans[0]) * _read(model.transform, items.image, spans[0][0]).nbytes
    if _SHARED.is_dir() and shutil.disk_usage(_SHARED).free < 2 * (_AHEAD + 1) * processes * batch:
        return 0
    return processes


def _main_can_be_imported() -> bool:
    """Whether a new process may import the main module: a script of the user's own would be carried out again."""
    main = sys.modules.get("__main__")
    name = getattr(getattr(main, "__spec__", None), "name", None) or Path(getattr(main, "__file__", None) or "").stem
    return name in ("", "rdx", "rdx.__main__")


def _read(
    transform: Callable[[Image.Image], torch.Tensor], load: Callable[[int], Image.Image], position: int
) -> torch.Tensor:
    return transform(load(position))


def _stacked(images: list[torch.Tensor], ids: Sequence[str], span: Sequence[int]) -> torch.Tensor:
    import torch

    for position, image in zip(span, images, strict=True):
        if image.shape != images[0].shape:
            first, other = ids[span[0]], ids[position]
            raise InputError(
                f"images '{first}' and '{other}' differ in size ({tuple(images[0].shape)} and "
                f"{tuple(image.shape)}), and the model has no size of its own to bring them to"
            )
    return torch.stack(images)
