"""What becomes of memory that a computation has freed: kept for what is asked for next, or given back to the system."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1  # numbers of glibc's mallopt
_LARGE, _KEPT = 32 << 20, 256 << 20  # bytes: what glibc takes and gives back piece by piece, and what it may keep


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
