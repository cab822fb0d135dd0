"""CUDA kernels against plain NumPy: on a card where there is one, in Numba's simulator of one everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from rdx.method.gpu import device_kernels
from rdx.method.gpu.device_tiles import OWN

SIMULATED = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1"
CARD = torch.device("cuda", 0) if torch.cuda.is_available() and not SIMULATED else None
HERE = CARD or torch.device("cpu")
kernel_test = pytest.mark.skipif(not SIMULATED and CARD is None, reason="no card: run by test_kernels_in_the_simulator")


def test_kernels_in_the_simulator():
    """Numba simulates a card only where its environment said so before it was imported."""
    if SIMULATED:
        pytest.skip("this is the simulator")
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(Path(__file__))]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout + run.stderr
    assert " passed, 1 skipped" in run.stdout or " passed, 2 skipped" in run.stdout, run.stdout


def whole_numbers(t: int, n: int, most: int, seed: int = 0) -> torch.Tensor:
    squared = np.random.default_rng(seed).integers(0, most, (t, n)).astype(np.float64)
    return torch.as_tensor(squared, device=HERE)


@kernel_test
@pytest.mark.parametrize("chunk", [16, 1000])
def test_histograms_are_numpys(chunk, monkeypatch):
    monkeypatch.setattr(device_kernels, "CHUNK", chunk)
    squared = whole_numbers(3, 50, 40)
    edges = [[3.0, 3.0, 7.0, 39.0], [0.0], [-1.0, 20.0, 20.0, 20.0, 21.0, 100.0]]
    rows = torch.tensor([2, 0, 1], device=HERE)
    starts = torch.tensor([0, *np.cumsum([len(each) for each in edges])], device=HERE)
    flat = torch.tensor(np.concatenate(edges), device=HERE)
    found = device_kernels.histograms(squared, flat, starts, rows).cpu().numpy()
    for one, row, line in zip(edges, rows.tolist(), found, strict=True):
        expected = np.zeros(len(line), int)
        for value in squared[row].tolist():
            up_to = int(np.searchsorted(one, value, side="right"))
            expected[2 * up_to - (value in one)] += 1
        np.testing.assert_array_equal(line, expected)


@kernel_test
def test_pairs_are_drawn_by_the_processors_numbers_and_classes():
    from rdx.method.many import pair_choice

    t, n, most = 3, 60, 1000
    squared = [whole_numbers(t, n, most, seed) for seed in (1, 2)]
    for each in squared:
        each[0, 5] = OWN
    rng = np.random.default_rng(3)
    bounds = [np.sort(rng.integers(0, most, (t, pair_choice.CLASSES - 1)), axis=1).astype(float) for _ in "ab"]
    bounds[1][:, 20:] = np.inf
    thresholds = rng.integers(0, 1 << 32, pair_choice.CLASSES**2)
    keys = np.array([pair_choice._keys(7, row) for row in range(t)], dtype=np.int64)
    expected = np.zeros((t, n), bool)
    for r in range(t):
        for j in range(n):
            a, b = (
                int(np.searchsorted(bound[r], one[r, j].item(), side="right"))
                for bound, one in zip(bounds, squared, strict=True)
            )
            drawn = pair_choice._random(np.uint32(j), *(np.uint32(key) for key in keys[r]))
            expected[r, j] = drawn <= thresholds[a * pair_choice.CLASSES + b]
    given = [[torch.as_tensor(each, device=HERE) for each in bounds], torch.as_tensor(thresholds, device=HERE)]
    found = device_kernels.drawn(squared, *given, torch.as_tensor(keys, device=HERE)).cpu().numpy()
    assert 0.2 < expected.mean() < 0.8
    np.testing.assert_array_equal(found, expected)


@kernel_test
@pytest.mark.parametrize("kind", ["ties", "few ties", "normal"])
@pytest.mark.parametrize("width", [4, 100])
def test_ranks_counted_by_kernels_are_the_sorted_ones(kind, width, monkeypatch):
    """More chosen items than one histogram holds; chosen twice; exactly as far as others."""
    from rdx.method.gpu.device_counting import Chosen, count_ranks_on

    monkeypatch.setattr(device_kernels, "usable", lambda device: True)
    monkeypatch.setattr(device_kernels, "WIDTH", width)
    t, n = 6, 40
    squared = whole_numbers(t, n, {"ties": 4, "few ties": 200, "normal": 10**9}[kind])
    squared[torch.arange(t), torch.arange(t)] = OWN
    expected = np.argsort(np.argsort(squared.cpu().numpy(), axis=1, kind="stable"), axis=1)
    rng = np.random.default_rng(4)
    rows, items = np.sort(rng.integers(1, t, 70)), rng.integers(0, n, 70)  # none of row 0
    starts = np.searchsorted(rows, np.arange(t + 1))
    chosen = Chosen.from_starts(torch.as_tensor(starts, device=HERE), torch.as_tensor(items, device=HERE))
    np.testing.assert_array_equal(count_ranks_on(squared, chosen).cpu().numpy(), expected[rows, items])


@pytest.mark.skipif(CARD is None, reason="no card")
def test_the_kernels_are_used_on_a_gpu():
    assert device_kernels.usable(CARD)


@kernel_test
def test_what_is_tried_before_the_kernels_are_used(monkeypatch):
    assert device_kernels.agree_with_torch(HERE)
    right = device_kernels.histograms
    monkeypatch.setattr(device_kernels, "histograms", lambda *given: right(*given).roll(1, dims=1))
    assert not device_kernels.agree_with_torch(HERE)
    monkeypatch.undo()
    drawn = device_kernels.drawn
    monkeypatch.setattr(device_kernels, "drawn", lambda *given: ~drawn(*given))
    assert not device_kernels.agree_with_torch(HERE)


@pytest.mark.parametrize("broken", ["raises", "differs"])
def test_kernels_that_do_not_work_are_said_once(monkeypatch, broken):
    def tried(device):
        if broken == "raises":
            raise RuntimeError("libNVVM cannot be found\nand more")
        return False

    device_kernels.usable.cache_clear()
    monkeypatch.setattr(device_kernels, "agree_with_torch", tried)
    device = torch.device("cuda", 77)
    reason = {"raises": "libNVVM cannot be found", "differs": "results differ from torch's"}[broken]
    with pytest.warns(UserWarning, match=rf"do not work on cuda:77 \({reason}\).*numba-cuda"):
        assert not device_kernels.usable(device)
    assert not device_kernels.usable(device)  # said once
    assert not device_kernels.usable(torch.device("cpu"))
    device_kernels.usable.cache_clear()
