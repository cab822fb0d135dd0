"""The bar over an engine's results: on a terminal alone, and nothing of the results changes."""

from __future__ import annotations

import io
import sys

import pytest

from rdx.compute.engine import Shown, Threads


def square(task: int, more: int) -> int:
    return task**2 + more


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("tasks", [range(20), (task for task in range(20))], ids=["counted", "lazy"])
def test_results_come_in_order_with_a_bar_on_a_terminal(monkeypatch, tasks):
    monkeypatch.setattr(sys, "stderr", Terminal())
    engine = Shown(Threads())
    assert list(engine.map(square, tasks, (1,))) == [task**2 + 1 for task in range(20)]
    assert "test engine: " in sys.stderr.getvalue() and not engine.elsewhere


@pytest.mark.parametrize(("stream", "n"), [(io.StringIO(), 20), (Terminal(), 1)], ids=["file", "one task"])
def test_a_file_and_a_single_task_have_no_bar(monkeypatch, stream, n):
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(Shown(Threads()).map(square, range(n), (0,), whole=True)) == [task**2 for task in range(n)]
    assert stream.getvalue() == ""
