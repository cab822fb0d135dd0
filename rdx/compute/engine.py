"""How work is spread: one verb, map a top-level function over tasks.

Results come in the order of the tasks, and tasks are handed out as results come in, so that memory does not grow with
their number. Where work is cut is the caller's business and depends on sizes alone, so every engine gives the same
bytes. Rooms that compute know no engine: they take its `map` as an argument, and `rdx.compute.threads.map_ordered`
where they are given none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from rdx.compute.progress import is_watched, progress_bar
from rdx.compute.threads import map_ordered
from rdx.errors import InputError


class Engine(Protocol):
    """Where tasks run."""

    elsewhere: bool  # in other processes than this one

    def map(
        self, function: Callable[..., Any], tasks: Iterable[Any], shared: Sequence[Any] = (), *,
        whole: bool = False, gpu: bool = False,
    ) -> Iterator[Any]:  # fmt: skip
        """``function(task, *shared)`` for every task, in order.

        function: importable by name; task and results: plain values and arrays. ``shared``: large arguments that
        every task needs, brought to each worker once. ``whole``: a task uses all of a worker's threads itself, so
        that one runs at a time. ``gpu``: a task needs a GPU.
        """


class Threads:
    """Threads of this process, one task each; tasks that use all threads themselves run one after the other."""

    elsewhere = False

    def map(self, function, tasks, shared=(), *, whole=False, gpu=False):
        return map_ordered(function, tasks, shared, whole=whole)


class Shown:
    """Another engine; on a terminal a bar counts its results, and the first of them tell how long the rest takes."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.elsewhere = engine, engine.elsewhere

    def map(self, function, tasks, shared=(), *, whole=False, gpu=False):
        total = len(tasks) if hasattr(tasks, "__len__") else None
        title = function.__module__.rpartition(".")[2].replace("_", " ")
        results = self.engine.map(function, tasks, shared, whole=whole, gpu=gpu)
        return iter(progress_bar(results, title, total, leave=False, disable=total == 1 or not is_watched()))


def engine_for(
    workers: int | None = None, cluster: str | None = None, device: str = "cpu", folder: Path = Path()
) -> AbstractContextManager[Engine]:
    """The engine that is asked for: threads, or `workers` processes on this machine, or a `cluster` that runs.

    folder: one that all workers must see.

    Raises InputError, one line, where it cannot be had.
    """
    check_spread(workers, cluster)
    if workers is None and cluster is None:
        return nullcontext(Threads())
    from rdx.compute.cluster import Cluster

    return Cluster(cluster, workers, folder=folder, gpu=device.startswith("cuda"))


def check_spread(workers: int | None, cluster: str | None) -> None:
    """Raises InputError for options that mean nothing, before anything is started."""
    if workers is not None and cluster is not None:
        raise InputError("--workers and --cluster don't go together: give one of them")
    if workers is not None and (not isinstance(workers, int) or workers < 1):
        raise InputError(f"--workers must be 1 or more, not {workers}")
