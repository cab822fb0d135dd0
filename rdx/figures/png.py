"""PNG files of figures: matplotlib has Pillow write them, which tries every filter on every row.

A row less the pixel on its left, deflated as runs, is as small for figures and for photographs, and five times as fast.
To deflate and to wait for the disk needs nothing of Python: a thread does so while the next figure is drawn.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rdx.files import write_bytes

_LEFT = 1  # the number of the filter in the PNG specification
_behind: list[tuple[ThreadPoolExecutor, list[Future]]] = []  # who writes, and what was left to it


@contextmanager
def written_behind() -> Iterator[None]:
    """Inside, files are written by a thread of its own, in order; all are there at the end, or the first error is."""
    with ThreadPoolExecutor(1) as writer:
        waiting: list[Future] = []
        _behind.append((writer, waiting))
        try:
            yield
        finally:
            _behind.pop()
    for one in waiting:
        one.result()


def write_png(path: Path | str, pixels: np.ndarray, dpi: float) -> None:
    """Write pixels (h, w, 3) uint8, which stay as they are, whole or not at all."""
    if _behind:
        writer, waiting = _behind[-1]
        waiting.append(writer.submit(_write, path, pixels, dpi))
    else:
        _write(path, pixels, dpi)


def _write(path: Path | str, pixels: np.ndarray, dpi: float) -> None:
    write_bytes(path, png_bytes(pixels, dpi))


def png_bytes(pixels: np.ndarray, dpi: float) -> bytes:
    """Pixels (h, w, 3) uint8 as a file in memory, without date and version."""
    height, width, _ = pixels.shape
    rows = np.empty((height, 1 + 3 * width), np.uint8)
    rows[:, 0] = _LEFT
    rows[:, 1:4] = pixels[:, 0]
    changes = rows[:, 4:].reshape(height, width - 1, 3)
    for color in range(3):  # one at a time: NumPy would go through the picture three bytes at a time
        np.subtract(pixels[:, 1:, color], pixels[:, :-1, color], out=changes[..., color])
    packer = zlib.compressobj(level=1, strategy=zlib.Z_RLE)
    per_metre = round(dpi / 0.0254)
    return b"\x89PNG\r\n\x1a\n" + b"".join((
        _chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)),  # 8 bits a colour, RGB
        _chunk(b"pHYs", struct.pack(">2IB", per_metre, per_metre, 1)),
        _chunk(b"IDAT", packer.compress(rows) + packer.flush()),
        _chunk(b"IEND", b""),
    ))  # fmt: skip


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
