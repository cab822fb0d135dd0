"""Where arrays lie in memory: in pages that cost little to get, and in what has been freed before."""

from __future__ import annotations

import ctypes
import math
import mmap
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache

import numpy as np

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # numbers of glibc's mallopt
_LARGE, _KEPT = 32 << 20, 256 << 20  # bytes: what glibc takes and gives back piece by piece, and what it may keep

_PAGE = 2 << 20  # bytes of what Linux calls a huge page
_WORTH_IT = 1 << 20  # bytes from which on one huge page takes less time than the small ones
_NOT_HELD = 1 << 30  # bytes from which on idle memory could be what another array lacks

_held = threading.local()


def empty(shape: tuple[int, ...], dtype: type = float) -> np.ndarray:
    """``numpy.empty``, in huge pages also where the array is too small for NumPy to ask for them.

    The first touch of 2 MB takes a twelfth of the time so.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < _WORTH_IT or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(shape, dtype)
    held = getattr(_held, "memory", [])
    for pages, user in held:
        if user() is None and size + _PAGE <= len(pages) <= 2 * size + _PAGE:
            break
    else:
        pages = _pages(size + _PAGE)  # where they begin is up to the system
    begin = -np.frombuffer(pages, np.uint8).ctypes.data % _PAGE
    array = np.frombuffer(pages, dtype, math.prod(shape), begin)
    held[:] = [each for each in held if each[0] is not pages]
    if size < _NOT_HELD:
        held.append((pages, weakref.ref(array)))
    return array.reshape(shape)  # a view, as all others are: none is left where ``array`` has gone


def _pages(size: int) -> mmap.mmap:
    try:
        pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE)
    except OSError as error:
        raise MemoryError(f"no {size} bytes for an array") from error
    with suppress(OSError):  # a system that has no huge pages
        pages.madvise(mmap.MADV_HUGEPAGE)
    return pages


@contextmanager
def memory_reused() -> Iterator[None]:
    """Inside, what arrays of `empty` leave behind in this thread serves the next of them of about their size."""
    if hasattr(_held, "memory"):
        yield
        return
    _held.memory = []
    try:
        yield
    finally:
        del _held.memory


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
