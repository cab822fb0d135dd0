"""Where arrays lie in memory: in pages that cost little to get, and in what has been freed before."""

from __future__ import annotations

import ctypes
import math
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import numpy as np

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # numbers of glibc's mallopt
_LARGE, _KEPT = 32 << 20, 256 << 20  # bytes: what glibc takes and gives back piece by piece, and what it may keep

_PAGE = 2 << 20  # bytes of what Linux calls a huge page
_ADVISED = 4 << 20  # from which on NumPy asks the system for such pages
_WORTH_IT = 1 << 20  # from which on it pays although freed memory would serve the next array of the same size


def empty(shape: tuple[int, ...], dtype: type = float) -> np.ndarray:
    """``numpy.empty``, in huge pages also where the array is too small for NumPy to ask for them.

    The first touch of 2 MB takes a twelfth of the time so.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if not _WORTH_IT <= size < _ADVISED or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(shape, dtype)
    pages = mmap.mmap(-1, size + _PAGE, flags=mmap.MAP_PRIVATE)  # where it begins is up to the system
    pages.madvise(mmap.MADV_HUGEPAGE)
    memory = np.frombuffer(pages, np.uint8)
    begin = -memory.ctypes.data % _PAGE
    return memory[begin : begin + size].view(dtype).reshape(shape)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, freed memory serves what is asked for next; afterwards it is given back.

    Layers of a network ask for the same megabytes again and again, and fresh pages of the system take a quarter of
    a forward pass. With another C library than glibc nothing changes.
    """
    libc = _glibc()
    if libc is None:
        yield
        return
    libc.mallopt(_MMAP_THRESHOLD, _LARGE)
    libc.mallopt(_TRIM_THRESHOLD, _KEPT)
    try:
        yield
    finally:
        libc.mallopt(_TRIM_THRESHOLD, 2 * _LARGE)  # what glibc's own rule comes to
        libc.malloc_trim(0)


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    try:
        libc = ctypes.CDLL(None)
        return libc if libc.gnu_get_libc_version and libc.mallopt and libc.malloc_trim else None
    except (AttributeError, OSError, TypeError):  # musl, macOS, Windows
        return None
