"""Bars are shown where somebody looks: on a terminal, and in a notebook, whose output is none."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from rdx.compute.progress import is_watched, steps_shown


@pytest.mark.parametrize(("kernel", "terminal", "watched"), [
    (object(), False, True), (None, True, True), (None, False, False), ("no IPython", False, False),
])  # fmt: skip
def test_notebooks_and_terminals_are_watched(monkeypatch, kernel, terminal, watched):
    shell = SimpleNamespace(kernel=kernel)
    ipython = None if kernel == "no IPython" else SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: terminal))
    assert is_watched() == watched


def test_a_bar_names_the_step_that_runs(capsys):
    with steps_shown(["items", "a_vs_b/rdx"], True) as report:
        report("  items  0.1 s")
        report("  a_vs_b/rdx  2.0 s")
    said = capsys.readouterr().err
    assert "items:   0%" in said and "done: 100%" in said and "2/2" in said
    with steps_shown([], False) as report:
        pass
    assert capsys.readouterr().err == ""
