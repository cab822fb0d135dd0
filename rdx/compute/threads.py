"""Row tiles on threads: how every n × n quantity here is computed without n × n temporaries."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ExtensionFileLoader
from typing import TYPE_CHECKING, Any

from rdx.compute.cgroups import cpu_limit

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

TILE_BYTES = 5 << 19  # float64 working space of one tile: it stays near the caches


def cores() -> int:
    """The cores that this process may use: as many as it is bound to, or its group's quota comes to."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(bound, _quota() or bound)


@lru_cache(maxsize=1)
def _quota() -> int | None:
    return cpu_limit()


def default_threads() -> int:
    """The cores that this process may use, or OMP_NUM_THREADS where that is smaller."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, min(cores(), int(wanted))) if wanted.isdigit() else cores()


def row_tiles(n: int, tile_rows: int | None = None) -> list[slice]:
    """Consecutive row slices that cover n rows."""
    step = tile_rows or min(n, max(16, TILE_BYTES // (8 * max(n, 1))))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


_looked_at: dict[str, bool] = {}  # modules by name: whether they are compiled
_inside: list = []  # BLAS' limit, once for every thread that is inside
_entering = threading.Lock()
_own = threading.local()


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Keeps BLAS and OpenMP at one thread, so that sums are added in one order on every machine.

    Several threads of a process may be inside at a time. OpenMP counts for each of them; BLAS has one number for all,
    which comes back when the last of them leaves.
    """
    own = vars(_own).setdefault("inside", _Inside())
    if own.depth == 0:
        own.openmp = _libraries().select(user_api="openmp").limit(limits=1)
        with _entering:
            _inside.append(_inside[0] if _inside else _limit_blas())
    own.depth += 1
    try:
        yield
    finally:  # in another thread, where a generator that holds this is closed there
        own.depth -= 1
        if own.depth == 0:
            with _entering:
                blas = _inside.pop()
                if not _inside:
                    _let_any_thread_limit()
                    blas.restore_original_limits()
                    _let_any_thread_limit()
            if own is vars(_own).get("inside"):
                own.openmp.restore_original_limits()


@dataclass
class _Inside:
    """How often a thread is inside, and OpenMP's limit there."""

    depth: int = 0
    openmp: Any = None


def _limit_blas():
    _let_any_thread_limit()
    return _libraries().select(user_api="blas").limit(limits=1)


def _let_any_thread_limit() -> None:
    """From threadpoolctl 3.8 on, what one thread limits no other one can while it lives: their calls do nothing."""
    for library in _libraries().lib_controllers:
        if hasattr(library, "clear_controlling_thread"):
            library.clear_controlling_thread(force=True)


def _libraries() -> ThreadpoolController:
    """BLAS and OpenMP as loaded now. Finding them takes milliseconds: only a compiled module has them found again."""
    return _libraries_of(_compiled_modules(len(sys.modules)))


@lru_cache(maxsize=1)
def _compiled_modules(n_modules: int) -> int:
    """How many have been loaded; only those that are new are looked at."""
    for name in sys.modules.keys() - _looked_at.keys():
        loader = getattr(sys.modules.get(name), "__loader__", None)
        _looked_at[name] = isinstance(loader, ExtensionFileLoader)
    return sum(_looked_at.values())


@lru_cache(maxsize=1)
def _libraries_of(n_compiled: int) -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def library_threads() -> dict[str, int]:
    """How many threads BLAS, OpenMP and, where it is loaded, torch take in this process, by name."""
    found = {library["user_api"]: library["num_threads"] for library in _libraries().info()}
    if "torch" in sys.modules:
        found["torch"] = sys.modules["torch"].get_num_threads()
    return found


def for_each_tile(tiles: list, work: Callable, threads: int | None = None) -> None:
    """Calls ``work(tile)`` for every tile, on several threads; the first error is raised."""
    threads = min(threads or default_threads(), len(tiles)) if len(tiles) > 1 else 1
    with one_thread_each():
        if threads <= 1:
            for tile in tiles:
                work(tile)
            return
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(work, tiles):
                pass


def map_ordered(
    function: Callable, tasks: Iterable, shared: Sequence = (), *, whole: bool = False, threads: int | None = None
) -> Iterator:
    """``function(task, *shared)`` for every task, in order; see `rdx.compute.engine.Engine.map`.

    On ``threads`` threads of this process; at most twice as many tasks are begun or held at a time. What is ahead
    when the caller stops is dropped.
    """
    threads = threads or default_threads()
    if whole or threads == 1:
        for task in tasks:
            yield function(task, *shared)
        return
    with one_thread_each(), ThreadPoolExecutor(threads, initializer=_one_openmp_thread) as pool:
        waiting: deque[Future] = deque()
        try:
            for task in tasks:
                if len(waiting) == 2 * threads:
                    yield waiting.popleft().result()
                waiting.append(pool.submit(function, task, *shared))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _one_openmp_thread() -> None:
    """OpenMP counts threads for each thread that calls it, so every thread of a pool needs to be told."""
    _libraries().select(user_api="openmp").limit(limits=1)
