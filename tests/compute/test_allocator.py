"""Memory that is freed: kept inside, given back afterwards."""

from __future__ import annotations

import math
import mmap
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rdx.compute import allocator
from rdx.compute.allocator import freed_memory_kept

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import resource
from pathlib import Path
from rdx.compute.allocator import freed_memory_kept

def fresh_pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        layers = [b"1" * (20 << 20) for _ in range(4)]
        del layers
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

start = held()
outside = fresh_pages()
with freed_memory_kept():
    fresh_pages()
    inside = fresh_pages()
print(outside, inside, held() - start)
"""


@pytest.mark.skipif(allocator._glibc() is None, reason="the C library is not glibc")
def test_freed_memory_is_used_again_inside_and_given_back_afterwards():
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    outside, inside, left = map(int, done.stdout.split())
    assert inside < outside / 10 and left < 30 << 20


def test_another_c_library_changes_nothing(monkeypatch):
    monkeypatch.setattr(allocator, "_glibc", lambda: None)
    with freed_memory_kept():
        pass
    with pytest.raises(ValueError, match="inside"), freed_memory_kept():
        raise ValueError("inside")


@pytest.mark.parametrize("shape, dtype", [((3, 5), float), ((700, 800), np.uint16), ((1100, 900), np.float32)])
def test_arrays_are_as_numpys_and_stay_as_long_as_they_are_used(shape, dtype):
    array = allocator.empty(shape, dtype)
    assert array.shape == shape and array.dtype == dtype
    assert array.flags.c_contiguous and array.flags.aligned and array.flags.writeable
    array[:] = np.arange(array.size).reshape(shape) % 1000
    part = array[1:, 1:]
    del array
    again = allocator.empty(shape, dtype)  # where the first lay, if that had gone
    again[:] = 0
    assert np.array_equal(part, (np.arange(math.prod(shape)).reshape(shape) % 1000)[1:, 1:])


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="needs Linux")
def test_memory_is_reused_inside_where_nobody_uses_it():
    where = lambda array: array.ctypes.data  # noqa: E731
    with allocator.memory_reused():
        first = allocator.empty((600, 600))
        place, part = where(first), first[3:, ::2]
        with allocator.memory_reused():
            assert where(allocator.empty((600, 600))) != place
        del first
        second = allocator.empty((600, 600))
        assert where(second) != place  # a part of the first is used
        second[:], part[:] = 1.0, 2.0
        assert (second == 1.0).all()
        del part
        third = allocator.empty((700, 1000), np.float32)
        assert where(third) == place
        del third
        assert where(allocator.empty((400, 400))) != place  # too little of it would be used
        kept = allocator.empty((600, 600))
        kept[:] = 3.0
        assert where(kept) == place
    assert where(allocator.empty((600, 600))) != place
    assert (kept == 3.0).all()
