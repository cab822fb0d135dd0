"""How long steps took on this machine before: all that a plan tells of time, as no constant holds on every machine.

A small table in the cache folder has the last time of every kind of step by its sizes. Where work was spread over
other machines nothing is recorded.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from rdx.compute.threads import default_threads
from rdx.experiment.run.environment import processor
from rdx.experiment.run.step import Step
from rdx.experiment.run.tables import write_table
from rdx.features.cache import cache_folder
from rdx.files import fingerprint, remove_temporaries
from rdx.locks import LOCK, InUse, locked

FILE = "timings/steps.csv"  # in the cache folder
MOST = 1000  # rows; the oldest go first
FAR = 10  # times as many items, or a tenth: a time is carried over to such numbers, and only quoted for others


class Timing(NamedTuple):
    """A step's last time."""

    step: str  # what did the work
    like: str  # a hash of the settings and of the machine
    d: int  # columns of the widest representation; 0: none goes in
    n: int  # items
    seconds: float


def timing_of(step: Step, n: int, d: int, device: str, seconds: float = 0.0) -> Timing:
    """The row of a step that took ``seconds`` with n items and d columns."""
    work = getattr(step.work, "func", step.work)
    like = fingerprint(step.like, processor(), default_threads(), device)[:16]
    return Timing(f"{work.__module__}.{work.__qualname__}", like, d, step.items or n, seconds)


def forecast(step: Step, asked: Timing, known: Iterable[Timing]) -> float | str:
    """Seconds that a step will take, from the earlier run with the nearest number of items; else what is known."""
    alike = [one for one in known if one[:3] == asked[:3]]
    if not alike:
        return "no earlier run of its kind on this machine"
    last = min(alike, key=lambda one: abs(math.log(one.n / max(asked.n, 1))))
    if asked.n / FAR <= last.n <= asked.n * FAR:
        return last.seconds * (asked.n / last.n) ** step.growth
    return f"took {duration(last.seconds)} with {last.n:,} items"


def read() -> list[Timing]:
    """All rows, oldest first; what cannot be read is left out."""
    try:
        with (cache_folder() / FILE).open(encoding="utf-8", newline="") as file:
            return list(_rows(csv.reader(file)))
    except (OSError, ValueError, csv.Error):
        return []


def record(made: Iterable[Timing]) -> None:
    """Add rows, in place of older ones of the same steps; not where the disk refuses or another process writes them."""
    path, made = cache_folder() / FILE, list(made)
    if made or (path.parent / LOCK).exists():  # a process may have been killed when it wrote the last ones
        with suppress(OSError, InUse), locked(path.parent / LOCK, f"'{path}'", wait=False):
            remove_temporaries(path.parent)  # of a process that was killed
            rows: dict[tuple, Timing] = {}
            for one in reversed([*read(), *made]):
                rows.setdefault(one[:-1], one)
            write_table(path, Timing._fields, list(rows.values())[:MOST][::-1])


def duration(seconds: float) -> str:
    """Seconds in words: ``40 s``, ``12 min``, ``2.5 h``."""
    if seconds < 1:
        return "< 1 s"
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _rows(table: Iterable[list[str]]) -> Iterator[Timing]:
    for row in table:
        with suppress(ValueError):  # the header, and what somebody changed
            step, like, d, n, seconds = row
            if int(n) > 0 and 0 <= float(seconds) < math.inf:
                yield Timing(step, like, int(d), int(n), float(seconds))
