"""Tasks on a cluster of processes, on this machine or many, by dask.distributed (the optional extra `cluster`).

A task whose worker dies is done again by another. What all tasks of a call share goes to the workers once; where all
that held it are gone, it is sent again.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rdx import __version__
from rdx.compute.threads import default_threads, library_threads, one_thread_each
from rdx.errors import InputError
from rdx.files import fingerprint

CONNECT = 8  # seconds until a scheduler counts as not there
PATIENCE = 60  # seconds without a single worker until a run is given up: SLURM or a nanny may bring new ones
GPU = "GPU"  # the resource that tasks on a GPU ask for
_LOOK = 2  # seconds between two looks for workers while a result is waited for

_AGAIN = "what is finished stays, and the same command goes on from there"

_whole = threading.Lock()  # of a worker: its tasks that use all threads themselves


class Cluster:
    """Worker processes behind a scheduler; close it, or use it as a context."""

    elsewhere = True

    def __init__(
        self, address: str | None = None, workers: int | None = None, *, folder: Path, gpu: bool = False
    ) -> None:
        """Joins the cluster at `address` (host and port, or a scheduler's file), or starts `workers` here.

        folder: one that all workers must see. gpu: tasks will ask for a GPU.
        Raises InputError, one line, where that does not work out.
        """
        distributed = _distributed()
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        self._cluster = None if workers is None else _start(distributed, workers, gpu)
        try:
            self._client = _join(distributed, self._cluster.scheduler_address if self._cluster else address)
        except BaseException:
            self._close_cluster()
            raise
        try:
            self._check(folder, gpu)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)
        self._close_cluster()

    def map(
        self, function: Callable, tasks: Iterable, shared: Sequence = (), *, whole: bool = False, gpu: bool = False
    ) -> Iterator:
        """See `rdx.compute.engine.Engine.map`; about twice as many tasks are out as there is room for at a time.

        Raises RuntimeError, one line, where the scheduler or all workers are gone.
        """
        threads, waiting, held = library_threads() if whole else {}, deque(), [None]

        def submit(task: Any, anew: bool = False) -> Any:
            how = {"resources": {GPU: 1}} if gpu else {}
            if anew or held[0] is None:  # one value, so that nobody looks into it; its name is that of its content
                held[0] = self._client.scatter([tuple(shared)], broadcast=True)[0] if shared else ()
            return self._client.submit(_carry_out, function, task, held[0], threads, pure=False, **how)

        try:
            for task in tasks:
                if len(waiting) >= 2 * self._slots(whole):
                    yield self._result(waiting, submit)
                waiting.append((task, submit(task)))
            while waiting:
                yield self._result(waiting, submit)
        finally:
            for _, future in waiting:
                with contextlib.suppress(Exception):
                    future.cancel()

    def check_files(self, sizes: Mapping[str, int]) -> None:
        """Raises InputError where a worker does not see these files, with so many bytes, at the same paths."""
        for address, unseen in self._ask(_unseen, dict(sizes)).items():
            if unseen:
                raise InputError(
                    f"worker {address} does not see '{unseen}': data, checkpoints and the cache (RDX_CACHE) must be "
                    "in a folder that all workers share"
                )

    def _check(self, folder: Path, gpu: bool) -> None:
        """Refuse workers with another rdx or without the shared folder, before any work."""
        found = self._ask(_source)
        own = _source()
        for address, (version, source) in found.items():
            if version != own[0]:
                raise InputError(f"worker {address} has rdx {version}, this is {own[0]}: install the same")
            if source != own[1]:
                raise InputError(f"worker {address} has other source files of rdx {version} than this process")
        if gpu and not any(GPU in worker["resources"] for worker in self._workers().values()):
            raise InputError("no worker has a GPU to offer: start one with `--resources GPU=1`, or take `--device cpu`")
        token = folder / f"seen-{uuid.uuid4().hex}"
        token.parent.mkdir(parents=True, exist_ok=True)
        try:
            token.write_text("here", encoding="utf-8")
            self.check_files({str(token.absolute()): 4})
        finally:
            token.unlink(missing_ok=True)

    def _ask(self, function: Callable, *arguments: Any) -> dict[str, Any]:
        """What every worker answers, by address."""
        answers = self._client.run(function, *arguments, on_error="return")
        for address, answer in answers.items():
            if isinstance(answer, BaseException):
                raise InputError(f"worker {address} cannot work with this rdx: {type(answer).__name__}: {answer}")
        return answers

    def _workers(self) -> dict[str, Any]:
        return self._client.scheduler_info(n_workers=-1)["workers"]

    def _slots(self, whole: bool) -> int:
        """How many tasks run at a time, as far as is known."""
        workers = self._workers().values()
        return max(1, len(workers) if whole else sum(worker["nthreads"] for worker in workers))

    def _result(self, waiting: deque, submit: Callable) -> Any:
        """The result of the first task; what went down with the workers that held it is handed out anew."""
        from concurrent.futures import CancelledError

        from distributed import KilledWorker

        idle = 0.0
        while True:
            task, future = waiting[0]
            try:
                value = future.result(timeout=_LOOK)
                waiting.popleft()
                return value
            except TimeoutError:
                if future.status == "error":
                    raise  # the task's own
                idle = 0.0 if self._workers() else idle + _LOOK
                if idle >= PATIENCE:
                    raise RuntimeError(f"the cluster has lost all its workers: {_AGAIN}") from None
            except CancelledError as error:
                if self._client.status != "running" or "connection-lost" in str(error):
                    raise RuntimeError(f"the cluster's scheduler is gone: {_AGAIN}") from None
                waiting[0] = task, submit(task, anew=True)
            except KilledWorker as error:
                raise RuntimeError(f"a task has ended {error.allowed_failures + 1} workers: out of memory?") from None
            except OSError:
                if future.status == "error":
                    raise
                raise RuntimeError(f"the cluster's scheduler is gone: {_AGAIN}") from None

    def _close_cluster(self) -> None:
        if self._cluster is not None:
            with contextlib.suppress(Exception):
                self._cluster.close(timeout=10)


def _distributed() -> Any:
    try:
        return importlib.import_module("distributed")
    except ImportError:
        raise InputError("clusters need the extra 'cluster': pip install 'rdx[cluster]'") from None


def _start(distributed: Any, workers: int, gpu: bool) -> Any:
    """Worker processes on this machine that nobody else can reach; their memory is what the plan of the run says."""
    return distributed.LocalCluster(
        n_workers=workers, threads_per_worker=max(1, default_threads() // workers), processes=True, host="127.0.0.1",
        dashboard_address=None, memory_limit=0, silence_logs=logging.CRITICAL, resources={GPU: 1} if gpu else {},
    )  # fmt: skip


def _join(distributed: Any, address: str) -> Any:
    """A client of the scheduler at an address, or of the one whose file this is, with at least one worker."""
    address = os.path.expanduser(address)
    where = {"scheduler_file": address} if Path(address).exists() or address.endswith(".json") else {"address": address}
    if "scheduler_file" in where and not Path(address).is_file():
        raise InputError(f"there is no scheduler's file '{address}': start `dask scheduler --scheduler-file {address}`")
    try:
        client = distributed.Client(**where, timeout=CONNECT, set_as_default=False, direct_to_workers=True)
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(f"no scheduler answers at '{address}'") from None
    try:
        client.wait_for_workers(1, timeout=CONNECT)
    except (OSError, TimeoutError, distributed.TimeoutError):
        client.close(timeout=2)
        raise InputError(f"the scheduler at '{address}' has no workers yet: start `dask worker`") from None
    return client


def _carry_out(function: Callable, task: Any, shared: tuple, threads: Mapping[str, int]) -> Any:
    """One task, in a worker, with the numbers that it has in the process that asks for it.

    threads: of each library there, where the task uses several itself; none where it runs on one.
    """
    if not threads:
        with one_thread_each():
            return function(task, *shared)
    from threadpoolctl import threadpool_limits

    with _whole, threadpool_limits(limits={name: count for name, count in threads.items() if name != "torch"}):
        if "torch" in threads:
            import torch

            torch.set_num_threads(threads["torch"])
        return function(task, *shared)


def _source() -> tuple[str, str]:
    """The version of rdx and the fingerprint of its source, baselines included."""
    root = Path(__file__).resolve().parents[2]
    files = sorted(path for room in ("rdx", "baselines") for path in (root / room).rglob("*.py"))
    return __version__, fingerprint({str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in files})


def _unseen(sizes: Mapping[str, int]) -> str:
    """The first of the files that is not here, or another."""
    for path, size in sizes.items():
        if not os.path.isfile(path) or os.path.getsize(path) != size:
            return path
    return ""
