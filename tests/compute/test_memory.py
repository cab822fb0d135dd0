"""Sizes of memory in words, and what a process may grow to."""

from __future__ import annotations

import os

import numpy as np
import pytest

from rdx.compute import memory as machine
from rdx.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4GB", 4e9), ("4G", 4e9), ("4g", 4e9), ("500MB", 5e8), ("500 mb", 5e8), ("2.5GiB", 2.5e9), ("1T", 1e12),
        ("2000000", 2e6), (" 64 kB ", 64e3), (3_000_000_000, 3e9), (1.5e9, 1.5e9), (np.int64(7), 7),
    ],
)  # fmt: skip
def test_sizes_that_are_understood(text, expected):
    assert machine.parse_memory(text) == expected


@pytest.mark.parametrize(
    "wrong", ["", "4XB", "GB", "-1GB", "0", 0, -5, True, "1e9", "4 G B", "lots", float("nan"), "9999999T"]
)
def test_other_sizes_are_refused_with_an_example(wrong):
    with pytest.raises(InputError, match=r"max_memory must be a size such as 4GB.*got"):
        machine.parse_memory(wrong)


def test_what_was_told_counts_before_what_the_machine_has():
    assert machine.memory_limit("3GB") == 3e9
    assert machine.memory_limit(1 << 60) == 1 << 60


def test_a_container_limits_the_machine(monkeypatch):
    of_the_machine = machine.available_memory()
    monkeypatch.setattr(machine, "memory_limits", lambda: [1_000_000])
    assert machine.available_memory() == 1_000_000
    monkeypatch.setattr(machine, "memory_limits", list)
    assert machine.available_memory() > of_the_machine / 2
    assert of_the_machine <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_where_the_system_tells_nothing(monkeypatch):
    monkeypatch.setattr(machine, "memory_limits", list)
    monkeypatch.setattr(machine, "_free", lambda: None)
    assert machine.available_memory() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    monkeypatch.setattr(machine, "_physical", lambda: None)
    assert machine.available_memory() is None
