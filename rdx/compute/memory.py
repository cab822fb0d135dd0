"""What a process may use of its machine, and sizes of memory in words."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rdx.compute.cgroups import memory_limits
from rdx.errors import InputError

_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


def parse_memory(value: int | float | str) -> int:
    """Bytes, from a number of them or from a text: ``4GB``, ``4G``, ``500 MB``, ``2000000000``; kB are 1,000 bytes.

    Raises InputError for anything else, and for nothing at all.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    found = _SIZE.fullmatch(f"{value:f}" if number else str(value).strip())
    size = float(found[1]) * _UNITS[found[2].lower()] if found and not isinstance(value, bool) else 0
    if not 1 <= size < 2**63:
        raise InputError(f"max_memory must be a size such as 4GB, 500MB or a number of bytes, got {value!r}")
    return int(size)


def memory_limit(max_memory: int | float | str | None = None) -> int | None:
    """Bytes that this process may grow to: what it was told, else what the machine has; None where that is unknown."""
    return available_memory() if max_memory is None else parse_memory(max_memory)


def available_memory() -> int | None:
    """What is free, with what this process holds already; the limit of a container or job where that is less.

    Where the system does not tell what is free, its physical memory counts.
    """
    free = _free()
    limits = [free + _held()] if free is not None else [_physical()]
    known = [limit for limit in (*limits, *memory_limits()) if limit is not None]
    return min(known, default=None)


def in_words(size: float) -> str:
    """Bytes in words: ``1.2 GB``, ``340 MB``, ``12 kB``."""
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}" if size < 10 * unit else f"{size / unit:,.0f} {name}"
    return f"{max(1, round(size / 1e3))} kB"


def _free() -> int | None:
    """MemAvailable of Linux: what can be had without pushing anything out."""
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
    except OSError:
        return None
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _held() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _physical() -> int | None:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
