"""What this process's control groups allow it: limits of containers, of SLURM jobs and of services, on Linux.

A process is in a group of its own, below others: what any of them allows at most, it may take. Version 2 has one
tree of groups, version 1 one a kind of limit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

PROC = Path("/proc/self")
_NO_LIMIT = 1 << 60  # version 1 writes the largest whole number of pages
_MEMORY = ("memory.max", "memory.high", "memory.limit_in_bytes")  # the last: of version 1


def memory_limits() -> list[int]:
    """Bytes that each of the groups allows all its processes together; empty where none does."""
    texts = (_text(folder / name) for folder in _groups("memory") for name in _MEMORY)
    return [int(text) for text in texts if text.isdigit() and int(text) < _NO_LIMIT]


def cpu_limit() -> int | None:
    """Cores that the quota of the groups comes to, rounded up; None where there is none."""
    shares = []
    for folder in _groups("cpu"):
        version_1 = f"{_text(folder / 'cpu.cfs_quota_us')} {_text(folder / 'cpu.cfs_period_us')}"
        quota, _, period = (_text(folder / "cpu.max") or version_1).partition(" ")
        if quota.isdigit() and period.isdigit() and int(period):
            shares.append(int(quota) / int(period))
    return max(1, math.ceil(min(shares))) if shares else None


def _groups(controller: str) -> tuple[Path, ...]:
    """The folders of this process's group and of all above it, of both versions, where they can be seen."""
    return _found(PROC, controller)


@lru_cache  # a process stays in its group, while what that allows may change; every fit asks
def _found(proc: Path, controller: str) -> tuple[Path, ...]:
    return tuple(_folders(proc, controller))


def _folders(proc: Path, controller: str) -> Iterator[Path]:
    own = {}  # the group by its controllers; version 2 has none there
    for line in _text(proc / "cgroup").splitlines():
        _, names, group = line.split(":", 2)
        own |= dict.fromkeys(names.split(","), group)
    for line in _text(proc / "mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        root, mount = left.split()[3:5]
        kind, _, options = right.split()[:3]
        name = {"cgroup2": "", "cgroup": controller}.get(kind)
        if name not in own or (name and controller not in options.split(",")):
            continue
        group, top = PurePosixPath(own[name]), Path(mount)
        inside = group.relative_to(root) if group.is_relative_to(root) else PurePosixPath()
        place = top / inside if ".." not in inside.parts else top
        yield place
        while place != top:
            place = place.parent
            yield place


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
