"""Tasks on threads: results in order, tasks taken as results come in, and errors raised where they are asked for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy  # noqa: F401  (brings BLAS)
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from rdx.compute import threads as module
from rdx.compute.threads import cores, default_threads, library_threads, map_ordered, one_thread_each


@pytest.mark.parametrize("threads", [1, 3, 8])
def test_results_come_in_order_and_tasks_are_taken_as_they_do(threads):
    assert list(map_ordered(lambda i, power: i**power, range(7), (2,), threads=threads)) == [i * i for i in range(7)]
    assert list(map_ordered(lambda i: i, [], threads=threads)) == []
    taken = []
    for value in map_ordered(lambda i: i, (taken.append(i) or i for i in range(100)), threads=threads):
        if value == 2:
            break
    assert len(taken) <= 3 + 2 * threads


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_task_is_raised(threads):
    def work(i):
        raise ValueError(f"draw {i}")

    with pytest.raises(ValueError, match="draw 0"):
        list(map_ordered(work, range(3), threads=threads))


def test_whole_tasks_run_one_after_the_other():
    running = []

    def work(i):
        running.append(i)
        assert len(running) == 1
        return running.pop()

    assert list(map_ordered(work, range(20), whole=True, threads=4)) == list(range(20))


def test_threads_are_the_cores_that_this_process_may_use_or_fewer(monkeypatch):
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    for wanted, expected in (("", 16), ("4", 4), ("64", 16), ("0", 1), ("many", 16)):
        monkeypatch.setenv("OMP_NUM_THREADS", wanted)
        assert (cores(), default_threads()) == (16, expected)


@pytest.fixture
def two_threads():
    """BLAS takes two, and a limit that a thread has set before does not keep others from setting one."""
    with threadpool_limits(limits=2):
        yield


def _blas() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def test_one_thread_each_holds_in_every_thread_until_the_last_leaves(two_threads):
    first, second, left = (threading.Event() for _ in range(3))

    def short():
        with one_thread_each():
            first.set()
            assert second.wait(10)
            seen = _blas()
        left.set()
        return seen

    def long():
        assert first.wait(10)
        with one_thread_each(), one_thread_each():
            second.set()
            assert left.wait(10)
            return _blas()

    with ThreadPoolExecutor(2) as pool:
        seen = [pool.submit(work) for work in (short, long)]
        assert [one.result() for one in seen] == [{1}, {1}]
    assert _blas() == {2} and library_threads()["blas"] == 2


def test_a_limit_comes_back_where_parts_of_two_loops_are_not_nested(two_threads):
    one, other = (map_ordered(lambda i: i, range(4), threads=2) for _ in range(2))
    assert (next(one), next(other)) == (0, 0)
    one.close()
    assert _blas() == {1}
    with ThreadPoolExecutor(1) as pool:
        pool.submit(other.close).result()  # in another thread
    assert _blas() == {2}
    with one_thread_each():
        assert _blas() == {1}
    assert _blas() == {2}
