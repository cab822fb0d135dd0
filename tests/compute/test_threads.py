"""Tasks on threads: results in order, tasks taken as results come in, and errors raised where they are asked for."""

from __future__ import annotations

import pytest

from rdx.compute import threads as module
from rdx.compute.threads import cores, default_threads, map_ordered


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
