"""Runs of experiments here are of the smallest: probes with two folds, overviews without their maps and matrices."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="module")
def small_runs():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rdx.metrics.probes.N_FOLDS", 2)
        for name in ("draw_map", "draw_matrix"):
            patch.setattr(f"rdx.figures.overview.{name}", lambda *_: None)
        yield
