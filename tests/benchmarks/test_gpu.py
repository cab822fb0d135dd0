"""benchmarks/gpu.py: refused in one line without a card; its stages are the run's, each counted once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rdx.method import rdx as rdx_module
from rdx.method.many import directions

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    for name in ("gpu", "dense"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import gpu

    return gpu


@pytest.mark.slow
def test_without_a_card_it_says_so_in_one_line_and_writes_nothing(tmp_path):
    output = tmp_path / "gpu.csv"
    hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(FOLDER / "gpu.py"), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, env=hidden)
    assert done.returncode == 2
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert "not measured" in done.stderr and "no usable GPU" in done.stderr
    assert not output.exists()


@pytest.mark.parametrize(
    "solver, expected",
    [
        ("dense", {"upload", "distances", "ordering rows", "symmetrising", "graph", "graph products"}),
        ("sparse", {"upload", "distances", "nearest items", "drawing pairs", "counting ranks", "gathering ranks"}),
    ],
)
def test_the_stages_add_up_to_the_run(gpu, solver, expected, monkeypatch, tmp_path):
    device = torch.device("cpu")
    monkeypatch.setattr(directions, "tile_device", lambda name, n: device)
    fit = rdx_module.RDX.fit
    stages, seconds, peak = gpu.measure(700, 16, solver, device, "cpu")
    assert rdx_module.RDX.fit is fit  # nothing stays watched
    assert expected | {"grid", "Lanczos", "k-means", "strengths", "grids and the rest"} <= stages.seconds.keys()
    assert sum(stages.seconds.values()) == pytest.approx(seconds, rel=0.02, abs=0.02)
    passes = 2 if solver == "dense" else 4  # one for each representation; for each end of the pairs
    assert stages.flops["distances"] >= passes * 2 * 700 * 700 * (16 + 2)
    rows = gpu.rows_of(stages, seconds, peak, {"n": 700}, (1e12, 1e11))
    assert rows[-1]["stage"] == "all"
    assert [row["seconds"] for row in rows[:-1]] == sorted((row["seconds"] for row in rows[:-1]), reverse=True)
    gpu.write(tmp_path / "gpu.csv", rows)
    assert len((tmp_path / "gpu.csv").read_text().splitlines()) == len(rows) + 1
